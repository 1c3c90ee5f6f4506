/**
 * The door to the runtime: sockets, names, the environment, compression, channels for diagnostics.
 *
 * @module
 */

export { connect, listen, startTls } from "../net/mod.ts";
export { type DiagnosticsChannel, diagnosticsChannel } from "../platform/diagnostics.ts";
export { environment } from "../platform/environment.ts";
export { lookup } from "../platform/lookup.ts";
export { type Coding, CodingError, decompress } from "../platform/decompress.ts";
export { socketsPolled } from "../platform/socket_poll.ts";
