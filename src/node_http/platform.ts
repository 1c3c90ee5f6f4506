/**
 * The door to Node's sockets.
 *
 * @module
 */

export { adoptNodeSocket, nodeTlsInfo } from "../net/node/adopt.ts";
