/**
 * The text of a message, as it comes: checked at once, so that the first byte that cannot be UTF-8 is found, and read when
 * the message is complete, or a long piece of it. `MessageAssembler` calls it with payloads, `TextInTurns` with what was inflated.
 *
 * @module
 */

import { giveMemory, takeMemory } from "../../bytes/memory_pool.ts";
import { WebSocketProtocolError } from "../../errors/web_socket_protocol_error.ts";
import { NO_BYTES } from "../../bytes/no_bytes.ts";
import { AT_ONCE_BYTES } from "./bytes_gatherer.ts";
import type { WebSocketCodec } from "./codec.ts";
import { maskInto } from "./mask.ts";
import { incompleteTail, Utf8Validator } from "./utf8.ts";

/**
 * What has come of a piece of a long text is read without the rest if it is this part of it: to check it first takes as long, on Deno
 * (2.9). A text that has memory for all of it is read as a whole: what is joined of pieces is copied again when it is used.
 */
const READ_AT_ONCE_PART = 1 / 2;
/** What is read as a whole at most. */
const MAX_WHOLE_BYTES = 16_777_216;
/** How much longer memory becomes at most than what has come, whatever is announced. */
const GROWTH = 4;
/** How much longer it becomes at least: what comes in short frames is not copied anew for each of them. */
const LEAST_GROWTH = 5 / 4;

/** Gathers one text after the other. */
export class TextGatherer {
  readonly #codec: WebSocketCodec;
  readonly #cut: Utf8Validator = new Utf8Validator();
  /** What was read of it. */
  #text = "";
  /** What was not read yet. */
  #memory: Uint8Array = NO_BYTES;
  #filled = 0;
  /** Up to here it is UTF-8. */
  #checked = 0;
  /** How much of a long text is read at a time. */
  #pieceBytes = 0;

  /** Has nothing yet. */
  constructor(codec: WebSocketCodec) {
    this.#codec = codec;
  }

  /**
   * Adds a part of a frame's payload, as `BytesGatherer.add()` does.
   *
   * @throws {WebSocketProtocolError} `bad-utf8`, at the first byte that cannot be.
   */
  add(bytes: Uint8Array, start: number, length: number, key: number, phase: number, rest: number): void {
    const announced = this.#filled + length + rest;
    const { wholeTextBytes, textPieceBytes } = this.#codec;
    const short = announced <= AT_ONCE_BYTES;
    // What fits into a piece is no two of them: to join these would be a copy.
    const whole = announced >= wholeTextBytes || (!short && announced <= textPieceBytes);
    this.#pieceBytes = whole ? MAX_WHOLE_BYTES : textPieceBytes;
    const limit = short ? AT_ONCE_BYTES : this.#pieceBytes;
    for (let done = 0; done < length;) {
      if (this.#filled >= limit) this.#readPiece();
      const part = Math.min(length - done, limit - this.#filled);
      this.#reserve(this.#filled + part, this.#filled + length - done + rest, limit);
      maskInto(this.#memory, this.#filled, bytes, start + done, part, key, phase + done);
      this.#filled += part;
      done += part;
      this.#check(rest > 0 && short);
    }
  }

  /**
   * Ends the message.
   *
   * @throws {WebSocketProtocolError} `bad-utf8`: the last character is not complete.
   */
  finish(): string {
    if (this.#checked < this.#filled) throw badUtf8();
    if (this.#filled > 0) this.#readPiece();
    const text = this.#text;
    giveMemory(this.#memory);
    this.#memory = NO_BYTES;
    this.#text = "";
    return text;
  }

  /** Memory for what is needed now, and for what is announced, if that is not much more; up to the limit. */
  #reserve(needed: number, announced: number, limit: number): void {
    const { length } = this.#memory;
    if (needed <= length) return;
    const wanted = Math.max(needed, Math.min(announced, Math.max(AT_ONCE_BYTES, needed * GROWTH)));
    const least = Math.min(length * 2, Math.max(AT_ONCE_BYTES, Math.ceil(length * LEAST_GROWTH)));
    const grown = takeMemory(Math.min(limit, Math.max(wanted, least)), this.#codec.allocate);
    grown.set(this.#memory.subarray(0, this.#filled));
    giveMemory(this.#memory);
    this.#memory = grown;
  }

  /** A character that is cut at the end may still become one. `waits` says that what is right is not read yet. */
  #check(waits: boolean): void {
    const memory = this.#memory;
    const complete = this.#filled - incompleteTail(memory, this.#filled);
    this.#cut.reset();
    if (!this.#cut.accepts(memory, complete, this.#filled)) throw badUtf8();
    const unchecked = memory.subarray(this.#checked, complete);
    this.#checked = complete;
    if (!waits && unchecked.length >= this.#pieceBytes * READ_AT_ONCE_PART) this.#readPiece();
    else if (unchecked.length > 0 && !this.#codec.isText(unchecked)) throw badUtf8();
  }

  /** Reads all complete characters. The rest, one that is not complete, moves to the front. */
  #readPiece(): void {
    const text = this.#codec.readText(this.#memory.subarray(0, this.#checked));
    if (text === null) throw badUtf8();
    this.#text = joinedText(this.#text, text);
    this.#memory.copyWithin(0, this.#checked, this.#filled);
    this.#filled -= this.#checked;
    this.#checked = 0;
  }
}

/** Engines have a longest string: 512 MiB on V8, 2 GiB on JavaScriptCore. */
function joinedText(text: string, piece: string): string {
  try {
    return text + piece;
  } catch (cause) {
    const why = "A text is longer than a string can be here";
    throw new WebSocketProtocolError("message-too-large", why, "RFC 6455 §7.4.1", 1009, { cause });
  }
}

/** A text that is none (RFC 6455 §8.1). */
export function badUtf8(): WebSocketProtocolError {
  return new WebSocketProtocolError("bad-utf8", "A text is not UTF-8", "RFC 6455 §8.1", 1007);
}
