/**
 * The door to the runtime: turns of the event loop.
 *
 * @module
 */

export { nextTurn } from "../platform/turns.ts";
