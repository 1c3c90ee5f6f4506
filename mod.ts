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

export type * from "./src/connection/mod.ts";
export type * from "./src/runtime/mod.ts";
export { handshake } from "./src/connection/client.ts";
export { UnsentError } from "./src/connection/outgoing_request.ts";
export { IncomingRequest, IncomingResponse } from "./src/connection/incoming.ts";
export { serveConnection } from "./src/connection/server.ts";
export { UpgradeRejected } from "./src/connection/upgrade.ts";
export { Upgraded } from "./src/connection/upgraded.ts";
export { duplexPair, type DuplexPairOptions, type PairEnd } from "./src/duplex/pair.ts";
export { TransportError, type TransportErrorCode, type TransportErrorOptions } from "./src/duplex/transport_error.ts";
export { ProtocolError, StateError } from "./src/http1/errors.ts";
export { Fields } from "./src/http1/fields.ts";
export { Client } from "./src/http/client.ts";
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
} from "./src/http/client_options.ts";
export type { ClientResponse } from "./src/http/client_response.ts";
export { ConnectRequest } from "./src/http/connect_request.ts";
export { LightResponse } from "./src/http/light_response.ts";
export { type ProxyEnvironment, proxyFromEnv } from "./src/http/proxy_env.ts";
export { serve } from "./src/http/serve.ts";
export type { ServeInfo } from "./src/http/serve_info.ts";
export type { ConnectHandler, SentResponse, ServeHandler, ServeOptions } from "./src/http/serve_options.ts";
export type { Server, ServerAddress, ShutdownOptions } from "./src/http/server.ts";
export {
  connectResponse,
  offeredProtocols,
  type OnSwitched,
  onUpgrade,
  type ResponseSwitch,
  type ResponseSwitchInit,
  upgradeResponse,
  wantsUpgrade,
} from "./src/http/switch.ts";
export { type WebSocketClosed, WebSocketConnection } from "./src/ws/connection.ts";
export { webSocketOver } from "./src/ws/over.ts";
export { upgradeWebSocket } from "./src/ws/upgrade.ts";
export type { WebSocketStreamOptions } from "./src/ws/connect.ts";
export { type BinaryType, WebSocket, type WebSocketInit } from "./src/ws/web_socket.ts";
export type { WebSocketCloseEvent, WebSocketErrorEvent, WebSocketEventMap } from "./src/ws/web_socket_events.ts";
export { WebSocketStream } from "./src/ws/web_socket_stream.ts";
export { WebSocketProtocolError } from "./src/websocket/errors.ts";
export type * from "./src/ws/mod.ts";
