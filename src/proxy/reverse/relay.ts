/**
 * A body on its way through the proxy, where something must be known of each chunk: how long it pauses, or how long it is.
 * Without such a limit bodies go on as they are.
 *
 * @module
 */

import { chunkStream } from "../../duplex/chunk_stream.ts";
import type { IncomingBody } from "../../http1/incoming_body.ts";
import type { TimeLimit, Waiting } from "../../duplex/time_limit.ts";

/** A body that is longer than it may be. */
export class BodyTooLong extends Error {
  /** The name, for logs. */
  override readonly name = "BodyTooLong";
}

/** What is known of each chunk. */
export interface RelayLimits {
  /** How long it may pause. */
  readonly silence: TimeLimit;
  /** What ends when it has paused too long. */
  readonly waiting: Waiting;
  /** The most bytes. */
  readonly maxBytes: number;
}

/** Passes on the chunks of a body one by one. */
export class Relay implements AsyncIterable<Uint8Array> {
  readonly #body: IncomingBody;
  readonly #limits: RelayLimits;
  #bytes = 0;

  /** Reads nothing yet. */
  constructor(body: IncomingBody, limits: RelayLimits) {
    this.#body = body;
    this.#limits = limits;
  }

  /** The chunks. Each wait for one, and for the reader of it, may last as long as the limit says. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const { silence, waiting, maxBytes } = this.#limits;
    silence.begin(waiting);
    let value: Uint8Array | null = null;
    try {
      value = await this.#body.read();
    } finally {
      if (value === null) silence.end(waiting);
      else silence.begin(waiting);
    }
    if (value === null) return { done: true, value: undefined };
    this.#bytes += value.length;
    if (this.#bytes <= maxBytes) return { done: false, value };
    const error = new BodyTooLong(`The body of the request is longer than ${maxBytes} bytes`);
    this.cancel(error);
    throw error;
  }

  /** Gives up the rest. */
  cancel(reason: unknown): void {
    this.#limits.silence.end(this.#limits.waiting);
    this.#body.cancel(reason);
  }

  /** The chunks as a stream of the platform. */
  get stream(): ReadableStream<Uint8Array> {
    const read = async (): Promise<Uint8Array | null> => (await this.#next()).value ?? null;
    return chunkStream(read, (reason) => this.cancel(reason));
  }
}
