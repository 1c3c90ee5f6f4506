/**
 * A handler at work: how long it may take, and whether it is still at work when its stream is over. `server_stream.ts` has one once a
 * handler has not answered at once, and is told what becomes of it.
 *
 * @module
 */

import { Deadline } from "../duplex/clock.ts";
import { ignore } from "../duplex/deferred.ts";
import { discardBody } from "../http1/outgoing_body.ts";
import type { OutgoingResponse } from "../http1/outgoing_response.ts";
import type { Http2ServerSettings } from "./options.ts";

/** As much of the connection as is used here. */
export interface HandlerHost {
  /** Have the clock. */
  readonly settings: Pick<Http2ServerSettings, "server">;
  /** So many more handlers are at work whose streams are over. */
  abandoned(more: 1 | -1): void;
}

/** Who is told what becomes of it. */
export interface HandlerOwner {
  /** The handler has answered. */
  onAnswer(response: OutgoingResponse): void;
  /** It has thrown. */
  onFailure(error: unknown): void;
  /** It did not answer in time. What it answers later is discarded. */
  onExpired(limitMs: number): void;
}

const EXPIRED: unique symbol = Symbol("expired");

/** What the handler does: behind the end of its stream its work is abandoned. */
type Work = "under-way" | "abandoned" | "over";

/** One handler that has not answered at once. */
export class HandlerRun {
  readonly #owner: HandlerOwner;
  readonly #host: HandlerHost;
  #work: Work = "under-way";
  #deadline: Deadline | null = null;

  /** Waits for nothing yet. */
  constructor(owner: HandlerOwner, host: HandlerHost) {
    this.#owner = owner;
    this.#host = host;
  }

  /** Waits for the answer, which may take so long; 0 is no limit. */
  async wait(answer: Promise<OutgoingResponse>, limitMs: number): Promise<void> {
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
    const deadline = this.#deadline = new Deadline(this.#host.settings.server.clock);
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
    if (this.#work === "abandoned") this.#host.abandoned(-1);
    this.#work = "over";
  }

  /** The stream is gone: its answer has no time limit any more. */
  stop(): void {
    this.#deadline?.stop();
  }

  /** The stream is over, maybe before its handler. */
  leave(): void {
    if (this.#work !== "under-way") return;
    this.#work = "abandoned";
    this.#host.abandoned(1);
  }
}
