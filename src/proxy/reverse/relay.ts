/**
 * A body on its way through the proxy, where something must be known of each chunk: how long it pauses, or how long it is.
 * Without such a limit bodies go on as they are.
 *
 * @module
 */

import { chunkStream } from "../../duplex/chunk_stream.ts";
import type { TimeLimit, Wait, Waiting } from "../../duplex/time_limit.ts";
import type { IncomingBody } from "../../http1/incoming_body.ts";

/** The body of a request is longer than it may be, or pauses for longer: the client's doing, whatever became of the server. */
export class BodyRefused extends Error {
  /** The name, for logs. */
  override readonly name = "BodyRefused";

  /** What the client is answered. */
  readonly status: 408 | 413;

  /** Made with what the client is answered. */
  constructor(status: 408 | 413, message: string) {
    super(message);
    this.status = status;
  }
}

/** Who is waited for: the one that sends the body, or the one that takes it. */
export type Awaited = "source" | "reader";

/** What is known of each chunk. */
export interface RelayLimits {
  /** How long it may pause. */
  readonly silence: TimeLimit;
  /** It has paused for longer. */
  readonly onPause: (awaited: Awaited) => void;
  /** The most bytes. */
  readonly maxBytes: number;
}

/** Passes on the chunks of a body one by one. Each direction has pauses of its own. */
export class Relay implements AsyncIterable<Uint8Array>, Waiting {
  /** See {@linkcode Waiting}. */
  waits: Wait | null = null;
  readonly #body: IncomingBody;
  readonly #limits: RelayLimits;
  #awaited: Awaited = "source";
  #bytes = 0;
  #canceled = false;

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
    const { silence, maxBytes } = this.#limits;
    this.#awaited = "source";
    silence.begin(this);
    let value: Uint8Array | null = null;
    try {
      value = await this.#body.read();
    } finally {
      this.#awaited = "reader";
      if (value === null || this.#canceled) silence.end(this);
      else silence.begin(this);
    }
    if (value === null) return { done: true, value: undefined };
    this.#bytes += value.length;
    if (this.#bytes <= maxBytes) return { done: false, value };
    const error = new BodyRefused(413, `The body of the request is longer than ${maxBytes} bytes`);
    this.cancel(error);
    throw error;
  }

  /** See {@linkcode Waiting}. */
  expired(): void {
    this.#limits.onPause(this.#awaited);
  }

  /** Gives up the rest. */
  cancel(reason: unknown): void {
    this.#canceled = true;
    this.#limits.silence.end(this);
    this.#body.cancel(reason);
  }

  /** The chunks as a stream of the platform. */
  get stream(): ReadableStream<Uint8Array> {
    const read = async (): Promise<Uint8Array | null> => (await this.#next()).value ?? null;
    return chunkStream(read, (reason) => this.cancel(reason));
  }
}
