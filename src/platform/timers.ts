/**
 * Timers that keep no program alive.
 *
 * @module
 */

interface DenoTimers {
  unrefTimer(id: number): void;
}

/**
 * Has a timer keep the program alive no longer.
 *
 * @param timer What `setTimeout()` has returned: an object on Node and Bun, a number on Deno.
 */
export function unrefTimer(timer: unknown): void {
  if (typeof timer !== "number") return (timer as { unref?(): unknown }).unref?.() as void;
  (globalThis as { readonly Deno?: DenoTimers }).Deno?.unrefTimer(timer);
}
