/**
 * The line before the data of a chunk: RFC 9112 §7.1, one step per grammar rule.
 *
 * ```text
 * chunk-size [ chunk-ext ] CRLF
 * chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
 * ```
 *
 * Extensions are checked and dropped: readers that skip what they do not check disagree about where the line ends.
 *
 * @module
 */

import { CR, hexValue, isFieldContentByte, isOws, isTokenByte, LF } from "../../bytes/ascii.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import type { Http1Limits, Leniency } from "./limits.ts";

type ExtensionStep =
  | "behind-size"
  | "before-name"
  | "name"
  | "behind-name"
  | "before-value"
  | "value"
  | "quoted"
  | "escaped"
  | "quoted-end"
  | "behind-value"
  | "anything";

type Step = "size" | ExtensionStep | "line-end";

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** 2^53 - 1 has 14 hexadecimal digits; leading zeros may make it 16. */
const MAX_SIZE_DIGITS = 16;

/** Reads the lines of one body, one after the other, a byte at a time. */
export class ChunkLine {
  readonly #leniency: Leniency;
  readonly #maxExtensionBytes: number;
  /** The size of the chunk whose line came last. Only this class writes it. */
  size = 0;
  #step: Step = "size";
  #digits = 0;
  #extensionBytes = 0;

  /** Makes a reader. */
  constructor(limits: Http1Limits, leniency: Leniency) {
    this.#leniency = leniency;
    this.#maxExtensionBytes = limits.maxChunkExtensionBytes;
  }

  /**
   * Takes the next byte of a line.
   *
   * @returns Whether the line is complete; the next byte begins another one.
   * @throws {ProtocolError} `bad-chunk-size`: the line is malformed; `chunk-extensions-too-large`.
   */
  push(byte: number): boolean {
    if (this.#step === "size") {
      this.#sizeByte(byte);
      return false;
    }
    if (this.#step === "line-end") {
      if (byte !== LF) throw malformed("a CR that no LF follows");
      this.#step = "size";
      this.#digits = 0;
      return true;
    }
    this.#step = this.#extensionStep(this.#step, byte);
    if (byte !== CR) this.#countExtensionByte();
    return false;
  }

  #sizeByte(byte: number): void {
    const digit = hexValue(byte);
    if (digit >= 0) {
      this.size = this.#digits === 0 ? digit : this.size * 16 + digit;
      if (++this.#digits > MAX_SIZE_DIGITS || this.size > Number.MAX_SAFE_INTEGER) throw malformed("it is too large");
      return;
    }
    if (this.#digits === 0) throw malformed("it has no digit");
    if (byte === CR) {
      this.#step = "line-end";
      return;
    }
    this.#step = this.#behind(byte, "behind-size", "something follows the size");
    this.#countExtensionByte();
  }

  #extensionStep(step: ExtensionStep, byte: number): Step {
    switch (step) {
      case "behind-size":
        if (byte === CR && this.#leniency.spaceBehindChunkSize === true) return "line-end";
        return this.#behind(byte, "behind-size", "white space that no extension follows");
      case "before-name":
        if (isOws(byte)) return "before-name";
        if (isTokenByte(byte)) return "name";
        throw malformed("an extension without a name");
      case "name":
        if (isTokenByte(byte)) return "name";
        if (byte === CR) return "line-end";
        if (byte === EQUALS) return "before-value";
        return this.#behind(byte, "behind-name", "the name of an extension is not a token");
      case "behind-name":
        if (byte === EQUALS) return "before-value";
        return this.#behind(byte, "behind-name", "white space behind an extension");
      case "before-value":
        if (isOws(byte)) return "before-value";
        if (byte === QUOTE) return "quoted";
        if (isTokenByte(byte)) return "value";
        throw malformed("an extension without a value");
      case "value":
        if (isTokenByte(byte)) return "value";
        if (byte === CR) return "line-end";
        return this.#behind(byte, "behind-value", "the value of an extension is not a token");
      case "quoted":
        if (byte === QUOTE) return "quoted-end";
        if (byte === BACKSLASH) return "escaped";
        if (isFieldContentByte(byte)) return "quoted";
        throw malformed("a control character in a quoted string");
      case "escaped":
        if (isFieldContentByte(byte)) return "quoted";
        throw malformed("a control character in a quoted string");
      case "quoted-end":
        if (byte === CR) return "line-end";
        return this.#behind(byte, "behind-value", "something follows a quoted string");
      case "behind-value":
        return this.#behind(byte, "behind-value", "white space behind an extension");
      case "anything":
        if (byte === CR) return "line-end";
        if (isFieldContentByte(byte)) return "anything";
        throw malformed("a control character in an extension");
      default:
        return step satisfies never;
    }
  }

  /** Where a size, a name or a value has ended: white space, or the next extension. */
  #behind(byte: number, whiteSpace: Step, otherwise: string): Step {
    if (isOws(byte)) return whiteSpace;
    if (byte !== SEMICOLON) throw malformed(otherwise);
    return this.#leniency.invalidChunkExtensions === true ? "anything" : "before-name";
  }

  #countExtensionByte(): void {
    if (++this.#extensionBytes <= this.#maxExtensionBytes) return;
    throw new ProtocolError(
      "chunk-extensions-too-large",
      `Cannot take more than ${this.#maxExtensionBytes} bytes of chunk extensions`,
      "RFC 9112 §7.1.1",
      413,
    );
  }
}

function malformed(why: string): ProtocolError {
  return new ProtocolError("bad-chunk-size", `Cannot read the line of a chunk: ${why}`, "RFC 9112 §7.1");
}
