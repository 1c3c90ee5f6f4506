/**
 * The time that a connection waits for another request. Soon it keeps the program alive no longer, and when the time is over, it ends.
 * The pools have one for each connection.
 *
 * @module
 */

import { type Clock, Deadline } from "../../duplex/clock.ts";

/** A connection. */
interface Waiting {
  /** Says whether it keeps the program alive. */
  holdProgram(holds: boolean): void;
}

/**
 * A connection that is used again sooner is left alone: telling the platform costs more than a small request. A program that has
 * nothing else to do ends that much later.
 */
const QUIET_MS = 250;

/** How long one connection waits. */
export class IdleTime {
  readonly #connection: Waiting;
  readonly #deadline: Deadline;
  readonly #clock: Clock;
  readonly #expire: () => void;
  readonly #onQuiet = (): void => this.#rest();
  /** When the time is over. */
  #until = Infinity;
  #quiet = false;

  /**
   * Nothing waits yet.
   *
   * @param expire Is called when it has waited for too long.
   */
  constructor(clock: Clock, connection: Waiting, expire: () => void) {
    this.#clock = clock;
    this.#connection = connection;
    this.#deadline = new Deadline(clock, false);
    this.#expire = expire;
  }

  /** It waits from now on, for so many milliseconds; 0 or `Infinity` is without end. */
  begin(ms: number): void {
    const limitMs = ms > 0 ? ms : Infinity;
    this.#deadline.set(Math.min(limitMs, QUIET_MS), this.#onQuiet);
    this.#until = this.#deadline.at + Math.max(0, limitMs - QUIET_MS);
  }

  /** It waits no longer: it was taken, or is to end. Until it waits again it keeps the program alive. */
  end(): void {
    this.#deadline.clear();
    if (!this.#quiet) return;
    this.#quiet = false;
    this.#connection.holdProgram(true);
  }

  /** It is gone: no timer is left. */
  stop(): void {
    this.#deadline.stop();
  }

  #rest(): void {
    const leftMs = this.#until - this.#clock.now();
    if (leftMs <= 0) return this.#expire();
    this.#quiet = true;
    this.#connection.holdProgram(false);
    this.#deadline.set(leftMs, this.#expire);
  }
}
