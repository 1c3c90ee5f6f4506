/**
 * One call of a handler: how long it may take, and whether it is still at work when its stream is over. `server_stream.ts` begins one
 * for each request, and is told what became of it.
 *
 * @module
 */

import { type Clock, Deadline } from "../duplex/clock.ts";
import { ignore } from "../duplex/deferred.ts";
import { isPromise } from "../http1/answering.ts";
import type { IncomingRequest } from "../http1/incoming.ts";
import { discardBody } from "../http1/outgoing_body.ts";
import type { OutgoingResponse } from "../http1/outgoing_response.ts";
import type { Handler } from "../http1/server_exchange.ts";

/** Who is told what became of the call. */
export interface HandlerOwner {
  /** The answer will come later. */
  onWait(): void;
  /** The handler has answered. */
  onAnswer(response: OutgoingResponse): void;
  /** It has thrown. */
  onFailure(error: unknown): void;
  /** It did not answer in time. What it answers later is discarded. */
  onExpired(limitMs: number): void;
  /** One more handler is at work whose stream is over, or one less. */
  abandoned(more: 1 | -1): void;
}

const EXPIRED: unique symbol = Symbol("expired");

/** One call of a handler. */
export class HandlerRun {
  readonly #owner: HandlerOwner;
  readonly #clock: Clock;
  #deadline: Deadline | null = null;
  #atWork = false;
  #abandoned = false;

  /** Calls nothing yet. */
  constructor(owner: HandlerOwner, clock: Clock) {
    this.#owner = owner;
    this.#clock = clock;
  }

  /** Calls the handler, which may take so long; 0 is no limit. */
  begin(handler: Handler, request: IncomingRequest, limitMs: number): void {
    try {
      const answer = handler(request);
      if (!isPromise(answer)) return this.#owner.onAnswer(answer);
      this.#owner.onWait();
      this.#await(answer, limitMs);
    } catch (error) {
      this.#owner.onFailure(error);
    }
  }

  async #await(answer: Promise<OutgoingResponse>, limitMs: number): Promise<void> {
    this.#atWork = true;
    try {
      const response = await (limitMs > 0 ? this.#inTime(answer, limitMs) : answer);
      this.#deadline?.stop();
      if (response === EXPIRED) return this.#expired(answer, limitMs);
      this.#rested();
      this.#owner.onAnswer(response);
    } catch (error) {
      this.#rested();
      this.#deadline?.stop();
      this.#owner.onFailure(error);
    }
  }

  #inTime(answer: Promise<OutgoingResponse>, limitMs: number): Promise<OutgoingResponse | typeof EXPIRED> {
    const deadline = this.#deadline = new Deadline(this.#clock);
    return new Promise((resolve, reject) => {
      deadline.set(limitMs, () => resolve(EXPIRED));
      answer.then(resolve, reject);
    });
  }

  #expired(answer: Promise<OutgoingResponse>, limitMs: number): void {
    answer.then((late) => discardBody(late.body, null)).catch(ignore).then(() => this.#rested());
    this.#owner.onExpired(limitMs);
  }

  /** The handler has come to an end. */
  #rested(): void {
    this.#atWork = false;
    if (this.#abandoned) this.#owner.abandoned(-1);
    this.#abandoned = false;
  }

  /** The stream is gone: its answer has no time limit any more. */
  stop(): void {
    this.#deadline?.stop();
  }

  /** The stream is over, maybe before its handler. */
  leave(): void {
    if (!this.#atWork || this.#abandoned) return;
    this.#abandoned = true;
    this.#owner.abandoned(1);
  }
}
