/**
 * What comes in on one stream: kept until it is read, and the windows open as it is. A body reads it, or, behind a switch, a channel.
 *
 * @module
 */

import { PartQueue } from "../bytes/part_queue.ts";
import { Deferred } from "../duplex/deferred.ts";
import type { BodySource } from "../http1/incoming_body.ts";
import type { Fields } from "../semantics/fields.ts";

/** Whose stream it is. */
export interface IntakeOwner {
  /** So many bytes were read. */
  consumed(bytes: number): void;
  /** The reader waits for what comes. */
  awaits(): void;
  /** It has come. */
  awaited(): void;
  /** The reader wants no more. */
  unwanted(): void;
}

/** How what comes in ends. */
type End =
  | { readonly type: "trailers"; readonly trailers: Fields }
  | { readonly type: "failed"; readonly error: unknown };

/** What comes in on one stream. */
export class StreamIntake implements BodySource {
  /** Whether nothing more will come: the end or a failure has. */
  over = false;
  readonly #owner: IntakeOwner;
  /** Made for the first part: most requests have none. */
  #parts: PartQueue | null = null;
  #end: End | null = null;
  #arrival: Deferred<void> | null = null;
  /** Whether what comes is dropped. Only this class writes it. */
  discards = false;

  constructor(owner: IntakeOwner) {
    this.#owner = owner;
  }

  /** Whether something waits to be read: bytes or the end. */
  get ready(): boolean {
    return this.hasBytes || this.#end !== null;
  }

  /** What came instead of the end, or `null`. */
  get failure(): { readonly error: unknown } | null {
    return this.#end?.type === "failed" ? this.#end : null;
  }

  /** Whether bytes wait to be read. */
  get hasBytes(): boolean {
    return this.#parts !== null && !this.#parts.empty;
  }

  /**
   * Data has come.
   *
   * @param lent Whether its memory is used again as soon as this returns.
   */
  push(bytes: Uint8Array, lent: boolean): void {
    if (this.discards) return this.pass(bytes.length);
    (this.#parts ??= new PartQueue()).push(bytes, lent);
    this.#arrived();
  }

  /** So many bytes go past this to their reader: nothing waits here. */
  pass(bytes: number): void {
    this.#owner.consumed(bytes);
  }

  /** The message is complete. */
  end(trailers: Fields): void {
    this.#finish({ type: "trailers", trailers });
  }

  /** The stream is gone. What has come before is still read. */
  fail(error: unknown): void {
    this.#finish({ type: "failed", error });
  }

  #finish(end: End): void {
    if (this.over) return;
    this.over = true;
    this.#end = end;
    this.#arrived();
  }

  #arrived(): void {
    if (this.#arrival === null) return;
    this.#arrival.resolve();
    this.#arrival = null;
    this.#owner.awaited();
  }

  /** See {@linkcode BodySource}. */
  next(): Uint8Array | Fields | null {
    const part = this.#parts?.take();
    if (part !== undefined) {
      this.#owner.consumed(part.length);
      return part;
    }
    const end = this.#end;
    if (end === null) return null;
    if (end.type === "failed") throw end.error;
    return end.trailers;
  }

  /** See {@linkcode BodySource}. */
  more(): Promise<void> {
    if (this.ready) return Promise.resolve();
    if (this.#arrival === null) {
      this.#arrival = new Deferred<void>();
      this.#owner.awaits();
    }
    return this.#arrival?.promise ?? Promise.resolve(); // it may have failed at once
  }

  /** See {@linkcode BodySource}. */
  failed(error: unknown): unknown {
    return error;
  }

  /** See {@linkcode BodySource}. */
  canceled(): void {
    this.discard();
    this.#owner.unwanted();
  }

  /** Drops what has come, and what comes. */
  discard(): void {
    this.discards = true;
    const parts = this.#parts;
    for (let part = parts?.take(); part !== undefined; part = parts!.take()) this.#owner.consumed(part.length);
  }
}
