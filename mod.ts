/**
 * HTTP/1.1 and HTTP/2 connections you can take over: Upgrade, CONNECT and WebSocket on web streams, for Deno, Bun and Node.
 *
 * @example A server and a client that switch to a protocol of their own
 * ```ts
 * import { duplexPair, handshake, onUpgrade, serveConnection, upgradeResponse } from "@http-upgrade/http-upgrade";
 *
 * const [near, far] = duplexPair();
 * serveConnection(far, (request) => {
 *   const { response, upgraded } = upgradeResponse(request, "echo");
 *   upgraded.then((io) => io.readable.pipeTo(io.writable)).catch(console.error);
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

export { duplexPair, type DuplexPairOptions, type PairEnd } from "./src/duplex/pair.ts";
export type { HttpUpgradeError } from "./src/errors/http_upgrade_error.ts";
export { ProtocolError, type ProtocolErrorCode } from "./src/errors/protocol_error.ts";
export { StateError, type StateErrorCode } from "./src/errors/state_error.ts";
export { TransportError, type TransportErrorCode, type TransportErrorOptions } from "./src/errors/transport_error.ts";
export { UnsentError } from "./src/errors/unsent_error.ts";
export {
  type NoProposal,
  UpgradeRejected,
  type UpgradeRejectedOptions,
  type UpgradeRejection,
} from "./src/errors/upgrade_rejected.ts";
export { type WebSocketErrorCode, WebSocketProtocolError } from "./src/errors/web_socket_protocol_error.ts";
export { Client } from "./src/http/client/client.ts";
export type { Interceptor, InterceptorContext, Next, OriginRequest } from "./src/http/client/interceptor.ts";
export type {
  ClientBody,
  ClientHttp2Options,
  ClientOptions,
  ConnectInit,
  Dial,
  DialAddress,
  FetchInit,
  ProxyChoice,
  RouteOptions,
  UpgradeInit,
} from "./src/http/client/options.ts";
export type { ClientResponse } from "./src/http/client/response.ts";
export { retry, type RetryOptions } from "./src/http/client/retry.ts";
export { type ProxyEnvironment, proxyFromEnv } from "./src/http/client/way/proxy_env.ts";
export type {
  ClientTrace,
  ClientTraceEvents,
  TracedClientConnection,
  TracedClientExchange,
} from "./src/http/client/client_trace.ts";
export { ConnectRequest } from "./src/http/server/connect_request.ts";
export { serve } from "./src/http/server/serve.ts";
export type { ServeInfo } from "./src/http/server/serve_info.ts";
export type {
  ConnectHandler,
  SentResponse,
  ServeHandler,
  ServeHttp2Options,
  ServeOptions,
  Server,
  ServerAddress,
  ServerStats,
  ServeTcpOptions,
  ShutdownOptions,
} from "./src/http/server/serve_options.ts";
export type { Http2Limits } from "./src/http2/machine/limits.ts";
export type { Http2Options } from "./src/http2/options.ts";
export type {
  ServerTrace,
  ServerTraceEvents,
  TracedServerConnection,
  TracedServerExchange,
} from "./src/http/server/server_trace.ts";
export type { BodyBytes, TraceHooks, UpgradedBytes } from "./src/http/trace.ts";
export { type ClientHandshake, handshake } from "./src/http1/client_connection.ts";
export { IncomingRequest, IncomingResponse } from "./src/http1/incoming.ts";
export { LightResponse } from "./src/http1/light_response.ts";
export { offeredProtocols, type ProposingRequest, wantsUpgrade } from "./src/http1/proposing.ts";
export { type Handler, serveConnection } from "./src/http1/server_connection.ts";
export {
  type ConnectMessage,
  connectResponse,
  type LightSwitchInit,
  type Switch,
  type SwitchInit,
  upgradeResponse,
} from "./src/http1/switch.ts";
export { type OnSwitched, onUpgrade } from "./src/http1/upgrade.ts";
export type { Parts } from "./src/http1/parts.ts";
export { type Agreement, Upgraded } from "./src/http1/upgraded.ts";
export { Fields } from "./src/semantics/fields.ts";
export type { CloseOptions, WebSocketClosed } from "./src/websocket/close_handshake.ts";
export { WebSocketConnection } from "./src/websocket/connection.ts";
export type { WebSocketStreamOptions } from "./src/websocket/connect.ts";
export { type OverOptions, webSocketOver } from "./src/websocket/over.ts";
export { TextBytes } from "./src/websocket/text_bytes.ts";
export {
  type CheckOrigin,
  type OnOpen,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketUpgrade,
} from "./src/websocket/upgrade.ts";
export { type BinaryType, WebSocket, type WebSocketInit } from "./src/websocket/web_socket.ts";
export type { WebSocketCloseEvent, WebSocketErrorEvent, WebSocketEventMap } from "./src/websocket/web_socket_events.ts";
export { WebSocketStream } from "./src/websocket/web_socket_stream.ts";

// What the signatures above mention. The classes of `./http1` that handshake() and serveConnection() give out are only
// there: exported as types, they would compile as values and fail when they are imported.
export type {
  Authority,
  ByteSource,
  ClientConnectionOptions,
  Clock,
  ConnectionOptions,
  Field,
  FieldsInit,
  Http1Limits,
  Http1Version,
  Leniency,
  NameCase,
  OutgoingBody,
  OutgoingResponse,
  OutgoingTrailers,
  Owned,
  Proposal,
  RequestHead,
  ResponseHead,
  ServerConnectionOptions,
  Version,
} from "./src/http1/mod.ts";
export type {
  ByteChannel,
  DistinguishedName,
  Duplex,
  DuplexLike,
  ListenOptions,
  NameAttribute,
  PeerCertificate,
  SocketAddress,
  SocketOptions,
  SubjectAltName,
  TcpAddress,
  TcpListenOptions,
  TlsInfo,
  TlsOptions,
  TlsServerOptions,
  UnixAddress,
} from "./src/net/mod.ts";
export type {
  CloseInfo,
  DeflateOptions,
  Message,
  MessageKind,
  MessageOptions,
  MessageParts,
  OutgoingMessage,
  PendingWebSocket,
  Role,
  TextForm,
  WebSocketHandshakeOptions,
  WebSocketOptions,
  WebSocketState,
} from "./src/websocket/mod.ts";
