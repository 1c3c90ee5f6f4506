/**
 * What does a request propose to switch to? Asked of the requests of `serve()` and of those of `serveConnection()`, by
 * handlers and by the functions that accept a switch.
 *
 * @module
 */

import { checkObject, checkString, checkStrings, wrongType } from "../bytes/arguments.ts";
import { NOT_REQUESTED, offerOf, type Proposal } from "../semantics/switching.ts";
import { messageOf } from "./stand_in.ts";

/** What the functions of a switch look at of a light request. */
export interface ProposingRequest {
  /** What it proposes. */
  readonly proposal: Proposal;
}

/** Stands for a request that no server of this package has received. */
export const FOREIGN: ProposingRequest = { proposal: NOT_REQUESTED };

/** The light request that a request stands for; `FOREIGN` for a copy, and for the request of another server. */
export function received(request: object): ProposingRequest {
  const message = messageOf(request);
  return "proposal" in message ? message as ProposingRequest : FOREIGN;
}

/**
 * Refuses what is no request of either level. A request of another server is one.
 *
 * @throws {TypeError} It is none.
 */
export function checkRequest(request: object): void {
  checkObject(request, "request");
  const known = "proposal" in messageOf(request) || "method" in request;
  if (!known) throw wrongType("request", "a request", request);
}

/**
 * Whether a request proposes an upgrade (RFC 9110 §7.8).
 *
 * @param request A request that a server received; a `clone()` of it will do, another copy proposes nothing.
 * @param protocol Asks for this protocol, in upper or lower case; for any when left out.
 * @throws {TypeError} An argument is of another kind.
 */
export function wantsUpgrade(request: Request | ProposingRequest, protocol?: string): boolean {
  checkRequest(request);
  const { proposal } = received(request);
  if (protocol === undefined) return proposal.type === "upgrade";
  checkString(protocol, "protocol");
  return offerOf(proposal)(protocol);
}

/**
 * The protocols that a request offers to switch to, as they are spelled and in its order, the preferred one first (RFC 9110
 * §7.8).
 *
 * @param request A request that a server received; a `clone()` of it will do, another copy proposes nothing.
 * @returns An empty list if it proposes no upgrade.
 * @throws {TypeError} It is no request.
 */
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
