/**
 * Upgrades and tunnels with the platform's classes.
 *
 * A `Response` with status 101 cannot be made everywhere, and middleware replaces responses. So the answer that accepts
 * is a plain 426 with the protocol in its `Upgrade` field, the acceptance is kept with the request, and the server
 * writes the 101 that it stands for. If such a response ends up with another server, the client is told the truth.
 *
 * @module
 */

import { checkFunction, checkObject, checkString, wrongType } from "../bytes/arguments.ts";
import { inThisContext } from "../duplex/async_context.ts";
import type { IncomingRequest } from "../http1/incoming.ts";
import {
  connectResponse as tunnel,
  PossibleSwitch,
  type ProposingRequest,
  type Switch,
  type SwitchInit,
  upgradeResponse as upgrade,
  wantsUpgrade as wants,
} from "../http1/respond.ts";
import type { Owned } from "../http1/owned.ts";
import { onUpgrade as claim } from "../http1/upgrade.ts";
import type { Upgraded } from "../http1/upgraded.ts";
import type { Proposal } from "../semantics/switching.ts";
import { ConnectRequest } from "./server/connect_request.ts";
import { LightRequest } from "./server/light_request.ts";

/** A platform response that switches, and what it leads to. */
export interface ResponseSwitch {
  /** To be returned from the handler, through whatever middleware. */
  readonly response: Response;
  /**
   * Resolves once the response was sent. Rejects with `UpgradeRejected` if another one is; needs no handler. Taking it
   * claims the connection: one that nobody has taken it for is closed after `unclaimedUpgradeTimeoutMs`.
   */
  readonly upgraded: Promise<Upgraded>;
}

/** What a switch response has beyond what it must have. */
export interface ResponseSwitchInit {
  /** Further headers. */
  readonly headers?: HeadersInit | undefined;
  /**
   * What was opened for the switch: the target of a tunnel, for example. It is aborted if there is none, whatever the
   * reason (the client has left, another response was sent, this call throws), if nobody claims it, or if `onSwitched`
   * fails. Else it is yours behind the switch.
   */
  readonly owns?: Owned | undefined;
}

/**
 * What is done with the connection after the switch, in the async context (`AsyncLocalStorage`) in which it was handed
 * over; the server waits for it when it shuts down.
 */
export type OnSwitched = (upgraded: Upgraded) => void | Promise<void>;

/** How a request was accepted. */
export interface Acceptance {
  readonly status: number;
  readonly onSwitched: OnSwitched | undefined;
  readonly owns: Owned | undefined;
}

const acceptances: WeakMap<IncomingRequest, Acceptance> = new WeakMap();

/** What a handler accepted for a request, if anything. */
export function acceptanceOf(incoming: IncomingRequest): Acceptance | undefined {
  return acceptances.get(incoming);
}

/** The callback is kept with the async context that the handler has now. */
function accept(incoming: IncomingRequest, status: number, { owns }: SwitchInit, onSwitched?: OnSwitched): void {
  acceptances.set(incoming, { status, onSwitched: onSwitched && inThisContext(onSwitched), owns });
}

const NOTHING: Proposal = { type: "none", why: "not-requested" };

/** The request below a platform's one; only those that a server of this package made have one. */
export function incomingOf(request: object): IncomingRequest | undefined {
  return LightRequest.incoming(request) ?? ConnectRequest.incoming(request);
}

/** Refuses what is no request of either level. Another server's request is one. */
export function checkRequest(request: object): void {
  checkObject(request, "request");
  const known = "proposal" in request || "method" in request || request instanceof ConnectRequest;
  if (!known) throw wrongType("request", "a request", request);
}

function checkSwitchInit(init: ResponseSwitchInit): void {
  checkObject(init, "init");
  if (init.headers !== undefined) checkObject(init.headers, "init.headers");
}

function isConnLevel(request: object): request is ProposingRequest {
  return "proposal" in request && !(request instanceof ConnectRequest);
}

/**
 * The answer that accepts an upgrade.
 *
 * @param request A request that proposes one.
 * @param protocol The protocol to speak, or several by preference; the first that was offered is taken. Spelled as here.
 * @param init Further headers, and what was opened for the switch.
 * @param onSwitched Called with the connection; what it throws goes to the server's `onError`.
 * @throws {StateError} `no-switch`: the request proposes no upgrade, or none of the protocols was offered.
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
 * The 101 that accepts an upgrade, for the handlers of `serveConnection`.
 *
 * @param request A request that proposes one.
 * @param protocol The protocol to speak, or several by preference.
 * @param init Further fields, and what was opened for the switch.
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
  checkRequest(request);
  checkSwitchInit(init);
  if (onSwitched !== undefined) checkFunction(onSwitched, "onSwitched");
  if (isConnLevel(request)) return upgrade(request, protocol, init);
  const incoming = incomingOf(request);
  const { response } = upgrade(incoming ?? { proposal: NOTHING }, protocol, { owns: init.owns });
  accept(incoming!, 101, init, onSwitched);
  const headers = new Headers(init.headers);
  for (const [name, value] of response.fields as Iterable<[string, string]>) headers.set(name, value);
  return new PossibleSwitch(new Response(null, { status: 426, headers }), incoming!);
}

/**
 * The answer that opens a tunnel for CONNECT.
 *
 * @param request What the `connect` hook got.
 * @param init Further headers, and what was opened for the switch.
 * @param onSwitched Called with the tunnel; what it throws goes to the server's `onError`.
 */
export function connectResponse(
  request: ConnectRequest,
  init?: ResponseSwitchInit,
  onSwitched?: OnSwitched,
): ResponseSwitch;
/**
 * The 200 that opens a tunnel, for the handlers of `serveConnection`.
 *
 * @param request A CONNECT request.
 * @param init Further fields, and what was opened for the switch.
 * @throws {StateError} `no-switch`: the request is no CONNECT.
 */
export function connectResponse(request: ProposingRequest, init?: SwitchInit): Switch;
export function connectResponse(
  request: ConnectRequest | ProposingRequest,
  init: ResponseSwitchInit & SwitchInit = {},
  onSwitched?: OnSwitched,
): ResponseSwitch | Switch {
  checkRequest(request);
  checkSwitchInit(init);
  if (onSwitched !== undefined) checkFunction(onSwitched, "onSwitched");
  if (isConnLevel(request)) return tunnel(request, init);
  const incoming = incomingOf(request);
  tunnel(incoming ?? { proposal: NOTHING }, { owns: init.owns });
  accept(incoming!, 200, init, onSwitched);
  return new PossibleSwitch(new Response(null, { status: 200, headers: new Headers(init.headers) }), incoming!);
}

/**
 * The connection behind a message, once it has switched; for messages of either level.
 *
 * @param message A request that a server received, or a response that a client received.
 * @returns Always the same promise for the same message. It rejects with `UpgradeRejected` as soon as another answer is
 * decided; that needs no handler.
 */
export function onUpgrade(message: object): Promise<Upgraded> {
  checkObject(message, "message");
  return claim(incomingOf(message) ?? message);
}

/** Whether a request proposes an upgrade, to `protocol` if one is given (in any case). */
export function wantsUpgrade(request: Request | ProposingRequest, protocol?: string): boolean {
  checkRequest(request);
  if (protocol !== undefined) checkString(protocol, "protocol");
  if (isConnLevel(request)) return wants(request, protocol);
  const incoming = incomingOf(request);
  return incoming !== undefined && wants(incoming, protocol);
}

/** The protocols that a request offers to switch to, by its preference; empty if it proposes no upgrade. */
export function offeredProtocols(request: Request | ProposingRequest): readonly string[] {
  checkRequest(request);
  const proposal = isConnLevel(request) ? request.proposal : incomingOf(request)?.proposal ?? NOTHING;
  return proposal.type === "upgrade" ? proposal.protocols : [];
}
