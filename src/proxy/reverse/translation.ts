/**
 * A request that changes its version on the way: what only one of them needs. Upgrades most of all, which HTTP/1.1 says as
 * `Upgrade` and 101, and HTTP/2 as extended CONNECT and 200 (RFC 8441).
 *
 * @module
 */

import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import { ignore } from "../../duplex/deferred.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import type { IncomingRequest, IncomingResponse } from "../../http1/incoming.ts";
import type { OutgoingRequest } from "../../http1/outgoing_request.ts";
import { onUpgrade, upgradeOf } from "../../http1/upgrade.ts";
import { type Field, fieldList, fieldPairs } from "../../semantics/fields.ts";
import { isProtocol } from "../../semantics/switching.ts";
import { acceptOf, keyOf, readWebSocketRequest } from "../../websocket/machine/handshake.ts";

/**
 * Adds the key that a server of WebSockets wants (RFC 6455 §4.1). Over HTTP/2 there is none (RFC 8441 §5), and one that comes
 * all the same means nothing.
 *
 * @param protocols What the server is offered.
 * @param fields Those that go on; changed.
 */
export function addWebSocketKey({ version }: IncomingRequest, protocols: readonly string[], fields: Field[]): void {
  if (version !== "2" || !protocols.some(isWebSocket)) return;
  for (let i = fields.length - 1; i >= 0; i--) if (isKey(fields[i]!)) fields.splice(i, 1);
  fields.push(["Sec-WebSocket-Key", keyOf(crypto.getRandomValues(new Uint8Array(16)))]);
}

function isWebSocket(protocol: string): boolean {
  return equalsIgnoringCase(protocol, "websocket");
}

function isKey([name]: Field): boolean {
  return name.length === 17 && equalsIgnoringCase(name, "sec-websocket-key");
}

/**
 * Checks that a 101 answers the key, which a client of HTTP/2 cannot do.
 *
 * @param sent What the server got.
 * @throws {ProtocolError} `unexpected-upgrade`: it does not, and the connection ends.
 */
export function checkWebSocketAccept(
  { version, proposal }: IncomingRequest,
  { fields = [] }: OutgoingRequest,
  response: IncomingResponse,
): void {
  if (response.status !== 101 || version !== "2") return;
  if (proposal.type !== "upgrade" || !proposal.protocols.some(isWebSocket)) return;
  const [key, more] = [...fieldPairs(fields)].filter(isKey);
  const [accept, another] = response.fields.getAll("sec-websocket-accept");
  if (key !== undefined && more === undefined && another === undefined && accept === acceptOf(key[1])) return;
  const why = "Cannot pass on the switch: Sec-WebSocket-Accept does not answer the key";
  const error = new ProtocolError("unexpected-upgrade", why, "RFC 6455 §4.1", 502);
  onUpgrade(response).then((far) => far.abort(error), ignore);
  throw error;
}

/**
 * Adds the coding of a body of unknown length where HTTP/1.1 wants it to be said: with GET and HEAD, which seldom have one.
 *
 * @param fields Those that go on; changed.
 */
export function addCoding({ version, method, body }: IncomingRequest, fields: Field[]): void {
  if (version !== "2" || body.framing.type !== "chunked") return;
  if (method === "GET" || method === "HEAD") fields.push(["transfer-encoding", "chunked"]);
}

/**
 * Whether an extended CONNECT says the same as a request that proposes an upgrade (RFC 8441 §4): it has one protocol, no other method
 * than GET and no body. The key of a WebSocket must be one that can be answered here, as no server will see it.
 *
 * @param sent What the server is to get.
 */
export function saysExtendedConnect(incoming: IncomingRequest, { method, fields, body }: OutgoingRequest): boolean {
  if (method !== "GET" || (body ?? null) !== null) return false;
  const offered = fieldList(fields).filter(([name]) => equalsIgnoringCase(name, "upgrade"));
  if (offered.length !== 1 || !isProtocol(offered[0]![1])) return false;
  return incoming.version === "2" || !isWebSocket(offered[0]![1]) || "key" in readWebSocketRequest(incoming);
}

/** Whether a response switches: by 101, or over HTTP/2 by what answers an extended CONNECT. */
export function isSwitch(response: IncomingResponse): boolean {
  if (response.status === 101) return true;
  return response.version === "2" && (upgradeOf(response)?.upgraded ?? null) !== null;
}

/**
 * Adds what a 101 says and a 200 to an extended CONNECT does not: the protocol, and what answers the key of a WebSocket, which the server
 * has not seen.
 *
 * @param fields Those that go back; changed.
 */
export function addSwitchFields(
  { version, fields: asked }: IncomingRequest,
  response: IncomingResponse,
  fields: Field[],
): void {
  if (response.status === 101 || version === "2") return;
  const protocol = upgradeOf(response)!.upgraded!.protocol!;
  fields.unshift(["Connection", "Upgrade"], ["Upgrade", protocol]);
  if (!isWebSocket(protocol)) return;
  for (let i = fields.length - 1; i >= 0; i--) if (isAccept(fields[i]!)) fields.splice(i, 1);
  fields.push(["Sec-WebSocket-Accept", acceptOf(asked.get("sec-websocket-key")!)]);
}

function isAccept([name]: Field): boolean {
  return name.length === 20 && equalsIgnoringCase(name, "sec-websocket-accept");
}

/** Whether a response would look to the client like the switch that it is not: HTTP/2 says 2xx for 101 (RFC 8441 §4). */
export function looksLikeSwitch({ version, proposal }: IncomingRequest, response: IncomingResponse): boolean {
  const { status } = response;
  return version === "2" && proposal.type === "upgrade" && status >= 200 && status < 300 && !isSwitch(response);
}
