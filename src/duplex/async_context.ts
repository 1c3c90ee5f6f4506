/**
 * Callbacks that are kept run in the async context (`AsyncLocalStorage`) in which they were handed over. The switch and
 * `serve()` call it for the callbacks of their users.
 *
 * No runtime has to be asked for it. Promises carry the context everywhere: what `then()` is given runs in that of the
 * call to `then()`.
 *
 * @module
 */

import { Deferred } from "./deferred.ts";

/**
 * Keeps a callback, and the context of this call, for one call later.
 *
 * @returns Runs the callback in that context, a moment later, wherever it is called from; fails as the callback does.
 */
export function inThisContext<Argument, Result>(
  callback: (argument: Argument) => Result | Promise<Result>,
): (argument: Argument) => Promise<Result> {
  const called = new Deferred<Argument>();
  const result = called.promise.then(callback);
  return (argument) => {
    called.resolve(argument);
    return result;
  };
}
