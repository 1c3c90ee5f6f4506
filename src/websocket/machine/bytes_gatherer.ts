/**
 * The bytes of a message, as they come: unmasked on their way into memory that is the receiver's in the end. `MessageAssembler`
 * calls it with each part of a payload.
 *
 * @module
 */

import { NO_BYTES } from "../../bytes/no_bytes.ts";
import { type Allocate, giveMemory, takeMemory } from "../../bytes/memory_pool.ts";
import { maskInto } from "./mask.ts";

/** A message of up to this size gets its memory at once, bytes as well as text. 64 KiB. */
export const AT_ONCE_BYTES: number = 65_536;
/** How much longer memory becomes when it is too short. All that is used for a message is a third more than it has. */
const GROWTH = 4;
/** In such pieces a message is kept whose length is not known yet. 256 KiB. */
const PIECE_BYTES = 262_144;

/**
 * Gathers one message after the other. Of a message in one frame the length is known: its memory grows by steps, the last of which is made for
 * it and handed out. One of many frames is kept in pieces until it is complete. Pieces and the steps before the last are used again.
 */
export class BytesGatherer {
  readonly #allocate: Allocate;
  /** What is being filled. */
  #memory: Uint8Array = NO_BYTES;
  #filled = 0;
  /** What `#memory` is a view of, if that is not handed out. */
  #borrowed: Uint8Array = NO_BYTES;
  /** What was filled before, if there are pieces. */
  readonly #pieces: Uint8Array[] = [];
  #piecesBytes = 0;
  #inPieces = false;

  /** Has nothing yet. */
  constructor(allocate: Allocate) {
    this.#allocate = allocate;
  }

  /**
   * Adds a part of a frame's payload.
   *
   * @param bytes What holds it, from `start`; not changed.
   * @param length How much it is.
   * @param key The masking key.
   * @param phase How much of the payload came before.
   * @param rest How much of it is still to come.
   * @param last Whether the frame is the last one of the message.
   */
  add(
    bytes: Uint8Array,
    start: number,
    length: number,
    key: number,
    phase: number,
    rest: number,
    last: boolean,
  ): void {
    this.#inPieces ||= !last;
    if (this.#inPieces) return this.#addToPieces(bytes, start, length, key, phase, rest);
    const filled = this.#filled + length;
    if (filled > this.#memory.length) this.#grow(filled, filled + rest);
    maskInto(this.#memory, this.#filled, bytes, start, length, key, phase);
    this.#filled = filled;
  }

  /** Ends the message. The result is the caller's. */
  finish(): Uint8Array {
    const whole = this.#inPieces ? this.#joined() : this.#filled === 0 ? new Uint8Array(0) : this.#memory;
    this.#memory = NO_BYTES;
    this.#filled = 0;
    this.#inPieces = false;
    return whole;
  }

  /** The steps are counted from the end, so that the last one fits. */
  #grow(needed: number, whole: number): void {
    const least = Math.max(needed, AT_ONCE_BYTES);
    let length = whole;
    while (length / GROWTH >= least) length = Math.ceil(length / GROWTH);
    const before = this.#borrowed;
    this.#borrowed = length < whole ? takeMemory(length, this.#allocate) : NO_BYTES;
    const grown = length < whole ? this.#borrowed.subarray(0, length) : this.#allocate(whole);
    grown.set(this.#memory.subarray(0, this.#filled));
    giveMemory(before);
    this.#memory = grown;
  }

  #addToPieces(bytes: Uint8Array, start: number, length: number, key: number, phase: number, rest: number): void {
    for (let done = 0; done < length;) {
      if (this.#filled === this.#memory.length) this.#nextPiece(length - done + rest);
      const part = Math.min(length - done, this.#memory.length - this.#filled);
      maskInto(this.#memory, this.#filled, bytes, start + done, part, key, phase + done);
      this.#filled += part;
      done += part;
    }
  }

  /** Pieces become longer and longer, so that a message of many small frames has few. */
  #nextPiece(announced: number): void {
    if (this.#filled > 0) this.#pieces.push(this.#memory);
    this.#piecesBytes += this.#filled;
    this.#memory = takeMemory(Math.min(PIECE_BYTES, Math.max(announced, this.#piecesBytes)), this.#allocate);
    this.#filled = 0;
  }

  #joined(): Uint8Array {
    const whole = this.#allocate(this.#piecesBytes + this.#filled);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
      giveMemory(piece);
    }
    whole.set(this.#memory.subarray(0, this.#filled), at);
    giveMemory(this.#memory);
    this.#pieces.length = this.#piecesBytes = 0;
    return whole;
  }
}
