/**
 * How many may go on at the same time, for each key; the others wait in their order. `Connections` limits with it how
 * many connections one place has.
 *
 * @module
 */

import { onAbort } from "../../duplex/abort.ts";
import { Deferred } from "../../duplex/deferred.ts";

/** Gives the place of one that went in to the next one. */
export type Leave = () => void;

/** What is known of one key. */
interface Gate {
  inside: number;
  readonly waiting: Set<Deferred<void>>;
}

/** Lets in as many as there are places for a key. */
export class Turnstile {
  readonly #places: number;
  readonly #gates: Map<string, Gate> = new Map();

  /** Has so many places for each key. */
  constructor(places: number) {
    this.#places = places;
  }

  /**
   * Goes in.
   *
   * @returns To be called once, when done; a promise of it where one has to wait.
   */
  enter(key: string, signal: AbortSignal | undefined): Leave | Promise<Leave> {
    if (this.#places === Infinity) return noPlace;
    let gate = this.#gates.get(key);
    if (gate === undefined) this.#gates.set(key, gate = { inside: 0, waiting: new Set() });
    if (gate.inside >= this.#places) return this.#wait(key, gate, signal);
    gate.inside++;
    return () => this.#leave(key, gate);
  }

  /** Goes in if there is a place; else `null`. */
  enterNow(key: string): Leave | null {
    const full = this.#places !== Infinity && (this.#gates.get(key)?.inside ?? 0) >= this.#places;
    return full ? null : this.enter(key, undefined) as Leave;
  }

  /** Refuses all that wait. */
  close(reason: unknown): void {
    for (const { waiting } of this.#gates.values()) {
      for (const turn of waiting) turn.reject(reason);
      waiting.clear();
    }
  }

  async #wait(key: string, gate: Gate, signal: AbortSignal | undefined): Promise<Leave> {
    const turn = new Deferred<void>();
    gate.waiting.add(turn);
    const unlisten = onAbort(signal, () => {
      gate.waiting.delete(turn);
      turn.reject(signal!.reason);
    });
    try {
      await turn.promise;
    } finally {
      unlisten();
    }
    return () => this.#leave(key, gate);
  }

  /** The place goes to the one that has waited longest. */
  #leave(key: string, gate: Gate): void {
    const [next] = gate.waiting;
    if (next !== undefined) {
      gate.waiting.delete(next);
      next.resolve();
    } else if (--gate.inside === 0) {
      this.#gates.delete(key);
    }
  }
}

/** Leaves no place: there is no limit. */
export function noPlace(): void {}
