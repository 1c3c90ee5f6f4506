/**
 * The door to the runtime: turns of the event loop, and timers.
 *
 * @module
 */

export { unrefTimer } from "../platform/timers.ts";
export { nextTurn } from "../platform/turns.ts";
