/**
 * How the body of a request is read: a client that holds it back is told to go on with the first read, and each pause has a time limit,
 * the client's before a reader that waits, the reader's behind the response. `server_stream.ts` has one for each request with a body.
 *
 * @module
 */

import type { TimeLimit, Wait, Waiting } from "../duplex/time_limit.ts";
import type { BodyListener } from "../http1/exchange_listener.ts";
import type { Fields } from "../semantics/fields.ts";
import type { ReaderWatcher } from "./stream_intake.ts";

/** How long the pauses may be. */
export interface ReadingLimits {
  /** How long a client may pause within a body that is read. */
  readonly bodyLimit: TimeLimit;
  /** How long the reader of a body may pause behind the response. */
  readonly drainLimit: TimeLimit;
}

/** Whose request it is. */
export interface ReadingOwner {
  /** The request and its answer. */
  readonly exchange: {
    /** Is told how long the body is. */
    readonly listener: Pick<BodyListener, "onBodyReceived"> | null;
    /** Writes a 1xx. */
    sendInformational(status: number, fields: readonly []): void;
    /** The client has paused for too long. */
    onClientTooSlow(): void;
  };
  /** Looks whether both messages are over: the reader has read more, or wants no more. */
  settle(): void;
  /** The reader is not waited for any more. */
  stopReading(): void;
}

/** Whose turn it is. */
type Turn = "held-back" | "reader" | "client";

/** The reading of one body. */
export class RequestReading implements ReaderWatcher, Waiting {
  /** See {@linkcode Waiting}. */
  waits: Wait | null = null;
  readonly #owner: ReadingOwner;
  readonly #limits: ReadingLimits;
  #turn: Turn;
  /** Whether the response is complete, and only the rest of the request is waited for. */
  #settling = false;

  /** Nothing is read yet. The fields are those of the request. */
  constructor(owner: ReadingOwner, limits: ReadingLimits, fields: Fields) {
    this.#owner = owner;
    this.#limits = limits;
    this.#turn = fields.hasToken("expect", "100-continue") ? "held-back" : "reader";
  }

  /** The client does not hold the body back, or not any more: it was told to go on, or has not waited for that. */
  goesOn(): void {
    if (this.#turn === "held-back") this.#turn = "reader";
  }

  /** The body will be read behind the head of the answer, when the client cannot be told to go on any more. */
  willBeRead(): void {
    if (this.#turn === "held-back") this.#owner.exchange.sendInformational(100, []); // RFC 9110 §10.1.1
  }

  /** See {@linkcode ReaderWatcher}. */
  onAwait(): void {
    const heldBack = this.#turn === "held-back";
    this.#turn = "client";
    this.#limits.drainLimit.end(this);
    this.#limits.bodyLimit.begin(this);
    if (heldBack) this.#owner.exchange.sendInformational(100, []); // RFC 9110 §10.1.1
  }

  /** See {@linkcode ReaderWatcher}. */
  onAwaited(): void {
    this.#turn = "reader";
    this.#limits.bodyLimit.end(this);
    if (this.#settling) this.#limits.drainLimit.begin(this);
  }

  /** See {@linkcode ReaderWatcher}. */
  onRead(bytes: number): void {
    this.#owner.exchange.listener?.onBodyReceived(bytes);
    if (this.#settling) this.#owner.settle();
  }

  /** See {@linkcode ReaderWatcher}. */
  onUnwanted(): void {
    this.#owner.settle();
  }

  /** The response is complete: from now on the pauses of the reader have a limit. */
  settle(): void {
    this.#settling = true;
    if (this.#turn !== "client") this.#limits.drainLimit.begin(this);
  }

  /** Nothing has a time limit any more. */
  end(): void {
    this.#settling = false;
    this.#limits.bodyLimit.end(this);
    this.#limits.drainLimit.end(this);
  }

  /** See {@linkcode Waiting}. */
  expired(): void {
    if (this.#turn === "client") this.#owner.exchange.onClientTooSlow();
    else this.#owner.stopReading();
  }
}
