/**
 * The message that is being received: from one frame or many, from one chunk or many.
 *
 * Memory grows with what has come, not with what a header promises. Text is read as it comes, so that the first byte that
 * cannot be UTF-8 is found at once; bytes are gathered.
 *
 * @module
 */

import { WebSocketProtocolError } from "./errors.ts";
import { maskInto, scratch } from "./mask.ts";
import { incompleteTail, Utf8Validator } from "./utf8.ts";
import type { MessageKind, WebSocketEvent } from "./web_socket_event.ts";

/** See the module. */
export class MessageAssembler {
  readonly #bytes: BytesGatherer = new BytesGatherer();
  readonly #text: TextGatherer;
  #kind: MessageKind | null = null;
  #compressed = false;
  #length = 0;

  /**
   * Has no message yet.
   *
   * @param readText Reads UTF-8, `null` if it is none.
   */
  constructor(readText: (bytes: Uint8Array) => string | null) {
    this.#text = new TextGatherer(readText);
  }

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
    this.#length = 0;
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
    this.#length += length;
    if (this.#kind === "text" && !this.#compressed) this.#text.add(bytes, start, length, key, phase);
    else this.#bytes.add(bytes, start, length, key, phase, rest);
  }

  /**
   * Ends the message.
   *
   * @returns The message, which is the caller's.
   * @throws {WebSocketProtocolError} `bad-utf8`: the last character is not complete.
   */
  finish(): WebSocketEvent {
    const kind = this.#kind!;
    this.#kind = null;
    this.#length = 0;
    if (this.#compressed) return { type: "compressed", kind, bytes: this.#bytes.finish() };
    if (kind === "binary") return { type: "binary", bytes: this.#bytes.finish() };
    return { type: "text", text: this.#text.finish() };
  }
}

/** A message of up to this size gets its memory at once. 64 KiB. */
const AT_ONCE_BYTES = 65_536;
const NOTHING = new Uint8Array(0);

/** Bytes in one piece of memory, which grows fourfold, so that many small frames cost linear time. */
class BytesGatherer {
  #memory: Uint8Array = NOTHING;
  #length = 0;

  add(bytes: Uint8Array, start: number, length: number, key: number, phase: number, rest: number): void {
    const at = this.#length;
    this.#reserve(at + length, at + length + rest);
    maskInto(this.#memory, at, bytes, start, length, key, phase);
    this.#length = at + length;
  }

  finish(): Uint8Array {
    const memory = this.#memory;
    const bytes = memory.length === this.#length ? memory : memory.subarray(0, this.#length);
    this.#memory = NOTHING;
    this.#length = 0;
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

/** Pieces shorter than this are gathered, so many of them: a text of one piece for each byte would take too much memory. */
const SHORT_PIECE = 1024;
const MAX_PIECES = 1024;

/** Text, read piece by piece; a character that is cut waits for its rest. */
class TextGatherer {
  readonly #readText: (bytes: Uint8Array) => string | null;
  readonly #validator: Utf8Validator = new Utf8Validator();
  #text = "";
  #pieces: string[] = [];
  #cut: Uint8Array = NOTHING;

  constructor(readText: (bytes: Uint8Array) => string | null) {
    this.#readText = readText;
  }

  add(bytes: Uint8Array, start: number, length: number, key: number, phase: number): void {
    for (let at = 0; at < length;) {
      const before = this.#cut.length;
      const taken = Math.min(scratch.length - before, length - at);
      scratch.set(this.#cut);
      maskInto(scratch, before, bytes, start + at, taken, key, phase + at);
      at += taken;
      this.#read(before + taken);
    }
  }

  finish(): string {
    if (this.#cut.length > 0) throw badUtf8();
    this.#join();
    const text = this.#text;
    this.#text = "";
    return text;
  }

  #join(): void {
    this.#text += this.#pieces.length === 1 ? this.#pieces[0]! : this.#pieces.join("");
    this.#pieces = [];
  }

  #read(length: number): void {
    const complete = length - incompleteTail(scratch, length);
    this.#cut = complete === length ? NOTHING : scratch.slice(complete, length);
    this.#validator.reset();
    const piece = this.#readText(scratch.subarray(0, complete));
    if (piece === null || !this.#validator.accepts(this.#cut, 0, this.#cut.length)) throw badUtf8();
    this.#pieces.push(piece);
    if (piece.length < SHORT_PIECE && this.#pieces.length < MAX_PIECES) return;
    this.#join();
  }
}

/** A text that is none (RFC 6455 §8.1). */
export function badUtf8(): WebSocketProtocolError {
  return new WebSocketProtocolError("bad-utf8", "A text is not UTF-8", "RFC 6455 §8.1", 1007);
}
