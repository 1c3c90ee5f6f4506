/**
 * How the body of a message is delimited: RFC 9112 §6.3, one function a role.
 *
 * @module
 */

import { checkObject, checkString } from "../../bytes/arguments.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { type Fields, quoted, splitList } from "../../semantics/fields.ts";
import type { Leniency } from "./limits.ts";
import { checkHead, type RequestHead, type ResponseHead } from "../../semantics/message.ts";
import { opensTunnel } from "../../semantics/switching.ts";
import { type TransferCodings, transferCodings } from "./transfer_coding.ts";

/** Where a body ends. */
export type BodyFraming =
  | { readonly type: "none" }
  | { readonly type: "length"; readonly bytes: number }
  | { readonly type: "chunked" }
  | { readonly type: "until-close" };

/** No body. */
export const NO_BODY: BodyFraming = { type: "none" };
/** A body in chunks. */
export const CHUNKED: BodyFraming = { type: "chunked" };
/** A body that the end of the connection ends. */
export const UNTIL_CLOSE: BodyFraming = { type: "until-close" };

/**
 * Decides how the body of a request is delimited.
 *
 * Both fields in one request are refused rather than repaired: two readers could disagree about where it ends.
 *
 * @returns `none` when neither field is there; never `until-close`.
 * @throws {ProtocolError} `framing-conflict`, `bad-content-length`, `bad-transfer-encoding`,
 * `unsupported-transfer-coding` (501), `connect-content`.
 *
 * @example
 * ```ts
 * import { Fields, requestFraming } from "@http-upgrade/http-upgrade/http1";
 * import { assertEquals } from "@std/assert";
 *
 * const fields = new Fields([["Content-Length", "5"]]);
 * const framing = requestFraming({ method: "POST", target: "/", version: "1.1", fields }, {});
 * assertEquals(framing, { type: "length", bytes: 5 });
 * ```
 */
export function requestFraming(head: RequestHead, leniency: Leniency): BodyFraming {
  checkHead(head);
  checkObject(leniency, "leniency");
  return framingOfRequest(head, leniency);
}

/** {@linkcode requestFraming} of a head that a machine has read. */
export function framingOfRequest(head: RequestHead, leniency: Leniency): BodyFraming {
  const { fields, method } = head;
  const encoded = fields.has("transfer-encoding");
  const framing = encoded ? requestCoding(head, leniency) : lengthFraming(fields, false);
  const empty = framing.type === "none" || (framing.type === "length" && framing.bytes === 0);
  if (method === "CONNECT" && !empty && leniency.connectContent !== true) {
    throw new ProtocolError("connect-content", "Cannot take content with CONNECT", "RFC 9110 §9.3.6");
  }
  return framing;
}

function requestCoding(head: RequestHead, leniency: Leniency): BodyFraming {
  const { fields, version } = head;
  if (fields.has("content-length") && leniency.lengthWithChunked !== true) {
    throw new ProtocolError(
      "framing-conflict",
      "Cannot take Content-Length and Transfer-Encoding in one request",
      "RFC 9112 §6.1",
    );
  }
  if (version === "1.0") throw badCoding("HTTP/1.0 has no Transfer-Encoding");
  const { codings, chunked } = codingsOf(fields);
  if (!chunked) throw badCoding("the last coding is not chunked");
  if (codings.length > 1) {
    throw new ProtocolError(
      "unsupported-transfer-coding",
      `Cannot decode transfer coding ${quoted(codings[0]!)}`,
      "RFC 9112 §6.1",
      501,
    );
  }
  return CHUNKED;
}

/**
 * Decides how the body of a response is delimited.
 *
 * @param requestMethod The method of the request that it answers.
 * @returns `none` for a response to HEAD, a 1xx, 204 or 304, and for one that opens a tunnel, whatever its fields say.
 * @throws {ProtocolError} `bad-content-length`, `bad-transfer-encoding`.
 */
export function responseFraming(head: ResponseHead, requestMethod: string): BodyFraming {
  checkHead(head);
  checkString(requestMethod, "requestMethod");
  const { fields, status, version } = head;
  if (requestMethod === "HEAD" || !statusHasBody(status) || opensTunnel(requestMethod, status)) return NO_BODY;
  if (!fields.has("transfer-encoding")) {
    return fields.has("content-length") ? lengthFraming(fields, true) : UNTIL_CLOSE;
  }
  if (version === "1.0") throw badCoding("HTTP/1.0 has no Transfer-Encoding");
  return codingsOf(fields).chunked ? CHUNKED : UNTIL_CLOSE;
}

/** Whether a final response with this status can have a body: not 1xx, 204, 304 (RFC 9110 §6.4.1). */
export function statusHasBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

/** Whether the connection may serve another exchange after a message with this head (RFC 9112 §9.3). */
export function isPersistent(head: RequestHead | ResponseHead): boolean {
  checkHead(head);
  return lasts(head);
}

/** {@linkcode isPersistent} of a head that a machine has read. */
export function lasts({ fields, version }: RequestHead | ResponseHead): boolean {
  if (!fields.has("connection")) return version === "1.1";
  if (fields.hasToken("connection", "close")) return false;
  return version === "1.1" || fields.hasToken("connection", "keep-alive");
}

function lengthFraming(fields: Fields, mergeLists: boolean): BodyFraming {
  if (!fields.has("content-length")) return NO_BODY;
  let bytes = -1;
  for (const line of fields.getAll("content-length")) {
    for (const value of mergeLists && line.includes(",") ? splitList(line, []) : [line]) {
      const length = parseLength(value);
      if (bytes !== -1 && bytes !== length) throw badLength("two values that differ");
      bytes = length;
    }
  }
  if (bytes === -1) throw badLength("no value");
  return { type: "length", bytes };
}

/**
 * Reads a length in bytes.
 *
 * @throws {ProtocolError} `bad-content-length`: not digits only, or above `Number.MAX_SAFE_INTEGER`.
 */
export function parseLength(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw badLength(quoted(text));
  const length = Number(text);
  if (!Number.isSafeInteger(length)) throw badLength(`${quoted(text)} is above 2^53 - 1`);
  return length;
}

/** The codings of all lines. An empty element is refused: readers disagree about whether the others still count. */
function codingsOf(fields: Fields): TransferCodings {
  const found = transferCodings(fields.getAll("transfer-encoding"));
  if (typeof found === "string") throw badCoding(found);
  if (found.sparse) throw badCoding("an empty element");
  return found;
}

function badLength(what: string): ProtocolError {
  return new ProtocolError("bad-content-length", `Cannot use Content-Length: ${what}`, "RFC 9112 §6.3");
}

function badCoding(why: string): ProtocolError {
  return new ProtocolError("bad-transfer-encoding", `Cannot use Transfer-Encoding: ${why}`, "RFC 9112 §6.1");
}
