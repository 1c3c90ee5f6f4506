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
  let resolve: (value: T) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** The same promise; its rejection needs no handler. */
export function unattended<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
