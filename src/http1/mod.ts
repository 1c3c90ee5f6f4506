/**
 * HTTP/1.1 over any pair of byte streams, with exact control of what goes on the wire, and the state machines below it.
 *
 * @example Both ends of a connection that switches to another protocol
 * ```ts
 * import { duplexPair } from "@http-upgrade/http-upgrade";
 * import { handshake, onUpgrade, serveConnection, upgradeResponse } from "@http-upgrade/http-upgrade/http1";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = duplexPair(); // or two sockets
 * serveConnection(far, (request) => {
 *   const { response, upgraded } = upgradeResponse(request, "echo");
 *   upgraded.then((io) => io.readable.pipeTo(io.writable)).catch(console.error);
 *   return response;
 * });
 *
 * const { sender, connection } = handshake(near);
 * const response = await sender.send({
 *   method: "GET",
 *   target: "/",
 *   fields: [["Host", "a"], ["Connection", "upgrade"], ["Upgrade", "echo"]],
 * });
 * const io = await onUpgrade(response);
 * await io.write(new TextEncoder().encode("hello"));
 * assertEquals(new TextDecoder().decode((await io.read())!), "hello");
 * assertEquals((await connection.closed).reason, "upgrade");
 * await io.close();
 * ```
 *
 * @module
 */

export type { ByteChannel, Duplex, DuplexLike } from "../duplex/duplex.ts";
export * from "./machine/mod.ts";
export { type Clock } from "../duplex/clock.ts";
export { ClientConnection, type ClientHandshake, handshake, Sender } from "./client_connection.ts";
export { IncomingRequest, IncomingResponse } from "./incoming.ts";
export { IncomingBody } from "./incoming_body.ts";
export type { ClientConnectionOptions, Closed, ConnectionOptions, ServerConnectionOptions } from "./options.ts";
export type { ByteSource, OutgoingBody, OutgoingTrailers } from "./outgoing_body.ts";
export type { OutgoingRequest, SendOptions } from "./outgoing_request.ts";
export type { Owned } from "./owned.ts";
export type { OutgoingResponse } from "./outgoing_response.ts";
export { offeredProtocols, type ProposingRequest, wantsUpgrade } from "./proposing.ts";
export {
  type ConnectMessage,
  connectResponse,
  type LightSwitchInit,
  type Switch,
  type SwitchInit,
  upgradeResponse,
} from "./switch.ts";
export { type Handler, serveConnection, ServerConnection } from "./server_connection.ts";
export { type OnSwitched, onUpgrade } from "./upgrade.ts";
export { UnsentError } from "../errors/unsent_error.ts";
export type { HttpUpgradeError } from "../errors/http_upgrade_error.ts";
export { UpgradeRejected, type UpgradeRejectedOptions, type UpgradeRejection } from "../errors/upgrade_rejected.ts";
export { type Agreement, type Parts, Upgraded } from "./upgraded.ts";
