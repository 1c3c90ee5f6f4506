/**
 * The door to the runtime: sockets, names, the environment, compression.
 *
 * @module
 */

export { connect, listen, startTls } from "../net/mod.ts";
export { environment } from "../platform/environment.ts";
export { lookup } from "../platform/lookup.ts";
export { type Coding, CodingError, decompress } from "../platform/decompress.ts";
export { socketsPolled } from "../platform/socket_poll.ts";
