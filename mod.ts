/**
 * HTTP/1.1 connections you can take over: Upgrade and CONNECT on web streams, for Deno, Bun and Node.
 *
 * @example A server and a client that switch to a protocol of their own
 * ```ts
 * import { duplexPair, handshake, onUpgrade, serveConnection, upgradeResponse } from "@http-upgrade/http-upgrade";
 *
 * const [near, far] = duplexPair();
 * serveConnection(far, (request) => {
 *   const { response, upgraded } = upgradeResponse(request, "echo");
 *   upgraded.then((io) => io.readable.pipeTo(io.writable));
 *   return response;
 * });
 *
 * const { sender } = handshake(near);
 * const fields: [string, string][] = [["Host", "a"], ["Connection", "upgrade"], ["Upgrade", "echo"]];
 * const io = await onUpgrade(await sender.send({ method: "GET", target: "/", fields }));
 * await io.write(new TextEncoder().encode("hello"));
 * console.log(new TextDecoder().decode((await io.read())!));
 * await io.close();
 * ```
 *
 * @module
 */

export { type ClientHandshake, handshake, type OutgoingRequest, UnsentError } from "./src/connection/client.ts";
export { IncomingRequest, IncomingResponse } from "./src/connection/incoming.ts";
export type { ClientConnectionOptions, Closed, ServerConnectionOptions } from "./src/connection/options.ts";
export { connectResponse, type OutgoingResponse, upgradeResponse, wantsUpgrade } from "./src/connection/respond.ts";
export { type Handler, serveConnection } from "./src/connection/server.ts";
export { onUpgrade, UpgradeRejected } from "./src/connection/upgrade.ts";
export { type Parts, Upgraded } from "./src/connection/upgraded.ts";
export type { ByteChannel, Duplex } from "./src/duplex/duplex.ts";
export { duplexPair } from "./src/duplex/pair.ts";
export { TransportError } from "./src/duplex/transport_error.ts";
export { ProtocolError, StateError } from "./src/http1/errors.ts";
export { Fields } from "./src/http1/fields.ts";
