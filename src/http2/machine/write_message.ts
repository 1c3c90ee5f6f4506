/**
 * From heads to the field lines of HTTP/2: RFC 9113 §8, and nothing that the caller did not mean. A head is written as a whole or not
 * at all.
 *
 * @module
 */

import { checkString, wrongType } from "../../bytes/arguments.ts";
import { isToken } from "../../bytes/ascii.ts";
import { checkFieldName, checkFieldValue, type Field, type Fields, quoted } from "../../semantics/fields.ts";
import { isProtocol } from "../../semantics/switching.ts";
import { isHostAndPort } from "../../semantics/target.ts";
import { isAllowedTrailer } from "../../semantics/trailers.ts";
import { isConnectionField, isFieldValue, isLowerToken, isScheme, isTargetText } from "./field_kind.ts";
import type { FieldToSend } from "./hpack/encoder.ts";
import type { OutgoingHttp2Request, OutgoingHttp2Response, RequestControl } from "./message.ts";
import { wrongRequest } from "./request_rules.ts";

/**
 * The lines of a request, pseudo-fields first.
 *
 * @throws {TypeError} It cannot be sent: a part of it is malformed, or they do not go together.
 */
export function requestFields(head: OutgoingHttp2Request): FieldToSend[] {
  const { method, scheme, authority, path, protocol } = head;
  checkControl(head);
  const lines: FieldToSend[] = [[":method", method]];
  if (protocol !== null) lines.push([":protocol", protocol]);
  if (scheme !== null) lines.push([":scheme", scheme]);
  if (authority !== null) lines.push([":authority", authority]);
  if (path !== null) lines.push([":path", path]);
  const first = lines.length;
  addFields(lines, head.fields);
  const wrong = wrongRequest(head, authority !== null && isHost(authority), hostIn(lines, first));
  if (wrong !== null) throw new TypeError(`Cannot send request: ${wrong.why} (${wrong.rfc})`);
  return keep(lines, head.neverIndexed);
}

/** The host that was found valid last: most requests of a client go to few. */
let validHost = "";

function isHost(authority: string): boolean {
  if (authority === validHost && authority !== "") return true;
  if (!isHostAndPort(authority)) return false;
  validHost = authority;
  return true;
}

function checkControl({ method, scheme, authority, path, protocol }: RequestControl): void {
  checkString(method, "method");
  if (!isToken(method)) throw new TypeError(`Cannot use method ${quoted(method)}: it is not a token`);
  checkPart(":scheme", scheme, isLowerScheme);
  checkPart(":authority", authority, isAuthorityText);
  checkPart(":path", path, isTargetText);
  checkPart(":protocol", protocol, isProtocol);
}

function isLowerScheme(text: string): boolean {
  return isScheme(text) && text === text.toLowerCase();
}

function isAuthorityText(text: string): boolean {
  return isTargetText(text) && !text.includes("/") && !text.includes("?");
}

function checkPart(name: string, value: string | null, isValid: (value: string) => boolean): void {
  if (value === null) return;
  if (typeof value !== "string") throw wrongType(name, "a string or null", value);
  if (!isValid(value)) throw new TypeError(`Cannot use ${name} ${quoted(value)}: it is not valid`);
}

/**
 * The lines of a response.
 *
 * @throws {RangeError} The status is not a whole number from 100 to 999, or it is 101 (RFC 9113 §8.6).
 * @throws {TypeError} A field cannot be sent.
 */
export function responseFields(head: OutgoingHttp2Response): FieldToSend[] {
  const { status } = head;
  if (typeof status !== "number") throw wrongType("status", "a number", status);
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw new RangeError(`Cannot use status ${status}: it is not a whole number from 100 to 999`);
  }
  if (status === 101) throw new RangeError("Cannot use status 101: HTTP/2 has no such switch (RFC 9113 §8.6)");
  const lines: FieldToSend[] = [[":status", String(status)]];
  addFields(lines, head.fields);
  return keep(lines, head.neverIndexed);
}

/**
 * The lines of a trailer section, but for those that mean nothing there (RFC 9110 §6.5.1).
 *
 * @throws {TypeError} A field cannot be sent.
 */
export function trailerFields(fields: Fields): FieldToSend[] {
  const lines: FieldToSend[] = [];
  addFields(lines, fields);
  return lines.every(isAllowed) ? lines : lines.filter(isAllowed);
}

function isAllowed([name]: FieldToSend): boolean {
  return isAllowedTrailer(name);
}

function hostIn(lines: readonly FieldToSend[], first: number): string | null {
  let host: string | null = null;
  for (let i = first; i < lines.length; i++) {
    if (lines[i]![0] !== "host") continue;
    if (host !== null) throw new TypeError("Cannot send request: it has several Host fields (RFC 9110 §7.2)");
    host = lines[i]![1];
  }
  return host;
}

function addFields(lines: FieldToSend[], fields: Iterable<Field>): void {
  for (const field of fields) {
    const line = lineOf(field);
    if (isConnectionField(line[0], line[1])) {
      throw new TypeError(`Cannot send field ${quoted(line[0])}: it is about HTTP/1.1 connections (RFC 9113 §8.2.2)`);
    }
    lines.push(line);
  }
}

/** The pair itself if it can be sent as it is. */
function lineOf(field: Field): FieldToSend {
  if (!Array.isArray(field)) throw wrongType("field", "a pair [name, value]", field);
  const [name, value] = field;
  if (typeof name === "string" && typeof value === "string" && isLowerToken(name) && isFieldValue(value)) {
    return field.length === 2 ? field : [name, value];
  }
  checkFieldName(name);
  return [name.toLowerCase(), checkFieldValue(name, value)];
}

function keep(lines: FieldToSend[], neverIndexed: readonly string[] | undefined): FieldToSend[] {
  if (neverIndexed === undefined || neverIndexed.length === 0) return lines;
  return lines.map(([name, value]) => [name, value, neverIndexed.includes(name)]);
}
