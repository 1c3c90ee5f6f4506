/**
 * What comes in on one stream: kept until it is read, and the windows open as it is. A body reads it, or, behind a switch, a channel.
 *
 * @module
 */

import { PartQueue } from "../bytes/part_queue.ts";
import { Deferred } from "../duplex/deferred.ts";
import type { BodySource } from "../http1/body_source.ts";
import { Fields } from "../semantics/fields.ts";

/** As much of the driver as is used here. */
export interface Windows {
  /** So much was read: the windows open. */
  consume(streamId: number, bytes: number): void;
}

/** Who is told how the reader does. */
export interface ReaderWatcher {
  /** It has read so many bytes. */
  onRead?(bytes: number): void;
  /** It waits for what comes. */
  onAwait?(): void;
  /** That has come. */
  onAwaited?(): void;
  /** It wants no more, and may say why. */
  onUnwanted(reason: unknown): void;
}

/** Why nothing more comes, although the end has not. */
interface Failure {
  /** For the reader. */
  readonly error: unknown;
}

/** What comes in on one stream. */
export class StreamIntake implements BodySource {
  /** Whether nothing more will come: the end or a failure has. */
  over = false;
  readonly #windows: Windows;
  readonly #streamId: number;
  /** `null` if no reader is watched: only a switch reads. */
  readonly #watcher: ReaderWatcher | null;
  /** Made for the first part: most requests have none. */
  #parts: PartQueue | null = null;
  /** The trailers, or what came instead of them. */
  #end: Fields | Failure | null = null;
  #arrival: Deferred<void> | null = null;
  /** Is told why no trailers come. Kept until that is decided. */
  #tellLost: ((error: unknown) => void) | null = null;
  /** Whether what comes is dropped. Only this class writes it. */
  discards = false;

  constructor(windows: Windows, streamId: number, watcher: ReaderWatcher | null) {
    this.#windows = windows;
    this.#streamId = streamId;
    this.#watcher = watcher;
  }

  /** Whether something waits to be read: bytes or the end. */
  get ready(): boolean {
    return this.hasBytes || this.#end !== null;
  }

  /** What came instead of the end, or `null`. */
  get failure(): Failure | null {
    return this.#end instanceof Fields ? null : this.#end;
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
    this.#watcher?.onRead?.(bytes);
    this.#windows.consume(this.#streamId, bytes);
  }

  /** The message is complete. */
  end(trailers: Fields): void {
    this.#finish(trailers);
  }

  /** The stream is gone. What has come before is still read. */
  fail(error: unknown): void {
    this.#finish({ error });
  }

  #finish(end: Fields | Failure): void {
    if (this.over) return;
    const tellLost = this.#tellLost;
    this.over = true;
    this.#end = end;
    this.#tellLost = null;
    if (!(end instanceof Fields)) tellLost?.(end.error);
    this.#arrived();
  }

  #arrived(): void {
    if (this.#arrival === null) return;
    this.#arrival.resolve();
    this.#arrival = null;
    this.#watcher?.onAwaited?.();
  }

  /** See {@linkcode BodySource}. */
  next(): Uint8Array | Fields | null {
    const part = this.#parts?.take();
    if (part !== undefined) {
      this.pass(part.length);
      return part;
    }
    const end = this.#end;
    if (end === null || end instanceof Fields) return end;
    throw end.error;
  }

  /** See {@linkcode BodySource}. */
  more(): Promise<void> {
    if (this.ready) return Promise.resolve();
    if (this.#arrival === null) {
      this.#arrival = new Deferred<void>();
      this.#watcher?.onAwait?.();
    }
    return this.#arrival?.promise ?? Promise.resolve(); // it may have failed at once
  }

  /** See {@linkcode BodySource}. */
  failed(error: unknown): unknown {
    return error;
  }

  /** See {@linkcode BodySource}. */
  whenLost(tell: (error: unknown) => void): void {
    if (this.failure !== null) tell(this.failure.error);
    else if (!this.over) this.#tellLost = tell;
  }

  /** See {@linkcode BodySource}. */
  canceled(reason?: unknown): void {
    this.discard();
    this.#watcher?.onUnwanted(reason);
  }

  /** Drops what has come, and what comes. */
  discard(): void {
    this.discards = true;
    const parts = this.#parts;
    for (let part = parts?.take(); part !== undefined; part = parts!.take()) this.pass(part.length);
  }
}
