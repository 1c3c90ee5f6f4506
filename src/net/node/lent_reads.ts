/**
 * Node's sockets that read into memory which is used again (`onread`), instead of into 64 KiB that Node makes for each
 * read. `sockets.ts` makes sockets with it; the transport is told what they read.
 *
 * Bun's `onread` ignores the buffer (oven-sh/bun#33382), and Deno has none.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type net from "node:net";
import { takeMemory } from "../../bytes/memory_pool.ts";
import { allocate } from "../../platform/buffer_module.ts";

/** Takes what a socket has read. */
export interface LentReader {
  /**
   * Bytes have come, in memory that is used again when this returns, unless it returns other memory.
   *
   * @returns What to read into next; `undefined` for the same memory.
   */
  onRead(chunk: Uint8Array): Uint8Array | undefined;
}

/** 65 KiB: about what libuv reads at once, and a length that the pool keeps. */
const READ_BUFFER_BYTES = 65 * 1024;

/** What all sockets read into. One is enough, since what it holds is dealt with before the next read. */
export const sharedReadBuffer: Uint8Array = allocate(READ_BUFFER_BYTES);

/** Memory that belongs to one socket, for bulk: what is read can be given away without copying it. */
export function freshReadBuffer(): Uint8Array {
  return takeMemory(READ_BUFFER_BYTES, allocate);
}

const READER = Symbol("http-upgrade.reader");
type LendingSocket = net.Socket & { [READER]: LentReader | null };

interface Answer {
  readonly next: Uint8Array | undefined;
}

const SAME: Answer = { next: undefined };
/** What Node asks for right after the callback has returned. */
let answer: Answer | null = null;

/** One for all sockets: Node calls the callback as a method of the socket. */
const onread = {
  buffer(): Uint8Array {
    const next = answer === null ? sharedReadBuffer : answer.next;
    answer = null;
    return next!;
  },
  callback(this: LendingSocket, count: number, buffer: Uint8Array): boolean {
    const reader = this[READER];
    const chunk = buffer.subarray(0, count);
    if (reader === null) {
      // The socket was given to somebody who listens to `data`.
      const room = this.push(Buffer.from(chunk));
      answer = SAME;
      return room;
    }
    const next = reader.onRead(chunk);
    answer = next === undefined ? SAME : { next };
    return true;
  },
};

/** Options for a socket that lends what it reads. */
export function lending<Options extends object>(options: Options): Options {
  return { ...options, onread };
}

/** Makes room for the reader of a socket that was made to lend. */
export function marked(socket: net.Socket): net.Socket {
  (socket as LendingSocket)[READER] = null;
  return socket;
}

/**
 * Tells `reader` from now on what the socket reads.
 *
 * @param reader `null` gives the socket to somebody else: what it reads comes as `data`.
 * @returns Whether the socket lends; else all it has is `data`.
 */
export function lendReads(socket: net.Socket, reader: LentReader | null): boolean {
  if (!(READER in socket)) return false;
  (socket as LendingSocket)[READER] = reader;
  return true;
}
