/**
 * WebSockets over any transport on which the handshake is over: other people's upgraded sockets, tunnels, streams of HTTP/2. Both
 * handshakes of this package end here as well.
 *
 * @module
 */

import { checkOneOf, checkOptions, type Kinds } from "../bytes/arguments.ts";
import { setPoliteClose } from "../http1/close_politely.ts";
import { Wire } from "../duplex/wire.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { type Role, ROLES } from "./machine/frame.ts";
import { agreedDeflate, checkDeflateOptions, type DeflateOptions } from "./machine/permessage_deflate.ts";
import { WebSocketConnection } from "./connection.ts";
import { WEB_SOCKET, type WebSocketOptions, webSocketSettings } from "./options.ts";
import { type WebSocketAgreement, WebSocketParts } from "./parts.ts";
import { canDeflate } from "./platform.ts";

/** What is known of a WebSocket whose handshake is over. */
export interface OverOptions extends WebSocketOptions {
  /** Which end this is. */
  readonly role: Role;
  /** The subprotocol that was agreed on. None by default. */
  readonly protocol?: string | undefined;
  /** The value of `Sec-WebSocket-Extensions` in the 101. None by default. */
  readonly extensions?: string | undefined;
  /** What was read from the transport already and comes first: `head` of node:http's `upgrade` event. Nothing by default. */
  readonly readBuf?: Uint8Array | undefined;
  /** How messages are compressed, if `extensions` say so. */
  readonly deflate?: DeflateOptions | undefined;
}

const OPTIONS: Kinds<OverOptions> = {
  ...WEB_SOCKET,
  role: (value, name) => checkOneOf(value, name, ROLES),
  protocol: "string",
  extensions: "string",
  readBuf: "bytes",
  deflate: (value, name) => checkDeflateOptions(value as DeflateOptions, name),
};

/**
 * Speaks WebSocket over a transport on which the handshake is over.
 *
 * @param duplex The transport; it belongs to the WebSocket from then on.
 * @param options Which end this is, and what was agreed on.
 * @throws {TypeError} The transport is no pair of streams, or one of them is locked; an option is of another kind; or
 * messages may be compressed, and there is no zlib here.
 * @throws {RangeError} A number is out of range.
 * @throws {WebSocketProtocolError} `extensions` hold what is not known here.
 *
 * @example
 * ```ts
 * import { duplexPair, webSocketOver } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = duplexPair();
 * const early = new Uint8Array([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]); // came together with the handshake
 * const server = webSocketOver(far, { role: "server", readBuf: early });
 * assertEquals(await server.read(), "hi");
 * near.abort();
 * ```
 */
export function webSocketOver(duplex: DuplexLike, options: OverOptions): WebSocketConnection {
  checkOptions(options, OPTIONS);
  checkOneOf(options.role, "options.role", ROLES);
  const { extensions = "" } = options;
  const deflate = agreedDeflate(extensions, {});
  if (deflate !== null && !canDeflate()) throw new TypeError("Cannot compress messages: there is no zlib here");
  const { role, protocol = "", readBuf } = options;
  const settings = webSocketSettings(options);
  const agreed = { role, protocol, extensions, deflate, deflateOptions: options.deflate ?? {}, settings };
  return openWebSocket(duplex, agreed, readBuf);
}

/** Begins to speak WebSocket. */
export function openWebSocket(
  duplex: DuplexLike,
  agreed: WebSocketAgreement,
  readBuf?: Uint8Array,
): WebSocketConnection {
  const parts = new WebSocketParts(new Wire(duplex, "duplex"), agreed);
  setPoliteClose(duplex, parts);
  return new WebSocketConnection(parts, agreed, readBuf);
}
