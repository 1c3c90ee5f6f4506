/**
 * What churn is measured by, and its random numbers.
 *
 * @module
 */

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { type Clock, systemClock } from "../../src/duplex/clock.ts";

/** Lets time pass. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until it is so, but no longer than that. */
export async function within(ms: number, done: () => boolean): Promise<void> {
  for (let waited = 0; waited < ms && !done(); waited += 50) await pause(50);
}

/**
 * The sockets of this process, where the system keeps a list, those among them that have ended and were not closed. Runtimes open
 * Unix sockets for themselves, Deno two more when it likes: these do not count.
 */
export function openSockets(): number {
  try {
    const unix = new Set(readFileSync("/proc/net/unix", "utf8").split("\n").map(inodeOf));
    return readdirSync("/proc/self/fd").map(socketOf).filter((inode) => inode !== undefined && !unix.has(inode)).length;
  } catch {
    return 0;
  }
}

/** `Num RefCount Protocol Flags Type St Inode Path`. */
function inodeOf(line: string): string | undefined {
  return line.trim().split(/\s+/)[6];
}

function socketOf(descriptor: string): string | undefined {
  try {
    return /^socket:\[([0-9]+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1];
  } catch {
    return undefined; // the list itself was open while it was read
  }
}

/** Random numbers that can be had again. */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 4_294_967_296;
  };
}

/** The platform's clock, which knows how many timers are set. */
export class CountingClock implements Clock {
  readonly #set: Set<unknown> = new Set();

  /** How many timers are set. */
  get pending(): number {
    return this.#set.size;
  }

  now(): number {
    return systemClock.now();
  }

  setTimer(callback: () => void, ms: number): unknown {
    const timer = systemClock.setTimer(() => {
      this.#set.delete(timer);
      callback();
    }, ms);
    this.#set.add(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.#set.delete(timer);
    systemClock.clearTimer(timer);
  }
}

/** How many listeners the signals have that were given out here. */
export class CountedSignals {
  /** The sum of those that were not taken off, of signals that have not aborted. */
  listeners = 0;

  /** A controller whose signal is counted. */
  controller(): AbortController {
    const controller = new AbortController();
    const { signal } = controller;
    const own = new Set<unknown>();
    const add = signal.addEventListener.bind(signal) as AbortSignal["addEventListener"];
    const remove = signal.removeEventListener.bind(signal) as AbortSignal["removeEventListener"];
    add("abort", () => {
      this.listeners -= own.size;
      own.clear();
    });
    signal.addEventListener = (type: string, listener: unknown, options?: unknown) => {
      if (!signal.aborted && !own.has(listener)) this.listeners += 1;
      if (!signal.aborted) own.add(listener);
      add(type, listener as EventListener, options as AddEventListenerOptions);
    };
    signal.removeEventListener = (type: string, listener: unknown, options?: unknown) => {
      if (own.delete(listener)) this.listeners -= 1;
      remove(type, listener as EventListener, options as EventListenerOptions);
    };
    return controller;
  }
}
