/**
 * Loops that await what they are given, of the least code that can be: what promises cost, by their number where Bun's sockets call back,
 * and on Deno by what they are resolved with.
 *
 * @module
 */

import { bun, type DenoConn } from "./platform.ts";
import { answeringFrames, listenOnDeno, writeAllOnDeno } from "./raw.ts";

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

/** As `textFrames()` of `raw.ts`, but that a loop awaits each text and sends it back. Deno only. */
export function texts(): Promise<number> {
  return listenOnDeno(async (conn) => {
    const incoming = new AwaitedTexts();
    echoTexts(conn, incoming).catch(() => {});
    const respond = answeringFrames((frame, headerBytes) => incoming.push(frame, headerBytes));
    const buffer = new Uint8Array(64 * 1024);
    for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
      const switching = respond(buffer.subarray(0, count));
      if (switching !== null) await writeAllOnDeno(conn, switching);
    }
  });
}

async function echoTexts(conn: DenoConn, incoming: AwaitedTexts): Promise<void> {
  while (true) {
    const text = await incoming.read();
    await writeAllOnDeno(conn, incoming.frameOf(text));
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

class AwaitedTexts {
  #frame: Uint8Array | null = null;
  #payload: Uint8Array | null = null;
  #resolve: ((text: string) => void) | null = null;

  read(): Promise<string> {
    return new Promise((resolve) => this.#resolve = resolve);
  }

  push(frame: Uint8Array, headerBytes: number): null {
    this.#frame = frame;
    this.#payload = frame.subarray(headerBytes);
    this.#resolve!(decoder.decode(this.#payload));
    return null;
  }

  frameOf(text: string): Uint8Array {
    encoder.encodeInto(text, this.#payload!);
    return this.#frame!;
  }
}
