/**
 * One time limit for many waits: they all have the same length, so that the one that began first ends first, and one timer
 * is enough for all of them.
 *
 * @module
 */

import { type Clock, Deadline } from "./clock.ts";

/** What waits. */
export interface Waiting {
  /** Its places in the queues of time limits; `null` at first. */
  waits: Wait | null;
  /** Its time is over. It waits no longer, unless it is added again. */
  expired(): void;
}

/**
 * A place in the queue of one limit.
 *
 * The queue is linked, and no place that was left leads to another one. A Map would not do: V8 leaves its former table behind
 * whenever it makes it anew, with a link to the next one, and once such a table is old, all that waited since then is kept
 * until the next full collection (seen on Node 26: 4 KB a request).
 */
export class Wait {
  readonly limit: TimeLimit;
  readonly waiting: Waiting;
  /** The same object's place in another queue. */
  readonly other: Wait | null;
  previous: Wait | null = null;
  next: Wait | null = null;
  /** Whether it is in the queue. */
  queued = false;
  until = 0;

  /** Makes a place that is not taken yet. */
  constructor(limit: TimeLimit, waiting: Waiting) {
    this.limit = limit;
    this.waiting = waiting;
    this.other = waiting.waits;
  }
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
  #first: Wait | null = null;
  #last: Wait | null = null;

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
    const wait = this.#find(waiting) ?? (waiting.waits = new Wait(this, waiting));
    if (wait.queued) this.#leave(wait);
    wait.until = this.#clock.now() + this.limitMs;
    wait.queued = true;
    wait.previous = this.#last;
    if (this.#last === null) this.#first = wait;
    else this.#last.next = wait;
    this.#last = wait;
    if (this.#first === wait) this.#tick(this.limitMs);
  }

  /** A wait is over. */
  end(waiting: Waiting): void {
    const wait = this.#find(waiting);
    if (wait === null || !wait.queued) return;
    this.#leave(wait);
    if (this.#first === null) this.#deadline.clear();
  }

  /** No timer is left unless something waits. */
  rest(): void {
    if (this.#first === null) this.#deadline.rest();
  }

  /** No timer is left. */
  stop(): void {
    while (this.#first !== null) this.#leave(this.#first);
    this.#deadline.rest();
  }

  #find({ waits }: Waiting): Wait | null {
    let wait = waits;
    while (wait !== null && wait.limit !== this) wait = wait.other;
    return wait;
  }

  #leave(wait: Wait): void {
    const { previous, next } = wait;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    wait.previous = wait.next = null;
    wait.queued = false;
  }

  #tick(leftMs: number): void {
    this.#deadline.set(Math.min(leftMs, MAX_TICK_MS), this.#expire);
  }

  readonly #expire = (): void => {
    const now = this.#clock.now();
    for (let wait = this.#first; wait !== null; wait = this.#first) {
      if (wait.until > now) return this.#tick(wait.until - now);
      this.#leave(wait);
      wait.waiting.expired();
    }
  };
}
