/**
 * The door to the runtime: turns of the event loop, and the async context of callbacks.
 *
 * @module
 */

export { contextOfNow, type InContext } from "../platform/async_context.ts";
export { nextTurn } from "../platform/turns.ts";
