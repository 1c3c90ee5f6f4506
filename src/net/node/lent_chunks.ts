/**
 * What a socket of Node has read into memory that is used again, on its way to its reader. Both transports that read so are
 * made of it: `transport.ts` over `net.Socket`, `handle_transport.ts` over what is below that.
 *
 * @module
 */

import { giveMemory, pooledCopy } from "../../bytes/memory_pool.ts";
import type { TransportSink } from "../transport.ts";
import { freshReadBuffer, type LentReader, sharedReadBuffer } from "./lent_reads.ts";

/** A chunk that is smaller than this part of its buffer is copied out of it. */
const COPIED_PART = 1 / 4;

/** Is told nothing, before there is somebody to tell: nothing is read either. */
export const NO_SINK: TransportSink = { lend: () => false, received() {}, ended() {}, failed() {}, gone() {} };

/** Hands chunks on, copied where they have to be. */
export abstract class LentChunks implements LentReader {
  /** Is told what comes. */
  sink: TransportSink;
  /** Whether nothing more is told. Only the transport writes it. */
  protected over: boolean = false;
  /** Whether the memory that a read has filled can go with the chunk. */
  #movable = false;

  /** Has read nothing yet. */
  constructor(sink: TransportSink) {
    this.sink = sink;
  }

  /**
   * Most chunks have been understood when `lend()` returns. Of the others the short ones are copied. Long ones follow one
   * another: from the second one on they are read into memory of their own, which is given away with them.
   */
  onRead(chunk: Uint8Array): Uint8Array | undefined {
    if (this.over) return undefined;
    const memory = chunk.buffer as ArrayBuffer;
    const own = memory !== sharedReadBuffer.buffer;
    const long = chunk.length >= memory.byteLength * COPIED_PART;
    const movable = own && long;
    this.#movable = movable;
    if (!this.sink.lend(chunk)) this.sink.received(this.#memoryGoes() ? chunk : chunk.slice());
    if (movable && !this.#movable) return freshReadBuffer();
    if (!own) return chunk.length === memory.byteLength ? freshReadBuffer() : undefined;
    if (long) return undefined;
    giveMemory(new Uint8Array(memory));
    return sharedReadBuffer;
  }

  /** See `ChunkSource`. */
  keep(chunk: Uint8Array): Uint8Array {
    return this.#memoryGoes() ? chunk : pooledCopy(chunk);
  }

  #memoryGoes(): boolean {
    const movable = this.#movable;
    this.#movable = false;
    return movable;
  }
}
