/**
 * How much a peer may do that costs us work and brings it nothing. What it does well earns it some back, so one that lives long
 * and behaves is never in want; no clock is asked.
 *
 * @module
 */

/** A number that goes down and up, between 0 and what it was at first. */
export class Budget {
  readonly #most: number;
  #left: number;

  /** May be spent `most` times. */
  constructor(most: number) {
    this.#most = most;
    this.#left = most;
  }

  /** Spends one; tells whether there was one. */
  spend(): boolean {
    return --this.#left >= 0;
  }

  /** Gives so many back. */
  earn(count: number): void {
    this.#left = Math.min(this.#most, this.#left + count);
  }
}
