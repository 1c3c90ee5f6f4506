/**
 * A byte channel seen as a pair of web streams; sockets, pair ends and `Upgraded` call it when a stream is touched.
 *
 * Nothing is read before a reader pulls: the readable side has a high-water mark of 0. The writable side has 1, the
 * least with which `writer.ready` and `pipeTo()` ever go on, so that one chunk is on its way at a time.
 *
 * @module
 */

import { isBytes } from "../bytes/arguments.ts";
import type { ByteChannel } from "./duplex.ts";
import type { ChunkTaker, HeldChannel } from "./held_channel.ts";

const READ_NOTHING_AHEAD: QueuingStrategy<Uint8Array> = { highWaterMark: 0 };
const ONE_CHUNK_AT_A_TIME: QueuingStrategy<Uint8Array> = { highWaterMark: 1 };

/**
 * Makes the readable side of a channel.
 *
 * The peer's end closes the stream; a failure errors it. Cancelling it aborts the channel, both directions: else the peer
 * could go on writing forever with no reader.
 *
 * @param channel What to read from; from now on the stream is its only reader.
 * @returns A stream that takes one chunk from the channel for each that is asked of it.
 */
export function readableOf(channel: ByteChannel): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(new ChannelSource(channel), READ_NOTHING_AHEAD);
}

/** What a readable side pulls from. A channel with a fast path gives its chunks without a promise for each. */
class ChannelSource implements UnderlyingDefaultSource<Uint8Array>, ChunkTaker {
  readonly #channel: ByteChannel & Partial<Pick<HeldChannel, "fastPath">>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** Whether a chunk is waited for. A stream whose `pull()` has returned may pull again meanwhile. */
  #waits = false;
  #canceled = false;

  constructor(channel: ByteChannel) {
    this.#channel = channel;
  }

  pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> | undefined {
    if (this.#waits) return undefined;
    const fastPath = this.#channel.fastPath ?? null;
    if (fastPath === null) return this.#pullByPromise(controller);
    this.#controller = controller;
    const chunk = fastPath.takeChunk();
    if (chunk === null) controller.close();
    else if (chunk !== undefined) controller.enqueue(fastPath.own(chunk, false));
    else {
      this.#waits = true;
      fastPath.awaitChunk(this);
    }
    return undefined;
  }

  async #pullByPromise(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const chunk = await this.#channel.read();
    if (chunk === null) controller.close();
    else controller.enqueue(chunk);
  }

  cancel(reason: unknown): void {
    this.#canceled = true;
    this.#channel.abort(reason);
  }

  onChunk(chunk: Uint8Array, lent: boolean): void {
    this.#waits = false;
    if (!this.#canceled) this.#controller!.enqueue(this.#channel.fastPath!.own(chunk, lent));
  }

  onEnd(): void {
    this.#waits = false;
    if (!this.#canceled) this.#controller!.close();
  }

  onReadFailure(error: unknown): void {
    this.#waits = false;
    this.#controller!.error(error);
  }
}

/**
 * Makes the writable side of a channel.
 *
 * Closing the stream is `closeWrite()` and leaves reading alone. Aborting it aborts the channel, both directions, and
 * does not wait for a write that is stuck.
 *
 * @param channel What to write to.
 * @returns A stream whose chunks must be `Uint8Array`s; anything else is a `TypeError` and aborts the channel.
 */
export function writableOf(channel: ByteChannel): WritableStream<Uint8Array> {
  let signal: AbortSignal | undefined;
  return new WritableStream<Uint8Array>({
    start(controller): void {
      // The sink's abort() is held back until the write in flight has settled, which a stalled peer can prevent forever.
      // Bun before 1.4 has no such signal, and waits.
      signal = controller.signal as AbortSignal | undefined;
      signal?.addEventListener("abort", () => channel.abort(signal?.reason), { once: true });
    },
    write(chunk): Promise<void> {
      if (isBytes(chunk)) return channel.write(chunk);
      const error = new TypeError("Cannot write to a byte channel: the chunk is not a Uint8Array");
      channel.abort(error);
      throw error;
    },
    close(): Promise<void> {
      return channel.closeWrite();
    },
    abort(reason): void {
      if (signal === undefined) channel.abort(reason);
    },
  }, ONE_CHUNK_AT_A_TIME);
}
