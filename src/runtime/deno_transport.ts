/**
 * A `Deno.Conn` as a transport.
 *
 * @module
 */

import { transportError } from "./errors.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** An address of Deno's. */
export type DenoAddr = {
  readonly transport: "tcp";
  readonly hostname: string;
  readonly port: number;
} | {
  readonly transport: "unix";
  readonly path: string | null;
};

/** As much of `Deno.Conn` as is used. */
export interface DenoConn {
  readonly localAddr: DenoAddr;
  readonly remoteAddr: DenoAddr;
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean): void;
}

/** 64 KiB: what the kernel gives at once on loopback. */
const SLAB_BYTES = 64 * 1024;
/** 16 KiB: with less room left a new slab is begun. */
const LEAST_ROOM_BYTES = 16 * 1024;

/** Reads one chunk when one is asked for, writes one after the other. */
export class DenoTransport implements Transport {
  readonly native: DenoConn;
  sink: TransportSink;
  reading = false;
  #over = false;
  #ended = false;
  #abortReason: unknown = undefined;
  #slab: Uint8Array = new Uint8Array(0);
  #view: Uint8Array = this.#slab;
  #writes = 0;
  #bytes: Uint8Array = this.#slab;
  #lastWrite: Promise<void> = Promise.resolve();

  /** Takes over a connection that nobody reads from. */
  constructor(native: DenoConn, sink: TransportSink) {
    this.native = native;
    this.sink = sink;
  }

  get writing(): boolean {
    return this.#writes > 0;
  }

  resume(): void {
    if (this.reading || this.#ended || this.#over) return;
    this.reading = true;
    if (this.#slab.byteLength < LEAST_ROOM_BYTES) this.#slab = new Uint8Array(SLAB_BYTES);
    this.native.read(this.#slab).then(this.#onRead, this.#onReadError);
  }

  pause(): void {}

  write(bytes: Uint8Array): Promise<void> {
    if (this.#writes++ === 0) return this.#lastWrite = this.#writeNow(bytes);
    return this.#lastWrite = this.#lastWrite.then(() => this.#writeNow(bytes), this.#onWriteError);
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#lastWrite;
      await this.native.closeWrite();
    } catch (error) {
      throw transportError(error, "write");
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

  detach(): void {
    this.#over = true;
  }

  #closeNative(): void {
    this.#over = true;
    try {
      this.native.close();
    } catch {
      // Deno has closed it already.
    }
  }

  #writeNow(bytes: Uint8Array): Promise<void> {
    this.#bytes = bytes;
    return this.native.write(bytes).then(this.#onWritten, this.#onWriteError);
  }

  readonly #onWritten = (count: number): Promise<void> | void => {
    if (count < this.#bytes.byteLength) return this.#writeNow(this.#bytes.subarray(count));
    this.#writes--;
  };

  readonly #onWriteError = (error: unknown): never => {
    this.#writes--;
    throw this.#abortReason === undefined ? transportError(error, "write") : this.#abortReason;
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
      const slab = this.#slab;
      this.#slab = slab.subarray(count);
      this.sink.received(slab.subarray(0, count));
    }
  };

  readonly #onReadError = (error: unknown): void => {
    this.reading = false;
    if (this.#over) return;
    this.#closeNative();
    this.sink.failed(transportError(error, "read"));
  };
}
