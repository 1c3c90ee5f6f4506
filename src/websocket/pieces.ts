/**
 * Long messages of which a piece is made in each turn of the event loop, so that no turn has all of it to do.
 *
 * @module
 */

import { giveMemory, takeMemory } from "../bytes/memory_pool.ts";
import { TextGatherer } from "./machine/text_gatherer.ts";
import { codec } from "./coding.ts";
import { allocate, nextTurn, type Pieces } from "./platform.ts";

/** How much is copied in one turn. 1 MiB. */
const COPIED_IN_A_TURN_BYTES = 1_048_576;

/** Bytes: kept in pieces, whose memory is used again. */
export class BytesInTurns implements Pieces<Uint8Array> {
  readonly #pieces: Uint8Array[] = [];
  readonly #taken: Uint8Array[] = [];
  #length = 0;

  /** See {@linkcode Pieces}. */
  add(piece: Uint8Array, lent: boolean): void {
    this.#pieces.push(lent ? this.#copyOf(piece) : piece);
    this.#length += piece.length;
  }

  #copyOf(piece: Uint8Array): Uint8Array {
    const memory = takeMemory(piece.length, allocate);
    memory.set(piece);
    this.#taken.push(memory);
    return memory.subarray(0, piece.length);
  }

  /** See {@linkcode Pieces}. */
  async finish(): Promise<Uint8Array> {
    const whole = allocate(this.#length);
    let at = 0;
    let copied = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
      copied += piece.length;
      if (copied < COPIED_IN_A_TURN_BYTES) continue;
      copied = 0;
      await new Promise<void>(nextTurn);
    }
    for (const memory of this.#taken) giveMemory(memory);
    return whole;
  }
}

/** Text: checked and read piece by piece. */
export class TextInTurns implements Pieces<string> {
  readonly #text: TextGatherer = new TextGatherer(codec);

  /** See {@linkcode Pieces}. */
  add(piece: Uint8Array): void {
    this.#text.add(piece, 0, piece.length, 0, 0, 0);
  }

  /** See {@linkcode Pieces}. */
  finish(): string {
    return this.#text.finish();
  }
}
