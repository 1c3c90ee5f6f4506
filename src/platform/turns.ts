/**
 * Turns of the event loop, for work that would keep it too long in one go: connections and codecs stop in the middle and go
 * on in a later turn.
 *
 * @module
 */

import { builtinModule } from "./builtin_module.ts";

/** So many turns in a row may pass on Deno before it looks at sockets. */
const IMMEDIATES_IN_A_ROW = 3;

/**
 * Deno does not look at sockets while there are immediates (seen on 2.9.6: three echoes in a second). It does at timers,
 * which take a millisecond or more on all runtimes.
 */
const isDeno = "Deno" in globalThis;

type SetImmediate = (act: () => void) => void;

const waiting: (() => void)[] = [];
let due = false;
let immediates = 0;
let known: SetImmediate | null | undefined = undefined;

/**
 * Calls `act` when sockets and timers had their turn. Of those that wait, one is called in a turn, in their order: however
 * many connections have much to do, the others wait for one piece of it.
 */
export function nextTurn(act: () => void): void {
  waiting.push(act);
  if (!due) schedule();
}

function schedule(): void {
  due = true;
  const setImmediate = immediate();
  if (setImmediate === null || (isDeno && ++immediates > IMMEDIATES_IN_A_ROW)) {
    immediates = 0;
    setTimeout(takeTurn, 0);
  } else setImmediate(takeTurn);
}

function takeTurn(): void {
  const act = waiting.shift()!;
  due = false;
  if (waiting.length > 0) schedule();
  act();
}

/** Looked up when it is first needed: most connections never do, and on Deno it changes when messages of ports are told (2.9.6). */
function immediate(): SetImmediate | null {
  if (known !== undefined) return known;
  const timers = builtinModule("node:timers") as { readonly setImmediate: SetImmediate } | undefined;
  return known = timers?.setImmediate ?? null;
}
