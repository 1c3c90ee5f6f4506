/**
 * The head of a request on its way to the server: which target, and which fields go on (RFC 9110 §7.6). Pure.
 *
 * @module
 */

import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import { addLength, type Field, type Fields, splitList } from "../../semantics/fields.ts";
import type { RequestHead } from "../../semantics/message.ts";
import type { Proposal } from "../../semantics/switching.ts";

/** What of a request goes on, and what was found on the way. */
export interface EndToEnd {
  /** The lines, in their order and spelling. */
  readonly fields: Field[];
  /** The value of `Host`, or `null`. */
  readonly host: string | null;
}

/** What decides about a request's fields. */
export interface Going {
  /** The protocols that are offered to the server; none if it is no upgrade. */
  readonly protocols: readonly string[];
  /** What `Host` becomes; `null` leaves it. */
  readonly host: string | null;
  /** Whether a field of this name is left out as well. */
  readonly drops: ((name: string) => boolean) | null;
}

/** `Upgrade: h2c` would lead past everything that the proxy decides, and HTTP/2 has no use for it (RFC 9113 §3.1). */
export function offeredOnward(proposal: Proposal): readonly string[] {
  if (proposal.type !== "upgrade") return NONE;
  return proposal.protocols.some(isH2c)
    ? proposal.protocols.filter((protocol) => !isH2c(protocol))
    : proposal.protocols;
}

const NONE: readonly string[] = [];

function isH2c(protocol: string): boolean {
  return equalsIgnoringCase(protocol, "h2c");
}

/**
 * The fields of a request that go on. What belongs to the client's connection stays behind; `Connection` itself goes on as
 * far as the proxy means it: for an upgrade, and for trailers that the client takes.
 */
export function requestFields(head: RequestHead, { protocols, host, drops }: Going): EndToEnd {
  const lines = [...head.fields];
  const named = namedByConnection(head.fields);
  const options = ownOptions(head.fields, protocols.length > 0);
  const chunked = head.fields.has("transfer-encoding");
  const fields: Field[] = [];
  let length: string | null = null;
  let found: string | null = null;
  let said = false;
  let trailers = options.includes("TE");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const name = line[0];
    if (named !== null && named.has(name.toLowerCase()) && !isKept(name)) continue;
    switch (name.length) {
      case 2:
        if (!equalsIgnoringCase(name, "te")) break;
        if (trailers) fields.push([name, "trailers"]);
        trailers = false;
        continue;
      case 4:
        if (!equalsIgnoringCase(name, "host")) break;
        found = line[1];
        fields.push(host === null ? line : [name, host]);
        continue;
      case 6:
        // It means nothing in HTTP/1.0 (RFC 9110 §10.1.1).
        if (head.version === "1.0" && equalsIgnoringCase(name, "expect")) continue;
        break;
      case 7:
        if (!equalsIgnoringCase(name, "upgrade")) break;
        if (protocols.length > 0) addUpgrade(fields, line, protocols);
        continue;
      case 10:
        if (equalsIgnoringCase(name, "keep-alive")) continue;
        if (!equalsIgnoringCase(name, "connection")) break;
        if (!said && options.length > 0) fields.push([name, options.join(", ")]);
        said = true;
        continue;
      case 14:
        if (!equalsIgnoringCase(name, "content-length")) break;
        if (!chunked) length = addLength(fields, line, length);
        continue;
      case 16:
        if (equalsIgnoringCase(name, "proxy-connection")) continue;
        break;
      case 18:
        if (equalsIgnoringCase(name, "proxy-authenticate")) continue;
        break;
      case 19:
        if (equalsIgnoringCase(name, "proxy-authorization")) continue;
        break;
    }
    if (drops === null || !drops(name)) fields.push(line);
  }
  if (!said && options.length > 0) fields.push(["Connection", options.join(", ")]);
  return { fields, host: found };
}

/** Whatever Connection names, these are needed to read the message, or are dealt with by themselves. */
function isKept(name: string): boolean {
  switch (name.length) {
    case 2:
      return equalsIgnoringCase(name, "te");
    case 4:
      return equalsIgnoringCase(name, "host");
    case 7:
      return equalsIgnoringCase(name, "upgrade");
    case 10:
      return equalsIgnoringCase(name, "connection");
    case 14:
      return equalsIgnoringCase(name, "content-length");
    case 17:
      return equalsIgnoringCase(name, "transfer-encoding");
    default:
      return false;
  }
}

/** The names in Connection, lower case; `null` where they say nothing of other fields. */
export function namedByConnection(fields: Fields): ReadonlySet<string> | null {
  if (!fields.has("connection")) return null;
  const names = fields.list("connection").map((option) => option.toLowerCase());
  if (names.every((name) => name === "keep-alive" || name === "close" || name === "upgrade")) return null;
  return new Set(names);
}

/** The options of Connection that the proxy says itself, in the spelling of the client. */
function ownOptions(fields: Fields, upgrades: boolean): readonly string[] {
  const options: string[] = [];
  if (upgrades) {
    options.push(fields.list("connection").find((option) => equalsIgnoringCase(option, "upgrade")) ?? "Upgrade");
  }
  if (fields.has("te") && fields.hasToken("te", "trailers")) options.push("TE");
  return options.length === 0 ? NONE : options;
}

/** One line may be spread over several; what is not offered is taken out of it. */
function addUpgrade(fields: Field[], line: Field, protocols: readonly string[]): void {
  const offered = splitList(line[1], []);
  const kept = offered.filter((protocol) => protocols.includes(protocol));
  if (kept.length === 0) return;
  fields.push(kept.length === offered.length ? line : [line[0], kept.join(", ")]);
}

/** Where a request goes at the server, and the host that it is for if the target says so. */
export interface OnwardTarget {
  /** In origin-form, or `*`. */
  readonly target: string;
  /** The authority of a target in absolute-form, or `null`. */
  readonly authority: string | null;
}

/**
 * The target for the server. One in absolute-form names the host as well, which then counts instead of `Host` (RFC 9112
 * §3.2.2); the rest of it is the path. Nothing is decoded or resolved.
 *
 * @param basePath Goes in front of a path.
 */
export function onwardTarget({ method, target }: RequestHead, basePath: string): OnwardTarget {
  if (target.charCodeAt(0) === 0x2f) return { target: basePath === "" ? target : basePath + target, authority: null };
  const absolute = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?]*)(.*)$/s.exec(target);
  if (absolute === null) return { target, authority: null };
  const [, authority = "", rest = ""] = absolute;
  if (rest === "" && method === "OPTIONS") return { target: "*", authority };
  return { target: basePath + (rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`), authority };
}
