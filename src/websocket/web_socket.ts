/**
 * The `WebSocket` of browsers (WHATWG WebSockets standard), over a `WebSocketConnection` that `connectWebSocket()` opens or that the
 * caller has. `EventSender` sends, `EventHandlers` keeps `onopen` and its like.
 *
 * @module
 */

import { checkObject, wrongType } from "../bytes/arguments.ts";
import { sayClass } from "./class_string.ts";
import { connectWebSocket, type WebSocketStreamOptions } from "./connect.ts";
import type { WebSocketClosed } from "./close_handshake.ts";
import { deliverMessages, type WebSocketConnection } from "./connection.ts";
import { EventSender } from "./event_sender.ts";
import { noSubprotocol } from "./machine/handshake.ts";
import type { Message } from "./message_inbox.ts";
import { leaveUnread, neverOpen, type PendingWebSocket } from "./pending.ts";
import { TextBytes } from "./text_bytes.ts";
import { closeOf, messageOf } from "./web_socket_arguments.ts";
import {
  closeEvent,
  EventHandlers,
  LightErrorEvent,
  messageEvent,
  type WebSocketCloseEvent,
  type WebSocketErrorEvent,
  type WebSocketEventMap,
} from "./web_socket_events.ts";

/** What a `WebSocket` can be told besides its URL. */
export interface WebSocketInit extends WebSocketStreamOptions {
  /** A WebSocket that is there already, such as the `socket` of `upgradeWebSocket()`: it is used, nothing is connected. */
  readonly socket?: PendingWebSocket | undefined;
}

/** As what bytes are delivered. */
export type BinaryType = "blob" | "arraybuffer";

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/**
 * Connects to a server; tells by events what happens. As in browsers, with headers, proxy and TLS besides.
 *
 * Events come as fast as the peer sends: for back-pressure use `WebSocketStream`. Other than in browsers: `error` events
 * say what went wrong, and relative URLs have no base. The body of an answer that refuses is dropped unless a handler begins to read
 * it at once.
 *
 * @example
 * ```ts
 * import { serve, upgradeWebSocket, WebSocket } from "@http-upgrade/http-upgrade";
 *
 * await using server = serve({ port: 0, hostname: "127.0.0.1" }, (request) => {
 *   const { response, socket } = upgradeWebSocket(request);
 *   const events = new WebSocket(request.url, { socket });
 *   events.onmessage = ({ data }) => events.send(data);
 *   return response;
 * });
 * const [{ port }] = await server.listening;
 *
 * const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers: { authorization: "Bearer t" } });
 * socket.onopen = () => socket.send("hello");
 * await new Promise<void>((resolve) => {
 *   socket.onmessage = () => socket.close(1000, "done");
 *   socket.onclose = () => resolve();
 * });
 * ```
 */
export class WebSocket extends EventTarget {
  /** It is not open yet. */
  declare static readonly CONNECTING: 0;
  /** Messages can be sent. */
  declare static readonly OPEN: 1;
  /** One end has closed it. */
  declare static readonly CLOSING: 2;
  /** It is over. */
  declare static readonly CLOSED: 3;
  /** It is not open yet. */
  declare readonly CONNECTING: 0;
  /** Messages can be sent. */
  declare readonly OPEN: 1;
  /** One end has closed it. */
  declare readonly CLOSING: 2;
  /** It is over. */
  declare readonly CLOSED: 3;

  /** Constants of Web IDL are on both, and cannot be changed (§3.7.5). */
  static {
    sayClass(this, "WebSocket");
    for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
      Object.defineProperty(this, name, { value, enumerable: true });
      Object.defineProperty(this.prototype, name, { value, enumerable: true });
    }
  }

  readonly #url: string;
  readonly #origin: string;
  /** Until it is open. */
  #cancel: AbortController | null = new AbortController();
  readonly #handlers: EventHandlers = new EventHandlers(this);
  readonly #sender: EventSender = new EventSender();
  /** While it is open: handlers that are over are often kept for long, and this with them (V8). */
  #connection: WebSocketConnection | null = null;
  #extensions = "";
  #protocol = "";
  #readyState: 0 | 1 | 2 | 3 = CONNECTING;
  #binaryType: BinaryType = "blob";

  /**
   * Begins to connect. Those that go to the same host and port wait for each other until they are open (RFC 6455 §4.1).
   *
   * @param url Of the schemes ws and wss, or http and https; absolute, without a fragment.
   * @param protocols The subprotocols that are offered, of which the server must take one; or options, these among them.
   * @throws {DOMException} `SyntaxError`: the URL cannot be used, or a subprotocol is no token, or there twice.
   * @throws {TypeError} `headers` hold a field that belongs to the handshake.
   */
  constructor(url: string | URL, protocols: string | readonly string[] | WebSocketInit = []) {
    super();
    if (typeof protocols !== "string" && (typeof protocols !== "object" || protocols === null)) {
      throw wrongType("protocols", "a string, an array of strings or options", protocols);
    }
    const init = typeof protocols === "string" ? { protocols: [protocols] } : protocols;
    const options: WebSocketInit = isList(init) ? { protocols: [...init] } : init;
    if (options.socket !== undefined) checkObject(options.socket, "options.socket");
    const connecting = connectWebSocket(url, options, this.#cancel!, options.socket);
    const asked = options.socket === undefined && (options.protocols?.length ?? 0) > 0;
    this.#url = connecting.url.href;
    this.#origin = connecting.url.origin;
    connecting.opening.then((connection) => this.#run(connection, asked), (error) => this.#over(neverOpen(error)));
  }

  /** Where it is connected to. */
  get url(): string {
    return this.#url;
  }

  /** 0 to 3: `CONNECTING`, `OPEN`, `CLOSING`, `CLOSED`. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /** The extensions that were agreed on. Empty before it is open. */
  get extensions(): string {
    return this.#extensions;
  }

  /** The subprotocol that was agreed on. Empty before it is open. */
  get protocol(): string {
    return this.#protocol;
  }

  /** How many bytes were sent and not accepted by the transport, all of this turn among them; none is forgotten at the end. */
  get bufferedAmount(): number {
    return this.#sender.bufferedAmount;
  }

  /** As what bytes are delivered: `"blob"` by default. */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  /**
   * Sends a message. Once it is closing, nothing is sent and `bufferedAmount` grows. A `Blob` that cannot be read ends the
   * connection: what was sent behind it must not arrive without it.
   *
   * @param data Text, or bytes that must not change for as long as `bufferedAmount` counts them.
   * @throws {TypeError} There is no argument, or its memory is shared with other threads or can be resized.
   * @throws {DOMException} `InvalidStateError`: it is not open yet.
   */
  send(data: string | Blob | ArrayBuffer | ArrayBufferView): void {
    if (arguments.length === 0) throw wrongType("data", "text, a Blob, an ArrayBuffer or a view of one", undefined);
    const message = messageOf(data);
    if (this.#readyState === CONNECTING) throw new DOMException("The WebSocket is not open yet", "InvalidStateError");
    if (this.#readyState === OPEN) this.#sender.send(this.#connection!, message);
    else this.#sender.discard(message);
  }

  /**
   * Closes.
   *
   * @param code 1000, or 3000–4999. 1000 if there is a reason; else none is sent.
   * @param reason At most 123 bytes of UTF-8.
   * @throws {DOMException} `InvalidAccessError`: another code. `SyntaxError`: the reason is longer.
   */
  close(code?: number, reason = ""): void {
    const options = closeOf(code, reason);
    if (this.#readyState >= CLOSING) return;
    const wasOpen = this.#readyState === OPEN;
    this.#readyState = CLOSING;
    if (!wasOpen) return this.#cancel!.abort(new DOMException("Closed before it was open", "AbortError"));
    this.#sender.afterwards(() => void this.#connection?.close(options));
  }

  #run(connection: WebSocketConnection, asked: boolean): void {
    if (this.#readyState === CLOSING) connection.abort(this.#cancel!.signal.reason);
    else if (asked && connection.protocol === "") connection.abort(noSubprotocol());
    else this.#opened(connection);
    deliverMessages(connection, (message) => {
      if (message === null) this.#ended(connection);
      else if (this.#readyState === OPEN) this.#deliver(message);
    });
  }

  #ended({ closed }: WebSocketConnection): void {
    this.#readyState = CLOSING;
    void closed.then((outcome) => this.#over(outcome));
  }

  #over(outcome: WebSocketClosed): void {
    this.#readyState = CLOSED;
    this.#connection = null;
    this.#sender.end();
    if (!outcome.wasClean) this.dispatchEvent(new LightErrorEvent(outcome.error));
    this.dispatchEvent(closeEvent(outcome, outcome.wasClean));
    leaveUnread(outcome.error);
  }

  #opened(connection: WebSocketConnection): void {
    this.#connection = connection;
    this.#extensions = connection.extensions;
    this.#protocol = connection.protocol;
    this.#cancel = null;
    this.#readyState = OPEN;
    this.dispatchEvent(new Event("open"));
  }

  #deliver(message: Message): void {
    const isText = typeof message === "string" || message instanceof TextBytes;
    const data = isText ? String(message) : this.#wrapped(message);
    this.dispatchEvent(messageEvent(data, this.#origin));
  }

  #wrapped(bytes: Uint8Array): Blob | ArrayBuffer {
    if (this.#binaryType === "blob") return new Blob([bytes as Uint8Array<ArrayBuffer>]);
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    return whole.buffer as ArrayBuffer;
  }

  /** Called at `open`; the same as `addEventListener("open", …)`. */
  get onopen(): ((event: Event) => unknown) | null {
    return this.#handlers.get("open");
  }

  set onopen(handler: ((event: Event) => unknown) | null) {
    this.#handlers.set("open", handler);
  }

  /** Called with each message. */
  get onmessage(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.get("message");
  }

  set onmessage(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handlers.set("message", handler);
  }

  /** Called when it failed. What is read has the platform's type, so that this fits wherever the platform's `WebSocket` does. */
  get onerror(): ((event: Event) => unknown) | null {
    return this.#handlers.get("error") as ((event: Event) => unknown) | null;
  }

  set onerror(handler: ((event: WebSocketErrorEvent) => unknown) | null) {
    this.#handlers.set("error", handler);
  }

  /** Called when it is over. */
  get onclose(): ((event: WebSocketCloseEvent) => unknown) | null {
    return this.#handlers.get("close");
  }

  set onclose(handler: ((event: WebSocketCloseEvent) => unknown) | null) {
    this.#handlers.set("close", handler);
  }

  /**
   * Listens to an event.
   *
   * @param type Its name.
   * @param listener Called with it.
   * @param options As everywhere.
   */
  override addEventListener<Name extends keyof WebSocketEventMap>(
    type: Name,
    listener:
      | ((event: WebSocketEventMap[Name]) => unknown)
      | { handleEvent(event: WebSocketEventMap[Name]): unknown }
      | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Listens to an event of any name. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(type: string, listener: unknown, options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(type, listener as EventListener, options);
  }
}

/** In JavaScript whatever can be iterated is one (Web IDL §3.2.21). */
function isList(init: readonly string[] | WebSocketInit): init is readonly string[] {
  return Symbol.iterator in init;
}
