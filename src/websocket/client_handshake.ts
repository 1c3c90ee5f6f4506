/**
 * The client's handshake: what is asked, and what the answer means. `connectWebSocket()` calls it.
 *
 * @module
 */

import { checkOptions, type Kinds } from "../bytes/arguments.ts";
import type { Upgraded } from "../http1/upgraded.ts";
import type { Field } from "../semantics/fields.ts";
import { areDistinctTokens, checkWebSocketResponse, keyOf } from "./machine/handshake.ts";
import { agreedDeflate, deflateOffer, type DeflateOptions } from "./machine/permessage_deflate.ts";
import type { WebSocketConnection } from "./connection.ts";
import { checkHeaders } from "../http/client/check_options.ts";
import { checkDeflate, deflateChoice, furtherFields } from "./handshake_options.ts";
import { WEB_SOCKET, type WebSocketOptions, type WebSocketSettings, webSocketSettings } from "./options.ts";
import { openWebSocket } from "./over.ts";

/** What a client's WebSocket can be told, wherever its connection comes from. */
export interface WebSocketHandshakeOptions extends WebSocketOptions {
  /** The subprotocols that are offered, by preference. None by default. */
  readonly protocols?: readonly string[] | undefined;
  /** Whether compression is offered (RFC 7692), and how. True, as browsers do. */
  readonly deflate?: boolean | DeflateOptions | undefined;
  /** Further fields of the request: `Authorization`, `Cookie`, `Origin`. */
  readonly headers?: HeadersInit | undefined;
}

/** What is checked, also as part of more. */
export const HANDSHAKE: Kinds<WebSocketHandshakeOptions> = {
  ...WEB_SOCKET,
  protocols: "strings",
  deflate: checkDeflate,
  headers: checkHeaders,
};

/** One handshake. */
interface WebSocketHandshake {
  /** The fields of the request besides `Host`, `Connection` and `Upgrade`. HTTP/2 leaves out the key (RFC 8441 §5). */
  readonly fields: readonly Field[];
  /**
   * Goes on with the connection that a 101 has switched, or the stream that a 200 has, which is closed if the answer is wrong.
   *
   * @throws {WebSocketProtocolError} The server does not speak WebSocket, or takes what was not offered.
   */
  open(upgraded: Upgraded): WebSocketConnection;
}

/**
 * Begins a handshake, with a key of its own (RFC 6455 §4.1).
 *
 * @throws {DOMException} `SyntaxError`: a subprotocol is no token, or is there twice, in whichever case.
 * @throws {TypeError} `headers` hold a field that belongs to the handshake, or an option is of another kind.
 * @throws {RangeError} A number is out of range.
 */
export function beginHandshake(options: WebSocketHandshakeOptions): WebSocketHandshake {
  checkOptions(options, HANDSHAKE);
  const { protocols = [] } = options;
  if (!areDistinctTokens(protocols.map((protocol) => protocol.toLowerCase()))) {
    throw new DOMException("Cannot offer subprotocols: each must be a token, and once", "SyntaxError");
  }
  const settings = webSocketSettings(options);
  const deflate = deflateChoice(options.deflate ?? true);
  const key = keyOf(crypto.getRandomValues(new Uint8Array(16)));
  const fields: Field[] = [["Sec-WebSocket-Key", key], ["Sec-WebSocket-Version", "13"]];
  if (protocols.length > 0) fields.push(["Sec-WebSocket-Protocol", protocols.join(", ")]);
  if (deflate !== null) fields.push(["Sec-WebSocket-Extensions", deflateOffer(deflate)]);
  fields.push(...furtherFields(options.headers));
  return { fields, open: (upgraded) => opened(upgraded, { key, protocols, deflate, settings }) };
}

/** What was asked for. */
interface Asked {
  readonly key: string;
  readonly protocols: readonly string[];
  readonly deflate: DeflateOptions | null;
  readonly settings: WebSocketSettings;
}

function opened(upgraded: Upgraded, { key, protocols, deflate: wanted, settings }: Asked): WebSocketConnection {
  try {
    const { fields, version } = upgraded.head;
    const protocol = checkWebSocketResponse(fields, version === "2" ? null : key, protocols);
    const extensions = fields.getAll("sec-websocket-extensions").join(", ");
    const deflate = agreedDeflate(extensions, wanted);
    const agreed = { role: "client", protocol, extensions, deflate, deflateOptions: wanted ?? {}, settings } as const;
    return openWebSocket(upgraded, agreed);
  } catch (error) {
    upgraded.abort(error);
    throw error;
  }
}
