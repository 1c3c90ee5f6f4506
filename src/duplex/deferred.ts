/**
 * A promise with its two ends in hand, and promises whose rejection needs no handler.
 *
 * @module
 */

/** Settles a promise. */
export type Settle<T> = (value: T) => void;

/** How to settle the promise that {@linkcode keepSettlers} was the executor of last. */
export let lastResolve: Settle<never>;
/** See {@linkcode lastResolve}. */
export let lastReject: Settle<unknown>;

/** One executor for all promises that are settled from outside: none is allocated for each. */
export function keepSettlers(resolve: Settle<never>, reject: Settle<unknown>): void {
  lastResolve = resolve;
  lastReject = reject;
}

type Outcome<T> = { readonly value: T } | { readonly reason: unknown };

/** The promise knows the outcome: nothing else keeps it. */
const TOLD: unique symbol = Symbol("told");

/**
 * A promise with its two ends in hand; its rejection needs no handler. The promise is made when it is asked for: most
 * connections end without a question when they were opened or closed.
 */
export class Deferred<T> {
  #promise: Promise<T> | null = null;
  #fulfil: Settle<T> | null = null;
  #refuse: Settle<unknown> | null = null;
  #outcome: Outcome<T> | typeof TOLD | null = null;

  /** The promise, always the same one. */
  get promise(): Promise<T> {
    if (this.#promise === null) {
      const outcome = this.#outcome;
      this.#promise = outcome === null ? this.#pending() : settled(outcome as Outcome<T>);
      if (outcome !== null) this.#outcome = TOLD;
    }
    return this.#promise;
  }

  #pending(): Promise<T> {
    const promise = new Promise<T>(keepSettlers);
    this.#fulfil = lastResolve as Settle<T>;
    this.#refuse = lastReject;
    return promise;
  }

  /** Fulfils the promise. Without effect once it is settled. */
  resolve(value: T): void {
    if (this.#outcome !== null) return;
    if (this.#promise === null) {
      this.#outcome = { value };
      return;
    }
    this.#outcome = TOLD;
    this.#fulfil!(value);
    this.#fulfil = this.#refuse = null;
  }

  /** Rejects it. Without effect once it is settled. */
  reject(reason: unknown): void {
    if (this.#outcome !== null) return;
    if (this.#promise === null) {
      this.#outcome = { reason };
      return;
    }
    this.#outcome = TOLD;
    // Most deferreds are never rejected, so the handler is not attached before.
    this.#promise.catch(ignore);
    this.#refuse!(reason);
    this.#fulfil = this.#refuse = null;
  }
}

function settled<T>(outcome: Outcome<T>): Promise<T> {
  return "value" in outcome ? Promise.resolve(outcome.value) : unattended(Promise.reject(outcome.reason));
}

/** Handles a rejection, or any other event, that means nothing. */
export function ignore(): void {}

/** The same promise; its rejection needs no handler. */
export function unattended<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

/** Does what may fail without a meaning, at once or later. */
export async function quietly(act: () => unknown): Promise<void> {
  try {
    await act();
  } catch {
    return;
  }
}
