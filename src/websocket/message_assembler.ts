/**
 * The message that is being received: from one frame or many, from one chunk or many.
 *
 * Memory grows with what has come, not with what a header promises; and at least doubles, so that many small frames cost
 * linear time.
 *
 * @module
 */

import { WebSocketProtocolError } from "./errors.ts";
import { maskInto } from "./mask.ts";
import { Utf8Validator } from "./utf8.ts";

/** What a message is made of. */
export type MessageKind = "text" | "binary";

/** A message of up to this size gets its memory at once. 64 KiB. */
const AT_ONCE_BYTES = 65_536;

/** See the module. */
export class MessageAssembler {
  readonly #utf8: Utf8Validator = new Utf8Validator();
  #memory: Uint8Array = new Uint8Array(0);
  #length = 0;
  #kind: MessageKind | null = null;
  #compressed = false;

  /** What the message is made of; `null` while there is none. */
  get kind(): MessageKind | null {
    return this.#kind;
  }

  /** Whether it has to be inflated. */
  get compressed(): boolean {
    return this.#compressed;
  }

  /** How many bytes have come. */
  get length(): number {
    return this.#length;
  }

  /** Begins a message. */
  begin(kind: MessageKind, compressed: boolean): void {
    this.#kind = kind;
    this.#compressed = compressed;
    this.#utf8.reset();
  }

  /**
   * Adds a part of a frame's payload.
   *
   * @param bytes What holds it, from `start`; not changed.
   * @param length How much it is.
   * @param key The masking key.
   * @param phase How much of the payload came before.
   * @param rest How much of it is still to come.
   * @throws {WebSocketProtocolError} `bad-utf8`, at the first byte that cannot be.
   */
  add(bytes: Uint8Array, start: number, length: number, key: number, phase: number, rest: number): void {
    const at = this.#length;
    this.#reserve(at + length, at + length + rest);
    if (key === 0) this.#memory.set(bytes.subarray(start, start + length), at);
    else maskInto(this.#memory, at, bytes, start, length, key, phase);
    this.#length = at + length;
    if (this.#kind === "text" && !this.#compressed && !this.#utf8.accepts(this.#memory, at, this.#length)) {
      throw badUtf8();
    }
  }

  /**
   * Ends the message.
   *
   * @returns Its bytes, which are the caller's.
   * @throws {WebSocketProtocolError} `bad-utf8`: the last character is not complete.
   */
  finish(): Uint8Array {
    if (this.#kind === "text" && !this.#compressed && !this.#utf8.complete) throw badUtf8();
    const memory = this.#memory;
    const bytes = memory.length === this.#length ? memory : memory.subarray(0, this.#length);
    this.#memory = new Uint8Array(0);
    this.#length = 0;
    this.#kind = null;
    return bytes;
  }

  #reserve(needed: number, announced: number): void {
    if (needed <= this.#memory.length) return;
    const roomy = Math.max(AT_ONCE_BYTES, needed * 4);
    const grown = new Uint8Array(Math.max(needed, Math.min(announced, roomy), this.#memory.length * 2));
    grown.set(this.#memory.subarray(0, this.#length));
    this.#memory = grown;
  }
}

/** A text that is none (RFC 6455 §8.1). */
export function badUtf8(): WebSocketProtocolError {
  return new WebSocketProtocolError("bad-utf8", "A text is not UTF-8", "RFC 6455 §8.1", 1007);
}
