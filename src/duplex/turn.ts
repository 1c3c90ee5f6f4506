/**
 * What one connection does within a turn of the event loop. A peer that sends much in little, pipelined requests or tiny
 * chunks, must not keep other connections and timers waiting: what has been received is worked off in pieces. Each `Wire` has one,
 * and its reader counts; the wait is `nextTurn()` of `platform/turns.ts`.
 *
 * @module
 */

import { nextTurn } from "./platform.ts";

/** What is done in one turn, before others have theirs: 5 to 10 ms of work. */
const TURN_COST = 1024;
/** What a part of a body costs, however short it is. */
export const PART_COST = 1;
/** What a message without a body costs: its head is understood, a handler is called, maybe it is answered. */
export const MESSAGE_COST = 16;

/** Counts. Costs a number as long as there is little to do. */
export class Turn {
  #spent = 0;

  /** The transport has nothing more: what comes next comes in another turn. */
  renew(): void {
    this.#spent = 0;
  }

  /** Whether enough was done in this turn: then `rest()` is due. */
  get over(): boolean {
    return this.#spent >= TURN_COST;
  }

  /**
   * Counts what was done.
   *
   * @returns Whether it is enough for this turn: then `rest()` is due.
   */
  spend(cost: number): boolean {
    this.#spent += cost;
    return this.over;
  }

  /** Waits for the next turn. The connection may have ended meanwhile. Never rejects. */
  rest(): Promise<void> {
    this.#spent = 0;
    return new Promise(nextTurn);
  }
}

/** What it costs to understand so many bytes of heads. */
export function headCost(bytes: number): number {
  return bytes >> 9;
}
