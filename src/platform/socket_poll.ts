/**
 * A look at all sockets at once. No runtime lets one socket be asked whether something waits in it (`poll`, `MSG_PEEK`),
 * but each asks the system for all of them between two turns of its event loop. The client calls it before it uses a
 * connection again.
 *
 * @module
 */

import { denoVersion, isAtLeast } from "./version.ts";

const IMMEDIATES = immediatesToPoll();

/**
 * How many immediates it takes until the system has been asked, seen by counting on Node 20 to 26, Bun 1.2 and 1.4, Deno
 * 2.1 to 2.9.
 *
 * Node and Bun run an immediate before they poll, and one that is set from it behind the poll. Deno's scheduler, tokio,
 * polls when it is idle, and else every 61 turns (`event_interval`); immediates keep it from being idle. Before Deno 2.6
 * they are timers, for which it is idle.
 */
function immediatesToPoll(): number {
  const deno = denoVersion();
  return deno === undefined || !isAtLeast(deno, 2, 6) ? 2 : 62;
}

/** Deno before 2.6 has immediates in npm packages only. */
function later(callback: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
  if (setImmediate === undefined) setTimeout(callback, 0);
  else setImmediate(callback);
}

/** The look that began in this turn: all callers share it. */
let shared: Promise<void> | null = null;

/**
 * Lets the runtime see what has come from the network until now: bytes, ends and failures that wait in sockets which are
 * being read. It takes some ten microseconds (Deno: some hundred) in which other work goes on.
 */
export function socketsPolled(): Promise<void> {
  return shared ??= new Promise((resolve) => {
    let left = IMMEDIATES;
    const turn = (): void => {
      shared = null;
      if (--left === 0) resolve();
      else later(turn);
    };
    later(turn);
  });
}
