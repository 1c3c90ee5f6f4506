/**
 * A body going out on a stream, and what follows it: what is there already at once, a source chunk by chunk. The streams of both roles
 * send with it.
 *
 * @module
 */

import { ignore } from "../duplex/deferred.ts";
import type { BodyListener } from "../http1/exchange_listener.ts";
import { makeTrailers, OutgoingStream, type OutgoingTrailers, type SortedBody } from "../http1/outgoing_body.ts";
import type { StreamOutlet } from "./stream_outlet.ts";

/** Sends one body. */
export class StreamBody {
  readonly #outlet: StreamOutlet;
  readonly #listener: Pick<BodyListener, "onBodySent"> | null;
  #source: OutgoingStream | null = null;
  #stopped = false;

  /** Sends nothing yet. `listener` is told how long each part is. */
  constructor(outlet: StreamOutlet, listener: Pick<BodyListener, "onBodySent"> | null = null) {
    this.#outlet = outlet;
    this.#listener = listener;
  }

  /** Whether a source is being read. */
  get reads(): boolean {
    return this.#source !== null;
  }

  /**
   * Sends the body, its trailers and the end of the message. What is there already costs no promise.
   *
   * @returns Resolves when all is on its way, or it was stopped; `undefined` if there is nothing to wait for.
   * @throws {unknown} The stream is gone; what the source or the trailers fail with; `StateError` `body-length`.
   */
  send(body: SortedBody, trailers: OutgoingTrailers | undefined): Promise<void> | undefined {
    if (body.type === "stream" || trailers !== undefined) return this.#sendLater(body, trailers);
    if (body.type === "bytes") this.#sendChunk(body.bytes)?.catch(ignore);
    this.#outlet.end(null);
    return undefined;
  }

  async #sendLater(body: SortedBody, trailers: OutgoingTrailers | undefined): Promise<void> {
    if (body.type === "bytes") {
      this.#sendChunk(body.bytes)?.catch(ignore);
    } else if (body.type === "stream") {
      this.#source = new OutgoingStream(body.stream);
      if (!await this.#source.run((chunk) => this.#sendChunk(chunk))) return;
    }
    const made = await makeTrailers(trailers);
    if (!this.#stopped) this.#outlet.end(made);
  }

  #sendChunk(chunk: Uint8Array): Promise<void> | undefined {
    this.#listener?.onBodySent(chunk.length);
    return this.#outlet.send(chunk);
  }

  /** Sends no more, and tells the source so. */
  stop(reason: unknown): void {
    this.#stopped = true;
    this.#source?.stop(reason);
  }
}
