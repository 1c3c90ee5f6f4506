/**
 * The heart of the package, as rules: what a request proposes, and which response accepts it.
 *
 * ```text
 *  request head ──▶ proposalOf() ──▶ none | upgrade [protocols] | connect host:port
 *                                         │ reading stops behind the request until the answer is decided
 *  response head ─▶ acceptedBy()  ──▶ 101 (named protocol was offered) or 2xx to CONNECT: the bytes behind the
 *                                     head belong to the new protocol; anything else: HTTP goes on
 * ```
 *
 * Written once for both roles. Knows RFC 9110 §7.8 and §9.3.6, not how bytes travel.
 *
 * @module
 */

import { checkObject, checkString, wrongType } from "../bytes/arguments.ts";
import { equalsIgnoringCase, isToken } from "../bytes/ascii.ts";
import { ProtocolError } from "../errors/protocol_error.ts";
import { StateError } from "../errors/state_error.ts";
import type { NoProposal } from "../errors/upgrade_rejected.ts";
import { type Fields, listElements, quoted } from "./fields.ts";
import { checkHead, type RequestHead, type ResponseHead } from "./message.ts";
import { type Authority, parseAuthority } from "./target.ts";

/** What a request proposes to do with its connection. */
export type Proposal =
  | { readonly type: "none"; readonly why: NoProposal }
  | { readonly type: "upgrade"; readonly protocols: readonly string[] }
  | { readonly type: "connect"; readonly authority: Authority };

/** Of a request that proposes nothing. */
export const NOT_REQUESTED: Proposal = { type: "none", why: "not-requested" };
const HTTP10: Proposal = { type: "none", why: "http10" };
const NO_CONNECTION_TOKEN: Proposal = { type: "none", why: "no-connection-token" };

/** What of a switch is let pass although the RFCs forbid it; nothing by default. A part of `Leniency`. */
export interface SwitchLeniency {
  /** `Upgrade` counts without `Connection: upgrade` (RFC 9110 §7.8 demands it). */
  readonly upgradeWithoutConnection?: boolean;
  /** A 101 that was not asked for, or that names no offered protocol, hands over nevertheless. */
  readonly unaskedUpgrade?: boolean;
}

/**
 * What a request proposes.
 *
 * An upgrade needs HTTP/1.1, a well-formed protocol in `Upgrade` and the option `upgrade` in `Connection`; without any of
 * them the field means nothing (RFC 9110 §7.8). CONNECT proposes a tunnel on either version, whatever `Upgrade` says.
 *
 * @throws {ProtocolError} `bad-target`: a CONNECT that does not name a host and a port.
 */
export function proposalOf(head: RequestHead, leniency: SwitchLeniency): Proposal {
  checkHead(head);
  checkObject(leniency, "leniency");
  return proposalIn(head, leniency);
}

/** {@linkcode proposalOf} of a head that a machine has read. */
export function proposalIn(head: RequestHead, leniency: SwitchLeniency): Proposal {
  if (head.method === "CONNECT") return { type: "connect", authority: parseAuthority(head.target) };
  const { fields } = head;
  if (!fields.has("upgrade")) return NOT_REQUESTED;
  if (head.version === "1.0") return HTTP10;
  if (leniency.upgradeWithoutConnection !== true && !fields.hasToken("connection", "upgrade")) {
    return NO_CONNECTION_TOKEN;
  }
  const named = fields.list("upgrade");
  const protocols = named.length === 1 && isProtocol(named[0]!) ? named : named.filter(isProtocol);
  return protocols.length === 0 ? NOT_REQUESTED : { type: "upgrade", protocols };
}

/** Whether the text is a `protocol`: a name and perhaps a version, both tokens (RFC 9110 §7.8). */
export function isProtocol(text: string): boolean {
  const slash = text.indexOf("/");
  return slash === -1 ? isToken(text) : isToken(text.slice(0, slash)) && isToken(text.slice(slash + 1));
}

/** Whether the status opens a tunnel for the method: any 2xx to CONNECT (RFC 9110 §9.3.6). */
export function opensTunnel(method: string, status: number): boolean {
  checkString(method, "method");
  if (typeof status !== "number") throw wrongType("status", "a number", status);
  return method === "CONNECT" && status >= 200 && status < 300;
}

/** Tells of a protocol whether it was offered. Names and versions ignore case; each answer takes the same time. */
export function offerOf(proposal: Proposal): (protocol: string) => boolean {
  if (proposal.type !== "upgrade") return () => false;
  const { protocols } = proposal;
  if (protocols.length === 1) return (protocol) => equalsIgnoringCase(protocol, protocols[0]!);
  const names = new Set(protocols.map((name) => name.toLowerCase()));
  return (protocol) => names.has(protocol.toLowerCase());
}

/** The first of the protocols that was not offered, or `undefined`. A 101 may name several, in layers. */
export function notOffered(proposal: Proposal, protocols: readonly string[]): string | undefined {
  if (protocols.length === 0) return undefined;
  if (protocols.length === 1 && proposal.type === "upgrade" && proposal.protocols.length === 1) {
    return equalsIgnoringCase(protocols[0]!, proposal.protocols[0]!) ? undefined : protocols[0];
  }
  const isOffered = offerOf(proposal);
  return protocols.find((protocol) => !isOffered(protocol));
}

const NONE: readonly string[] = [];

/** The protocols that a value of `Upgrade` names; none where it is missing. */
export function protocolsIn(upgrade: string | null): readonly string[] {
  return upgrade === null ? NONE : listElements(upgrade);
}

/**
 * The protocol of a 101 that is to be sent.
 *
 * @param upgrade The value of its `Upgrade`, or `null`: then it is the one that was offered.
 * @throws {StateError} `no-switch`: no upgrade was proposed, or not this one, or several and none is named.
 */
export function protocolOf(proposal: Proposal, upgrade: string | null): string {
  if (proposal.type !== "upgrade") {
    throw new StateError("no-switch", "Cannot answer with 101: the request proposed no upgrade (RFC 9110 §7.8)");
  }
  const named = protocolsIn(upgrade);
  const foreign = notOffered(proposal, named);
  if (foreign !== undefined) {
    throw new StateError("no-switch", `Cannot switch to ${quoted(foreign)}: it was not offered (RFC 9110 §7.8)`);
  }
  if (named.length > 0) return named[0]!;
  if (proposal.protocols.length === 1) return proposal.protocols[0]!;
  throw new StateError("no-switch", "Cannot answer with 101: several protocols were offered and none is named");
}

/** The protocol that a 101's fields name first, or `null`. */
export function agreedProtocol(fields: Fields): string | null {
  return fields.list("upgrade")[0] ?? null;
}

/**
 * Whether a response that was received accepts the proposal of the request it answers.
 *
 * @throws {ProtocolError} `unexpected-upgrade`: a 101 that was not asked for, came from HTTP/1.0, names no protocol, or
 * one that was not offered.
 */
export function acceptedBy(proposal: Proposal, response: ResponseHead, leniency: SwitchLeniency): boolean {
  if (proposal.type === "connect" && response.status !== 101) return opensTunnel("CONNECT", response.status);
  if (response.status !== 101) return false;
  if (leniency.unaskedUpgrade === true && proposal.type !== "connect") return true;
  if (proposal.type !== "upgrade") throw unexpected("nothing was proposed that it could accept");
  if (response.version === "1.0") throw unexpected("it came with HTTP/1.0");
  const named = response.fields.list("upgrade");
  if (named.length === 0) throw unexpected("it names no protocol");
  const foreign = notOffered(proposal, named);
  if (foreign !== undefined) throw unexpected(`${quoted(foreign)} was not offered`);
  return true;
}

function unexpected(why: string): ProtocolError {
  return new ProtocolError("unexpected-upgrade", `Cannot take the 101: ${why}`, "RFC 9110 §7.8");
}
