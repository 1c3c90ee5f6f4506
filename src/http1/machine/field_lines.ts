/**
 * The field lines of a head or of a trailer section, up to the empty line that ends them: RFC 9112 §5 and §7.1.2.
 * `parse_head.ts` reads the fields of heads with it, `read_body.ts` the trailers.
 *
 * Every byte is looked at once, however the input is cut. What the fields mean is decided elsewhere.
 *
 * @module
 */

import { badLineEnd, isLineEnd, takeLf } from "./line_end.ts";
import { CLASSES, COLON, CR, FIELD_CONTENT, HTAB, isOws, LF, SP, TOKEN, trimOws } from "../../bytes/ascii.ts";
import { ProtocolError, type ProtocolErrorCode } from "../../errors/protocol_error.ts";
import { FieldIndex } from "../../semantics/field_index.ts";
import { type Field, Fields } from "../../semantics/fields.ts";
import type { Leniency } from "./limits.ts";

/** Where field lines stand: some leniencies are for responses only. */
export type SectionKind = "request" | "response" | "trailers";

type Step =
  | "line-start"
  | "name"
  | "before-colon"
  | "before-value"
  | "value"
  | "line-end"
  | "skipped-line"
  | "section-end"
  | "over";

/** Reads one section after the other. Offsets are relative to where the section begins: the memory may move meanwhile. */
export class FieldLines {
  readonly #leniency: Leniency;
  readonly #maxLines: number;
  readonly #folds: boolean;
  readonly #spaceBeforeColon: boolean;
  #step: Step = "line-start";
  #at = 0;
  #index = new FieldIndex();
  #nameStart = 0;
  #nameEnd = 0;
  #valueStart = 0;
  /** Whether the line that was read last is left out (`invalidFields`). */
  #skipped = false;

  /** Makes a reader of at most `maxLines` lines a section. */
  constructor(kind: SectionKind, maxLines: number, leniency: Leniency) {
    this.#leniency = leniency;
    this.#maxLines = maxLines;
    this.#folds = kind === "response" && leniency.obsoleteFold === true;
    this.#spaceBeforeColon = kind === "response" && leniency.spaceBeforeColon === true;
  }

  /** Forgets the section that was read and waits for the next one. */
  reset(): void {
    this.#step = "line-start";
    this.#at = 0;
    this.#index = new FieldIndex();
    this.#skipped = false;
  }

  /** Looks at the bytes that are new since the last call, as `HeadParser.parse()` does. */
  parse(bytes: Uint8Array, from: number, to: number): number {
    let i = from + this.#at;
    while (i < to && this.#step !== "over") {
      switch (this.#step) {
        case "line-start":
          i = this.#lineStart(bytes[i]!, i, from);
          break;
        case "name":
          i = this.#name(bytes, i, to, from);
          break;
        case "before-colon":
          i = this.#beforeColon(bytes, i, to);
          break;
        case "before-value":
          while (i < to && (bytes[i] === SP || bytes[i] === HTAB)) i++;
          if (i === to) break;
          this.#valueStart = i - from;
          this.#step = "value";
          break;
        case "value":
          i = this.#value(bytes, i, to, from);
          break;
        case "line-end":
          takeLf(bytes[i]!);
          i++;
          this.#step = "line-start";
          break;
        case "skipped-line":
          i = this.#skippedLine(bytes, i, to);
          break;
        case "section-end":
          takeLf(bytes[i]!);
          i++;
          this.#step = "over";
          break;
        default:
          this.#step satisfies never;
      }
    }
    this.#at = i - from;
    return this.#step === "over" ? i : -1;
  }

  /**
   * The fields of a section that is complete.
   *
   * @param section The bytes of the section; never to be written again.
   */
  fields(section: Uint8Array): Fields {
    return this.#folds ? unfolded(section, this.#index) : Fields.fromWire(section, this.#index);
  }

  #lineStart(byte: number, i: number, from: number): number {
    if (isLineEnd(byte, this.#leniency)) {
      this.#step = byte === CR ? "section-end" : "over";
      return i + 1;
    }
    if (byte === SP || byte === HTAB) return this.#fold(i);
    if (this.#index.size >= this.#maxLines) {
      const message = `Cannot take more than ${this.#maxLines} field lines`;
      throw new ProtocolError("too-many-fields", message, "RFC 9110 §5.4", 431);
    }
    this.#nameStart = i - from;
    this.#skipped = false;
    this.#step = "name";
    return i;
  }

  /** A line that begins with white space continues the line before it: the value goes on, or the skipped line does. */
  #fold(i: number): number {
    if (this.#index.size === 0 && !this.#skipped) {
      const message = "Cannot read a field line that begins with white space";
      throw new ProtocolError("bad-field-name", message, "RFC 9112 §2.2");
    }
    if (!this.#folds) throw new ProtocolError("obsolete-fold", "Cannot read a folded field line", "RFC 9112 §5.2");
    if (!this.#skipped) this.#index.removeLast();
    this.#step = this.#skipped ? "skipped-line" : "value";
    return i;
  }

  #name(bytes: Uint8Array, start: number, to: number, from: number): number {
    let i = start;
    while (i < to && (CLASSES[bytes[i]!]! & TOKEN) !== 0) i++;
    if (i === to) return i;
    const byte = bytes[i]!;
    if (i - from === this.#nameStart) return this.#badField(i, "bad-field-name", "a field line without a name");
    this.#nameEnd = i - from;
    if (byte === COLON) this.#step = "before-value";
    else if (!isOws(byte)) return this.#badField(i, "bad-field-name", "a character that is not of a token");
    else if (this.#spaceBeforeColon) this.#step = "before-colon";
    else return this.#badField(i, "bad-field-name", "white space before the colon");
    return i + 1;
  }

  #beforeColon(bytes: Uint8Array, start: number, to: number): number {
    let i = start;
    while (i < to && isOws(bytes[i]!)) i++;
    if (i === to) return i;
    if (bytes[i] !== COLON) return this.#badField(i, "bad-field-name", "white space inside a field name");
    this.#step = "before-value";
    return i + 1;
  }

  #value(bytes: Uint8Array, start: number, to: number, from: number): number {
    let i = start;
    while (i < to && (CLASSES[bytes[i]!]! & FIELD_CONTENT) !== 0) i++;
    if (i === to) return i;
    if (!isLineEnd(bytes[i]!, this.#leniency)) {
      return this.#badField(i, "bad-field-value", "a control character in a field value");
    }
    this.#step = bytes[i] === CR ? "line-end" : "line-start";
    let end = i - from;
    while (end > this.#valueStart && isOws(bytes[from + end - 1]!)) end--;
    this.#index.add(this.#nameStart, this.#nameEnd, this.#valueStart, end);
    return i + 1;
  }

  /** Refuses the line at hand, or leaves it out: it is not in the index yet. */
  #badField(i: number, code: ProtocolErrorCode, what: string): number {
    if (this.#leniency.invalidFields !== true) {
      throw new ProtocolError(code, `Cannot read the fields: ${what}`, "RFC 9112 §5.1");
    }
    this.#skipped = true;
    this.#step = "skipped-line";
    return i;
  }

  #skippedLine(bytes: Uint8Array, start: number, to: number): number {
    let i = start;
    while (i < to && bytes[i] !== CR && bytes[i] !== LF && bytes[i] !== 0) i++;
    if (i === to) return i;
    if (!isLineEnd(bytes[i]!, this.#leniency)) throw badLineEnd("a NUL");
    this.#step = bytes[i] === CR ? "line-end" : "line-start";
    return i + 1;
  }
}

/** Fields whose values may span lines: line breaks with the white space around them become one space. */
function unfolded(section: Uint8Array, index: FieldIndex): Fields {
  const pairs: Field[] = [];
  for (let line = 0; line < index.size; line++) {
    const parts = index.value(section, line).split(/\r?\n/).map(trimOws).filter((part) => part !== "");
    pairs.push([index.name(section, line), parts.join(" ")]);
  }
  return new Fields(pairs);
}
