/**
 * From field blocks to messages: RFC 9113 §8. What is malformed is an error of its stream.
 *
 * @module
 */

import { Http2Error } from "../../errors/http2_error.ts";
import { type Field, Fields } from "../../semantics/fields.ts";
import { isAllowedTrailer } from "../../semantics/trailers.ts";
import { type FieldKind, KIND, kindOf, whyMalformed, type Wrong } from "./field_kind.ts";
import type { FieldBlock } from "./hpack/decoder.ts";
import type { FieldLine } from "./hpack/field_line.ts";
import type { Http2RequestHead, Http2ResponseHead } from "./message.ts";
import { wrongRequest } from "./request_rules.ts";

/**
 * The head of a request.
 *
 * @param connectProtocol Whether our SETTINGS_ENABLE_CONNECT_PROTOCOL allows `:protocol` (RFC 8441 §3).
 * @throws {Http2Error} `protocol`, of the stream: it is malformed (RFC 9113 §8.1.1).
 */
export function readRequest(block: FieldBlock, streamId: number, connectProtocol: boolean): Http2RequestHead {
  const section = new Section(block, streamId, "request");
  const { method, scheme, authority, path, protocol, host } = section;
  if (method === null) throw malformed(NO_METHOD, streamId);
  if (protocol !== null && !connectProtocol) throw malformed(UNEXPECTED_PROTOCOL, streamId);
  const head: Http2RequestHead = {
    method: method.field[1],
    scheme: scheme === null ? null : schemeText(scheme.field[1]),
    authority: authority === null ? null : authority.field[1],
    path: path === null ? null : path.field[1],
    protocol: protocol === null ? null : protocol.field[1],
    fields: section.fields(),
    neverIndexed: block.neverIndexed,
  };
  if (section.hosts > 1) throw malformed(HOSTS, streamId);
  const wrong = wrongRequest(head, authority?.kind === KIND.authority, host === null ? null : host.field[1]);
  if (wrong !== null) throw malformed(wrong, streamId);
  return head;
}

function schemeText(scheme: string): string {
  return scheme === "https" || scheme === "http" ? scheme : scheme.toLowerCase();
}

/**
 * The head of a response, informational ones included.
 *
 * @throws {Http2Error} `protocol`, of the stream: it is malformed (RFC 9113 §8.1.1).
 */
export function readResponse(block: FieldBlock, streamId: number): Http2ResponseHead {
  const section = new Section(block, streamId, "response");
  if (section.status === null) throw malformed(NO_STATUS, streamId);
  return { status: Number(section.status.field[1]), fields: section.fields(), neverIndexed: block.neverIndexed };
}

/**
 * The fields behind a body. Those that mean nothing there are left out (RFC 9110 §6.5.1).
 *
 * @throws {Http2Error} `protocol`, of the stream: they are malformed (RFC 9113 §8.1).
 */
export function readTrailers(block: FieldBlock, streamId: number): Fields {
  const { pairs } = new Section(block, streamId, "trailers");
  return Fields.ofChecked(pairs.every(isAllowed) ? pairs : pairs.filter(isAllowed));
}

function isAllowed([name]: Field): boolean {
  return isAllowedTrailer(name);
}

/**
 * What `Content-Length` says; `null` without it. The same one several times counts once (RFC 9110 §8.6).
 *
 * @throws {Http2Error} `protocol`, of the stream: it is no number, above 2^53 - 1, or there are two that differ.
 */
export function contentLengthIn(fields: Fields, streamId: number): number | null {
  const text = fields.get("content-length");
  if (text === null) return null;
  let length = -1;
  for (const element of text.includes(",") ? text.split(/[ \t]*,[ \t]*/) : [text]) {
    const one = /^[0-9]+$/.test(element) ? Number(element) : NaN;
    if (!Number.isSafeInteger(one) || (length !== -1 && length !== one)) throw malformed(BAD_LENGTH, streamId);
    length = one;
  }
  return length;
}

/** A block whose lines are well formed, each of the pseudo-fields at most once, and in front of the others. */
class Section {
  method: FieldLine | null = null;
  scheme: FieldLine | null = null;
  authority: FieldLine | null = null;
  path: FieldLine | null = null;
  protocol: FieldLine | null = null;
  status: FieldLine | null = null;
  host: FieldLine | null = null;
  hosts = 0;
  readonly pairs: Field[] = [];
  /** A bit for each kind of pseudo-field that was there. */
  #seen = 0;
  #cookieAt = -1;

  constructor({ lines }: FieldBlock, streamId: number, of: "request" | "response" | "trailers") {
    let i = 0;
    for (; i < lines.length; i++) {
      const line = lines[i]!;
      const kind = kindOf(line);
      if (kind <= KIND.malformed) break;
      if (of !== (kind === KIND.status ? "response" : "request")) throw malformed(MISPLACED, streamId);
      this.#take(line, kind, streamId);
    }
    for (; i < lines.length; i++) this.#add(lines[i]!, streamId);
  }

  fields(): Fields {
    return Fields.ofChecked(this.pairs);
  }

  #take(line: FieldLine, kind: FieldKind, streamId: number): void {
    const bit = 1 << (kind === KIND.otherAuthority ? KIND.authority : kind);
    if ((this.#seen & bit) !== 0) throw malformed(TWICE, streamId);
    this.#seen |= bit;
    if (kind === KIND.method) this.method = line;
    else if (kind === KIND.scheme) this.scheme = line;
    else if (kind === KIND.path) this.path = line;
    else if (kind === KIND.protocol) this.protocol = line;
    else if (kind === KIND.status) this.status = line;
    else this.authority = line;
  }

  #add(line: FieldLine, streamId: number): void {
    const kind = kindOf(line);
    if (kind === KIND.plain) {
      this.pairs.push(line.field);
      return;
    }
    switch (kind) {
      case KIND.host:
        this.host = line;
        this.hosts++;
        this.pairs.push(line.field);
        return;
      case KIND.cookie:
        return this.#addCookie(line.field);
      case KIND.malformed:
        throw malformed(whyMalformed(line.field[0], line.field[1]), streamId);
      default:
        throw malformed(LATE, streamId);
    }
  }

  /** Several lines are one (RFC 9113 §8.2.3), at the place of the first. */
  #addCookie(cookie: Field): void {
    if (this.#cookieAt === -1) {
      this.#cookieAt = this.pairs.push(cookie) - 1;
      return;
    }
    const joined = `${this.pairs[this.#cookieAt]![1]}; ${cookie[1]}`;
    this.pairs[this.#cookieAt] = [cookie[0], joined];
  }
}

const NO_METHOD: Wrong = { why: "A request has no :method", rfc: "RFC 9113 §8.3.1" };
const NO_STATUS: Wrong = { why: "A response has no :status", rfc: "RFC 9113 §8.3.2" };
const UNEXPECTED_PROTOCOL: Wrong = { why: "A request has :protocol, which was not allowed", rfc: "RFC 8441 §3" };
const HOSTS: Wrong = { why: "A request has several Host fields", rfc: "RFC 9110 §7.2" };
const MISPLACED: Wrong = { why: "A pseudo-field is not for this kind of message", rfc: "RFC 9113 §8.3" };
const TWICE: Wrong = { why: "A pseudo-field comes twice", rfc: "RFC 9113 §8.3" };
const LATE: Wrong = { why: "A pseudo-field comes behind other fields", rfc: "RFC 9113 §8.3" };
const BAD_LENGTH: Wrong = { why: "Content-Length is not one number", rfc: "RFC 9113 §8.1.1" };

function malformed({ why, rfc }: Wrong, streamId: number): Http2Error {
  return new Http2Error("protocol", why, rfc, streamId);
}
