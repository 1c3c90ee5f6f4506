/**
 * What every entry of `net/` exports beside its three functions: the types of sockets and options, and the error.
 *
 * @module
 */

export type { ByteChannel, Duplex, DuplexLike } from "../duplex/duplex.ts";
export type * from "../duplex/network.ts";
export type * from "../duplex/socket.ts";
export type * from "../duplex/tls_info.ts";
export { TransportError, type TransportErrorCode, type TransportErrorOptions } from "../errors/transport_error.ts";
