/**
 * The answers that switch protocols, made so that they cannot be wrong: one set of functions for the light messages of
 * `serveConnection()` and for the platform's classes that `serve()` gives out.
 *
 * A `Response` with status 101 cannot be made everywhere, and middleware replaces responses. So the platform response
 * that accepts is a plain 426 with the protocol in its `Upgrade` field, the acceptance is kept with the request, and the
 * server writes the 101 that it stands for. If such a response ends up with another server, the client is told the truth.
 *
 * @module
 */

import { checkFunction, checkObject, checkString, checkStrings, wrongType } from "../bytes/arguments.ts";
import { inThisContext } from "../duplex/async_context.ts";
import { StateError } from "../errors/state_error.ts";
import { type Field, fieldPairs, type FieldsInit, quoted } from "../semantics/fields.ts";
import { offerOf, type Proposal } from "../semantics/switching.ts";
import type { SwitchResponse } from "./outgoing_response.ts";
import { checkOwned, type Owned, owning } from "./owned.ts";
import { messageOf, onUpgrade, upgradeOf } from "./upgrade.ts";
import type { Upgraded } from "./upgraded.ts";

/** What these functions look at of a light request. */
export interface ProposingRequest {
  /** What it proposes. */
  readonly proposal: Proposal;
}

/** What they look at of a CONNECT that the `connect` hook of `serve()` got. */
export interface ConnectMessage {
  /** The target, `host:port`. */
  readonly authority: string;
  /** The headers. */
  readonly headers: Headers;
}

/** A response that switches, and what it leads to. */
export interface PossibleSwitch<Answer> {
  /** To be returned from the handler, through whatever middleware. */
  readonly response: Answer;
  /**
   * Resolves once the response was sent. Rejects with `UpgradeRejected` if another one is, which needs no handler; what
   * `then()` makes of it does, as the peer may leave at any time. Taking it claims the connection: one that is not claimed
   * is closed after `unclaimedUpgradeTimeoutMs`.
   */
  readonly upgraded: Promise<Upgraded>;
}

/** A light response that switches, for the handlers of `serveConnection()`. */
export type Switch = PossibleSwitch<SwitchResponse>;

/** A platform response that switches, for the handlers of `serve()`. */
export type ResponseSwitch = PossibleSwitch<Response>;

/** What either kind of answer may have been prepared with. */
export interface Owning {
  /**
   * What was opened for the switch: the target of a tunnel, for example. It is aborted if there is none, whatever the
   * reason (the client has left, another response was sent, this call throws), if it is not claimed, or if `onSwitched`
   * fails. Else it is yours behind the switch.
   */
  readonly owns?: Owned | undefined;
}

/** What a light response that switches has beyond what it must have. */
export interface SwitchInit extends Owning {
  /** Further field lines. */
  readonly fields?: FieldsInit | undefined;
  /** The registered phrase when left out. */
  readonly reason?: string | undefined;
}

/** What a platform response that switches has beyond what it must have. */
export interface ResponseSwitchInit extends Owning {
  /** Further headers. */
  readonly headers?: HeadersInit | undefined;
}

/**
 * What is done with the connection after the switch, in the async context (`AsyncLocalStorage`) in which it was handed
 * over; the server waits for it when it shuts down.
 */
export type OnSwitched = (upgraded: Upgraded) => void | Promise<void>;

/** How a request was accepted. */
export interface Acceptance {
  /** 101, or 200 for a tunnel. */
  readonly status: number;
  /** What is called with the connection. */
  readonly onSwitched: OnSwitched | undefined;
  /** What ends if that fails. */
  readonly owns: Owned | undefined;
}

const acceptances: WeakMap<object, Acceptance> = new WeakMap();

/** What a handler has accepted for the platform request that stands for `message`, if anything. */
export function acceptanceOf(message: object): Acceptance | undefined {
  return acceptances.get(message);
}

const NO_MESSAGE: ProposingRequest = { proposal: { type: "none", why: "not-requested" } };

/** The light request that was received; one that proposes nothing for requests that no server of this package made. */
function received(request: object): ProposingRequest {
  const message = messageOf(request);
  return "proposal" in message ? message as ProposingRequest : NO_MESSAGE;
}

/** Refuses what is no request of either level. Another server's request is one. */
export function checkRequest(request: object): void {
  checkObject(request, "request");
  const known = "proposal" in messageOf(request) || "method" in request;
  if (!known) throw wrongType("request", "a request", request);
}

function checkCall(request: object, init: SwitchInit & ResponseSwitchInit, onSwitched: OnSwitched | undefined): void {
  checkRequest(request);
  checkObject(init, "init");
  if (init.headers !== undefined) checkObject(init.headers, "init.headers");
  if (init.owns !== undefined) checkOwned(init.owns, "init.owns");
  if (onSwitched !== undefined) checkFunction(onSwitched, "onSwitched");
}

/** Makes the answer. What was opened for it ends from now on unless the request leads to a switch. */
function switching(
  request: object,
  { owns }: Owning,
  make: () => Switch | ResponseSwitch,
): Switch | ResponseSwitch {
  if (owns === undefined) return make();
  const made = owning(owns, make);
  upgradeOf(messageOf(request))?.own(owns);
  return made;
}

/**
 * The answer that accepts an upgrade.
 *
 * @param request A request that proposes one; a `clone()` of it will do, another copy will not.
 * @param protocol The protocol to speak, or several by preference; the first that was offered is taken. Spelled as here.
 * @param init Further headers, and what was opened for the switch.
 * @param onSwitched Called with the connection; what it throws goes to the server's `onError`.
 * @throws {StateError} `no-switch`: the request proposes no upgrade, or none of the protocols was offered, or it is a copy,
 * or another server's; then answer as if there were no upgrade, or with 426.
 *
 * @example
 * ```ts
 * import { serve, upgradeResponse, wantsUpgrade } from "@http-upgrade/http-upgrade";
 *
 * await using server = serve({ port: 0, hostname: "127.0.0.1" }, (request) => {
 *   if (!wantsUpgrade(request, "echo")) return new Response("speak echo", { status: 426 });
 *   const { response, upgraded } = upgradeResponse(request, "echo");
 *   upgraded.then(({ readable, writable }) => readable.pipeTo(writable)).catch(console.error);
 *   return response;
 * });
 * await server.listening;
 * ```
 */
export function upgradeResponse(
  request: Request,
  protocol: string | readonly string[],
  init?: ResponseSwitchInit,
  onSwitched?: OnSwitched,
): ResponseSwitch;
/**
 * The 101 that accepts an upgrade, for the handlers of `serveConnection()`.
 *
 * @param request A request that proposes one.
 * @param protocol The protocol to speak, or several by preference; the first that was offered is taken. Spelled as here.
 * @param init Further fields, and what was opened for the switch.
 * @throws {StateError} `no-switch`: the request proposes no upgrade, or none of the protocols was offered; then answer
 * as if there were no upgrade, or with 426.
 *
 * @example
 * ```ts
 * import { serveConnection, upgradeResponse, wantsUpgrade } from "@http-upgrade/http-upgrade/http1";
 * import type { Duplex } from "@http-upgrade/http-upgrade";
 *
 * function echo(io: Duplex) {
 *   return serveConnection(io, (request) => {
 *     if (!wantsUpgrade(request, "echo")) return { status: 426, fields: [["Upgrade", "echo"]] };
 *     const { response, upgraded } = upgradeResponse(request, "echo");
 *     upgraded.then(({ readable, writable }) => readable.pipeTo(writable)).catch(console.error);
 *     return response;
 *   });
 * }
 * console.log(typeof echo);
 * ```
 */
export function upgradeResponse(
  request: ProposingRequest,
  protocol: string | readonly string[],
  init?: SwitchInit,
): Switch;
export function upgradeResponse(
  request: Request | ProposingRequest,
  protocol: string | readonly string[],
  init: ResponseSwitchInit & SwitchInit = {},
  onSwitched?: OnSwitched,
): ResponseSwitch | Switch {
  checkCall(request, init, onSwitched);
  return switching(request, init, () => acceptUpgrade(request, protocolList(protocol), init, onSwitched));
}

function acceptUpgrade(
  request: object,
  wanted: readonly string[],
  init: ResponseSwitchInit & SwitchInit,
  onSwitched: OnSwitched | undefined,
): ResponseSwitch | Switch {
  const message = received(request);
  const taken = wanted.find(offerOf(message.proposal));
  if (taken === undefined) {
    const why = message === NO_MESSAGE ? "the request is a copy, or another server's" : "it was not offered";
    throw new StateError("no-switch", `Cannot upgrade to ${wanted.map(quoted).join(" or ")}: ${why}`);
  }
  if (message === request) {
    const fields: Field[] = [
      ["Connection", "upgrade"],
      ["Upgrade", taken],
      ...fieldPairs(init.fields ?? [], "init.fields"),
    ];
    return new SwitchOf({ status: 101, reason: init.reason, fields }, message);
  }
  const headers = new Headers(init.headers);
  headers.set("connection", "upgrade");
  headers.set("upgrade", taken);
  accept(message, 101, init, onSwitched);
  return new SwitchOf(new Response(null, { status: 426, headers }), message);
}

/**
 * The answer that opens a tunnel for CONNECT.
 *
 * @param request What the `connect` hook got.
 * @param init Further headers, and what was opened for the switch; Content-Length and Transfer-Encoding are left out (RFC
 * 9110 §9.3.6).
 * @param onSwitched Called with the tunnel; what it throws goes to the server's `onError`.
 */
export function connectResponse(
  request: ConnectMessage,
  init?: ResponseSwitchInit,
  onSwitched?: OnSwitched,
): ResponseSwitch;
/**
 * The 200 that opens a tunnel, for the handlers of `serveConnection()`.
 *
 * @param request A CONNECT request.
 * @param init Further fields, and what was opened for the switch; Content-Length and Transfer-Encoding are left out (RFC
 * 9110 §9.3.6).
 * @throws {StateError} `no-switch`: the request is no CONNECT.
 */
export function connectResponse(request: ProposingRequest, init?: SwitchInit): Switch;
export function connectResponse(
  request: ConnectMessage | ProposingRequest,
  init: ResponseSwitchInit & SwitchInit = {},
  onSwitched?: OnSwitched,
): ResponseSwitch | Switch {
  checkCall(request, init, onSwitched);
  return switching(request, init, () => openTunnel(request, init, onSwitched));
}

function openTunnel(
  request: object,
  init: ResponseSwitchInit & SwitchInit,
  onSwitched: OnSwitched | undefined,
): ResponseSwitch | Switch {
  const message = received(request);
  if (message.proposal.type !== "connect") {
    throw new StateError("no-switch", "Cannot open a tunnel: the request is no CONNECT");
  }
  if (message === request) {
    const fields: Field[] = [...fieldPairs(init.fields ?? [], "init.fields")];
    return new SwitchOf({ status: 200, reason: init.reason, fields }, message);
  }
  const headers = new Headers(init.headers);
  accept(message, 200, init, onSwitched);
  return new SwitchOf(new Response(null, { status: 200, headers }), message);
}

/** The callback is kept with the async context that the handler has now. */
function accept(message: object, status: number, { owns }: Owning, onSwitched: OnSwitched | undefined): void {
  acceptances.set(message, { status, onSwitched: onSwitched && inThisContext(onSwitched), owns });
}

/** Who takes the promise has asked for the connection; the answer alone has not. */
class SwitchOf<Answer> implements PossibleSwitch<Answer> {
  readonly response: Answer;
  readonly #message: object;

  /** A class, as a getter of a literal costs a fifth of a handshake. */
  constructor(response: Answer, message: object) {
    this.response = response;
    this.#message = message;
  }

  get upgraded(): Promise<Upgraded> {
    return onUpgrade(this.#message);
  }
}

/** Whether a request proposes an upgrade, to `protocol` if one is given (in any case). */
export function wantsUpgrade(request: Request | ProposingRequest, protocol?: string): boolean {
  checkRequest(request);
  const { proposal } = received(request);
  if (protocol === undefined) return proposal.type === "upgrade";
  checkString(protocol, "protocol");
  return offerOf(proposal)(protocol);
}

/** The protocols that a request offers to switch to, by its preference; empty if it proposes no upgrade. */
export function offeredProtocols(request: Request | ProposingRequest): readonly string[] {
  checkRequest(request);
  const { proposal } = received(request);
  return proposal.type === "upgrade" ? proposal.protocols : [];
}

/**
 * One protocol or several, as a list.
 *
 * @throws {TypeError} It is neither.
 */
export function protocolList(protocol: string | readonly string[], name = "protocol"): readonly string[] {
  if (typeof protocol === "string") return [protocol];
  checkStrings(protocol, name);
  return protocol;
}
