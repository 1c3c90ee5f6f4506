/**
 * The door to Node's sockets.
 *
 * @module
 */

export { adoptNodeSocket, type Described, nodeSocketInfo } from "../net/node/adopt.ts";
