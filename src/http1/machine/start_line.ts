/**
 * The start line of a head, and the empty lines that may stand before it: RFC 9112 §2.2 to §4. `parse_head.ts` reads
 * request lines and status lines with it.
 *
 * Every byte is looked at once, however the input is cut. A part of the line becomes a string when it is complete.
 *
 * @module
 */

import { CLASSES, CR, DIGIT, isDigitByte, isReasonByte, LF, SP, TARGET, TOKEN } from "../../bytes/ascii.ts";
import { latin1 } from "../../bytes/latin1.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import type { Fields } from "../../semantics/fields.ts";
import type { Http1Version, RequestHead, ResponseHead } from "../../semantics/message.ts";
import { badLineEnd, isLineEnd, takeLf } from "./line_end.ts";
import type { Http1Limits, Leniency } from "./limits.ts";

/** The heads by the kind of message that they begin. */
export interface Heads {
  /** A request line and fields. */
  readonly request: RequestHead;
  /** A status line and fields. */
  readonly response: ResponseHead;
}

type Step =
  | "empty-lines"
  | "method"
  | "target"
  | "version"
  | "status"
  | "before-reason"
  | "reason"
  | "line-end"
  | "over";

/** Stands for a digit. */
const ANY_DIGIT = 0;
/** `HTTP/1.1`, with any digits. */
const VERSION: readonly number[] = [0x48, 0x54, 0x54, 0x50, 0x2f, ANY_DIGIT, 0x2e, ANY_DIGIT];
const HTTP2_PREFACE_START = "PRI * ";

/** Reads one start line after the other. Offsets are relative to where the head begins: the memory may move meanwhile. */
export class StartLine<Kind extends keyof Heads> {
  /** How many bytes were looked at; once the line is over, its length with the empty lines before it. */
  length = 0;
  readonly #kind: Kind;
  readonly #limits: Http1Limits;
  readonly #leniency: Leniency;
  /** Whether more than one space may stand between the parts. */
  readonly #spareSpaces: boolean;
  readonly #first: Step;
  #step: Step;
  /** Where the part at hand begins. */
  #mark = 0;
  #emptyLines = 0;
  #method = "";
  #target = "";
  #version: Http1Version = "1.1";
  #status = 0;
  #reason = "";

  /** Makes a reader for lines of one kind. */
  constructor(kind: Kind, limits: Http1Limits, leniency: Leniency) {
    this.#kind = kind;
    this.#limits = limits;
    this.#leniency = leniency;
    this.#spareSpaces = leniency.multipleSpaces === true;
    this.#first = kind === "request" || leniency.emptyLineBeforeResponse === true ? "empty-lines" : "version";
    this.#step = this.#first;
  }

  /** Whether a byte of the line has been seen. An empty line before it does not count. */
  get begun(): boolean {
    return this.length > 0 && this.#step !== "empty-lines";
  }

  /** Whether the line is complete. */
  get over(): boolean {
    return this.#step === "over";
  }

  /** Forgets the line that was read and waits for the next one. */
  reset(): void {
    this.#step = this.#first;
    this.length = this.#mark = this.#emptyLines = 0;
  }

  /** Looks at the bytes that are new since the last call, as `HeadParser.parse()` does. Returns whether the line is over. */
  parse(bytes: Uint8Array, from: number, to: number): boolean {
    let i = from + this.length;
    while (i < to && this.#step !== "over") {
      switch (this.#step) {
        case "empty-lines":
          i = this.#emptyLine(bytes, i, from);
          break;
        case "method":
          i = this.#readMethod(bytes, i, to, from);
          break;
        case "target":
          i = this.#readTarget(bytes, i, to, from);
          break;
        case "version":
          i = this.#readVersion(bytes, i, to, from);
          break;
        case "status":
          i = this.#readStatus(bytes, i, to, from);
          break;
        case "before-reason":
          i = this.#beforeReason(bytes[i]!, i, from);
          break;
        case "reason":
          i = this.#readReason(bytes, i, to, from);
          break;
        case "line-end":
          takeLf(bytes[i]!);
          i++;
          this.#step = "over";
          break;
        default:
          this.#step satisfies never;
      }
    }
    this.length = i - from;
    return this.#step === "over";
  }

  /** The head that a complete line begins. */
  head(fields: Fields): Heads[Kind] {
    const version = this.#version;
    const head: RequestHead | ResponseHead = this.#kind === "request"
      ? { method: this.#method, target: this.#target, version, fields }
      : { status: this.#status, reason: this.#reason, version, fields };
    return head as Heads[Kind];
  }

  /** The error for a head that is over its limit before the line is complete. */
  tooLarge(): ProtocolError {
    return this.#step === "target" ? targetTooLong() : headTooLarge();
  }

  #emptyLine(bytes: Uint8Array, i: number, from: number): number {
    const byte = bytes[i]!;
    const behindCr = i > from && bytes[i - 1] === CR;
    if (byte === LF && (behindCr || this.#leniency.bareLf === true)) {
      if (++this.#emptyLines > this.#limits.maxLeadingEmptyLines) {
        throw badLineEnd("too many empty lines before a start line");
      }
      return i + 1;
    }
    if (behindCr) throw badLineEnd("a CR that no LF follows");
    if (byte === CR) return i + 1;
    this.#mark = i - from;
    this.#step = this.#kind === "request" ? "method" : "version";
    return i;
  }

  #readMethod(bytes: Uint8Array, start: number, to: number, from: number): number {
    const begin = from + this.#mark;
    const { maxMethodBytes } = this.#limits;
    const cap = Math.min(to, begin + maxMethodBytes + 1);
    let i = start;
    while (i < cap && (CLASSES[bytes[i]!]! & TOKEN) !== 0) i++;
    if (i - begin > maxMethodBytes) {
      throw new ProtocolError("method-too-long", "Cannot read a method that long", "RFC 9112 §3", 501);
    }
    if (i === to) return i;
    if (bytes[i] !== SP || i === begin) {
      throw new ProtocolError("bad-method", "Cannot read the method: it is not a token and a space", "RFC 9112 §3.1");
    }
    this.#method = methodText(bytes, begin, i);
    return this.#begin("target", i + 1, from);
  }

  #readTarget(bytes: Uint8Array, start: number, to: number, from: number): number {
    const begin = from + this.#mark;
    if (this.#spareSpaces && this.#isSpareSpace(bytes, start, begin)) return this.#begin("target", start + 1, from);
    const { maxTargetBytes } = this.#limits;
    const cap = Math.min(to, begin + maxTargetBytes + 1);
    let i = start;
    while (i < cap && (CLASSES[bytes[i]!]! & TARGET) !== 0) i++;
    if (i - begin > maxTargetBytes) throw targetTooLong();
    if (i === to) return i;
    if (bytes[i] !== SP || i === begin) {
      throw new ProtocolError("bad-target", "Cannot read the request-target", "RFC 9112 §3.2");
    }
    this.#target = latin1(bytes, begin, i);
    return this.#begin("version", i + 1, from);
  }

  #readVersion(bytes: Uint8Array, start: number, to: number, from: number): number {
    const begin = from + this.#mark;
    const last = this.#kind === "request";
    if (last && this.#spareSpaces && this.#isSpareSpace(bytes, start, begin)) {
      return this.#begin("version", start + 1, from);
    }
    let i = start;
    for (; i < to && i < begin + VERSION.length; i++) {
      const wanted = VERSION[i - begin]!;
      const matches = wanted === ANY_DIGIT ? (CLASSES[bytes[i]!]! & DIGIT) !== 0 : bytes[i] === wanted;
      if (!matches) throw badVersion("it is not HTTP/ and two digits");
    }
    if (i === to) return i;
    this.#version = this.#knownVersion(bytes, begin, from);
    if (last ? !isLineEnd(bytes[i]!, this.#leniency) : bytes[i] !== SP) throw badVersion("something follows it");
    if (!last) return this.#begin("status", i + 1, from);
    this.#step = bytes[i] === CR ? "line-end" : "over";
    return i + 1;
  }

  #knownVersion(bytes: Uint8Array, begin: number, from: number): Http1Version {
    const major = bytes[begin + 5]! - 0x30;
    const minor = bytes[begin + 7]! - 0x30;
    if (major === 1 && minor <= 1) return minor === 1 ? "1.1" : "1.0";
    if (major === 1) throw badVersion("1.0 and 1.1 are known");
    if (major === 2 && this.#kind === "request" && latin1(bytes, from, begin) === HTTP2_PREFACE_START) {
      throw new ProtocolError("http2-preface", "Cannot serve HTTP/2: its preface came", "RFC 9113 §3.4", 505);
    }
    throw new ProtocolError("bad-version", "Cannot speak this major version", "RFC 9110 §15.6.6", 505);
  }

  #readStatus(bytes: Uint8Array, start: number, to: number, from: number): number {
    const begin = from + this.#mark;
    if (this.#spareSpaces && this.#isSpareSpace(bytes, start, begin)) return this.#begin("status", start + 1, from);
    let i = start;
    for (; i < to && i < begin + 3; i++) {
      if (!isDigitByte(bytes[i]!)) throw badStatus("a status code has three digits");
    }
    if (i < begin + 3) return i;
    const [hundreds, tens, ones] = [bytes[begin]! - 0x30, bytes[begin + 1]! - 0x30, bytes[begin + 2]! - 0x30];
    if (hundreds === 0) throw badStatus("it is below 100");
    this.#status = hundreds * 100 + tens * 10 + ones;
    this.#step = "before-reason";
    return i;
  }

  /** The space behind the status may be missing where no reason follows. */
  #beforeReason(byte: number, i: number, from: number): number {
    if (byte !== SP && byte !== CR && byte !== LF) throw badStatus("a status code has three digits");
    return this.#begin("reason", byte === SP ? i + 1 : i, from);
  }

  #readReason(bytes: Uint8Array, start: number, to: number, from: number): number {
    let i = start;
    while (i < to && isReasonByte(bytes[i]!)) i++;
    if (i === to) return i;
    if (!isLineEnd(bytes[i]!, this.#leniency)) {
      throw new ProtocolError("bad-reason", "Cannot read the reason phrase: a control character", "RFC 9112 §4");
    }
    this.#step = bytes[i] === CR ? "line-end" : "over";
    this.#reason = latin1(bytes, from + this.#mark, i);
    return i + 1;
  }

  /** Goes on to the part of the line that begins at `i`. */
  #begin(step: Step, i: number, from: number): number {
    this.#step = step;
    this.#mark = i - from;
    return i;
  }

  /** Whether this is one space more than the grammar allows, before a part of the line. */
  #isSpareSpace(bytes: Uint8Array, i: number, begin: number): boolean {
    return i === begin && bytes[i] === SP;
  }
}

function methodText(bytes: Uint8Array, start: number, end: number): string {
  const first = bytes[start]!;
  if (end - start === 3 && first === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) return "GET";
  return latin1(bytes, start, end);
}

function badVersion(why: string): ProtocolError {
  return new ProtocolError("bad-version", `Cannot read the version: ${why}`, "RFC 9112 §2.3");
}

function badStatus(why: string): ProtocolError {
  return new ProtocolError("bad-status", `Cannot read the status: ${why}`, "RFC 9112 §4");
}

function targetTooLong(): ProtocolError {
  return new ProtocolError("target-too-long", "Cannot take a request-target that long", "RFC 9112 §3", 414);
}

/** The error for a head that is over its limit. */
export function headTooLarge(): ProtocolError {
  return new ProtocolError("head-too-large", "Cannot take a head that large", "RFC 9110 §5.4", 431);
}
