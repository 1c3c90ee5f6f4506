/**
 * A body going out, of either role: what is there already, or a stream chunk by chunk, then the trailers and the end. The
 * exchanges call it behind their heads; it gives the bytes to their machine and flushes each chunk of a stream.
 *
 * @module
 */

import type { Fields } from "../semantics/fields.ts";
import type { ConnectionCore, CoreMachine } from "./connection_core.ts";
import { makeTrailers, OutgoingStream, type OutgoingTrailers, type SortedBody } from "./outgoing_body.ts";

/** What follows a body. */
export interface BodyEnd {
  /** The trailers, or what makes them. */
  readonly trailers?: OutgoingTrailers | undefined;
  /** Whether they go out without having been announced. */
  readonly unannouncedTrailers?: boolean | undefined;
}

/** A machine, as far as the body goes that it sends. */
interface BodyWriter extends CoreMachine {
  /** Writes body data. */
  sendData(bytes: Uint8Array): void;
  /** Ends the message. */
  sendEnd(trailers: Fields | null, unannounced?: boolean): void;
}

/** Writes a body that is there already, and the end of its message. */
export function sendWhole(core: ConnectionCore<BodyWriter>, body: SortedBody): void {
  if (body.type === "bytes") sendData(core, body.bytes);
  core.machine.sendEnd(null);
}

function sendData({ machine, listener }: ConnectionCore<BodyWriter>, bytes: Uint8Array): void {
  machine.sendData(bytes);
  if (listener !== null) listener.onBodySent(bytes.length);
}

/** A body whose source or trailers must be waited for. */
export class BodySender {
  readonly #core: ConnectionCore<BodyWriter>;
  readonly #body: SortedBody;
  readonly #end: BodyEnd;
  readonly #stream: OutgoingStream | null;
  #stopped = false;

  /** Touches nothing yet. */
  constructor(core: ConnectionCore<BodyWriter>, body: SortedBody, end: BodyEnd) {
    this.#core = core;
    this.#body = body;
    this.#end = end;
    this.#stream = body.type === "stream" ? new OutgoingStream(body.stream) : null;
  }

  /**
   * Sends body and trailers, and writes the end of the message, which the caller flushes.
   *
   * @param onChunk Called for each chunk of a stream.
   * @returns Whether the end was written; false as soon as it was stopped.
   * @throws {unknown} What the source, the trailers or the transport fail with.
   */
  async send(onChunk: (() => void) | null = null): Promise<boolean> {
    if (this.#body.type === "bytes") sendData(this.#core, this.#body.bytes);
    if (this.#stream !== null && !await this.#stream.run((chunk) => this.#sendChunk(chunk, onChunk))) return false;
    const { trailers, unannouncedTrailers } = this.#end;
    const made = await makeTrailers(trailers);
    if (this.#stopped) return false;
    this.#core.machine.sendEnd(made, unannouncedTrailers);
    return true;
  }

  #sendChunk(chunk: Uint8Array, onChunk: (() => void) | null): Promise<void> | undefined {
    onChunk?.();
    sendData(this.#core, chunk);
    return this.#core.outlet.flush();
  }

  /** Sends no more and cancels the source. */
  stop(reason: unknown): void {
    this.#stopped = true;
    this.#stream?.stop(reason);
  }
}
