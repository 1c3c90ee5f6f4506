/**
 * The transport of one connection, with the one rule that keeps it losable by nobody: a single reader, whose read may
 * have begun ahead, is never forgotten.
 *
 * @module
 */

import type { Duplex } from "../duplex/duplex.ts";
import { accepted, type Withdrawable } from "../duplex/fast_path.ts";
import { type HeldChannel, holdChannel } from "../duplex/stream_channel.ts";

/** See the module. */
export class Wire {
  /** The transport as the caller gave it. */
  readonly io: Duplex;
  readonly #channel: HeldChannel;
  #ahead: Promise<Uint8Array | null> | null = null;
  #reading = false;
  #ended = false;

  /**
   * Takes the transport.
   *
   * @throws {TypeError} A stream of it is locked.
   */
  constructor(io: Duplex) {
    this.io = io;
    this.#channel = holdChannel(io);
  }

  /** The channel, for the owner that follows. */
  get channel(): HeldChannel {
    return this.#channel;
  }

  /** Whether a read is pending: then the transport cannot be handed over. */
  get reading(): boolean {
    return this.#reading;
  }

  /** Whether this side was closed or aborted: then there is nothing to hand over. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Takes a pending read back, if the transport can do that; its bytes are kept for the next reader. */
  withdraw(): boolean {
    const withdrawable = this.io as Duplex & Partial<Withdrawable>;
    if (typeof withdrawable.withdrawRead !== "function") return false;
    this.#ahead = null;
    return withdrawable.withdrawRead();
  }

  /** Waits for the next bytes, or goes on with the read that began ahead. */
  read(): Promise<Uint8Array | null> {
    const ahead = this.#ahead;
    if (ahead !== null) {
      this.#ahead = null;
      return ahead;
    }
    return this.#channel.read();
  }

  /**
   * Begins the next read before anybody needs its bytes, to notice a peer that leaves.
   *
   * @returns The bytes; they are given to the next `read()` as well. Needs no handler.
   */
  readAhead(): Promise<Uint8Array | null> {
    if (this.#ahead === null) {
      this.#reading = true;
      const over = (): void => {
        this.#reading = false;
      };
      this.#ahead = this.#channel.read();
      this.#ahead.then(over, over);
    }
    return this.#ahead;
  }

  /** Sends the parts in order; resolves when the transport has room again. */
  write(parts: readonly Uint8Array[]): Promise<void> {
    if (parts.length === 1) return this.#channel.write(parts[0]!);
    return this.#writeAll(parts);
  }

  async #writeAll(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      const written = this.#channel.write(part);
      if (written !== accepted) await written;
    }
  }

  /** Ends our side. */
  closeWrite(): Promise<void> {
    return this.#channel.closeWrite();
  }

  /** Sends what is written and ends both sides. A failure has no more meaning and is swallowed. */
  close(): Promise<void> {
    this.#ended = true;
    return this.#channel.close().catch(() => {});
  }

  /** Ends both sides at once. */
  abort(reason?: unknown): void {
    this.#ended = true;
    this.#channel.abort(reason);
  }
}
