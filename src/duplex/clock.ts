/**
 * Time, as connections see it: a clock that can be replaced by one of tests, and a deadline that is cheap to move.
 *
 * @module
 */

import { checkFunction, checkObject } from "../bytes/arguments.ts";
import { unrefTimer } from "./platform.ts";

/** Where a connection takes its time from. Replace it to test time limits without waiting. */
export interface Clock {
  /** Milliseconds since any fixed moment in the Unix epoch's scale; also the source of `Date` fields. */
  now(): number;
  /** Calls `callback` once after `ms` milliseconds. */
  setTimer(callback: () => void, ms: number): unknown;
  /** Takes a call back. */
  clearTimer(timer: unknown): void;
}

/** Refuses what is no clock. */
export function checkClock(value: unknown, name: string): void {
  checkObject(value, name);
  const clock = value as Clock;
  checkFunction(clock.now, `${name}.now`);
  checkFunction(clock.setTimer, `${name}.setTimer`);
  checkFunction(clock.clearTimer, `${name}.clearTimer`);
}

/** The longest timer that platforms have; a longer one rings at once there. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The platform's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer: (callback, ms) => setTimeout(callback, ms),
  clearTimer: (timer) => clearTimeout(timer as number),
};

/**
 * One moment by which something must have happened. Moving it is cheap: the timer below is only set anew when it would
 * ring too late.
 */
export class Deadline {
  readonly #clock: Clock;
  /** Whether its timers keep no program alive. */
  readonly #unref: boolean;
  #expire: (() => void) | null = null;
  #at = Infinity;
  #timer: unknown = null;
  #rings = Infinity;
  #stopped = false;

  /**
   * Makes a deadline that is not set.
   *
   * @param holdsProgram Whether the timers of the platform's clock keep the program alive.
   */
  constructor(clock: Clock, holdsProgram = true) {
    this.#clock = clock;
    this.#unref = !holdsProgram && clock === systemClock;
  }

  /** When it is due; `Infinity` is never. */
  get at(): number {
    return this.#at;
  }

  /** Calls `expire` in `ms` milliseconds unless moved or cleared before; 0 or `Infinity` means never. */
  set(ms: number, expire: () => void): void {
    if (this.#stopped) return;
    this.#expire = expire;
    if (ms <= 0 || ms === Infinity) {
      this.#at = Infinity;
      return;
    }
    this.#at = this.#clock.now() + ms;
    if (this.#rings > this.#at) this.#arm(ms);
  }

  /** Nothing is due any more. The timer may go on and rings in vain, unless it is put to rest. */
  clear(): void {
    this.#at = Infinity;
    this.#expire = null;
  }

  /** Nothing is due any more, no timer is left, and none will be set. */
  stop(): void {
    this.#stopped = true;
    this.rest();
  }

  /** Nothing is due any more, and no timer is left until it is set again. */
  rest(): void {
    this.clear();
    if (this.#timer !== null) this.#clock.clearTimer(this.#timer);
    this.#timer = null;
    this.#rings = Infinity;
  }

  #arm(ms: number): void {
    if (this.#timer !== null) this.#clock.clearTimer(this.#timer);
    this.#rings = this.#at;
    this.#timer = this.#clock.setTimer(() => this.#ring(), Math.min(ms, MAX_TIMER_MS));
    if (this.#unref) unrefTimer(this.#timer);
  }

  #ring(): void {
    this.#timer = null;
    this.#rings = Infinity;
    if (this.#at === Infinity) return;
    const left = this.#at - this.#clock.now();
    if (left > 0) return this.#arm(left);
    const expire = this.#expire;
    this.clear();
    expire?.();
  }
}

const FIRST_DATE = new Date(0).toUTCString();
let dateSecond = 0;
let dateText = FIRST_DATE;

/** The value of Date now (IMF-fixdate, RFC 9110 §6.6.1); made once a second. */
export function httpDate(clock: Clock): string {
  const second = Math.floor(clock.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
