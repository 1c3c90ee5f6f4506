/**
 * An upgrade whose client speaks HTTP/2 (RFC 8441) at a server that speaks HTTP/1.1: what only one of them needs.
 *
 * @module
 */

import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import { ignore } from "../../duplex/deferred.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import type { IncomingRequest, IncomingResponse } from "../../http1/incoming.ts";
import type { OutgoingRequest } from "../../http1/outgoing_request.ts";
import { onUpgrade } from "../../http1/upgrade.ts";
import { type Field, fieldPairs } from "../../semantics/fields.ts";
import { acceptOf, keyOf } from "../../websocket/machine/handshake.ts";

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

/** Whether a response would look to the client like the switch that it is not: HTTP/2 says 2xx for 101 (RFC 8441 §4). */
export function looksLikeSwitch({ version, proposal }: IncomingRequest, { status }: IncomingResponse): boolean {
  return version === "2" && proposal.type === "upgrade" && status >= 200 && status < 300;
}
