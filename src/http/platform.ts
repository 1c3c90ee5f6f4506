/**
 * The door to the runtime: sockets, names, the environment, compression.
 *
 * @module
 */

export { connect, listen, startTls } from "../runtime/mod.ts";
export { environment } from "../runtime/environment.ts";
export { lookup } from "../runtime/lookup.ts";
export { type Coding, CodingError, decompress } from "../runtime/decompress.ts";
export { socketsPolled } from "../runtime/socket_poll.ts";
