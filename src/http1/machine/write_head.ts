/**
 * Heads to bytes: RFC 9112 §3–5, and nothing that the caller did not mean.
 *
 * Refuses what would split a message: CR, LF and NUL never reach the wire (RFC 9112 §11.1).
 *
 * @module
 */

import { checkString, wrongType } from "../../bytes/arguments.ts";
import { equalsIgnoringCase, isReasonByte, isTargetByte, isToken, trimOws } from "../../bytes/ascii.ts";
import type { SendBuffer } from "../../bytes/send_buffer.ts";
import { checkFieldName, checkFieldValue, type Field, quoted } from "../../semantics/fields.ts";
import type { Http1Version } from "../../semantics/message.ts";

/** How field names are spelled on the wire: as given, or `Like-This`. */
export type NameCase = "as-given" | "title";

/** All of them. */
export const NAME_CASES: readonly NameCase[] = ["as-given", "title"];

/**
 * Writes a request line.
 *
 * @throws {TypeError} The method is not a token, the target is empty or holds white space, a control character or one
 * outside of ASCII, or the version is neither of the two.
 */
export function writeRequestLine(out: SendBuffer, method: string, target: string, version: Http1Version): void {
  checkString(method, "method");
  checkString(target, "target");
  if (!isToken(method)) throw new TypeError(`Cannot use method ${quoted(method)}: it is not a token`);
  if (!isTarget(target)) {
    throw new TypeError(
      `Cannot use request-target ${quoted(target)}: only visible ASCII characters but "#" may be in it`,
    );
  }
  if (version !== "1.1" && version !== "1.0") throw new TypeError(`Cannot use version ${quoted(version)}`);
  out.text(`${method} ${target} HTTP/${version}\r\n`);
}

function isTarget(target: string): boolean {
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code > 0x7e || !isTargetByte(code)) return false;
  }
  return target.length > 0;
}

/**
 * Writes a status line, with the space behind the code even when there is no reason (RFC 9112 §4).
 *
 * @param reason The registered phrase when left out; may be empty.
 * @throws {RangeError} The status is not a whole number from 100 to 999.
 * @throws {TypeError} The reason holds a control character or one above U+00FF.
 */
export function writeStatusLine(
  out: SendBuffer,
  status: number,
  reason: string | undefined,
  version: Http1Version,
): void {
  if (typeof status !== "number") throw wrongType("status", "a number", status);
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw new RangeError(`Cannot use status ${status}: it is not a whole number from 100 to 999`);
  }
  if (reason === undefined) {
    out.text(LINES[version][status] ?? `HTTP/${version} ${status} \r\n`);
  } else {
    checkReason(reason);
    out.text(`HTTP/${version} ${status} ${reason}\r\n`);
  }
}

function checkReason(reason: string): void {
  if (typeof reason !== "string") throw new TypeError("Cannot use reason phrase: it is no text");
  for (let i = 0; i < reason.length; i++) {
    const code = reason.charCodeAt(i);
    if (code > 0xff || !isReasonByte(code)) {
      throw new TypeError(`Cannot use reason phrase ${quoted(reason)}: a character in it is not allowed`);
    }
  }
}

/**
 * Writes one field line.
 *
 * @throws {TypeError} The name is not a token, or the value holds a control character or one above U+00FF.
 */
export function writeField(out: SendBuffer, name: string, value: string, nameCase: NameCase): void {
  if (typeof name === "string" && typeof value === "string") {
    if (out.field(nameCase === "title" ? titleCase(name) : name, trimOws(value))) return;
  }
  checkFieldName(name);
  checkFieldValue(name, value);
}

function titleCase(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_match, dash: string, letter: string) => dash + letter.toUpperCase());
}

/** What the framing of an outgoing message depends on, found in one pass over its fields. */
export interface SentFields {
  /** The value of Content-Length, or `null`. */
  readonly contentLength: string | null;
  /** The elements of Transfer-Encoding, or `null`. */
  readonly transferEncoding: string | null;
  /** The elements of Connection, lower case. */
  readonly connection: string;
  /** The value of Upgrade, or `null`. */
  readonly upgrade: string | null;
  /** The value of Trailer, or `null`. */
  readonly trailer: string | null;
  /** The value of Expect, or `null`. */
  readonly expect: string | null;
  /** Whether Date is there. */
  readonly date: boolean;
}

function checkField(field: Field, i: number): void {
  if (!Array.isArray(field)) throw wrongType(`fields[${i}]`, "a pair [name, value]", field);
  checkFieldName(field[0]);
  checkFieldValue(field[0], field[1]);
}

/**
 * Looks through outgoing fields once.
 *
 * @throws {TypeError} They are no pairs of texts.
 */
export function inspectFields(fields: readonly Field[]): SentFields {
  if (!Array.isArray(fields)) throw wrongType("fields", "an array of pairs [name, value]", fields);
  let contentLength: string | null = null;
  let transferEncoding: string | null = null;
  let connection = "";
  let upgrade: string | null = null;
  let trailer: string | null = null;
  let expect: string | null = null;
  let date = false;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as Field;
    if (!Array.isArray(field) || typeof field[0] !== "string" || typeof field[1] !== "string") checkField(field, i);
    const name = field[0];
    const value = field[1];
    switch (name.length) {
      case 4:
        if (equalsIgnoringCase(name, "date")) date = true;
        break;
      case 6:
        if (equalsIgnoringCase(name, "expect")) expect = value;
        break;
      case 7:
        if (equalsIgnoringCase(name, "upgrade")) upgrade = joined(upgrade, value);
        else if (equalsIgnoringCase(name, "trailer")) trailer = joined(trailer, value);
        break;
      case 10:
        if (equalsIgnoringCase(name, "connection")) connection += `,${value.toLowerCase()}`;
        break;
      case 14:
        if (equalsIgnoringCase(name, "content-length")) contentLength = joined(contentLength, value);
        break;
      case 17:
        if (equalsIgnoringCase(name, "transfer-encoding")) transferEncoding = joined(transferEncoding, value);
        break;
    }
  }
  return { contentLength, transferEncoding, connection, upgrade, trailer, expect, date };
}

function joined(before: string | null, value: string): string {
  return before === null ? value : `${before}, ${value}`;
}

/** Whether a comma-separated list holds `token`, which is lower case. */
export function listHas(list: string, token: string): boolean {
  for (let start = 0; start < list.length;) {
    const comma = list.indexOf(",", start);
    const end = comma === -1 ? list.length : comma;
    if (end - start >= token.length && equalsIgnoringCase(trimOws(list.slice(start, end)), token)) return true;
    start = end + 1;
  }
  return false;
}

/** The registered phrases: the registry of HTTP status codes. */
const REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  207: "Multi-Status",
  208: "Already Reported",
  226: "IM Used",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a teapot",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  510: "Not Extended",
  511: "Network Authentication Required",
};

/** The status lines without a reason of their own. */
const LINES: Readonly<Record<Http1Version, Readonly<Record<number, string>>>> = {
  "1.1": linesOf("1.1"),
  "1.0": linesOf("1.0"),
};

function linesOf(version: Http1Version): Record<number, string> {
  return Object.fromEntries(
    Object.entries(REASONS).map(([status, reason]) => [status, `HTTP/${version} ${status} ${reason}\r\n`]),
  );
}
