/**
 * The opening handshake (RFC 6455 §4): what makes a request one for a WebSocket, and a response the answer to it.
 *
 * @module
 */

import { checkBytes, checkString, checkStrings, outOfRange, wrongType } from "../../bytes/arguments.ts";
import { isToken } from "../../bytes/ascii.ts";
import type { Field, Fields } from "../../semantics/fields.ts";
import { checkHead, type RequestHead } from "../../semantics/message.ts";
import { base64, isSixteenBytes } from "./base64.ts";
import { WebSocketProtocolError } from "../../errors/web_socket_protocol_error.ts";
import { sha1 } from "./sha1.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What a request for a WebSocket says. */
export interface WebSocketRequest {
  /** `Sec-WebSocket-Key`; `null` over HTTP/2, which needs none (RFC 8441 §5). */
  readonly key: string | null;
  /** The subprotocols that it offers, by preference. */
  readonly protocols: readonly string[];
  /** The extensions that it offers, not parsed; empty for none. */
  readonly extensions: string;
  /** `Origin`, which browsers send; `null` without. */
  readonly origin: string | null;
}

/** Why a request is none for a WebSocket, and what it is to be answered. */
export interface BadWebSocketRequest {
  /** 400, or 426 for another version. */
  readonly status: 400 | 426;
  /** For people. */
  readonly reason: string;
  /** The fields that the answer must have. */
  readonly fields: readonly Field[];
}

/** What of a request's head counts. */
export type HandshakeHead = Pick<RequestHead, "method" | "version" | "fields">;

/**
 * Reads a request for a WebSocket (RFC 6455 §4.2.1).
 *
 * @returns What it says, or what is wrong with it.
 */
export function readWebSocketRequest(head: HandshakeHead): WebSocketRequest | BadWebSocketRequest {
  checkHead(head);
  const { fields } = head;
  const key = fields.getAll("sec-websocket-key");
  const version = fields.getAll("sec-websocket-version");
  if (head.method !== "GET") return bad("the method is not GET");
  if (head.version === "1.0") return bad("the version is older than HTTP/1.1");
  if (!fields.hasToken("upgrade", "websocket")) return bad("Upgrade does not hold websocket");
  if (!fields.hasToken("connection", "upgrade")) return bad("Connection does not hold upgrade");
  if (version.length === 0) return bad("Sec-WebSocket-Version is missing");
  if (version.length > 1 || version[0] !== "13") {
    const asked: Field[] = [["Connection", "Upgrade"], ["Upgrade", "websocket"], ["Sec-WebSocket-Version", "13"]];
    return { status: 426, reason: "Sec-WebSocket-Version is not 13", fields: asked };
  }
  const keyed = head.version !== "2";
  if (keyed && (key.length !== 1 || !isSixteenBytes(key[0]!))) {
    return bad("Sec-WebSocket-Key is not one of sixteen bytes");
  }
  const protocols = fields.list("sec-websocket-protocol");
  if (!areDistinctTokens(protocols)) return bad("Sec-WebSocket-Protocol is malformed");
  return {
    key: keyed ? key[0]! : null,
    protocols,
    extensions: fields.getAll("sec-websocket-extensions").join(", "),
    origin: fields.get("origin"),
  };
}

function bad(what: string): BadWebSocketRequest {
  return { status: 400, reason: `No WebSocket: ${what}`, fields: [["Sec-WebSocket-Version", "13"]] };
}

/** Whether all are tokens, none of them twice, as the subprotocols of a request must be (RFC 6455 §4.1). */
export function areDistinctTokens(protocols: readonly string[]): boolean {
  return protocols.every(isToken) && new Set(protocols).size === protocols.length;
}

/** The value of `Sec-WebSocket-Accept` that answers a key. */
export function acceptOf(key: string): string {
  checkString(key, "key");
  const text = key + GUID;
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return base64(sha1(bytes));
}

/**
 * A key of sixteen random bytes (RFC 6455 §4.1).
 *
 * @throws {RangeError} They are more or fewer.
 */
export function keyOf(random: Uint8Array): string {
  checkBytes(random, "random");
  if (random.length !== 16) throw outOfRange("random.length", "16", random.length);
  return base64(random);
}

/**
 * Checks what a 101 says beyond what HTTP asks of it (RFC 6455 §4.1), or the 200 that stands for it over HTTP/2.
 *
 * @param fields Of the response.
 * @param key What was sent as `Sec-WebSocket-Key`; `null` over HTTP/2, where no field says again that it has switched (RFC 8441 §5).
 * @param protocols What was offered.
 * @returns The subprotocol that the server chose, or an empty text.
 * @throws {WebSocketProtocolError} `handshake-upgrade`, `handshake-accept` or `handshake-protocol`.
 */
export function checkWebSocketResponse(fields: Fields, key: string | null, protocols: readonly string[]): string {
  if (typeof fields?.hasToken !== "function") throw wrongType("fields", "Fields", fields);
  checkStrings(protocols, "protocols");
  if (key !== null) checkSwitch(fields, key);
  const chosen = fields.getAll("sec-websocket-protocol");
  if (chosen.length > 1 || (chosen.length === 1 && !protocols.includes(chosen[0]!))) {
    throw refused("handshake-protocol", "the subprotocol was not offered");
  }
  return chosen[0] ?? "";
}

function checkSwitch(fields: Fields, key: string): void {
  checkString(key, "key");
  const upgrade = fields.list("upgrade");
  if (upgrade.length !== 1 || upgrade[0]!.toLowerCase() !== "websocket") {
    throw refused("handshake-upgrade", "Upgrade is not websocket");
  }
  if (!fields.hasToken("connection", "upgrade")) throw refused("handshake-upgrade", "Connection does not hold upgrade");
  const accept = fields.getAll("sec-websocket-accept");
  if (accept.length !== 1 || accept[0] !== acceptOf(key)) {
    throw refused("handshake-accept", "Sec-WebSocket-Accept does not answer the key");
  }
}

/**
 * The server has taken none of the subprotocols. RFC 6455 lets the client go on; browsers must not (WHATWG WebSockets standard,
 * "establish a WebSocket connection").
 */
export function noSubprotocol(): WebSocketProtocolError {
  return refused("handshake-protocol", "it takes none of the subprotocols", "WHATWG WebSockets");
}

function refused(
  code: "handshake-accept" | "handshake-upgrade" | "handshake-protocol",
  why: string,
  rfc = "RFC 6455 §4.1",
) {
  return new WebSocketProtocolError(code, `The server speaks no WebSocket: ${why}`, rfc, 1006);
}
