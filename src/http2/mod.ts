/**
 * HTTP/2 over any pair of byte streams, with the requests, responses, switches and errors of `./http1`, and the state machines below
 * it (RFC 9113, 7541, 8441, 9218).
 *
 * @example Many requests on one connection, and one that becomes the transport of another protocol
 * ```ts
 * import { duplexPair } from "@http-upgrade/http-upgrade";
 * import { handshake, onUpgrade, serveConnection, upgradeResponse, wantsUpgrade } from "@http-upgrade/http-upgrade/http2";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = duplexPair(); // or two sockets; over TLS, those that have agreed on h2 through ALPN
 * serveConnection(far, (request) => {
 *   if (!wantsUpgrade(request, "echo")) return { status: 200, body: `you asked for ${request.target}` };
 *   const { response, upgraded } = upgradeResponse(request, "echo");
 *   upgraded.then((io) => io.readable.pipeTo(io.writable)).catch(console.error);
 *   return response;
 * }, { connectProtocol: true });
 *
 * const { sender, connection } = handshake(near);
 * const fields: [string, string][] = [["Host", "a"]];
 * const [tea, upgrade] = await Promise.all([
 *   sender.send({ method: "GET", target: "/tea", fields }),
 *   sender.send({ method: "GET", target: "/", fields: [...fields, ["Connection", "upgrade"], ["Upgrade", "echo"]] }),
 * ]);
 * assertEquals(await tea.body.text(), "you asked for /tea");
 * const io = await onUpgrade(upgrade);
 * await io.write(new TextEncoder().encode("hello"));
 * assertEquals(new TextDecoder().decode((await io.read())!), "hello");
 * await io.close();
 * await connection.gracefulShutdown();
 * ```
 *
 * @module
 */

export { handshake, Http2ClientConnection, type Http2ClientHandshake } from "./client_connection.ts";
export { Http2ClientMachine } from "./machine/client_machine.ts";
export type {
  Http2ClientEvent,
  Http2ConnectionEvent,
  Http2Event,
  Http2InformationalEvent,
  Http2RequestEvent,
  Http2ResponseEvent,
  Http2ServerEvent,
  ResetEvent,
} from "./machine/events.ts";
export { Http2Machine, type Http2MachineOptions } from "./machine/http2_machine.ts";
export { DEFAULT_HTTP2_LIMITS, type Http2Limits } from "./machine/limits.ts";
export type {
  Http2RequestHead,
  Http2ResponseHead,
  OutgoingHttp2Request,
  OutgoingHttp2Response,
  RequestControl,
} from "./machine/message.ts";
export { Http2ServerMachine, type Http2ServerMachineOptions } from "./machine/server_machine.ts";
export type { PeerSettings } from "./machine/settings.ts";
export type { Http2ClientConnectionOptions, Http2Options, Http2ServerConnectionOptions } from "./options.ts";
export { Http2ServerConnection, serveConnection } from "./server_connection.ts";

// What is the same over HTTP/1.1: the very objects of `./http1`.
export {
  type Agreement,
  type Authority,
  type BodyFraming,
  type ByteChannel,
  type ByteSource,
  type ClientConnectionOptions,
  type Clock,
  type Closed,
  type ConnectionOptions,
  type ConnectMessage,
  connectResponse,
  type Duplex,
  type DuplexLike,
  type Field,
  Fields,
  type FieldsInit,
  type Handler,
  type Http1Limits,
  type Http1Version,
  type HttpUpgradeError,
  IncomingBody,
  IncomingRequest,
  IncomingResponse,
  type Leniency,
  type LightSwitchInit,
  type NameCase,
  type NoProposal,
  offeredProtocols,
  onUpgrade,
  type OutgoingBody,
  type OutgoingRequest,
  type OutgoingResponse,
  type OutgoingTrailers,
  type Owned,
  type Parts,
  type Proposal,
  type ProposingRequest,
  ProtocolError,
  type ProtocolErrorCode,
  type RequestHead,
  type ResponseHead,
  type SendOptions,
  type ServerConnectionOptions,
  StateError,
  type StateErrorCode,
  type Switch,
  type SwitchInit,
  UnsentError,
  Upgraded,
  UpgradeRejected,
  type UpgradeRejectedOptions,
  type UpgradeRejection,
  upgradeResponse,
  type Version,
  wantsUpgrade,
} from "../http1/mod.ts";
export { Http2Error, type Http2ErrorCode } from "../errors/http2_error.ts";
