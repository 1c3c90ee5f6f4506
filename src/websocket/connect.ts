/**
 * The way of a client's WebSocket to its server. `WebSocket` and `WebSocketStream` call it; it calls the `Client` for the switch, and
 * `WebSocketHandshake` for what is asked and what the answer means.
 *
 * @module
 */

import { checkFunction, checkObject, checkOptions, type Kinds, wrongType } from "../bytes/arguments.ts";
import { onAbort } from "../duplex/abort.ts";
import { Client } from "../http/client/client.ts";
import { ROUTE } from "../http/client/check_options.ts";
import type { RouteOptions } from "../http/client/options.ts";
import { beginHandshake, HANDSHAKE, type WebSocketHandshakeOptions } from "./client_handshake.ts";
import type { WebSocketConnection } from "./connection.ts";
import { inLine } from "./line.ts";
import type { PendingWebSocket } from "./pending.ts";

/** What a `WebSocketStream` can be told. */
export interface WebSocketStreamOptions extends WebSocketHandshakeOptions, RouteOptions {
  /** Gives up the handshake. Without effect once the WebSocket is open. */
  readonly signal?: AbortSignal | undefined;
  /** The client whose connections are used, with its proxy and TLS. One without options by default. */
  readonly client?: Client | undefined;
}

const CONNECT: Kinds<WebSocketStreamOptions> = {
  ...HANDSHAKE,
  ...ROUTE,
  signal: "signal",
  client: (value, name) => {
    checkObject(value, name);
    checkFunction((value as Client).upgrade, `${name}.upgrade`);
  },
};

/** A WebSocket on its way. */
interface Connecting {
  /** Of the scheme ws or wss. */
  readonly url: URL;
  /** The open WebSocket. */
  readonly opening: Promise<WebSocketConnection>;
}

/** Keeps no connection: those that were refused are not used again. */
let ownClient: Client | null = null;

/**
 * Connects: one after the other where several go to the same host and port (RFC 6455 §4.1). Where a `dial` leads is not known:
 * those that have one do not wait.
 *
 * @param cancel Cancels it; the signal of the options does so as well.
 * @param given A WebSocket that is there already: then nothing is connected.
 * @throws {DOMException} `SyntaxError`: the URL cannot be used.
 * @throws {TypeError} There is no URL, or an option is of another kind.
 * @throws {unknown} What `beginHandshake()` throws.
 */
export function connectWebSocket(
  url: string | URL,
  options: WebSocketStreamOptions,
  cancel: AbortController,
  given?: PendingWebSocket,
): Connecting {
  if (url === undefined) throw wrongType("url", "a URL", url);
  checkOptions(options, CONNECT);
  const parsed = webSocketUrl(url);
  if (given !== undefined) return { url: parsed, opening: given.opened };
  const handshake = beginHandshake(options);
  const client = options.client ?? (ownClient ??= new Client({ maxIdlePerOrigin: 0 }));
  const { proxy, noProxy, tls, dial, signal } = options;
  // `AbortSignal.any()` came with Node 20.3 only.
  const unlisten = onAbort(signal, () => cancel.abort(signal!.reason));
  const connect = async (): Promise<WebSocketConnection> =>
    handshake.open(
      await client.upgrade(parsed.href.replace(/^ws/, "http"), {
        protocol: "websocket",
        headers: handshake.fields as [string, string][],
        signal: cancel.signal,
        proxy,
        noProxy,
        tls,
        dial,
      }),
    );
  const opening = dial === undefined ? inLine(client, addressOf(parsed), cancel.signal, connect) : connect();
  if (signal !== undefined) opening.then(unlisten, unlisten);
  return { url: parsed, opening };
}

/** Host and port: `host` leaves out the port that is the default of a scheme. */
function addressOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === "wss:" ? "443" : "80")}`;
}

/** The URL of a WebSocket, as the constructors of the platforms take it. */
function webSocketUrl(given: string | URL): URL {
  const text = String(given);
  if (!URL.canParse(text)) throw badUrl("the URL cannot be read"); // to show it might show a password
  const url = new URL(text);
  if (url.protocol === "http:" || url.protocol === "https:") url.protocol = url.protocol.replace("http", "ws");
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw badUrl(`${JSON.stringify(url.protocol)} is no scheme of WebSockets`);
  }
  if (text.includes("#")) throw badUrl("the URL has a fragment");
  return url;
}

function badUrl(why: string): DOMException {
  return new DOMException(`Cannot connect: ${why}`, "SyntaxError");
}
