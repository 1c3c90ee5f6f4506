/**
 * A `Deno.Conn` as a transport. `adapter.ts` makes it; `NetSocket` calls it.
 *
 * @module
 */

import { fixedBytes } from "../../bytes/fixed_bytes.ts";
import { giveMemory, pooledCopy, takeMemory } from "../../bytes/memory_pool.ts";
import { NO_BYTES } from "../../bytes/no_bytes.ts";
import { denoVersion, isAtLeast } from "../../platform/version.ts";
import { transportError } from "../errors.ts";
import type { Transport, TransportSink } from "../transport.ts";
import { closeQuietly, type DenoConn } from "./native.ts";

/** 8 KiB, as in hyper: what a connection that waits for a request costs. */
const FIRST_BUFFER_BYTES = 8 * 1024;
/** 64 KiB and a header: once a read has filled its buffer, until one brings less than fits into the first. */
const BULK_BUFFER_BYTES = 65 * 1024;
/** A chunk that is smaller than this part of its buffer is copied out of it. */
const COPIED_PART = 1 / 4;

/** Before 2.9.5, Deno leaves a write that the peer does not take pending when its connection is closed (2.1 to 2.9.3). */
const closeEndsWrites = isAtLeast(denoVersion() ?? "", 2, 9, 5);

/** Reads one chunk when one is asked for, writes one after the other. */
export class DenoTransport implements Transport {
  readonly native: DenoConn;
  sink: TransportSink;
  reading = false;
  readonly tellsReset = false;
  #over = false;
  #ended = false;
  #abortReason: unknown = undefined;
  #buffer: Uint8Array | null = null;
  /** Whether reads fill what they are given. */
  #bulk = false;
  #writes = 0;
  /** How often the system has taken only a part of a write. */
  #shortWrites = 0;
  #bytes: Uint8Array | null = null;
  #lastWrite: Promise<void> = Promise.resolve();
  #rejectWrite: ((reason: unknown) => void) | null = null;

  /** Takes over a connection that has no reader. */
  constructor(native: DenoConn, sink: TransportSink) {
    this.native = native;
    this.sink = sink;
  }

  get writing(): boolean {
    return this.#writes > 0;
  }

  get sendMark(): number {
    return this.#shortWrites - this.#writes;
  }

  /** The system sends the FIN when it closes; Deno's own TLS has a last word before. */
  get endsOnClose(): boolean {
    return !this.#over && !this.writing && !("handshake" in this.native);
  }

  resume(): void {
    if (this.reading || this.#ended || this.#over) return;
    this.reading = true;
    this.#buffer ??= this.#bulk ? takeMemory(BULK_BUFFER_BYTES) : new Uint8Array(FIRST_BUFFER_BYTES);
    this.native.read(this.#buffer).then(this.#onRead, this.#onReadError);
  }

  pause(): void {}

  write(bytes: Uint8Array): Promise<void> {
    if (this.#writes++ === 0) return this.#lastWrite = this.#writeNow(bytes);
    const kept = fixedBytes(bytes);
    return this.#lastWrite = this.#lastWrite.then(() => this.#writeNow(kept), this.#onWriteError);
  }

  probe(): void {
    if (!this.#over && !this.writing) this.native.write(NO_BYTES).catch(this.#fail);
  }

  async closeWrite(): Promise<void> {
    await this.#lastWrite;
    try {
      await this.native.closeWrite();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  close(): void {
    if (this.#over) return;
    this.#closeNative();
    this.sink.gone();
  }

  abort(reason: unknown): void {
    if (this.#over) return;
    this.#abortReason = reason;
    this.#closeNative();
  }

  /** Deno's connections keep it alive by the reads that are pending. Writes do by themselves. */
  holdProgram(holds: boolean): void {
    if (holds) this.native.ref?.();
    else this.native.unref?.();
  }

  detach(): void {
    this.#over = true;
  }

  #closeNative(): void {
    this.#over = true;
    closeQuietly(this.native);
    this.#rejectWrite?.(this.#abortReason);
  }

  #writeNow(bytes: Uint8Array): Promise<void> {
    this.#bytes = bytes;
    const written = this.native.write(bytes);
    return (closeEndsWrites ? written : this.#untilClosed(written)).then(this.#onWritten, this.#onWriteError);
  }

  #untilClosed(written: Promise<number>): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#rejectWrite = reject;
      written.then(resolve, reject);
    });
  }

  #failure(error: unknown): unknown {
    return this.#abortReason === undefined ? transportError(error, "write") : this.#abortReason;
  }

  readonly #onWritten = (count: number): Promise<void> | void => {
    const bytes = this.#bytes!;
    if (count < bytes.byteLength) {
      this.#shortWrites++;
      return this.#writeNow(bytes.subarray(count));
    }
    this.#bytes = null;
    this.#writes--;
  };

  readonly #onWriteError = (error: unknown): never => {
    this.#writes--;
    throw this.#failure(error);
  };

  readonly #onRead = (count: number | null): void => {
    this.reading = false;
    if (this.#over) return;
    if (count === null) {
      this.#ended = true;
      this.sink.ended();
    } else if (count === 0) {
      this.resume();
    } else {
      this.#give(count);
    }
  };

  /** The buffer is lent to a reader that takes it at once; that reader may begin the next read from within, into the same buffer. */
  #give(count: number): void {
    const buffer = this.#buffer!;
    const bulk = count === buffer.length || (this.#bulk && count >= FIRST_BUFFER_BYTES);
    const grows = bulk && !this.#bulk;
    const shrinks = this.#bulk && !bulk;
    this.#bulk = bulk;
    if (grows || shrinks) this.#buffer = null;
    const chunk = buffer.subarray(0, count);
    if (!this.sink.lend(chunk)) this.sink.received(this.#memoryGoes(chunk) ? chunk : chunk.slice());
    // So short a chunk has been copied, or was read by now.
    if (shrinks) giveMemory(buffer);
  }

  keep(chunk: Uint8Array): Uint8Array {
    return this.#memoryGoes(chunk) ? chunk : pooledCopy(chunk);
  }

  /**
   * Whether a chunk keeps its memory. If not, it is to be copied: into an array buffer that is its own, since the reader may
   * transfer it, which would take every other chunk of a shared buffer along.
   */
  #memoryGoes(chunk: Uint8Array): boolean {
    if (chunk.length < chunk.buffer.byteLength * COPIED_PART) return false;
    if (this.#buffer?.buffer === chunk.buffer) this.#buffer = null;
    return true;
  }

  readonly #onReadError = (error: unknown): void => {
    this.reading = false;
    this.#fail(error);
  };

  readonly #fail = (error: unknown): void => {
    if (this.#over) return;
    this.#closeNative();
    this.sink.failed(transportError(error, "read"));
  };
}
