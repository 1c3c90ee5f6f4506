/**
 * The door to Node's sockets.
 *
 * @module
 */

export { adoptNodeSocket } from "../net/node/adopt.ts";
