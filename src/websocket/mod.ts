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

export type { WebSocketCodec } from "./machine/codec.ts";
export { type CloseInfo, MAX_REASON_BYTES, mayBeSent } from "./machine/close_code.ts";
export { type WebSocketErrorCode, WebSocketProtocolError } from "../errors/web_socket_protocol_error.ts";
export { type Extension, readExtensions, writeExtension } from "./machine/extensions.ts";
export type { Role } from "./machine/frame.ts";
export {
  acceptOf,
  type BadWebSocketRequest,
  checkWebSocketResponse,
  type HandshakeHead,
  keyOf,
  readWebSocketRequest,
  type WebSocketRequest,
} from "./machine/handshake.ts";
export {
  acceptDeflate,
  type AcceptedDeflate,
  agreedDeflate,
  type DeflateAgreement,
  type DeflateDirection,
  deflateOffer,
  type DeflateOptions,
} from "./machine/permessage_deflate.ts";
export type { MessageKind, TextForm, WebSocketEvent } from "./machine/web_socket_event.ts";
export {
  type ClientWebSocketMachineOptions,
  DEFAULT_MAX_MESSAGE_BYTES,
  type MessagePart,
  type ServerWebSocketMachineOptions,
  WebSocketMachine,
  type WebSocketMachineLimits,
  type WebSocketMachineOptions,
} from "./machine/web_socket_machine.ts";
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
export { type PublishOptions, Topic, type TopicOptions, type WhenFull } from "./topic.ts";
export {
  type CheckOrigin,
  type OnOpen,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketUpgrade,
} from "./upgrade.ts";
