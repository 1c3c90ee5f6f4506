/**
 * Counts by turns of the event loop, for tests of what is done in one of them.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Counts what happens within a turn of the event loop. */
export class Turns {
  /** The most that has happened in one. */
  most = 0;
  #count = 0;

  add(count: number): void {
    if (this.#count === 0) {
      const next = (): void => void (this.#count = 0);
      setImmediate(next);
      setTimeout(next, 0);
    }
    this.#count += count;
    this.most = Math.max(this.most, this.#count);
  }
}

/** The next turn: before that of whoever begins to wait later. */
export function nextImmediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** How many turns others have had by the time that a task is done. */
export async function turnsDuring(task: Promise<unknown>): Promise<number> {
  let done = false;
  const end = (): void => void (done = true);
  task.then(end, end);
  for (let turns = 0;; turns++) {
    if (done) return turns;
    await nextImmediate();
  }
}
