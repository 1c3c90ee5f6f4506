/**
 * The body of an `IncomingMessage`, read no further than it is asked for. `receive.ts` and `replay.ts` call it.
 *
 * @module
 */

import { Deferred } from "../duplex/deferred.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { BodyListener } from "../http1/exchange_listener.ts";
import type { BodySource } from "../http1/body_source.ts";
import { departed } from "../http1/failure.ts";
import { Fields } from "../semantics/fields.ts";
import { type IncomingMessage, trailersOf } from "./messages.ts";

const EVENTS = ["readable", "end", "close", "error"];

/**
 * Where the body comes from: chunks, each in memory of its own, and the trailers. Not read by the stream's own iterator:
 * left early, that would destroy the socket.
 */
export class NodeBodySource implements BodySource {
  readonly #req: IncomingMessage;
  readonly #listener: BodyListener | null;
  #waiting: Deferred<void> | null = null;
  #listens = false;

  /** Reads nothing yet. `listener` is told how much was read. */
  constructor(req: IncomingMessage, listener: BodyListener | null = null) {
    this.#req = req;
    this.#listener = listener;
  }

  next(): Uint8Array | Fields | null {
    const req = this.#req;
    const chunk = req.readableEnded ? null : req.read();
    if (chunk !== null) {
      if (this.#listener !== null) this.#listener.onBodyReceived(chunk.byteLength);
      return new Uint8Array(chunk);
    }
    if (!req.readableEnded && !req.destroyed) return null;
    this.#stop();
    if (req.readableEnded || req.complete) return new Fields(trailersOf(req));
    throw departed(new TransportError("closed", "The client has left within a body"));
  }

  more(): Promise<void> {
    this.#listen();
    this.#waiting = new Deferred<void>();
    return this.#waiting.promise;
  }

  failed(error: unknown): unknown {
    this.#stop();
    return error;
  }

  canceled(): void {
    this.#stop();
  }

  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    for (const event of EVENTS) this.#req.on(event, this.#wake);
  }

  #stop(): void {
    if (!this.#listens) return;
    this.#listens = false;
    for (const event of EVENTS) this.#req.off(event, this.#wake);
    this.#req.on("error", () => {});
  }

  readonly #wake = (): void => this.#waiting?.resolve();
}

/** Stands for a body that other middleware has read: only what needs it as it came is told so. */
export class TakenBody implements BodySource {
  next(): never {
    throw new StateError("body-used", "Cannot pass on the body: other middleware has read it");
  }

  more(): Promise<void> {
    return Promise.resolve();
  }

  failed(error: unknown): unknown {
    return error;
  }

  canceled(): void {}
}
