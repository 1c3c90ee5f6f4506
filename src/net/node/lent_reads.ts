/**
 * Node's sockets that read into memory which is used again (`onread`), instead of into 64 KiB that Node makes for each
 * read. The adapter makes sockets with it; the transport is told what they read.
 *
 * `net.connect()` takes `onread`, `net.createServer()` does not: accepted sockets are made here, from what the server's
 * handle announces. That handle is no public API (the same on Node 20 to 26). Where it looks otherwise, sockets read in
 * the usual way, as on Bun (its `onread` ignores the buffer, oven-sh/bun#33382) and Deno.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import net from "node:net";
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

/** How accepted sockets are set up. */
export interface AcceptOptions {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
}

/** Where the adapter has its sockets from. */
export interface SocketMaker {
  /** `net.connect()`, paused. */
  connect(options: net.NetConnectOpts): net.Socket;
  /**
   * Has the server tell of accepted sockets, paused.
   *
   * @param server Made with `pauseOnConnect` and `options`; it listens already.
   */
  accept(server: net.Server, options: AcceptOptions, take: (socket: net.Socket) => void): void;
}

/** Sockets with `data` events. */
export const plainSockets: SocketMaker = {
  connect: (options) => net.connect(options).pause(),
  accept: (server, _options, take) => void server.on("connection", take),
};

/** Sockets that lend what they read. */
export const lendingSockets: SocketMaker = {
  connect: (options) => marked(net.connect({ ...options, onread } as net.NetConnectOpts)).pause(),
  accept(server, options, take): void {
    server.on("connection", take);
    const handle = (server as unknown as { readonly _handle?: ServerHandle | null })._handle;
    const announce = handle?.onconnection;
    if (handle === null || handle === undefined || typeof announce !== "function") return;
    handle.onconnection = function (error, client) {
      if (error !== 0 || client === undefined) return announce.call(this, error, client);
      take(acceptedSocket(client, options));
    };
  },
};

/** What Node's own listener gets: as much as is used of a handle of a server, which is listening. */
interface ServerHandle {
  onconnection?: (this: unknown, error: number, client: object | undefined) => void;
}

function acceptedSocket(handle: object, { noDelay, keepAlive }: AcceptOptions): net.Socket {
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread };
  const socket = marked(new net.Socket(options as net.SocketConstructorOpts));
  if (noDelay) socket.setNoDelay(true);
  if (keepAlive) socket.setKeepAlive(true);
  return socket;
}

function marked(socket: net.Socket): LendingSocket {
  const lending = socket as LendingSocket;
  lending[READER] = null;
  return lending;
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
