/**
 * Bytes to heads: RFC 9112 §2–5, one step per grammar rule.
 *
 * Incremental and linear: every byte is looked at once however the input is cut, an error is raised at the first byte
 * that makes the head impossible, and the verdict does not depend on where the cuts are.
 *
 * Knows the grammar only; what the fields mean is decided in `framing.ts` and `switching.ts`.
 *
 * @module
 */

import {
  COLON,
  CR,
  isDigitByte,
  isFieldContentByte,
  isOws,
  isReasonByte,
  isTargetByte,
  isTokenByte,
  LF,
  SP,
  trimOws,
} from "../../bytes/ascii.ts";
import { latin1 } from "../../bytes/latin1.ts";
import { ProtocolError, type ProtocolErrorCode } from "../../errors/protocol_error.ts";
import { Fields } from "../../semantics/fields.ts";
import type { Http1Limits, Leniency } from "./limits.ts";
import type { RequestHead, ResponseHead, Version } from "../../semantics/message.ts";

/** What kind of section is read: a head of either kind, or the trailer section behind a chunked body. */
export type HeadKind = "request" | "response" | "trailers";

type Step =
  | "leading"
  | "method"
  | "target"
  | "request-version"
  | "status-version"
  | "status"
  | "before-reason"
  | "reason"
  | "start-line-end"
  | "field-start"
  | "field-name"
  | "before-colon"
  | "before-value"
  | "value"
  | "value-end"
  | "skip-line"
  | "section-end";

const VERSION_LENGTH = 8;

/** Reads one head after the other. Offsets are relative to where the head begins, so the memory may move in between. */
export class HeadParser {
  readonly #kind: HeadKind;
  readonly #leniency: Leniency;
  readonly #maxBytes: number;
  readonly #maxFields: number;
  readonly #limits: Http1Limits;
  #step: Step;
  #at = 0;
  #mark = 0;
  #emptyLines = 0;
  #skipped = false;
  #startLine: number[] = [];
  #offsets: number[] = [];
  #lengths = 0;

  /**
   * Makes a parser.
   *
   * @param kind What to read.
   * @param limits How much of it.
   * @param leniency What to let pass.
   */
  constructor(kind: HeadKind, limits: Http1Limits, leniency: Leniency) {
    this.#kind = kind;
    this.#limits = limits;
    this.#leniency = leniency;
    this.#maxBytes = kind === "trailers" ? limits.maxTrailerBytes : limits.maxHeadBytes;
    this.#maxFields = kind === "trailers" ? limits.maxTrailers : limits.maxFields;
    this.#step = this.#firstStep();
  }

  /** Whether a byte of the head that comes next has been seen (an empty line before it does not count). */
  get begun(): boolean {
    return this.#at > 0 && this.#step !== "leading";
  }

  /** Forgets the head that was read and waits for the next one. */
  reset(): void {
    this.#step = this.#firstStep();
    this.#at = this.#mark = this.#emptyLines = 0;
    this.#startLine = [];
    this.#offsets = [];
    this.#lengths = 0;
    this.#skipped = false;
  }

  /**
   * Looks at the bytes that are new since the last call.
   *
   * @param bytes Memory that holds the head from `from` on.
   * @param from Where the head begins; the same byte at every call until the head is complete.
   * @param to Behind the last received byte.
   * @returns The offset behind the head, or -1 when more bytes are needed.
   * @throws {ProtocolError} The head is malformed or over a limit.
   */
  parse(bytes: Uint8Array, from: number, to: number): number {
    const end = Math.min(to, from + this.#maxBytes);
    let i = from + this.#at;
    while (i < end) {
      const byte = bytes[i]!;
      switch (this.#step) {
        case "leading":
          i = this.#leading(bytes, i, from);
          break;
        case "method":
          i = this.#method(bytes, i, end, from);
          break;
        case "target":
          i = this.#target(bytes, i, end, from);
          break;
        case "request-version":
          i = this.#version(bytes, i, end, from);
          break;
        case "status-version":
          i = this.#statusVersion(bytes, i, end, from);
          break;
        case "status":
          i = this.#status(bytes, i, end, from);
          break;
        case "before-reason":
          if (byte !== SP && byte !== CR && byte !== LF) throw badStatus("a status code has three digits");
          if (byte === SP) i++;
          this.#mark = i - from;
          this.#step = "reason";
          break;
        case "reason":
          i = this.#reason(bytes, i, end, from);
          break;
        case "start-line-end":
        case "value-end":
          if (byte !== LF) throw lineEnd("a CR that no LF follows");
          i++;
          this.#step = "field-start";
          break;
        case "field-start":
          i = this.#fieldStart(bytes, i, from);
          break;
        case "field-name":
          i = this.#fieldName(bytes, i, end, from);
          break;
        case "before-colon":
          while (i < end && isOws(bytes[i]!)) i++;
          if (i === end) break;
          if (bytes[i] !== COLON) {
            i = this.#badField(i, "bad-field-name", "white space inside a field name");
            break;
          }
          i++;
          this.#step = "before-value";
          break;
        case "before-value":
          while (i < end && isOws(bytes[i]!)) i++;
          if (i === end) break;
          this.#offsets.push(i - from, i - from);
          this.#step = "value";
          break;
        case "value":
          i = this.#value(bytes, i, end, from);
          break;
        case "skip-line":
          i = this.#skipLine(bytes, i, end);
          break;
        case "section-end":
          if (byte !== LF) throw lineEnd("a CR that no LF follows");
          return i + 1;
        default:
          this.#step satisfies never;
      }
      if (i < 0) return -i;
    }
    this.#at = i - from;
    if (this.#at >= this.#maxBytes) throw this.#tooLarge();
    return -1;
  }

  /** The request whose head `[from, end)` was found complete. The parser stays as it is until `reset()`. */
  requestHead(bytes: Uint8Array, from: number, end: number): RequestHead {
    const [methodStart, methodEnd, targetStart, targetEnd, version] = this.#startLine as [
      number,
      number,
      number,
      number,
      number,
    ];
    return {
      method: methodText(bytes, from + methodStart, from + methodEnd),
      target: latin1(bytes, from + targetStart, from + targetEnd),
      version: versionOf(version),
      fields: this.#fields(bytes, from, end),
    };
  }

  /** The response whose head `[from, end)` was found complete. */
  responseHead(bytes: Uint8Array, from: number, end: number): ResponseHead {
    const [version, status, reasonStart, reasonEnd] = this.#startLine as [number, number, number, number];
    return {
      status,
      reason: latin1(bytes, from + reasonStart, from + reasonEnd),
      version: versionOf(version),
      fields: this.#fields(bytes, from, end),
    };
  }

  /** The trailer section `[from, end)` that was found complete. */
  trailers(bytes: Uint8Array, from: number, end: number): Fields {
    return this.#fields(bytes, from, end);
  }

  #fields(bytes: Uint8Array, from: number, end: number): Fields {
    const head = bytes.subarray(from, end);
    if (!this.#foldable) return Fields.fromWire(head, this.#offsets, this.#lengths);
    return unfolded(head, this.#offsets);
  }

  get #foldable(): boolean {
    return this.#leniency.obsoleteFold === true && this.#kind === "response";
  }

  #firstStep(): Step {
    if (this.#kind === "request") return "leading";
    if (this.#kind === "trailers") return "field-start";
    return this.#leniency.emptyLineBeforeResponse === true ? "leading" : "status-version";
  }

  #leading(bytes: Uint8Array, i: number, from: number): number {
    const byte = bytes[i]!;
    if (byte === CR || (byte === LF && (this.#leniency.bareLf || (i > from && bytes[i - 1] === CR)))) {
      if (byte === CR && i > from && bytes[i - 1] === CR) throw lineEnd("a CR that no LF follows");
      if (byte === LF && ++this.#emptyLines > this.#limits.maxLeadingEmptyLines) {
        throw lineEnd("too many empty lines before a start line");
      }
      return i + 1;
    }
    if (i > from && bytes[i - 1] === CR) throw lineEnd("a CR that no LF follows");
    this.#mark = i - from;
    this.#step = this.#kind === "request" ? "method" : "status-version";
    return i;
  }

  #method(bytes: Uint8Array, start: number, end: number, from: number): number {
    let i = start;
    const cap = Math.min(end, from + this.#mark + this.#limits.maxMethodBytes + 1);
    while (i < cap && isTokenByte(bytes[i]!)) i++;
    const length = i - from - this.#mark;
    if (length > this.#limits.maxMethodBytes) {
      throw new ProtocolError("method-too-long", "Cannot read a method that long", "RFC 9112 §3", 501);
    }
    if (i === end) return i;
    if (bytes[i] !== SP || length === 0) {
      throw new ProtocolError("bad-method", "Cannot read the method: it is not a token and a space", "RFC 9112 §3.1");
    }
    this.#startLine.push(this.#mark, i - from);
    this.#mark = i + 1 - from;
    this.#step = "target";
    return i + 1;
  }

  #target(bytes: Uint8Array, start: number, end: number, from: number): number {
    let i = start;
    if (this.#leniency.multipleSpaces && i - from === this.#mark && bytes[i] === SP) {
      this.#mark++;
      return i + 1;
    }
    const cap = Math.min(end, from + this.#mark + this.#limits.maxTargetBytes + 1);
    while (i < cap && isTargetByte(bytes[i]!)) i++;
    const length = i - from - this.#mark;
    if (length > this.#limits.maxTargetBytes) throw targetTooLong();
    if (i === end) return i;
    if (bytes[i] !== SP || length === 0) {
      throw new ProtocolError("bad-target", "Cannot read the request-target", "RFC 9112 §3.2");
    }
    this.#startLine.push(this.#mark, i - from);
    this.#mark = i + 1 - from;
    this.#step = "request-version";
    return i + 1;
  }

  #version(bytes: Uint8Array, start: number, end: number, from: number): number {
    const base = from + this.#mark;
    let i = start;
    if (this.#leniency.multipleSpaces && i === base && bytes[i] === SP) {
      this.#mark++;
      return i + 1;
    }
    for (; i < end && i < base + VERSION_LENGTH; i++) checkVersionByte(bytes[i]!, i - base);
    if (i === end) return i;
    const version = this.#knownVersion(bytes, base);
    this.#startLine.push(version);
    if (bytes[i] === CR) this.#step = "start-line-end";
    else if (bytes[i] === LF && this.#leniency.bareLf) this.#step = "field-start";
    else if (bytes[i] === LF) throw lineEnd("a lone LF");
    else throw badVersion("something follows it");
    return i + 1;
  }

  #knownVersion(bytes: Uint8Array, base: number): number {
    const major = bytes[base + 5]! - 0x30;
    const minor = bytes[base + 7]! - 0x30;
    if (major === 1 && minor <= 1) return minor;
    if (major === 1) throw badVersion("1.0 and 1.1 are known");
    if (major === 2 && this.#kind === "request" && latin1(bytes, base - this.#mark, base) === "PRI * ") {
      throw new ProtocolError("http2-preface", "Cannot serve HTTP/2: its preface came", "RFC 9113 §3.4", 505);
    }
    throw new ProtocolError("bad-version", "Cannot speak this major version", "RFC 9110 §15.6.6", 505);
  }

  #statusVersion(bytes: Uint8Array, start: number, end: number, from: number): number {
    const base = from + this.#mark;
    let i = start;
    for (; i < end && i < base + VERSION_LENGTH; i++) checkVersionByte(bytes[i]!, i - base);
    if (i === end) return i;
    const version = this.#knownVersion(bytes, base);
    if (bytes[i] !== SP) throw badVersion("something follows it");
    this.#startLine.push(version);
    this.#mark = i + 1 - from;
    this.#step = "status";
    return i + 1;
  }

  #status(bytes: Uint8Array, start: number, end: number, from: number): number {
    let i = start;
    if (this.#leniency.multipleSpaces && i - from === this.#mark && bytes[i] === SP) {
      this.#mark++;
      return i + 1;
    }
    const base = from + this.#mark;
    for (; i < end && i < base + 3; i++) {
      if (!isDigitByte(bytes[i]!)) throw badStatus("a status code has three digits");
    }
    if (i < base + 3) return i;
    const status = (bytes[base]! - 0x30) * 100 + (bytes[base + 1]! - 0x30) * 10 + (bytes[base + 2]! - 0x30);
    if (status < 100) throw badStatus("it is below 100");
    this.#startLine.push(status);
    this.#step = "before-reason";
    return i;
  }

  #reason(bytes: Uint8Array, start: number, end: number, from: number): number {
    let i = start;
    while (i < end && isReasonByte(bytes[i]!)) i++;
    if (i === end) return i;
    this.#startLine.push(this.#mark, i - from);
    if (bytes[i] === CR) this.#step = "start-line-end";
    else if (bytes[i] === LF && this.#leniency.bareLf) this.#step = "field-start";
    else if (bytes[i] === LF) throw lineEnd("a lone LF");
    else throw new ProtocolError("bad-reason", "Cannot read the reason phrase: a control character", "RFC 9112 §4");
    return i + 1;
  }

  #fieldStart(bytes: Uint8Array, i: number, from: number): number {
    const byte = bytes[i]!;
    if (byte === CR) {
      this.#step = "section-end";
      return i + 1;
    }
    if (byte === LF && this.#leniency.bareLf) return -(i + 1);
    if (byte === LF) throw lineEnd("a lone LF");
    if (isOws(byte)) return this.#fold(i);
    if (this.#offsets.length >> 2 >= this.#maxFields) {
      throw new ProtocolError(
        "too-many-fields",
        `Cannot take more than ${this.#maxFields} field lines`,
        "RFC 9110 §5.4",
        431,
      );
    }
    this.#offsets.push(i - from);
    this.#skipped = false;
    this.#step = "field-name";
    return i;
  }

  /** A line that begins with white space continues the one before: a value, whose end is taken back, or a skipped one. */
  #fold(i: number): number {
    if (this.#offsets.length === 0 && !this.#skipped) {
      throw new ProtocolError(
        "bad-field-name",
        "Cannot read a field line that begins with white space",
        "RFC 9112 §2.2",
      );
    }
    if (!this.#foldable) {
      throw new ProtocolError("obsolete-fold", "Cannot read a folded field line", "RFC 9112 §5.2");
    }
    this.#step = this.#skipped ? "skip-line" : "value";
    return i;
  }

  #fieldName(bytes: Uint8Array, start: number, end: number, from: number): number {
    let i = start;
    while (i < end && isTokenByte(bytes[i]!)) i++;
    if (i === end) return i;
    const byte = bytes[i]!;
    const begin = this.#offsets[this.#offsets.length - 1]!;
    if (i - from === begin) return this.#badField(i, "bad-field-name", "a field line without a name");
    this.#lengths |= 1 << ((i - from - begin) & 31);
    if (byte === COLON) {
      this.#offsets.push(i - from);
      this.#step = "before-value";
      return i + 1;
    }
    if (isOws(byte) && this.#leniency.spaceBeforeColon && this.#kind === "response") {
      this.#offsets.push(i - from);
      this.#step = "before-colon";
      return i + 1;
    }
    if (isOws(byte)) return this.#badField(i, "bad-field-name", "white space before the colon");
    return this.#badField(i, "bad-field-name", "a character that is not of a token");
  }

  #value(bytes: Uint8Array, start: number, end: number, from: number): number {
    let i = start;
    while (i < end && isFieldContentByte(bytes[i]!)) i++;
    if (i === end) return i;
    const byte = bytes[i]!;
    const begin = this.#offsets[this.#offsets.length - 2]!;
    if (byte === CR) this.#step = "value-end";
    else if (byte === LF && this.#leniency.bareLf) this.#step = "field-start";
    else if (byte === LF) throw lineEnd("a lone LF");
    else return this.#badField(i, "bad-field-value", "a control character in a field value");
    let last = i - from;
    while (last > begin && isOws(bytes[from + last - 1]!)) last--;
    this.#offsets[this.#offsets.length - 1] = last;
    return i + 1;
  }

  #badField(i: number, code: ProtocolErrorCode, what: string): number {
    if (this.#leniency.invalidFields !== true) {
      throw new ProtocolError(code, `Cannot read the fields: ${what}`, "RFC 9112 §5.1");
    }
    this.#offsets.length -= this.#offsets.length % 4 === 0 ? 4 : this.#offsets.length % 4;
    this.#skipped = true;
    this.#step = "skip-line";
    return i;
  }

  #skipLine(bytes: Uint8Array, start: number, end: number): number {
    let i = start;
    while (i < end && bytes[i] !== CR && bytes[i] !== LF && bytes[i] !== 0) i++;
    if (i === end) return i;
    if (bytes[i] === CR) this.#step = "value-end";
    else if (bytes[i] === LF && this.#leniency.bareLf) this.#step = "field-start";
    else throw lineEnd(bytes[i] === 0 ? "a NUL" : "a lone LF");
    return i + 1;
  }

  #tooLarge(): ProtocolError {
    if (this.#step === "target") return targetTooLong();
    if (this.#kind === "trailers") {
      return new ProtocolError(
        "trailers-too-large",
        "Cannot take a trailer section that large",
        "RFC 9112 §7.1.2",
        431,
      );
    }
    return new ProtocolError("head-too-large", "Cannot take a head that large", "RFC 9110 §5.4", 431);
  }
}

function versionOf(minor: number): Version {
  return minor === 1 ? "1.1" : "1.0";
}

function methodText(bytes: Uint8Array, start: number, end: number): string {
  const first = bytes[start]!;
  if (end - start === 3 && first === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) return "GET";
  return latin1(bytes, start, end);
}

function checkVersionByte(byte: number, index: number): void {
  const matches = index === 5 || index === 7 ? isDigitByte(byte) : byte === "HTTP/ . ".charCodeAt(index);
  if (!matches) throw badVersion("it is not HTTP/ and two digits");
}

function badVersion(why: string): ProtocolError {
  return new ProtocolError("bad-version", `Cannot read the version: ${why}`, "RFC 9112 §2.3");
}

function badStatus(why: string): ProtocolError {
  return new ProtocolError("bad-status", `Cannot read the status: ${why}`, "RFC 9112 §4");
}

function lineEnd(what: string): ProtocolError {
  return new ProtocolError("bad-line-end", `Cannot read the head: ${what}`, "RFC 9112 §2.2");
}

function targetTooLong(): ProtocolError {
  return new ProtocolError("target-too-long", "Cannot take a request-target that long", "RFC 9112 §3", 414);
}

/** Fields whose values may span lines: line breaks with the white space around them become one space. */
function unfolded(head: Uint8Array, offsets: readonly number[]): Fields {
  const pairs: [string, string][] = [];
  for (let o = 0; o < offsets.length; o += 4) {
    const lines = latin1(head, offsets[o + 2]!, offsets[o + 3]!).split(/\r?\n/).map(trimOws);
    pairs.push([latin1(head, offsets[o]!, offsets[o + 1]!), lines.filter((line) => line !== "").join(" ")]);
  }
  return new Fields(pairs);
}
