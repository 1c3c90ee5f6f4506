/**
 * What {@linkcode NetSocket} calls of a platform socket, and what that tells in return. One implementation for each
 * runtime.
 *
 * @module
 */

import type { ChunkSource } from "./chunk_queue.ts";

/** A connected platform socket. It reads when told to, and writes in the order of the calls. */
export interface Transport extends ChunkSource {
  /** Is told what comes. */
  sink: TransportSink;
  /** The platform's object. */
  readonly native: unknown;
  /** Whether bytes wait that the platform has not accepted. */
  readonly writing: boolean;
  /** A number that changes as the platform takes bytes that wait. */
  readonly sendMark: number;
  /** Whether the platform is reading and cannot be stopped (Deno). */
  readonly reading: boolean;
  /**
   * Sends bytes, at least one.
   *
   * @returns `accepted` when the platform took them on the spot, else a promise for that.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Whether the platform tells of a reset also while nothing is being read. */
  readonly tellsReset: boolean;
  /** Finds out whether the peer has cut the connection, where nothing tells so: a write of no bytes fails then. */
  probe(): void;
  /** Sends FIN behind everything written. Called once. */
  closeWrite(): Promise<void>;
  /** Whether `close()` alone ends our side as it should, without `closeWrite()` before: nothing waits to be sent. False if missing. */
  readonly endsOnClose?: boolean;
  /** Ends the platform socket, which has sent its FIN, and then tells the sink that it is closed. Idempotent. */
  close(): void;
  /**
   * Cuts the connection, with a reset where there is one. Tells the sink nothing more. Idempotent.
   *
   * @param reason What pending writes reject with.
   */
  abort(reason: unknown): void;
  /** Says whether the platform socket keeps the program alive. At first it does. */
  holdProgram(holds: boolean): void;
  /** Takes our listeners off the platform socket and leaves it, with reading paused. */
  detach(): void;
}

/** What a transport tells. Errors are `TransportError`s already. */
export interface TransportSink {
  /**
   * Bytes, at least one, in memory that the transport uses again, but for what it hands to `received()`.
   *
   * @returns Whether they have been read; else they are to be given to `received()`.
   */
  lend(chunk: Uint8Array): boolean;
  /** Bytes, at least one, in memory that is the sink's from now on. */
  received(chunk: Uint8Array): void;
  /** The peer's FIN. */
  ended(): void;
  /** The end of everything. */
  failed(error: unknown): void;
  /** The platform socket is gone, without an error. */
  gone(): void;
}
