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
export {
  type ClientEvent,
  ClientMachine,
  type ClientMachineOptions,
  type OutgoingRequestHead,
} from "./machine/client_machine.ts";
export { ProtocolError, type ProtocolErrorCode } from "../errors/protocol_error.ts";
export { StateError, type StateErrorCode } from "../errors/state_error.ts";
export { type Field, Fields, type FieldsInit } from "../semantics/fields.ts";
export { type BodyFraming, isPersistent, requestFraming, responseFraming } from "./machine/framing.ts";
export { Http1Machine, type Http1MachineOptions } from "./machine/http1_machine.ts";
export { DEFAULT_LIMITS, type Http1Limits, HYPER_LENIENCY, type Leniency } from "./machine/limits.ts";
export type { Http1Version, RequestHead, ResponseHead, Version } from "../semantics/message.ts";
export {
  type RequestEvent,
  type ResponseOutcome,
  type ServerEvent,
  ServerMachine,
  type ServerMachineOptions,
  type SwitchPlan,
} from "./machine/server_machine.ts";
export { type BodySize } from "./machine/send_framing.ts";
export type { NoProposal } from "../errors/upgrade_rejected.ts";
export { opensTunnel, type Proposal, proposalOf, type SwitchLeniency } from "../semantics/switching.ts";
export {
  type Authority,
  formatAuthority,
  parseAuthority,
  parseTarget,
  type RequestTarget,
} from "../semantics/target.ts";
export { type NameCase } from "./machine/write_head.ts";
export type { OutgoingResponseHead } from "./machine/write_response.ts";
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
export type { Parts } from "./parts.ts";
export { type Agreement, Upgraded } from "./upgraded.ts";
