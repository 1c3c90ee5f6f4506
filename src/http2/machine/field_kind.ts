/**
 * What one field line of HTTP/2 is, by itself: RFC 9113 §8.2 and §8.3. `read_message.ts` looks at each received line once, and a line
 * that comes again by its index keeps what was found.
 *
 * @module
 */

import { CLASSES, equalsIgnoringCase, FIELD_CONTENT, isOws, isToken, LOWER_TOKEN, TARGET } from "../../bytes/ascii.ts";
import { isProtocol } from "../../semantics/switching.ts";
import { isHostAndPort } from "../../semantics/target.ts";
import type { FieldLine } from "./hpack/field_line.ts";

/** What a line is. 0 is for one that was not looked at. */
export const KIND = {
  plain: 1,
  cookie: 2,
  host: 3,
  /** No message may hold it; `whyMalformed()` says why. */
  malformed: 4,
  // Pseudo-fields, from here on
  method: 5,
  scheme: 6,
  path: 7,
  /** A valid host, with or without a port. */
  authority: 8,
  /** Only a scheme that is not of the web may have it. */
  otherAuthority: 9,
  protocol: 10,
  status: 11,
} as const;

/** A value of {@linkcode KIND}. */
export type FieldKind = typeof KIND[keyof typeof KIND];

/** What was found wrong, and the clause. */
export interface Wrong {
  readonly why: string;
  readonly rfc: string;
}

const COLON = 0x3a;

/** Fields about a connection of HTTP/1.1 (RFC 9113 §8.2.2). */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Whether a field is about a connection of HTTP/1.1: no message of HTTP/2 may hold it (RFC 9113 §8.2.2). */
export function isConnectionField(name: string, value: string): boolean {
  return CONNECTION_FIELDS.has(name) || (name === "te" && !equalsIgnoringCase(value, "trailers"));
}

/** What a line is; it is looked at the first time. */
export function kindOf(line: FieldLine): FieldKind {
  if (line.kind === 0) line.kind = judge(line.field[0], line.field[1]);
  return line.kind as FieldKind;
}

function judge(name: string, value: string): FieldKind {
  if (name.charCodeAt(0) === COLON) return isFieldValue(value) ? judgePseudo(name, value) : KIND.malformed;
  if (!isLowerToken(name) || !isFieldValue(value) || isConnectionField(name, value)) return KIND.malformed;
  return name === "cookie" ? KIND.cookie : name === "host" ? KIND.host : KIND.plain;
}

function judgePseudo(name: string, value: string): FieldKind {
  switch (name) {
    case ":method":
      return isToken(value) ? KIND.method : KIND.malformed;
    case ":scheme":
      return isScheme(value) ? KIND.scheme : KIND.malformed;
    case ":path":
      return isTargetText(value) ? KIND.path : KIND.malformed;
    case ":authority":
      if (isHostAndPort(value)) return KIND.authority;
      return isTargetText(value) && !/[/?]/.test(value) ? KIND.otherAuthority : KIND.malformed;
    case ":protocol":
      return isProtocol(value) ? KIND.protocol : KIND.malformed;
    case ":status":
      return /^[1-9][0-9]{2}$/.test(value) && value !== "101" ? KIND.status : KIND.malformed;
    default:
      return KIND.malformed;
  }
}

/** Why `kindOf()` found a line malformed. */
export function whyMalformed(name: string, value: string): Wrong {
  if (name.charCodeAt(0) === COLON) return whyMalformedPseudo(name, value);
  if (!isLowerToken(name)) return { why: "The name of a field is no token in lower case", rfc: "RFC 9113 §8.2.1" };
  if (!isFieldValue(value)) return wrongValue(name);
  return { why: `The field "${name}" is about a connection of HTTP/1.1`, rfc: "RFC 9113 §8.2.2" };
}

function whyMalformedPseudo(name: string, value: string): Wrong {
  if (!PSEUDO_FIELDS.has(name)) return { why: "A pseudo-field is not known", rfc: "RFC 9113 §8.3" };
  if (!isFieldValue(value)) return wrongValue(name);
  if (name === ":status" && value === "101") return { why: "HTTP/2 has no 101", rfc: "RFC 9113 §8.6" };
  return { why: `The pseudo-field "${name}" has no valid value`, rfc: PSEUDO_FIELDS.get(name)! };
}

function wrongValue(name: string): Wrong {
  return { why: `The value of "${name}" has a character that is not allowed there`, rfc: "RFC 9113 §8.2.1" };
}

const PSEUDO_FIELDS: ReadonlyMap<string, string> = new Map([
  [":method", "RFC 9113 §8.3.1"],
  [":scheme", "RFC 9113 §8.3.1"],
  [":path", "RFC 9113 §8.3.1"],
  [":authority", "RFC 9113 §8.3.1"],
  [":protocol", "RFC 8441 §4"],
  [":status", "RFC 9113 §8.3.2"],
]);

/** Whether a name is a token without capital letters. */
export function isLowerToken(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code > 0xff || (CLASSES[code]! & LOWER_TOKEN) === 0) return false;
  }
  return name.length > 0;
}

/** Whether a value has no control character, and no white space around it. */
export function isFieldValue(value: string): boolean {
  const { length } = value;
  if (length === 0) return true;
  if (isOws(value.charCodeAt(0)) || isOws(value.charCodeAt(length - 1))) return false;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0xff || (CLASSES[code]! & FIELD_CONTENT) === 0) return false;
  }
  return true;
}

/** Whether a text may stand in `:path`, in some scheme: visible ASCII without a fragment. */
export function isTargetText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e || (CLASSES[code]! & TARGET) === 0) return false;
  }
  return true;
}

/** Whether a text is the name of a scheme (RFC 3986 §3.1). */
export function isScheme(text: string): boolean {
  return text === "https" || text === "http" || /^[A-Za-z][A-Za-z0-9+.-]*$/.test(text);
}
