/**
 * A loop that awaits each read and each write of Bun's sockets, of the least code that can be: what promises cost where sockets call
 * back.
 *
 * @module
 */

import { bun } from "./platform.ts";

interface AwaitedSocket {
  data: AwaitedChunks;
  write(bytes: Uint8Array): number;
  shutdown(): void;
  pause(): void;
  resume(): void;
}

/** Sends back whatever comes. */
export function echo(): Promise<number> {
  const socket = {
    binaryType: "uint8array",
    open(native: AwaitedSocket) {
      echoChunks(native.data = new AwaitedChunks(native));
    },
    data: ({ data }: AwaitedSocket, bytes: Uint8Array) => data.push(bytes),
    drain: ({ data }: AwaitedSocket) => data.drain(),
    end: ({ data }: AwaitedSocket) => data.push(null),
    error() {},
  };
  return Promise.resolve(bun!.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket }).port);
}

async function echoChunks(chunks: AwaitedChunks): Promise<void> {
  for (let bytes = await chunks.read(); bytes !== null; bytes = await chunks.read()) await chunks.write(bytes);
  chunks.native.shutdown();
}

/** So many chunks may wait. */
const MOST_WAITING = 2;
const TAKEN: Promise<void> = Promise.resolve();

class AwaitedChunks {
  readonly native: AwaitedSocket;
  readonly #waiting: (Uint8Array | null)[] = [];
  #resolve: ((bytes: Uint8Array | null) => void) | null = null;
  #unsent: Uint8Array | null = null;
  #sent: (() => void) | null = null;

  constructor(native: AwaitedSocket) {
    this.native = native;
  }

  push(bytes: Uint8Array | null): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    if (resolve !== null) resolve(bytes);
    else if (this.#waiting.push(bytes) === MOST_WAITING) this.native.pause();
  }

  read(): Promise<Uint8Array | null> {
    if (this.#waiting.length === 0) return new Promise((resolve) => this.#resolve = resolve);
    if (this.#waiting.length === MOST_WAITING) this.native.resume();
    return Promise.resolve(this.#waiting.shift()!);
  }

  write(bytes: Uint8Array): Promise<void> {
    const taken = Math.max(this.native.write(bytes), 0);
    if (taken === bytes.length) return TAKEN;
    this.#unsent = bytes.subarray(taken);
    return new Promise((resolve) => this.#sent = resolve);
  }

  drain(): void {
    const unsent = this.#unsent;
    if (unsent === null) return;
    const taken = Math.max(this.native.write(unsent), 0);
    this.#unsent = taken === unsent.length ? null : unsent.subarray(taken);
    if (this.#unsent === null) this.#sent!();
  }
}
