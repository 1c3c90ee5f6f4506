/**
 * The bytes of messages that are ready to go. The machines write into it; `Outlet` and the sender of WebSockets take the
 * bytes for the transport.
 *
 * Small pieces are joined in a slab, so a head and the beginning of its body leave in one write. Large pieces are kept as
 * they are. A slab comes from `memory_pool.ts`. What was taken of it is not written again before `recycle()`.
 *
 * @module
 */

import { CLASSES, COLON, CR, FIELD_CONTENT, LF, SP, TOKEN } from "./ascii.ts";
import { fixedBytes } from "./fixed_bytes.ts";
import { writeLatin1 } from "./latin1.ts";
import { type Allocate, giveMemory, SHORT_BYTES, takeMemory, zeros } from "./memory_pool.ts";
import { NO_BYTES } from "./no_bytes.ts";

/** 64 KiB: up to here copying costs less than one more write of the transport. */
export const JOIN_BYTES = 65_536;
/** 256 KiB: what is given to the transport at once, so that a slow peer is seen to make progress. */
const PART_BYTES = 262_144;

/** What `room()` returns: one for all, since it is used at once. */
const lentRoom: { memory: Uint8Array; at: number } = { memory: NO_BYTES, at: 0 };

/** Bytes in the order in which they are sent. */
export class SendBuffer {
  readonly #allocate: Allocate;
  /** `[#from, #at)` waits; what stands before it was taken. */
  #slab: Uint8Array = NO_BYTES;
  #from = 0;
  #at = 0;
  /** What waits before the slab. */
  #parts: Uint8Array[] | null = null;

  /** Begins empty and without memory; `allocate` makes what the pool does not have. */
  constructor(allocate: Allocate = zeros) {
    this.#allocate = allocate;
  }

  /**
   * Makes room for `bytes` more without a seam between them and what is not taken yet. What must move gets room for as
   * much again, so that adding costs linear time.
   */
  reserve(bytes: number): void {
    if (this.#at + bytes <= this.#slab.length) return;
    const pending = this.#at - this.#from;
    const slab = takeMemory(pending + Math.max(pending, bytes), this.#allocate);
    if (pending > 0) slab.set(this.#slab.subarray(this.#from, this.#at));
    if (this.#slab.length > 0) this.#leave();
    this.#slab = slab;
    this.#at = pending;
  }

  /** Lets go of the slab. It goes back to the pool if no part of it was taken, or if what was taken is not in use. */
  #leave(): void {
    if (this.#from === 0) giveMemory(this.#slab);
    this.#slab = NO_BYTES;
    this.#from = this.#at = 0;
  }

  /**
   * Adds text, one byte per character.
   *
   * @returns Whether every character was at most U+00FF; if not, nothing was added.
   */
  text(text: string): boolean {
    if (this.#at + text.length > this.#slab.length) this.reserve(text.length);
    const end = writeLatin1(this.#slab, this.#at, text);
    if (end === -1) return false;
    this.#at = end;
    return true;
  }

  /**
   * Adds a field line, checked while it is copied.
   *
   * @param name Must be a token; written as it is.
   * @param value Must hold field content only, without white space around it.
   * @returns Whether both were that; if not, nothing was added.
   */
  field(name: string, value: string): boolean {
    const most = name.length + value.length + 4;
    if (this.#at + most > this.#slab.length) this.reserve(most);
    const slab = this.#slab;
    let at = this.#at;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      if (code > 0xff || (CLASSES[code]! & TOKEN) === 0) return false;
      slab[at++] = code;
    }
    if (name.length === 0) return false;
    slab[at++] = COLON;
    if (value.length > 0) slab[at++] = SP;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0xff || (CLASSES[code]! & FIELD_CONTENT) === 0) return false;
      slab[at++] = code;
    }
    slab[at] = CR;
    slab[at + 1] = LF;
    this.#at = at + 2;
    return true;
  }

  /** Adds bytes by copying them if they are few, else as they are; then the caller must not change them. */
  bytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (bytes.length <= JOIN_BYTES) {
      if (this.#at + bytes.length > this.#slab.length) this.reserve(bytes.length);
      this.#slab.set(bytes, this.#at);
      this.#at += bytes.length;
      return;
    }
    this.#seal();
    const parts = this.#parts ??= [];
    const kept = fixedBytes(bytes);
    for (let at = 0; at < kept.length; at += PART_BYTES) parts.push(kept.subarray(at, at + PART_BYTES));
  }

  /**
   * Memory for `bytes` bytes that the caller writes itself, from `at` on. Then it calls {@linkcode added}, before any other
   * method of any buffer, or forgets what it wrote. The object is the same at every call.
   */
  room(bytes: number): { readonly memory: Uint8Array; readonly at: number } {
    this.reserve(bytes);
    lentRoom.memory = this.#slab;
    lentRoom.at = this.#at;
    return lentRoom;
  }

  /** Adds the first `bytes` bytes that were written into {@linkcode room}. */
  added(bytes: number): void {
    if (this.#at + bytes > this.#slab.length) throw new RangeError("Cannot add: there is less room");
    this.#at += bytes;
    lentRoom.memory = NO_BYTES;
  }

  /** Remembers how much there is, for {@linkcode rewind}. */
  mark(): number {
    return this.#at - this.#from;
  }

  /** Drops what was added since `mark()`, if that was small pieces only: a head that turned out to be wrong. */
  rewind(mark: number): void {
    this.#at = this.#from + mark;
  }

  /**
   * Sets bits of a byte that waits.
   *
   * @param at What `mark()` was before it; nothing was taken since, and only small pieces were added.
   */
  setBits(at: number, bits: number): void {
    this.#slab[this.#from + at]! |= bits;
  }

  /** How many bytes wait. */
  get length(): number {
    let bytes = this.#at - this.#from;
    if (this.#parts !== null) { for (const part of this.#parts) bytes += part.length; }
    return bytes;
  }

  /** Takes everything, in order. */
  take(): Uint8Array[] {
    const parts = this.#parts;
    if (parts === null) return this.#from === this.#at ? [] : [this.#pending()];
    this.#seal();
    this.#parts = null;
    return parts;
  }

  /**
   * Lets go of the memory of what was taken.
   *
   * @param again Whether it may be written again: the transport is known not to use it any more. Else it is left to the
   * garbage collector.
   */
  recycle(again = true): void {
    if (this.#from < this.#at || this.#parts !== null) return;
    if (again) this.#from = 0;
    if (again || this.#slab.length > SHORT_BYTES) this.#leave();
  }

  #seal(): void {
    if (this.#from < this.#at) (this.#parts ??= []).push(this.#pending());
  }

  #pending(): Uint8Array {
    const pending = this.#slab.subarray(this.#from, this.#at);
    this.#from = this.#at;
    return pending;
  }
}
