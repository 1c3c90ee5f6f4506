/**
 * The door to the runtime: turns of the event loop.
 *
 * @module
 */

export { nextTurn } from "../runtime/turns.ts";
