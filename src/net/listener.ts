/**
 * A listener for platforms that accept by themselves (Node, Bun): a bounded queue of sockets. Their adapters make it and
 * call `offer()`.
 *
 * @module
 */

import type { Listener } from "../duplex/network.ts";
import type { Socket, SocketAddress } from "../duplex/socket.ts";
import type { NetSocket } from "./net_socket.ts";

/** How many connections wait for `accept()` when the caller does not say. libuv's and Deno's own number is 511. */
export const DEFAULT_BACKLOG = 512;

/** Sockets in, sockets out. */
export class PushListener implements Listener {
  readonly address: SocketAddress;
  readonly #backlog: number;
  readonly #stop: () => Promise<void>;
  readonly #handOut: (socket: NetSocket) => Socket;
  #unaccepted: NetSocket[] = [];
  #acceptors: ((socket: Socket | null) => void)[] = [];
  #closed: Promise<void> | null = null;

  /** Makes the listener of a platform's server, which `stop` closes; `tls` is put on a socket when it is accepted. */
  constructor(address: SocketAddress, backlog: number, stop: () => Promise<void>, tls?: (socket: NetSocket) => Socket) {
    this.address = address;
    this.#backlog = backlog;
    this.#stop = stop;
    this.#handOut = tls ?? ((socket) => socket);
  }

  /**
   * Takes a socket from the platform; cuts it when there is no room, or the listener is closed.
   *
   * @returns Whether it has to wait until it is accepted.
   */
  offer(socket: NetSocket): boolean {
    const acceptor = this.#acceptors.shift();
    if (acceptor !== undefined) {
      acceptor(this.#handOut(socket));
      return false;
    }
    const waits = this.#closed === null && this.#unaccepted.length < this.#backlog;
    if (waits) this.#unaccepted.push(socket);
    else socket.abort();
    return waits;
  }

  accept(): Promise<Socket | null> {
    return new Promise((resolve) => this.#awaitSocket(resolve));
  }

  #awaitSocket(take: (socket: Socket | null) => void): void {
    const socket = this.#unaccepted.shift();
    if (socket !== undefined) take(this.#handOut(socket));
    else if (this.#closed !== null) take(null);
    else this.#acceptors.push(take);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Leaving the loop does not close the listener. No generator: that makes five promises a turn. */
  [Symbol.asyncIterator](): AsyncIterator<Socket> {
    return { next: () => new Promise((resolve) => this.#awaitSocket((socket) => resolve(asResult(socket)))) };
  }

  #close(): Promise<void> {
    for (const socket of this.#unaccepted) socket.abort();
    this.#unaccepted = [];
    for (const acceptor of this.#acceptors) acceptor(null);
    this.#acceptors = [];
    return this.#stop();
  }
}

/** Accepts until the listener is closed. Leaving the loop does not close it. No generator: that makes five promises a turn. */
export function acceptAll(listener: Listener): AsyncIterator<Socket> {
  return { next: () => listener.accept().then(asResult) };
}

function asResult(socket: Socket | null): IteratorResult<Socket> {
  return socket === null ? { done: true, value: undefined } : { done: false, value: socket };
}
