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

/** The TCP sockets of this process, where the system keeps a list. Runtimes open others for themselves. */
export function openSockets(): number {
  try {
    const inodes = new Set(["tcp", "tcp6"].flatMap((protocol) => inodesOf(`/proc/net/${protocol}`)));
    return readdirSync("/proc/self/fd").filter((name) => inodes.has(linkOf(`/proc/self/fd/${name}`))).length;
  } catch {
    return 0;
  }
}

function inodesOf(table: string): string[] {
  const lines = readFileSync(table, "utf8").trimEnd().split("\n").slice(1);
  return lines.map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`);
}

/** The list itself was open while it was read. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
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
