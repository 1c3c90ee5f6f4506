/**
 * WebSockets over any pair of byte streams: the server's side, the client's without its sockets, and the state machines
 * below. `WebSocketStream` and `WebSocket`, which connect, are in the main entry.
 *
 * @example
 * ```ts
 * import { upgradeWebSocket } from "@http-upgrade/http-upgrade/websocket";
 * import { type Duplex, serveConnection } from "@http-upgrade/http-upgrade/http1";
 *
 * function echo(io: Duplex) {
 *   return serveConnection(io, (request) => {
 *     const { response, socket } = upgradeWebSocket(request);
 *     socket.opened.then(({ readable, writable }) => readable.pipeTo(writable)).catch(console.error);
 *     return response;
 *   });
 * }
 * console.log(typeof echo);
 * ```
 *
 * @module
 */

export * from "./machine/mod.ts";
export type { ByteChannel, Duplex, DuplexLike } from "../duplex/duplex.ts";
export type { CloseOptions, WebSocketClosed, WebSocketState } from "./close_handshake.ts";
export { WebSocketConnection } from "./connection.ts";
export type { Message } from "./message_inbox.ts";
export type { MessageOptions, MessageParts, OutgoingMessage } from "./outgoing_message.ts";
export type { WebSocketHandshakeOptions } from "./client_handshake.ts";
export type { WebSocketOptions } from "./options.ts";
export { type OverOptions, webSocketOver } from "./over.ts";
export type { PendingWebSocket } from "./pending.ts";
export { TextBytes } from "./text_bytes.ts";
export {
  type CheckOrigin,
  type OnOpen,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketUpgrade,
} from "./upgrade.ts";
