/**
 * HTTP/1.1 connections you can take over: Upgrade, CONNECT and WebSocket on web streams, for Deno, Bun and Node.
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

export type * from "./src/http1/mod.ts";
export type * from "./src/net/mod.ts";
export { handshake } from "./src/http1/client_connection.ts";
export { UnsentError } from "./src/errors/unsent_error.ts";
export type { HttpUpgradeError } from "./src/errors/http_upgrade_error.ts";
export { IncomingRequest, IncomingResponse } from "./src/http1/incoming.ts";
export { serveConnection } from "./src/http1/server_connection.ts";
export { UpgradeRejected } from "./src/errors/upgrade_rejected.ts";
export { Upgraded } from "./src/http1/upgraded.ts";
export { duplexPair, type DuplexPairOptions, type PairEnd } from "./src/duplex/pair.ts";
export { TransportError, type TransportErrorCode, type TransportErrorOptions } from "./src/errors/transport_error.ts";
export { ProtocolError } from "./src/errors/protocol_error.ts";
export { StateError } from "./src/errors/state_error.ts";
export { Fields } from "./src/semantics/fields.ts";
export { Client } from "./src/http/client/client.ts";
export type {
  ClientBody,
  ClientOptions,
  ConnectInit,
  Dial,
  DialAddress,
  FetchInit,
  ProxyChoice,
  RouteOptions,
  UpgradeInit,
} from "./src/http/client/client_options.ts";
export type { ClientResponse } from "./src/http/client/client_response.ts";
export { ConnectRequest } from "./src/http/server/connect_request.ts";
export { LightResponse } from "./src/http1/light_response.ts";
export { type ProxyEnvironment, proxyFromEnv } from "./src/http/client/way/proxy_env.ts";
export { serve } from "./src/http/server/serve.ts";
export type { ServeInfo } from "./src/http/server/serve_info.ts";
export type {
  ConnectHandler,
  SentResponse,
  ServeHandler,
  ServeOptions,
  Server,
  ServerAddress,
  ShutdownOptions,
} from "./src/http/server/serve_options.ts";
export { offeredProtocols, wantsUpgrade } from "./src/http1/proposing.ts";
export { connectResponse, type Switch, type SwitchInit, upgradeResponse } from "./src/http1/switch.ts";
export { type OnSwitched, onUpgrade } from "./src/http1/upgrade.ts";
export { type WebSocketClosed, WebSocketConnection } from "./src/websocket/connection.ts";
export { webSocketOver } from "./src/websocket/over.ts";
export { upgradeWebSocket } from "./src/websocket/upgrade.ts";
export type { WebSocketStreamOptions } from "./src/websocket/connect.ts";
export { type BinaryType, WebSocket, type WebSocketInit } from "./src/websocket/web_socket.ts";
export type { WebSocketCloseEvent, WebSocketErrorEvent, WebSocketEventMap } from "./src/websocket/web_socket_events.ts";
export { WebSocketStream } from "./src/websocket/web_socket_stream.ts";
export { WebSocketProtocolError } from "./src/errors/web_socket_protocol_error.ts";
export type * from "./src/websocket/mod.ts";
