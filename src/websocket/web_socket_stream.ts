/**
 * The client's WebSocket in the shape of the platforms' `WebSocketStream`: promises and streams.
 *
 * @module
 */

import { sayClass } from "./class_string.ts";
import { systemClock } from "../duplex/clock.ts";
import { connectWebSocket, type WebSocketStreamOptions } from "./connect.ts";
import type { CloseOptions, WebSocketClosed } from "./close_handshake.ts";
import type { WebSocketConnection } from "./connection.ts";
import { leaveUnreadInTime, OpeningWebSocket, type PendingWebSocket } from "./pending.ts";

/**
 * Connects to a server. `opened` gives the WebSocket, `closed` how it ended.
 *
 * @example
 * ```ts
 * import { serve, upgradeWebSocket, WebSocketStream } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serve({ port: 0, hostname: "127.0.0.1" }, (request) => {
 *   const { response, socket } = upgradeWebSocket(request);
 *   socket.opened.then((io) => io.readable.pipeTo(io.writable)).catch(console.error);
 *   return response;
 * });
 * const [{ port }] = await server.listening;
 *
 * const socket = new WebSocketStream(`ws://127.0.0.1:${port}/`, { headers: { authorization: "Bearer t" } });
 * const io = await socket.opened;
 * await io.write("hello");
 * assertEquals(await io.read(), "hello");
 * socket.close({ closeCode: 1000, reason: "done" });
 * assertEquals((await socket.closed).wasClean, true);
 * ```
 */
export class WebSocketStream implements PendingWebSocket {
  /** Where it is connected to. */
  readonly url: string;
  /**
   * The open WebSocket. Rejects with `UpgradeRejected`, whose `response` is a `Response` with its body, if the server or a
   * proxy gives another answer; with a `WebSocketProtocolError` if the server takes what was not offered; a
   * `TransportError`; or the reason of the signal. A rejection needs no handler.
   *
   * The body of that response has a connection. Begin to read it within 30 seconds, else both are let go of.
   */
  readonly opened: Promise<WebSocketConnection>;
  /** How it ended, also if it was never open. Never rejects. */
  readonly closed: Promise<WebSocketClosed>;
  readonly #pending: PendingWebSocket;
  readonly #cancel: AbortController = new AbortController();

  static {
    sayClass(this, "WebSocketStream");
  }

  /**
   * Begins to connect. Those that go to the same host and port wait for each other until they are open (RFC 6455 §4.1).
   *
   * @param url Of the schemes ws and wss, or http and https.
   * @param options Subprotocols, headers, proxy, TLS.
   * @throws {DOMException} `SyntaxError`: the URL cannot be used, or a subprotocol is no token.
   * @throws {TypeError} `headers` hold a field that belongs to the handshake.
   */
  constructor(url: string | URL, options: WebSocketStreamOptions = {}) {
    const { url: parsed, opening } = connectWebSocket(url, options, this.#cancel);
    opening.catch((error) => leaveUnreadInTime(error, options.clock ?? systemClock));
    this.url = parsed.href;
    this.#pending = new OpeningWebSocket(opening);
    this.opened = this.#pending.opened;
    this.closed = this.#pending.closed;
  }

  /**
   * Closes; gives up if it is not open yet. Without effect if it was closed before.
   *
   * @param options Code and reason for the peer.
   * @throws {RangeError} The code may not be sent, or the reason is too long.
   */
  close(options: CloseOptions = {}): void {
    this.#pending.close(options);
    this.#cancel.abort(new DOMException("The WebSocket was closed before it was open", "AbortError"));
  }
}
