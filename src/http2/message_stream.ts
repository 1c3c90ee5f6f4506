/**
 * One stream as its connection's user has it: the body that comes, which opens the windows as it is read, and the message that goes,
 * which waits for the peer's windows.
 *
 * @module
 */

import { PartQueue } from "../bytes/part_queue.ts";
import { Deferred } from "../duplex/deferred.ts";
import type { Http2ErrorCode } from "../errors/http2_error.ts";
import { StateError } from "../errors/state_error.ts";
import { type BodySource, IncomingBody } from "../http1/incoming_body.ts";
import { CHUNKED, NO_BODY } from "../http1/machine/framing.ts";
import { makeTrailers, OutgoingStream, type OutgoingTrailers, type SortedBody } from "../http1/outgoing_body.ts";
import type { Fields } from "../semantics/fields.ts";

/** What a stream belongs to: a request that is answered, or one that waits for its response. */
export interface StreamOwner {
  /** The stream is gone before its messages were over. */
  onGone(reason: unknown): void;
}

/** The driver of a connection, as far as a stream goes. */
export interface StreamDriver {
  /** What writes the messages. */
  readonly machine: {
    sendData(streamId: number, bytes: Uint8Array): boolean;
    sendEnd(streamId: number, trailers: Fields | null): void;
  };
  /** The streams with a message that is not over, by their numbers. */
  readonly streams: Map<number, MessageStream>;
  /** Something was written into the machine: it leaves soon. */
  soon(): void;
  /** The reader of a stream has read so much: the windows open. */
  consume(streamId: number, bytes: number): void;
  /** Ends a stream at once, both messages. */
  reset(stream: MessageStream, code: Http2ErrorCode, reason: unknown): void;
}

/** One stream. */
export class MessageStream implements BodySource {
  /** Its number. */
  readonly id: number;
  /** What it belongs to; set as soon as that is there. */
  owner: StreamOwner | null = null;
  readonly #driver: StreamDriver;
  readonly #weAreServer: boolean;
  /** Whether the peer's message is complete. */
  #received = false;
  /** Whether ours is. */
  #sent = false;
  #failed = false;
  #error: unknown = undefined;
  /** What came before its reader asked: no more than the stream's window. */
  #kept: PartQueue | null = null;
  #trailers: Fields | null = null;
  #arrival: Deferred<void> | null = null;
  #drain: Deferred<void> | null = null;
  #body: IncomingBody | null = null;
  #outgoing: OutgoingStream | null = null;

  /** Begins; the driver knows it from now on. */
  constructor(driver: StreamDriver, id: number, weAre: "client" | "server") {
    this.#driver = driver;
    this.id = id;
    this.#weAreServer = weAre === "server";
    driver.streams.set(id, this);
  }

  /** The body that comes. */
  get body(): IncomingBody {
    const none = this.#received && this.#trailers === null;
    return this.#body ??= none ? new IncomingBody(NO_BODY, null) : new IncomingBody(CHUNKED, this);
  }

  /** Whether it is gone before its messages were over. */
  get gone(): boolean {
    return this.#failed;
  }

  /** The head was all of the peer's message. */
  onNoBody(): void {
    this.#received = true;
    this.#leave();
  }

  /** Data has come. */
  onData(bytes: Uint8Array): void {
    if (this.#body?.canceled === true) return; // nothing opens the window again
    (this.#kept ??= new PartQueue()).push(bytes);
    this.#wake();
  }

  /** The peer's message is complete. */
  onEnd(trailers: Fields): void {
    this.#trailers = trailers;
    this.#received = true;
    this.#wake();
    this.#leave();
  }

  /** What waited to be sent is on its way. */
  onDrained(): void {
    this.#drain?.resolve();
    this.#drain = null;
  }

  /** Both messages fail, as far as they are not over. What came before can still be read. */
  fail(reason: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#error = reason;
    this.#outgoing?.stop(reason);
    this.#drain?.reject(reason);
    if (!this.#received && (this.#kept === null || this.#kept.empty)) this.#body?.fail(reason);
    this.#wake();
    this.owner?.onGone(reason);
  }

  /** As `BodySource` says. */
  next(): Uint8Array | Fields | null {
    const part = this.#kept?.take();
    if (part !== undefined) {
      this.#driver.consume(this.id, part.length);
      return part;
    }
    if (this.#trailers !== null) return this.#trailers;
    if (this.#failed) throw this.#error;
    return null;
  }

  /** As `BodySource` says. */
  more(): Promise<void> {
    return (this.#arrival = new Deferred<void>()).promise;
  }

  /** As `BodySource` says. */
  failed(error: unknown): unknown {
    return error;
  }

  /** As `BodySource` says. A server answers all the same: the client is told to stop behind that (RFC 9113 §8.1). */
  canceled(): void {
    this.#kept = null;
    if (!this.#weAreServer || this.#sent) this.#stopPeer();
  }

  #stopPeer(): void {
    if (this.#received || this.#failed) return;
    const reason = new StateError("canceled", "The rest of the message is not wanted");
    this.#driver.reset(this, this.#weAreServer ? "no-error" : "cancel", reason);
  }

  #wake(): void {
    this.#arrival?.resolve();
    this.#arrival = null;
  }

  /**
   * Sends a body and the end of the message, behind its head.
   *
   * @returns Resolves when it was given to the machine, with whether it was whole; `undefined` if that was so at once.
   * @throws {unknown} What the source of the body, or of the trailers, fails with.
   */
  send(body: SortedBody, trailers: OutgoingTrailers | undefined): Promise<boolean> | undefined {
    if (body.type === "stream" || trailers !== undefined) return this.#sendLater(body, trailers);
    if (body.type === "bytes") this.#driver.machine.sendData(this.id, body.bytes);
    this.#driver.machine.sendEnd(this.id, null);
    this.onSent();
    return undefined;
  }

  async #sendLater(body: SortedBody, trailers: OutgoingTrailers | undefined): Promise<boolean> {
    if (body.type === "bytes") this.#driver.machine.sendData(this.id, body.bytes);
    if (body.type === "stream") {
      this.#outgoing = new OutgoingStream(body.stream);
      if (!await this.#outgoing.run((chunk) => this.#sendChunk(chunk))) return false;
    }
    const made = await makeTrailers(trailers);
    if (this.#failed) return false;
    this.#driver.machine.sendEnd(this.id, made);
    this.onSent();
    return true;
  }

  #sendChunk(chunk: Uint8Array): Promise<void> | undefined {
    const ready = this.#driver.machine.sendData(this.id, chunk);
    this.#driver.soon();
    return ready ? undefined : (this.#drain = new Deferred<void>()).promise;
  }

  /** Our message is complete. A server tells a client that goes on sending what is not read to stop (RFC 9113 §8.1). */
  onSent(): void {
    this.#sent = true;
    this.#driver.soon();
    if (this.#received) this.#leave();
    else if (this.#weAreServer && (this.#body === null || !this.#body.used || this.#body.canceled)) this.#stopPeer();
  }

  #leave(): void {
    if (this.#received && this.#sent) this.#driver.streams.delete(this.id);
  }
}
