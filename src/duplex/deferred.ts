/**
 * A promise with its two ends in hand, and promises whose rejection needs no handler.
 *
 * @module
 */

/** A promise with its two ends in hand; its rejection needs no handler. */
export class Deferred<T> {
  /** The promise. */
  readonly promise: Promise<T>;
  #fulfil!: (value: T) => void;
  #refuse!: (reason: unknown) => void;

  /** Makes one that is pending. */
  constructor() {
    this.promise = new Promise<T>((fulfil, refuse) => {
      this.#fulfil = fulfil;
      this.#refuse = refuse;
    });
  }

  /** Fulfils the promise. */
  resolve(value: T): void {
    this.#fulfil(value);
  }

  /** Rejects it. Most deferreds are never rejected, so the handler is not attached before. */
  reject(reason: unknown): void {
    this.promise.catch(ignore);
    this.#refuse(reason);
  }
}

/** Handles a rejection, or any other event, that means nothing. */
export function ignore(): void {}

/** The same promise; its rejection needs no handler. */
export function unattended<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}
