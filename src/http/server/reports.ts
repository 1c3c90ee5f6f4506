/**
 * Where do the errors of a server go: to `onError`, or on the console. Exchanges, connections and what has switched report
 * here.
 *
 * @module
 */

import { quietly } from "../../duplex/deferred.ts";
import { isDeparture, isPeersDoing } from "../../http1/failure.ts";
import type { ServeOptions } from "./serve_options.ts";

/** The reports of one server. */
export class Reports {
  readonly #onError: ServeOptions["onError"];
  readonly #passedOn: WeakSet<object> = new WeakSet();

  constructor(onError: ServeOptions["onError"]) {
    this.#onError = onError;
  }

  /** Reports what a handler has thrown; what it returns is the answer. */
  ask(error: unknown, request: Request | null): Response | void | Promise<Response | void> {
    return this.#onError === undefined ? print(error) : this.#onError(error, request);
  }

  /** Reports what needs no answer. If `onError` fails, that has no further effect. */
  async tell(error: unknown): Promise<void> {
    if (!this.#passedOn.has(Object(error) as object)) await quietly(() => this.ask(error, null));
  }

  /** Remembers an error that was reported and goes on to the connection, which will tell it again. */
  passOn(error: object): void {
    this.#passedOn.add(error);
  }
}

/** What is printed without `onError`: nothing of clients that have left, and no stack of what other machines did. */
function print(error: unknown): void {
  if (!isDeparture(error)) console.error(isPeersDoing(error) ? `${error}` : error);
}
