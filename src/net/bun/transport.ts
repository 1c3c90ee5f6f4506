/**
 * A `Bun.Socket` as a transport. `adapter.ts` makes it; `NetSocket` calls it.
 *
 * Bun takes its handlers once per listener, so they are functions here that find the transport in `socket.data`.
 *
 * @module
 */

import type { PeerCertificate } from "node:tls";
import { fixedBytes } from "../../bytes/fixed_bytes.ts";
import { NO_BYTES } from "../../bytes/no_bytes.ts";
import { accepted } from "../../duplex/held_channel.ts";
import { TransportError } from "../../errors/transport_error.ts";
import type { NativeEnds } from "../address.ts";
import { transportError } from "../errors.ts";
import type { TlsTeller } from "../tls_info.ts";
import type { Transport, TransportSink } from "../transport.ts";

/** As much of `Bun.Socket` as is used. */
export interface BunSocket extends NativeEnds, TlsTeller {
  data: unknown;
  readonly alpnProtocol?: string | false | null;
  /** TLS: whether the peer showed a certificate that is trusted. */
  readonly authorized?: boolean;
  getPeerCertificate?(): PeerCertificate;
  setSession?(session: Uint8Array): void;
  isSessionReused?(): boolean;
  /** The number of bytes taken, -1 when closed. */
  write(bytes: Uint8Array, byteOffset?: number, byteLength?: number): number;
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  ref(): void;
  unref(): void;
  setNoDelay(on: boolean): boolean;
  setKeepAlive(on: boolean): boolean;
  upgradeTLS(options: object): [raw: BunSocket, tls: BunSocket];
}

/** A write that Bun has not taken whole. */
interface PendingWrite {
  readonly bytes: Uint8Array;
  /** How many of them Bun has taken. */
  taken: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Reads from the `data` handler, writes what Bun takes and the rest when it drains. */
export class BunTransport implements Transport {
  readonly native: BunSocket;
  readonly reading = false;
  readonly tellsReset = true;
  sink: TransportSink;
  /** TLS says that it ends before it does. */
  readonly #tls: boolean;
  /** Whether a reader wants more. */
  #flowing = false;
  /** Whether Bun was told to stop. */
  #paused = false;
  #over = false;
  #pending: PendingWrite[] = [];
  #closing = false;

  /**
   * Takes over a socket that has just opened; its `data` becomes this transport. It is not paused: most are read before
   * something comes, and each change of what the system is asked for is a system call.
   */
  constructor(native: BunSocket, sink: TransportSink, tls = false) {
    this.native = native;
    this.sink = sink;
    this.#tls = tls;
    native.data = this;
  }

  get writing(): boolean {
    return this.#pending.length > 0;
  }

  /** How many bytes wait. */
  get sendMark(): number {
    return this.#pending.reduce((waiting, { bytes, taken }) => waiting + bytes.byteLength - taken, 0);
  }

  /** Bun's `end()` closes what has nothing to send, which sends the FIN: a system call less than with `shutdown()` before. */
  get endsOnClose(): boolean {
    return !this.#tls && this.#pending.length === 0;
  }

  resume(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    if (!this.#paused) return;
    this.#paused = false;
    this.native.resume();
  }

  pause(): void {
    this.#flowing = false;
    if (this.#paused) return;
    this.#paused = true;
    this.native.pause();
  }

  /** Nothing is lent. */
  keep(chunk: Uint8Array): Uint8Array {
    return chunk;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#pending.length > 0) return this.#wait(bytes, 0);
    const taken = this.native.write(bytes);
    if (taken === bytes.byteLength) return accepted;
    if (taken < 0) return Promise.reject(new TransportError("reset", "Cannot write: the socket is closed"));
    return this.#wait(bytes, taken);
  }

  probe(): void {}

  async closeWrite(): Promise<void> {
    if (this.#pending.length > 0) await this.#wait(NO_BYTES, 0);
    this.native.shutdown();
  }

  close(): void {
    if (this.#over) return;
    this.#closing = true;
    this.native.end();
  }

  abort(reason: unknown): void {
    if (this.#over) return;
    this.#leave(reason);
    this.native.terminate();
  }

  holdProgram(holds: boolean): void {
    if (this.#over) return;
    if (holds) this.native.ref();
    else this.native.unref();
  }

  detach(): void {
    this.#over = true;
    this.pause();
    this.native.data = undefined;
  }

  // What the handlers call.

  /** What comes before it is wanted is the only chunk that does. */
  received(chunk: Uint8Array): void {
    if (this.#over) return;
    if (!this.#flowing) this.pause();
    this.sink.received(chunk);
  }

  ended(): void {
    if (!this.#over) this.sink.ended();
  }

  drained(): void {
    while (this.#pending.length > 0) {
      const write = this.#pending[0]!;
      const left = write.bytes.byteLength - write.taken;
      const taken = left === 0 ? 0 : this.native.write(write.bytes, write.taken, left);
      if (taken < 0) return;
      if (taken < left) {
        write.taken += taken;
        return;
      }
      this.#pending.shift();
      write.resolve();
    }
  }

  closed(error: unknown): void {
    if (this.#over) return;
    const failure = error === undefined || error === null ? null : transportError(error, "read");
    this.#leave(failure);
    if (failure !== null) return this.sink.failed(failure);
    // The peer's FIN after our own is not told by `end`: Bun closes the socket at once.
    if (!this.#closing) this.sink.ended();
    this.sink.gone();
  }

  #wait(bytes: Uint8Array, taken: number): Promise<void> {
    return new Promise((resolve, reject) => this.#pending.push({ bytes: fixedBytes(bytes), taken, resolve, reject }));
  }

  #leave(reason: unknown): void {
    this.#over = true;
    if (this.#pending.length === 0) return;
    const error = reason ?? new TransportError("closed", "Cannot write: the socket is closed");
    for (const { reject } of this.#pending) reject(error);
    this.#pending = [];
  }
}

/**
 * The handlers that pass everything to the transport in `socket.data`. Bun has one set of handlers for all sockets of a
 * listener, so they also serve a socket that was released: its new owner puts handlers of its own into `socket.data`.
 */
export const passOn: BunHandlers = {
  binaryType: "uint8array",
  data(socket, chunk) {
    const to = socket.data;
    if (to instanceof BunTransport) to.received(chunk);
    else ownersHandlers(to).data?.(socket, chunk);
  },
  drain(socket) {
    const to = socket.data;
    if (to instanceof BunTransport) to.drained();
    else ownersHandlers(to).drain?.(socket);
  },
  end(socket) {
    const to = socket.data;
    if (to instanceof BunTransport) to.ended();
    else ownersHandlers(to).end?.(socket);
  },
  close(socket, error) {
    const to = socket.data;
    if (to instanceof BunTransport) to.closed(error);
    else ownersHandlers(to).close?.(socket, error);
  },
  error(socket, error) {
    const to = socket.data;
    if (to instanceof BunTransport) to.closed(error);
    else ownersHandlers(to).error?.(socket, error);
  },
};

function ownersHandlers(data: unknown): Partial<BunHandlers> {
  return Object(data) as Partial<BunHandlers>;
}

/** As much of Bun's handlers as is used. */
export interface BunHandlers {
  readonly binaryType: "uint8array";
  open?(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket, error?: unknown): void;
  error(socket: BunSocket, error: unknown): void;
  connectError?(socket: BunSocket, error: unknown): void;
  handshake?(socket: BunSocket, success: boolean, error: Error | null): void;
}
