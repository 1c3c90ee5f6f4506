/**
 * The message that is being received: from one frame or many, from one chunk or many.
 *
 * Memory grows with what has come, not with what a header promises. Text is checked as it comes, so that the first byte that
 * cannot be UTF-8 is found at once.
 *
 * @module
 */

import { WebSocketProtocolError } from "./errors.ts";
import { type Allocate, giveMemory, takeMemory } from "../bytes/memory_pool.ts";
import { maskInto } from "./mask.ts";
import { incompleteTail, Utf8Validator } from "./utf8.ts";
import type { MessageKind, WebSocketEvent } from "./web_socket_event.ts";

/** See the module. */
export class MessageAssembler {
  readonly #bytes: BytesGatherer;
  readonly #text: TextGatherer;
  #kind: MessageKind | null = null;
  #compressed = false;
  #length = 0;

  /**
   * Has no message yet.
   *
   * @param readText Reads UTF-8, `null` if it is none.
   * @param isText Whether bytes are UTF-8.
   * @param allocate Makes memory.
   */
  constructor(
    readText: (bytes: Uint8Array) => string | null,
    isText: (bytes: Uint8Array) => boolean,
    allocate: Allocate,
  ) {
    this.#bytes = new BytesGatherer(allocate);
    this.#text = new TextGatherer(readText, isText, allocate);
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
    if (this.#kind === "text" && !this.#compressed) this.#text.add(bytes, start, length, key, phase, rest);
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
class Gatherer {
  memory: Uint8Array = NOTHING;
  length = 0;
  readonly #allocate: Allocate;

  constructor(allocate: Allocate) {
    this.#allocate = allocate;
  }

  add(bytes: Uint8Array, start: number, length: number, key: number, phase: number, rest: number): void {
    const at = this.length;
    this.#reserve(at + length, at + length + rest);
    maskInto(this.memory, at, bytes, start, length, key, phase);
    this.length = at + length;
  }

  clear(): void {
    this.memory = NOTHING;
    this.length = 0;
  }

  #reserve(needed: number, announced: number): void {
    if (needed <= this.memory.length) return;
    const roomy = Math.max(AT_ONCE_BYTES, needed * 4);
    const grown = this.#allocate(Math.max(needed, Math.min(announced, roomy), this.memory.length * 2));
    grown.set(this.memory.subarray(0, this.length));
    this.memory = grown;
  }
}

/** Bytes, which are the receiver's. */
class BytesGatherer {
  readonly #gathered: Gatherer;

  constructor(allocate: Allocate) {
    this.#gathered = new Gatherer(allocate);
  }

  add(bytes: Uint8Array, start: number, length: number, key: number, phase: number, rest: number): void {
    this.#gathered.add(bytes, start, length, key, phase, rest);
  }

  finish(): Uint8Array {
    const { memory, length } = this.#gathered;
    this.#gathered.clear();
    return memory.length === length ? memory : memory.slice(0, length);
  }
}

/** Text: gathered, checked as it comes, and read when it is complete, so that no text has to be joined of others. */
class TextGatherer {
  readonly #readText: (bytes: Uint8Array) => string | null;
  readonly #isText: (bytes: Uint8Array) => boolean;
  readonly #gathered: Gatherer;
  readonly #cut: Utf8Validator = new Utf8Validator();
  /** Up to here it is UTF-8. */
  #checked = 0;

  constructor(
    readText: (bytes: Uint8Array) => string | null,
    isText: (bytes: Uint8Array) => boolean,
    allocate: Allocate,
  ) {
    this.#readText = readText;
    this.#isText = isText;
    this.#gathered = new Gatherer((bytes) => takeMemory(bytes, allocate));
  }

  add(bytes: Uint8Array, start: number, length: number, key: number, phase: number, rest: number): void {
    const given = this.#gathered.memory;
    this.#gathered.add(bytes, start, length, key, phase, rest);
    if (given !== this.#gathered.memory) giveMemory(given);
    this.#check(this.#gathered.memory, this.#gathered.length);
  }

  finish(): string {
    const { memory, length } = this.#gathered;
    const text = this.#checked === length ? this.#readText(memory.subarray(0, length)) : null;
    this.#gathered.clear();
    giveMemory(memory);
    this.#checked = 0;
    if (text === null) throw badUtf8();
    return text;
  }

  /** A character that is cut at the end may still become one. */
  #check(memory: Uint8Array, length: number): void {
    const complete = length - incompleteTail(memory, length);
    this.#cut.reset();
    if (!this.#cut.accepts(memory, complete, length)) throw badUtf8();
    if (complete > this.#checked && !this.#isText(memory.subarray(this.#checked, complete))) throw badUtf8();
    this.#checked = complete;
  }
}

/** A text that is none (RFC 6455 §8.1). */
export function badUtf8(): WebSocketProtocolError {
  return new WebSocketProtocolError("bad-utf8", "A text is not UTF-8", "RFC 6455 §8.1", 1007);
}
