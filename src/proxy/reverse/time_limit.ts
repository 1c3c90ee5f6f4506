/**
 * One time limit for many waits: they all have the same length, so that the one that began first ends first, and one timer
 * is enough for all of them.
 *
 * @module
 */

import { type Clock, Deadline } from "../../duplex/clock.ts";

/** What waits. */
export interface Waiting {
  /** Its time is over. It waits no longer, unless it is added again. */
  expired(): void;
}

/** How long a timer may ring in vain: it keeps a program alive that has nothing else to do. */
const MAX_TICK_MS = 1000;

/** Ends waits that last too long. */
export class TimeLimit {
  /** How long a wait may last, in milliseconds. */
  readonly limitMs: number;
  readonly #clock: Clock;
  readonly #deadline: Deadline;
  /** In the order in which they began. */
  readonly #waiting: Map<Waiting, number> = new Map();

  /**
   * Limits nothing yet.
   *
   * @param limitMs How long; 0 or `Infinity` is without limit.
   */
  constructor(limitMs: number, clock: Clock) {
    this.limitMs = limitMs;
    this.#clock = clock;
    this.#deadline = new Deadline(clock);
  }

  /** Whether there is a limit. */
  get set(): boolean {
    return this.limitMs > 0 && this.limitMs !== Infinity;
  }

  /** A wait begins, or begins anew. */
  begin(waiting: Waiting): void {
    if (!this.set) return;
    this.#waiting.delete(waiting);
    this.#waiting.set(waiting, this.#clock.now() + this.limitMs);
    if (this.#waiting.size === 1) this.#tick(this.limitMs);
  }

  /** A wait is over. */
  end(waiting: Waiting): void {
    if (!this.#waiting.delete(waiting) || this.#waiting.size > 0) return;
    this.#deadline.clear();
  }

  /** No timer is left. */
  stop(): void {
    this.#waiting.clear();
    this.#deadline.rest();
  }

  #tick(leftMs: number): void {
    this.#deadline.set(Math.min(leftMs, MAX_TICK_MS), this.#expire);
  }

  readonly #expire = (): void => {
    const now = this.#clock.now();
    for (const [waiting, until] of this.#waiting) {
      if (until > now) {
        return this.#tick(until - now);
      }
      this.#waiting.delete(waiting);
      waiting.expired();
    }
  };
}
