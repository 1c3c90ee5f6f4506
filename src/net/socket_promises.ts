/**
 * What a socket promises, and its streams. Most connections come and go without a question for any of these: `net_socket.ts` makes
 * this for the first one.
 *
 * @module
 */

import { readableOf, writableOf } from "../duplex/channel_streams.ts";
import { Deferred } from "../duplex/deferred.ts";
import type { ByteChannel } from "../duplex/duplex.ts";
import type { SocketInfo } from "../duplex/socket.ts";
import type { OverState, SocketState } from "./socket_state.ts";

/** As far as they were asked for. */
export class SocketPromises {
  #opened: Deferred<SocketInfo> | null = null;
  #closed: Deferred<void> | null = null;
  #closing: Deferred<void> | null = null;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;

  /** See `Socket.opened`. `info` is there if it has opened. */
  opened(info: SocketInfo | null, state: SocketState): Promise<SocketInfo> {
    if (this.#opened === null) {
      this.#opened = new Deferred();
      if (info !== null) this.#opened.resolve(info);
      else if (state.is === "over") this.#opened.reject(state.reason);
    }
    return this.#opened.promise;
  }

  /** See `Socket.closed`. */
  closed(state: SocketState): Promise<void> {
    if (this.#closed === null) {
      this.#closed = new Deferred();
      if (state.is === "over") settle(this.#closed, state);
    }
    return this.#closed.promise;
  }

  /** Begins to close. Returns whether that is new. */
  beginClosing(state: SocketState): boolean {
    if (this.#closing !== null) return false;
    this.#closing = new Deferred();
    if (state.is === "over") this.#closing.resolve();
    return true;
  }

  /** Whether it was closed. */
  get isClosing(): boolean {
    return this.#closing !== null;
  }

  /** That of `Socket.close()`. */
  get closing(): Promise<void> {
    return this.#closing!.promise;
  }

  /** See `Duplex`. */
  readable(socket: ByteChannel): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(socket);
  }

  /** See `Duplex`. */
  writable(socket: ByteChannel): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(socket);
  }

  /** Whether what is known of the connection is waited for. */
  get wantsInfo(): boolean {
    return this.#opened !== null;
  }

  /** The socket is open. */
  open(info: SocketInfo): void {
    this.#opened?.resolve(info);
  }

  /** It is over. */
  end(over: OverState): void {
    this.#opened?.reject(over.reason); // without effect once it has opened
    if (this.#closed !== null) settle(this.#closed, over);
    this.#closing?.resolve();
  }
}

function settle(closed: Deferred<void>, { reason, failed }: OverState): void {
  if (failed) closed.reject(reason);
  else closed.resolve();
}
