/**
 * A promise with its two ends in hand, and promises whose rejection needs no handler: nobody has to wait for them.
 *
 * @module
 */

/** A promise with its two ends in hand; its rejection needs no handler. */
export interface Settled<T> {
  /** The promise. */
  readonly promise: Promise<T>;
  /** Fulfils it. */
  resolve(value: T): void;
  /** Rejects it. */
  reject(reason: unknown): void;
}

/** Makes one. */
export function settled<T>(): Settled<T> {
  return new Deferred<T>();
}

class Deferred<T> implements Settled<T> {
  readonly promise: Promise<T>;
  #fulfil!: (value: T) => void;
  #refuse!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise<T>((fulfil, refuse) => {
      this.#fulfil = fulfil;
      this.#refuse = refuse;
    });
  }

  resolve(value: T): void {
    this.#fulfil(value);
  }

  /** Most never are, and need not be attended before. */
  reject(reason: unknown): void {
    this.promise.catch(ignore);
    this.#refuse(reason);
  }
}

function ignore(): void {}

/** The same promise; its rejection needs no handler. */
export function unattended<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}
