/**
 * How an outgoing message is delimited, and which fields are added or left out for it (RFC 9112 §6.1–6.2).
 *
 * @module
 */

import { outOfRange, wrongType } from "../../bytes/arguments.ts";
import { equalsIgnoringCase, trimOws } from "../../bytes/ascii.ts";
import type { SendBuffer } from "../../bytes/send_buffer.ts";
import { StateError } from "../../errors/state_error.ts";
import { type Field, Fields, quoted, splitList } from "../../semantics/fields.ts";
import { type BodyFraming, CHUNKED, NO_BODY, parseLength, statusHasBody, UNTIL_CLOSE } from "./framing.ts";
import type { Http1Version } from "../../semantics/message.ts";
import { isAllowedTrailer } from "../../semantics/trailers.ts";
import { transferCodings } from "./transfer_coding.ts";
import { type NameCase, type SentFields, writeField } from "./write_head.ts";

/** The size of a body that is about to be sent: in bytes, `"unknown"` for a stream, `"none"` where there is no body. */
export type BodySize = number | "unknown" | "none";

/** Refuses what is no size of a body. */
export function checkBodySize(body: BodySize): void {
  if (body === "none" || body === "unknown") return;
  if (typeof body !== "number") throw wrongType("body", 'a number of bytes, "unknown" or "none"', body);
  if (!Number.isInteger(body) || body < 0) throw outOfRange("body", "a whole number of at least 0", body);
}

/** What to do with the fields that delimit a message. */
export interface SendFraming {
  /** How the body goes out. */
  readonly framing: BodyFraming;
  /** Whether the caller's Content-Length is left out. */
  readonly dropLength: boolean;
  /** Whether the caller's Transfer-Encoding is left out. */
  readonly dropCoding: boolean;
  /** A line to add, or `null`. */
  readonly add: Field | null;
}

/**
 * The framing of a request.
 *
 * @throws {StateError} `body-length`: Content-Length is no length or not that of the body, or the body cannot be
 * delimited; `upgrade-body`: content with CONNECT.
 */
export function requestSendFraming(
  method: string,
  version: Http1Version,
  body: BodySize,
  sent: SentFields,
): SendFraming {
  if (method === "CONNECT") {
    if (body !== "none" && body !== 0) throw new StateError("upgrade-body", "Cannot send content with CONNECT");
    return { framing: NO_BODY, dropLength: true, dropCoding: true, add: null };
  }
  if (body === "none" && sent.contentLength === null) return plain(NO_BODY, true);
  if (sent.transferEncoding !== null && version === "1.1") return codedFraming(sent.transferEncoding);
  if (sent.contentLength !== null) return givenLength(sent.contentLength, body === "none" ? 0 : body);
  if (body !== "unknown") return requestLength(method, body as number);
  if (version === "1.0") {
    throw new StateError("body-length", "Cannot send a body of unknown length, or trailers, with HTTP/1.0");
  }
  if (method === "GET" || method === "HEAD") {
    const what = "a stream, or trailers,";
    throw new StateError("body-length", `Cannot send ${what} with ${method} unless length or coding is given`);
  }
  return { ...plain(CHUNKED), add: ["transfer-encoding", "chunked"] };
}

function requestLength(method: string, bytes: number): SendFraming {
  const expected = bytes > 0 || method === "POST" || method === "PUT" || method === "PATCH";
  const add: Field | null = expected ? ["content-length", String(bytes)] : null;
  return { framing: { type: "length", bytes }, dropLength: false, dropCoding: true, add };
}

/**
 * The framing of a final response that switches nothing.
 *
 * @param peer The version of the request.
 * @throws {StateError} `body-length`: Content-Length is no length or not that of the body, or `chunked` is not the last
 * coding.
 */
export function responseSendFraming(
  method: string,
  status: number,
  peer: Http1Version,
  body: BodySize,
  sent: SentFields,
): SendFraming {
  if (status === 304 && sent.contentLength !== null) givenLength(sent.contentLength, "unknown");
  if (!statusHasBody(status)) return { framing: NO_BODY, dropLength: status !== 304, dropCoding: true, add: null };
  // It must not have content, and its length is asked for nevertheless (RFC 9110 §15.3.6).
  if (status === 205) {
    const given = sent.contentLength === "0";
    return { framing: NO_BODY, dropLength: !given, dropCoding: true, add: given ? null : lengthField(0) };
  }
  if (method === "HEAD") return headResponse(body, sent);
  if (sent.transferEncoding !== null && peer === "1.1") return codedFraming(sent.transferEncoding);
  const size = body === "none" ? 0 : body;
  if (sent.contentLength !== null) return givenLength(sent.contentLength, size);
  if (size !== "unknown") {
    return { framing: { type: "length", bytes: size }, dropLength: false, dropCoding: true, add: lengthField(size) };
  }
  if (peer === "1.0") return plain(UNTIL_CLOSE, true);
  return { ...plain(CHUNKED), add: ["transfer-encoding", "chunked"] };
}

function headResponse(body: BodySize, sent: SentFields): SendFraming {
  const known = typeof body === "number" && body > 0;
  if (sent.contentLength !== null) givenLength(sent.contentLength, known ? body : "unknown");
  const add = known && sent.contentLength === null ? lengthField(body) : null;
  return { framing: NO_BODY, dropLength: false, dropCoding: true, add };
}

function lengthField(bytes: number): Field {
  return ["content-length", String(bytes)];
}

function plain(framing: BodyFraming, dropCoding = false): SendFraming {
  return { framing, dropLength: false, dropCoding, add: null };
}

function codedFraming(given: string): SendFraming {
  const found = transferCodings([given]);
  if (typeof found === "string") {
    throw new StateError("body-length", `Cannot send Transfer-Encoding ${quoted(given)}: ${found}`);
  }
  const { codings, chunked, sparse } = found;
  if (!chunked && codings.some((coding) => equalsIgnoringCase(coding, "chunked"))) {
    throw new StateError("body-length", `Cannot send Transfer-Encoding ${quoted(given)}: chunked comes last`);
  }
  if (chunked && !sparse) return { framing: CHUNKED, dropLength: true, dropCoding: false, add: null };
  const repaired = chunked ? codings : [...codings, "chunked"];
  return { framing: CHUNKED, dropLength: true, dropCoding: true, add: ["transfer-encoding", repaired.join(", ")] };
}

function givenLength(given: string, body: number | "unknown"): SendFraming {
  let bytes: number;
  try {
    bytes = parseLength(trimOws(given));
  } catch (error) {
    throw new StateError("body-length", `Cannot send Content-Length ${JSON.stringify(given)}`, { cause: error });
  }
  if (body !== "unknown" && body !== bytes) {
    throw new StateError("body-length", `Cannot send a body of ${body} bytes with Content-Length ${bytes}`);
  }
  return { framing: { type: "length", bytes }, dropLength: false, dropCoding: true, add: null };
}

/**
 * Writes the caller's fields, but for those that `framing` leaves out, and the one that it adds.
 *
 * @param dropTrailer Whether Trailer is left out.
 * @throws {TypeError} A field cannot be sent.
 */
export function writeFramedFields(
  out: SendBuffer,
  fields: readonly Field[],
  framing: SendFraming,
  dropTrailer: boolean,
  nameCase: NameCase,
): void {
  const { dropLength, dropCoding, add } = framing;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!; // taking it apart as [name, value] would iterate
    const name = field[0];
    if (dropLength && equalsIgnoringCase(name, "content-length")) continue;
    if (dropCoding && equalsIgnoringCase(name, "transfer-encoding")) continue;
    if (dropTrailer && equalsIgnoringCase(name, "trailer")) continue;
    writeField(out, name, field[1], nameCase);
  }
  if (add !== null) writeField(out, add[0], add[1], nameCase);
}

/** Those of `trailers` that were announced in Trailer and may stand there (RFC 9110 §6.5.1, §6.6.2). */
export function announcedTrailers(trailers: Fields, announced: string | null): Fields | null {
  if (announced === null) return null;
  const names = new Set(splitList(announced.toLowerCase(), []));
  return fieldsOf([...trailers].filter(([name]) => isAllowedTrailer(name) && names.has(name.toLowerCase())));
}

/** Those of `trailers` that may stand there, announced or not. */
export function allowedTrailers(trailers: Fields): Fields | null {
  return fieldsOf([...trailers].filter(([name]) => isAllowedTrailer(name)));
}

function fieldsOf(lines: readonly Field[]): Fields | null {
  return lines.length === 0 ? null : new Fields(lines);
}
