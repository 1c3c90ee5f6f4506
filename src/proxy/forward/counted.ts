/**
 * A body on its way through the proxy, with how many bytes of it have gone on.
 *
 * @module
 */

import { chunkStream } from "../../duplex/chunk_stream.ts";
import type { IncomingBody } from "../../http1/incoming_body.ts";

/** Passes on the chunks of a body one by one. */
export class CountedBody implements AsyncIterable<Uint8Array> {
  /** How much was read of it. */
  bytes = 0;
  readonly #body: IncomingBody;
  readonly #onBytes: () => void;

  /** Reads nothing yet. `onBytes` is told after each chunk. */
  constructor(body: IncomingBody, onBytes: () => void) {
    this.#body = body;
    this.#onBytes = onBytes;
  }

  /** The chunks, each when it is asked for. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const value = await this.#body.read();
    if (value === null) return { done: true, value: undefined };
    this.bytes += value.length;
    this.#onBytes();
    return { done: false, value };
  }

  /** Gives up the rest. */
  cancel(reason: unknown): void {
    this.#body.cancel(reason);
  }

  /** The chunks as a stream of the platform. */
  get stream(): ReadableStream<Uint8Array> {
    const read = async (): Promise<Uint8Array | null> => (await this.#next()).value ?? null;
    return chunkStream(read, (reason) => this.cancel(reason));
  }
}
