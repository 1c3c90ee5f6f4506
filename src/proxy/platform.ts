/**
 * The door to the runtime: sockets and names.
 *
 * @module
 */

export { connect, startTls } from "../net/mod.ts";
export { lookup } from "../platform/lookup.ts";
