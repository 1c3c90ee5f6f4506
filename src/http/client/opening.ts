/**
 * Connections that are being opened for all requests, or tunnels, that wait for them, since one may turn out to be shared.
 * `Connections` and `ProxyConnections` begin one where they do not know which version the server speaks.
 *
 * @module
 */

import { onAbort } from "../../duplex/abort.ts";
import { Deferred } from "../../duplex/deferred.ts";
import type { Carrier } from "./carrier.ts";

/** What one of those that wait gets: the connection, or `null` if it is another one's alone. */
type Turn = Deferred<Carrier | null>;

/** How one is opened. */
interface Manner {
  /** Opens it, until none waits any more. */
  open(signal: AbortSignal): Promise<Carrier>;
  /** Takes it when all that waited have given up. */
  putAway(carrier: Carrier): void;
}

/** Those that are being opened, at most one for a key. */
export class Openings {
  readonly #all: Map<string, Opening> = new Map();

  /**
   * Waits for the one of this key; begins it if there is none.
   *
   * @param signal Leaves. The last one that leaves ends the attempt.
   * @returns What is shared, or was begun by this; `null` if it is another one's alone.
   */
  join(key: string, manner: Manner, signal: AbortSignal | undefined): Promise<Carrier | null> {
    let opening = this.#all.get(key);
    if (opening === undefined || opening.signal.aborted) this.#begin(key, opening = new Opening(), manner);
    return opening.join(signal);
  }

  /** Whether one is being opened that can be joined. */
  has(key: string): boolean {
    return this.#all.get(key)?.signal.aborted === false;
  }

  async #begin(key: string, opening: Opening, { open, putAway }: Manner): Promise<void> {
    this.#all.set(key, opening);
    try {
      const carrier = await open(opening.signal);
      if (!opening.open(carrier)) putAway(carrier);
    } catch (error) {
      opening.fail(error);
    } finally {
      if (this.#all.get(key) === opening) this.#all.delete(key);
    }
  }
}

/** One connection that is being opened. */
class Opening {
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
