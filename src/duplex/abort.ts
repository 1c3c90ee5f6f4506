/**
 * Listening to an `AbortSignal` for as long as it matters: no listener outlives what it was set for.
 *
 * @module
 */

import { ignore } from "./deferred.ts";

/** Calls `act` when the signal aborts, at once if it has. Returns what ends that. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted) act();
  else signal?.addEventListener("abort", act, { once: true });
  return signal === undefined ? ignore : () => signal.removeEventListener("abort", act);
}

/** What a promise comes to, or the reason of the signal if that aborts before. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const unlisten = onAbort(signal, () => reject(signal!.reason));
    promise.then(resolve, reject).finally(unlisten);
  });
}
