/**
 * The WebSocket protocol (RFC 6455, RFC 7692) as state machines: bytes in, events out.
 *
 * @module
 */

export type { WebSocketCodec } from "./codec.ts";
export { type CloseInfo, MAX_REASON_BYTES, mayBeSent } from "./close_code.ts";
export { type WebSocketErrorCode, WebSocketProtocolError } from "../../errors/web_socket_protocol_error.ts";
export { type Extension, readExtensions, writeExtension } from "./extensions.ts";
export type { Role } from "./frame.ts";
export {
  acceptOf,
  type BadWebSocketRequest,
  checkWebSocketResponse,
  type HandshakeHead,
  keyOf,
  readWebSocketRequest,
  type WebSocketRequest,
} from "./handshake.ts";
export {
  acceptDeflate,
  type AcceptedDeflate,
  agreedDeflate,
  type DeflateAgreement,
  type DeflateDirection,
  deflateOffer,
  type DeflateOptions,
} from "./permessage_deflate.ts";
export type { MessageKind, TextForm, WebSocketEvent } from "./web_socket_event.ts";
export {
  type ClientWebSocketMachineOptions,
  DEFAULT_MAX_MESSAGE_BYTES,
  type MessagePart,
  type ServerWebSocketMachineOptions,
  WebSocketMachine,
  type WebSocketMachineLimits,
  type WebSocketMachineOptions,
} from "./web_socket_machine.ts";
