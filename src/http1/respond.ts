/**
 * The answers that switch protocols, made so that they cannot be wrong.
 *
 * @module
 */

import { checkObject, checkString, checkStrings, wrongType } from "../bytes/arguments.ts";
import { StateError } from "../errors/state_error.ts";
import { type Field, fieldPairs, type FieldsInit, quoted } from "../semantics/fields.ts";
import { offerOf, type Proposal } from "../semantics/switching.ts";
import type { OutgoingBody, OutgoingTrailers } from "./outgoing_body.ts";
import { checkOwned, type Owned, owning } from "./owned.ts";
import { onUpgrade, upgradeOf } from "./upgrade.ts";
import type { Upgraded } from "./upgraded.ts";

/** A response to be sent. */
export interface OutgoingResponse {
  /** 200–999; 101 only for a switch that the request proposed. */
  readonly status: number;
  /** The registered phrase when left out; may be empty. */
  readonly reason?: string | undefined;
  /** The field lines, written as they are spelled. Framing and `Date` are added where they are missing. */
  readonly fields?: FieldsInit | undefined;
  /** The body; none when left out. */
  readonly body?: OutgoingBody | null | undefined;
  /** Sent behind a chunked body, if the request said `TE: trailers` and the field `Trailer` announces them. */
  readonly trailers?: OutgoingTrailers | undefined;
}

/** A response that switches: it has no body. */
export interface SwitchResponse extends OutgoingResponse {
  /** None. */
  readonly body?: null | undefined;
  /** None. */
  readonly trailers?: undefined;
}

/** A response that switches, and what it leads to. */
export interface Switch {
  /** To be returned from the handler. */
  readonly response: SwitchResponse;
  /**
   * Resolves once the response was sent. Rejects with `UpgradeRejected` if another one is, which needs no handler; what
   * `then()` makes of it does, as the peer may leave at any time. Taking it claims the connection: one that nobody has
   * taken it for is closed after `unclaimedUpgradeTimeoutMs`.
   */
  readonly upgraded: Promise<Upgraded>;
}

/** What a switch response has beyond what it must have. */
export interface SwitchInit {
  /** Further field lines. */
  readonly fields?: FieldsInit | undefined;
  /** The registered phrase when left out. */
  readonly reason?: string | undefined;
  /**
   * What was opened for the switch: the target of a tunnel, for example. It is aborted if there is none, whatever the
   * reason (the client has left, another response was sent, this call throws), or if nobody claims it. Behind the switch it
   * is yours.
   */
  readonly owns?: Owned | undefined;
}

/** What these functions look at of a request. */
export interface ProposingRequest {
  /** What it proposes. */
  readonly proposal: Proposal;
}

/**
 * The 101 that accepts an upgrade.
 *
 * @param request A request that proposes one.
 * @param protocol The protocol to speak, or several by preference; the first that was offered is taken. Spelled as here.
 * @param init Further fields, and what was opened for the switch.
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
  init: SwitchInit = {},
): Switch {
  checkProposing(request);
  checkObject(init, "init");
  const { owns } = init;
  if (owns === undefined) return upgradeSwitch(request, protocol, init);
  checkOwned(owns, "init.owns");
  return owned(request, owns, () => upgradeSwitch(request, protocol, init));
}

/** From now on it ends unless the request leads to a switch. */
function owned(request: ProposingRequest, owns: Owned, make: () => Switch): Switch {
  const made = owning(owns, make);
  upgradeOf(request)?.own(owns);
  return made;
}

function upgradeSwitch(request: ProposingRequest, protocol: string | readonly string[], init: SwitchInit): Switch {
  const wanted = protocolList(protocol);
  const taken = wanted.find(offerOf(request.proposal));
  if (taken === undefined) {
    throw new StateError("no-switch", `Cannot upgrade to ${wanted.map(quoted).join(" or ")}: it was not offered`);
  }
  const fields: Field[] = [
    ["Connection", "upgrade"],
    ["Upgrade", taken],
    ...fieldPairs(init.fields ?? [], "init.fields"),
  ];
  return new PossibleSwitch({ status: 101, reason: init.reason, fields }, request);
}

/**
 * The 200 that opens a tunnel for CONNECT.
 *
 * @param request A CONNECT request.
 * @param init Further fields, and what was opened for the tunnel. Content-Length and Transfer-Encoding are left out
 * (RFC 9110 §9.3.6).
 * @throws {StateError} `no-switch`: the request is no CONNECT.
 * @throws {TypeError} An argument is of another kind.
 */
export function connectResponse(request: ProposingRequest, init: SwitchInit = {}): Switch {
  checkProposing(request);
  checkObject(init, "init");
  const { owns } = init;
  if (owns === undefined) return tunnelSwitch(request, init);
  checkOwned(owns, "init.owns");
  return owned(request, owns, () => tunnelSwitch(request, init));
}

function tunnelSwitch(request: ProposingRequest, init: SwitchInit): Switch {
  if (request.proposal.type !== "connect") {
    throw new StateError("no-switch", "Cannot open a tunnel: the request is no CONNECT");
  }
  const fields: Field[] = [...fieldPairs(init.fields ?? [], "init.fields")];
  return new PossibleSwitch({ status: 200, reason: init.reason, fields }, request);
}

/** An answer that may switch. Whoever takes the promise has asked for the connection; an answer alone has not. */
export class PossibleSwitch<Answer> {
  /** To be returned from the handler. */
  readonly response: Answer;
  readonly #request: object;

  /**
   * Makes one; a class, as a getter of a literal costs a fifth of a handshake.
   *
   * @param response The answer.
   * @param request What it answers.
   */
  constructor(response: Answer, request: object) {
    this.response = response;
    this.#request = request;
  }

  /** See {@linkcode Switch.upgraded}. */
  get upgraded(): Promise<Upgraded> {
    return onUpgrade(this.#request);
  }
}

/** Whether a request proposes an upgrade, to `protocol` if one is given (in any case). */
export function wantsUpgrade(request: ProposingRequest, protocol?: string): boolean {
  checkProposing(request);
  if (protocol === undefined) return request.proposal.type === "upgrade";
  checkString(protocol, "protocol");
  return offerOf(request.proposal)(protocol);
}

/**
 * One protocol, or several by preference.
 *
 * @throws {TypeError} It is something else.
 */
export function protocolList(protocol: string | readonly string[], name = "protocol"): readonly string[] {
  if (typeof protocol === "string") return [protocol];
  checkStrings(protocol, name);
  return protocol;
}

function checkProposing(request: ProposingRequest): void {
  checkObject(request, "request");
  if (typeof request.proposal?.type !== "string") throw wrongType("request", "a request", request);
}
