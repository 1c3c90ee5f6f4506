/**
 * The `WebSocket` of browsers (WHATWG WebSockets standard), on the machine of this package.
 *
 * @module
 */

import { checkNotShared, checkObject, wrongType } from "../bytes/arguments.ts";
import { mayBeSent } from "./machine/close_code.ts";
import { utf8Length } from "./machine/utf8.ts";
import { checkClose } from "./machine/close_frame.ts";
import { connectWebSocket, type WebSocketStreamOptions } from "./connect.ts";
import type { WebSocketClosed } from "./close_handshake.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { Message } from "./message_inbox.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";
import { neverOpen, type PendingWebSocket } from "./pending.ts";
import {
  closeEvent,
  errorEvent,
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

type Handlers = { [Name in keyof WebSocketEventMap]?: ((event: WebSocketEventMap[Name]) => unknown) | null };

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/**
 * Connects to a server; tells by events what happens. As in browsers, with headers, proxy and TLS besides.
 *
 * Events come as fast as the peer sends: for back-pressure use `WebSocketStream`. Other than in browsers: `error` events
 * say what went wrong, and relative URLs have no base.
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
    for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
      Object.defineProperty(this, name, { value, enumerable: true });
      Object.defineProperty(this.prototype, name, { value, enumerable: true });
    }
  }

  readonly #url: string;
  readonly #origin: string;
  readonly #giveUp: AbortController = new AbortController();
  readonly #handlers: Handlers = {};
  #connection: WebSocketConnection | null = null;
  #readyState: 0 | 1 | 2 | 3 = CONNECTING;
  #binaryType: BinaryType = "blob";
  /** What is sent while a `Blob` is being read waits for it. */
  #reading: Promise<void> | null = null;
  #unreadBytes = 0;
  #discardedBytes = 0;
  #turnStart: number | null = null;

  /**
   * Begins to connect. Those that go to the same host and port wait for each other until they are open (RFC 6455 §4.1).
   *
   * @param url Of the schemes ws and wss, or http and https; absolute, without a fragment.
   * @param protocols The subprotocols that are offered; or options, these among them.
   * @throws {DOMException} `SyntaxError`: the URL cannot be used, or a subprotocol is no token, or there twice.
   * @throws {TypeError} `headers` hold a field that belongs to the handshake.
   */
  constructor(url: string | URL, protocols: string | readonly string[] | WebSocketInit = []) {
    super();
    if (typeof protocols !== "string" && (typeof protocols !== "object" || protocols === null)) {
      throw wrongType("protocols", "a string, an array of strings or options", protocols);
    }
    const init = typeof protocols === "string" ? { protocols: [protocols] } : protocols;
    const options: WebSocketInit = isList(init) ? { protocols: init } : init;
    if (options.socket !== undefined) checkObject(options.socket, "options.socket");
    const connecting = connectWebSocket(url, options, this.#giveUp, options.socket);
    this.#url = connecting.url.href;
    this.#origin = connecting.url.origin;
    void this.#run(connecting.opening);
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
    return this.#connection?.extensions ?? "";
  }

  /** The subprotocol that was agreed on. Empty before it is open. */
  get protocol(): string {
    return this.#connection?.protocol ?? "";
  }

  /** How many bytes were sent and not accepted by the transport, all of this turn among them; none is forgotten at the end. */
  get bufferedAmount(): number {
    const connection = this.#connection;
    if (connection === null) return this.#discardedBytes;
    const ofThisTurn = this.#turnStart === null ? 0 : connection.writtenBytes - this.#turnStart;
    return Math.max(connection.bufferedAmount, ofThisTurn) + this.#unreadBytes + this.#discardedBytes;
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
   * @throws {TypeError} There is no argument, or its memory is shared with other threads.
   * @throws {DOMException} `InvalidStateError`: it is not open yet.
   */
  send(data: string | Blob | ArrayBuffer | ArrayBufferView): void {
    if (arguments.length === 0) throw wrongType("data", "text, a Blob, an ArrayBuffer or a view of one", undefined);
    checkNotShared(data, "data");
    if (this.#readyState === CONNECTING) throw new DOMException("The WebSocket is not open yet", "InvalidStateError");
    const message = isBlob(data) || isBytes(data) ? data : String(data);
    if (this.#readyState !== OPEN) {
      this.#discardedBytes += sizeOf(message);
      return;
    }
    const connection = this.#connection!;
    if (this.#turnStart === null) this.#beginTurn(connection);
    if (isBlob(message) || this.#reading !== null) this.#sendInTurn(connection, message);
    else void connection.write(message);
  }

  /**
   * Closes.
   *
   * @param code 1000, or 3000–4999. 1000 if there is a reason; else none is sent.
   * @param reason At most 123 bytes of UTF-8.
   * @throws {DOMException} `InvalidAccessError`: another code. `SyntaxError`: the reason is longer.
   */
  close(code?: number, reason = ""): void {
    const closeCode = code === undefined ? undefined : clamped(code);
    if (closeCode !== undefined && closeCode !== 1000 && !(closeCode >= 3000 && mayBeSent(closeCode))) {
      throw new DOMException(`Cannot close with code ${code}`, "InvalidAccessError");
    }
    try {
      checkClose(closeCode ?? 1000, String(reason));
    } catch {
      throw new DOMException("The reason is longer than 123 bytes", "SyntaxError");
    }
    if (this.#readyState >= CLOSING) return;
    const wasOpen = this.#readyState === OPEN;
    this.#readyState = CLOSING;
    if (!wasOpen) return this.#giveUp.abort(new DOMException("Closed before it was open", "AbortError"));
    const close = (): void => void this.#connection!.close({ closeCode, reason: String(reason) });
    if (this.#reading === null) close();
    else this.#reading.then(close);
  }

  async #run(opening: Promise<WebSocketConnection>): Promise<void> {
    let outcome: WebSocketClosed;
    try {
      const connection = await opening;
      if (this.#readyState === CLOSING) connection.abort(this.#giveUp.signal.reason);
      else this.#opened(connection);
      await this.#deliverAll(connection);
      outcome = await connection.closed;
    } catch (error) {
      outcome = neverOpen(error);
    }
    this.#readyState = CLOSED;
    if (!outcome.wasClean) this.dispatchEvent(errorEvent(outcome.error));
    this.dispatchEvent(closeEvent(outcome, outcome.wasClean));
  }

  #opened(connection: WebSocketConnection): void {
    this.#connection = connection;
    this.#readyState = OPEN;
    this.dispatchEvent(new Event("open"));
  }

  async #deliverAll(connection: WebSocketConnection): Promise<void> {
    try {
      for (let message = await connection.read(); message !== null; message = await connection.read()) {
        if (this.#readyState === OPEN) this.#deliver(message);
      }
    } catch {
      return;
    } finally {
      this.#readyState = CLOSING;
    }
  }

  #deliver(message: Message): void {
    const data = typeof message === "string" ? message : this.#wrapped(message);
    this.dispatchEvent(new MessageEvent("message", { data, origin: this.#origin }));
  }

  #wrapped(bytes: Uint8Array): Blob | ArrayBuffer {
    if (this.#binaryType === "blob") return new Blob([bytes as Uint8Array<ArrayBuffer>]);
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    return whole.buffer as ArrayBuffer;
  }

  /** What was sent in this turn counts until its end, whatever became of it (the standard's bufferedAmount). */
  #beginTurn({ writtenBytes }: WebSocketConnection): void {
    this.#turnStart = writtenBytes;
    queueMicrotask(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#turnStart = null;
  };

  #sendInTurn(connection: WebSocketConnection, message: Blob | OutgoingMessage): void {
    const bytes = sizeOf(message);
    this.#unreadBytes += bytes;
    const sent = (this.#reading ?? Promise.resolve()).then(async () => {
      try {
        void connection.write(isBlob(message) ? await message.arrayBuffer() : message);
        this.#unreadBytes -= bytes;
      } catch (error) {
        connection.abort(error);
      }
      if (this.#reading === sent) this.#reading = null;
    });
    this.#reading = sent;
  }

  /** Called at `open`; the same as `addEventListener("open", …)`. */
  get onopen(): ((event: Event) => unknown) | null {
    return this.#handlers.open ?? null;
  }

  set onopen(handler: ((event: Event) => unknown) | null) {
    this.#handle("open", handler);
  }

  /** Called with each message. */
  get onmessage(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.message ?? null;
  }

  set onmessage(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handle("message", handler);
  }

  /** Called when it failed. What is read has the platform's type, so that this fits wherever the platform's `WebSocket` does. */
  get onerror(): ((event: Event) => unknown) | null {
    return this.#handlers.error as ((event: Event) => unknown) | null | undefined ?? null;
  }

  set onerror(handler: ((event: WebSocketErrorEvent) => unknown) | null) {
    this.#handle("error", handler);
  }

  /** Called when it is over. */
  get onclose(): ((event: WebSocketCloseEvent) => unknown) | null {
    return this.#handlers.close ?? null;
  }

  set onclose(handler: ((event: WebSocketCloseEvent) => unknown) | null) {
    this.#handle("close", handler);
  }

  /** A handler keeps the place of the first one among the listeners (HTML standard §8.1.8.1); an object may be one that is not called. */
  #handle<Name extends keyof WebSocketEventMap>(name: Name, given: Handlers[Name] | null): void {
    const handler = typeof given === "function" || typeof given === "object" ? given : null;
    if (!(name in this.#handlers)) {
      if (handler === null) return;
      this.addEventListener(name, (event) => {
        const current = this.#handlers[name];
        if (typeof current === "function") current.call(this, event);
      });
    }
    this.#handlers[name] = handler;
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

function isList(init: readonly string[] | WebSocketInit): init is readonly string[] {
  return Array.isArray(init);
}

function isBlob(data: unknown): data is Blob {
  return data instanceof Blob;
}

function isBytes(data: unknown): data is ArrayBuffer | ArrayBufferView {
  return data instanceof ArrayBuffer || ArrayBuffer.isView(data);
}

function sizeOf(message: string | Blob | ArrayBuffer | ArrayBufferView): number {
  if (typeof message === "string") return utf8Length(message);
  return isBlob(message) ? message.size : message.byteLength;
}

/** `[Clamp] unsigned short` (Web IDL §3.3.1). */
function clamped(code: number): number {
  const number = Number(code);
  return Number.isNaN(number) ? 0 : Math.round(Math.min(Math.max(number, 0), 65_535));
}
