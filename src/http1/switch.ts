/**
 * The answers that switch protocols, made so that they cannot be wrong: one set of functions for the light messages of
 * `serveConnection()` and for the platform's classes that `serve()` gives out. Handlers call them, and
 * `websocket/upgrade.ts`.
 *
 * A `Response` with status 101 cannot be made everywhere, and middleware replaces responses. So the platform response
 * that accepts is a 426 with the protocol in its `Upgrade` field, the acceptance is kept with the request, and the server
 * writes the 101 that it stands for. If such a response ends up with another server, the client is told the truth.
 *
 * @module
 */

import { checkFunction, checkLeftOut, checkObject } from "../bytes/arguments.ts";
import { inThisContext } from "../duplex/async_context.ts";
import { StateError } from "../errors/state_error.ts";
import { type Field, fieldPairs, type FieldsInit, quoted } from "../semantics/fields.ts";
import { offerOf } from "../semantics/switching.ts";
import { LightResponse } from "./light_response.ts";
import type { OutgoingResponse } from "./outgoing_response.ts";
import { cancelOwned, checkOwned, type Owned } from "./owned.ts";
import { checkRequest, FOREIGN, type ProposingRequest, protocolList, received } from "./proposing.ts";
import { type OnSwitched, onUpgrade, upgradeOf } from "./upgrade.ts";
import type { Upgraded } from "./upgraded.ts";

/** What `connectResponse()` looks at of a CONNECT that the `connect` hook of `serve()` got. */
export interface ConnectMessage {
  /** The target, `host:port`. */
  readonly authority: string;
  /** The headers. */
  readonly headers: Headers;
}

/**
 * A response that switches, and what it leads to.
 *
 * @typeParam Answer `Response` for the handlers of `serve()`, `OutgoingResponse` for those of `serveConnection()`.
 */
export interface Switch<Answer = Response> {
  /** To be returned from the handler, through whatever middleware. */
  readonly response: Answer;
  /**
   * Resolves once the response was sent. Rejects with `UpgradeRejected` if another one is, which needs no handler; what
   * `then()` makes of it does, as the peer may leave at any time. Taking it claims the connection: one that is not claimed
   * is closed after `unclaimedUpgradeTimeoutMs`.
   */
  readonly upgraded: Promise<Upgraded>;
}

/** What a response that switches has beyond what it must have. */
export interface SwitchInit {
  /** Further headers. */
  readonly headers?: HeadersInit | undefined;
  /**
   * What was opened for the switch: the target of a tunnel, for example. It is aborted if there is none, whatever the
   * reason (the client has left, another response was sent, this call throws), if it is not claimed, or if `onSwitched`
   * fails. Else it is yours behind the switch.
   */
  readonly owns?: Owned | undefined;
}

/** The same for a light response. */
export interface LightSwitchInit extends Pick<SwitchInit, "owns"> {
  /** Further field lines. */
  readonly fields?: FieldsInit | undefined;
  /** The registered phrase when left out. */
  readonly reason?: string | undefined;
}

/**
 * The answer that accepts an upgrade.
 *
 * @param request A request that proposes one; a `clone()` of it will do, another copy will not.
 * @param protocol The protocol to speak, or several by preference; the first that was offered is taken. Spelled as here.
 * @param init Further headers, and what was opened for the switch.
 * @param onSwitched Called with the connection; what it throws goes to the server's `onError`.
 * @returns The response, a 426 that the server writes as the 101 it stands for (RFC 9110 §7.8), and the connection.
 * @throws {StateError} `no-switch`: the request proposes no upgrade, or none of the protocols was offered, or it is a copy,
 * or another server's; then answer as if there were no upgrade, or with 426.
 * @throws {TypeError} An argument is of another kind.
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
  init?: SwitchInit,
  onSwitched?: OnSwitched,
): Switch<Response>;
/**
 * The 101 that accepts an upgrade, for the handlers of `serveConnection()`.
 *
 * @param request A request that proposes one.
 * @param protocol The protocol to speak, or several by preference; the first that was offered is taken. Spelled as here.
 * @param init Further fields, and what was opened for the switch.
 * @param onSwitched Called with the connection; what it throws cuts that, and goes to the `onError` of `serveConnection()`.
 * @returns The response, and the connection.
 * @throws {StateError} `no-switch`: the request proposes no upgrade, or none of the protocols was offered; then answer
 * as if there were no upgrade, or with 426.
 * @throws {TypeError} An argument is of another kind.
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
  init?: LightSwitchInit,
  onSwitched?: OnSwitched,
): Switch<OutgoingResponse>;
export function upgradeResponse(
  request: Request | ProposingRequest,
  protocol: string | readonly string[],
  init: SwitchInit & LightSwitchInit = {},
  onSwitched?: OnSwitched,
): Switch<Response> | Switch<OutgoingResponse> {
  checkCall(request, init, onSwitched);
  try {
    const wanted = protocolList(protocol);
    const message = received(request);
    checkFurther(init, message === request);
    const taken = wanted.find(offerOf(message.proposal));
    if (taken === undefined) throw notOffered(wanted, message);
    return switching(request, message, 101, [["Connection", "upgrade"], ["Upgrade", taken]], init, onSwitched);
  } catch (error) {
    cancelOwned(init.owns, error);
    throw error;
  }
}

function notOffered(wanted: readonly string[], message: ProposingRequest): StateError {
  const why = message === FOREIGN ? "the request is a copy, or another server's" : "it was not offered";
  return new StateError("no-switch", `Cannot upgrade to ${wanted.map(quoted).join(" or ")}: ${why}`);
}

/**
 * The answer that opens a tunnel for CONNECT.
 *
 * @param request What the `connect` hook got.
 * @param init Further headers, and what was opened for the switch; Content-Length and Transfer-Encoding are left out (RFC
 * 9110 §9.3.6).
 * @param onSwitched Called with the tunnel; what it throws goes to the server's `onError`.
 * @returns The response, and the tunnel.
 * @throws {TypeError} An argument is of another kind.
 *
 * @example A proxy that reaches one target
 * ```ts
 * import { connectResponse, serve } from "@http-upgrade/http-upgrade";
 * import { connect } from "@http-upgrade/http-upgrade/net";
 * import { tunnel } from "@http-upgrade/http-upgrade/proxy";
 *
 * await using proxy = serve({
 *   port: 0,
 *   hostname: "127.0.0.1",
 *   connect: async (request) => {
 *     if (request.authority !== "example.com:443") return new Response(null, { status: 403 });
 *     const target = connect(request, { signal: request.signal });
 *     await target.opened;
 *     return connectResponse(request, { owns: target }, async (io) => void await tunnel(io, target)).response;
 *   },
 * }, () => new Response(null, { status: 404 }));
 * await proxy.listening;
 * ```
 */
export function connectResponse(
  request: ConnectMessage,
  init?: SwitchInit,
  onSwitched?: OnSwitched,
): Switch<Response>;
/**
 * The 200 that opens a tunnel, for the handlers of `serveConnection()`.
 *
 * @param request A CONNECT request.
 * @param init Further fields, and what was opened for the switch; Content-Length and Transfer-Encoding are left out (RFC
 * 9110 §9.3.6).
 * @param onSwitched Called with the tunnel; what it throws cuts that, and goes to the `onError` of `serveConnection()`.
 * @returns The response, and the tunnel.
 * @throws {StateError} `no-switch`: the request is no CONNECT.
 * @throws {TypeError} An argument is of another kind.
 */
export function connectResponse(
  request: ProposingRequest,
  init?: LightSwitchInit,
  onSwitched?: OnSwitched,
): Switch<OutgoingResponse>;
export function connectResponse(
  request: ConnectMessage | ProposingRequest,
  init: SwitchInit & LightSwitchInit = {},
  onSwitched?: OnSwitched,
): Switch<Response> | Switch<OutgoingResponse> {
  checkCall(request, init, onSwitched);
  try {
    const message = received(request);
    checkFurther(init, message === request);
    if (message.proposal.type === "connect") return switching(request, message, 200, [], init, onSwitched);
    throw new StateError("no-switch", "Cannot open a tunnel: the request is no CONNECT");
  } catch (error) {
    cancelOwned(init.owns, error);
    throw error;
  }
}

function checkCall(request: object, init: SwitchInit & LightSwitchInit, onSwitched: OnSwitched | undefined): void {
  checkRequest(request);
  checkObject(init, "init");
  if (init.owns !== undefined) checkOwned(init.owns, "init.owns");
  if (onSwitched !== undefined) checkFunction(onSwitched, "onSwitched");
}

/** What an answer of the other level takes would be lost without a word. */
function checkFurther({ headers, fields, reason }: SwitchInit & LightSwitchInit, light: boolean): void {
  if (light) return checkLeftOut(headers, "init.headers", "a light response takes fields, not headers");
  checkLeftOut(fields, "init.fields", "a Response takes headers, not fields");
  checkLeftOut(reason, "init.reason", "only a light response takes one");
  if (headers !== undefined) checkObject(headers, "init.headers");
}

/**
 * Makes the answer. What it owns ends from now on if there is no switch, and the callback is kept with the async context
 * that the handler has now.
 */
function switching(
  request: object,
  message: ProposingRequest,
  status: 101 | 200,
  fields: readonly Field[],
  init: SwitchInit & LightSwitchInit,
  onSwitched: OnSwitched | undefined,
): Switch<Response> | Switch<OutgoingResponse> {
  const { owns, reason } = init;
  const pending = upgradeOf(message);
  let answer: Response | OutgoingResponse;
  if (message === request) {
    const further = init.fields;
    const all = further === undefined ? fields : [...fields, ...fieldPairs(further, "init.fields")];
    answer = { status, reason, fields: all };
  } else {
    answer = LightResponse.of(null, {
      status: status === 101 ? 426 : status,
      headers: headersOf(fields, init.headers),
    });
  }
  if (pending !== undefined) {
    const behind = onSwitched && inThisContext(onSwitched);
    pending.acceptance = message === request && behind === undefined ? null : { status, onSwitched: behind, owns };
  }
  if (owns !== undefined) pending?.own(owns);
  return new SwitchOf(answer, message) as Switch<Response> | Switch<OutgoingResponse>;
}

/** `Headers` are made only to check what the handler has given. */
function headersOf(fields: readonly Field[], further: HeadersInit | undefined): HeadersInit {
  if (further === undefined) return fields.map(([name, value]) => [name.toLowerCase(), value]);
  const headers = new Headers(further);
  for (const [name, value] of fields) headers.set(name, value);
  return headers;
}

/** Taking the promise claims the connection; the answer alone does not. */
class SwitchOf<Answer> implements Switch<Answer> {
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
