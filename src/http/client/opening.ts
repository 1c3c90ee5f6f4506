/**
 * A connection that is being opened for all requests of a route that wait for it, since it may turn out to be one that they
 * share. `Connections` begins one where it does not know which version the server speaks.
 *
 * @module
 */

import { onAbort } from "../../duplex/abort.ts";
import { Deferred } from "../../duplex/deferred.ts";
import type { Carrier } from "./carrier.ts";

/** What one of those that wait gets: the connection, or `null` if it is another one's alone. */
type Turn = Deferred<Carrier | null>;

/** One connection that is being opened. */
export class Opening {
  readonly #controller = new AbortController();
  /** In their order. */
  readonly #waiting: Set<Turn> = new Set();

  /** Aborts when none waits any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Waits for it.
   *
   * @param signal Leaves. The last one that leaves ends the attempt.
   * @throws {unknown} What opening fails with; the reason of the signal.
   */
  async join(signal: AbortSignal | undefined): Promise<Carrier | null> {
    const turn: Turn = new Deferred();
    this.#waiting.add(turn);
    const unlisten = onAbort(signal, () => {
      this.#waiting.delete(turn);
      turn.reject(signal!.reason);
      if (this.#waiting.size === 0) this.#controller.abort(signal!.reason);
    });
    try {
      return await turn.promise;
    } finally {
      unlisten();
    }
  }

  /**
   * It is open. A connection of HTTP/1.1 is for the one that has waited longest.
   *
   * @returns Whether there is a request for it.
   */
  open(carrier: Carrier): boolean {
    const wanted = this.#waiting.size > 0;
    let first = true;
    for (const turn of this.#waiting) {
      turn.resolve(first || carrier.version === "2" ? carrier : null);
      first = false;
    }
    this.#waiting.clear();
    return wanted;
  }

  /** It cannot be opened. */
  fail(error: unknown): void {
    for (const turn of this.#waiting) turn.reject(error);
    this.#waiting.clear();
  }
}
