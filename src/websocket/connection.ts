/**
 * One WebSocket: messages in, messages out, and the end of it.
 *
 * ```text
 *  transport ─▶ MessageReceiver ─▶ read()   ┐
 *                  │ ping, pong, close      ├ one WebSocketMachine between them
 *  transport ◀─ MessageSender ◀─── write()  ┘
 * ```
 *
 * @module
 */

import { checkObject, isBytes, wrongType } from "../bytes/arguments.ts";
import { Deferred, unattended } from "../duplex/deferred.ts";
import { Deadline } from "../duplex/clock.ts";
import { linger, lingerBehindPeer } from "../duplex/linger.ts";
import type { Wire } from "../duplex/wire.ts";
import { TransportError } from "../errors/transport_error.ts";
import { StateError } from "../errors/state_error.ts";
import { ABNORMAL_CLOSURE, type CloseInfo, GOING_AWAY, INTERNAL_ERROR, NORMAL_CLOSURE } from "./machine/close_code.ts";
import { WebSocketProtocolError } from "../errors/web_socket_protocol_error.ts";
import type { Role } from "./machine/frame.ts";
import type { DeflateAgreement, DeflateOptions } from "./machine/permessage_deflate.ts";
import { checkClose, echoOf } from "./machine/close_frame.ts";
import { WebSocketMachine } from "./machine/web_socket_machine.ts";
import { Compression, directionsOf, Inflation } from "./compression.ts";
import { Heartbeat } from "./heartbeat.ts";
import { maskingKey } from "./masking_keys.ts";
import { type Message, MessageReceiver } from "./message_receiver.ts";
import { type MessageOptions, type MessageParts, MessageSender, type OutgoingMessage } from "./message_sender.ts";
import type { WebSocketSettings } from "./options.ts";
import { Pings } from "./pings.ts";
import { prepareDeflate } from "./platform.ts";
import { codec } from "./coding.ts";

/** How a WebSocket ended. */
export interface WebSocketClosed extends CloseInfo {
  /** Whether both ends have closed it, as they should. */
  readonly wasClean: boolean;
  /** What went wrong: a `WebSocketProtocolError`, a `TransportError`, or the reason of `abort()`. */
  readonly error?: unknown;
}

/** How a WebSocket is to be closed. */
export interface CloseOptions {
  /** 1000–1003, 1007–1014, or 3000–4999 for purposes of one's own. 1000 if there is a reason; else none is sent. */
  readonly closeCode?: number | undefined;
  /** At most 123 bytes of UTF-8. */
  readonly reason?: string | undefined;
}

/**
 * What the Close frame is to say.
 *
 * @throws {TypeError} The code is no number, or the reason no text.
 * @throws {RangeError} The code may not be sent, or the reason is too long.
 */
export function closePayload(options: CloseOptions): { readonly closeCode: number | null; readonly reason: string } {
  checkObject(options, "options");
  const { reason = "" } = options;
  const closeCode = options.closeCode ?? (reason === "" ? null : NORMAL_CLOSURE);
  checkClose(closeCode, reason);
  return { closeCode, reason };
}

/** What holds for a connection. */
export interface WebSocketAgreement {
  /** Which end this is. */
  readonly role: Role;
  /** What was agreed on. */
  readonly protocol: string;
  /** What was agreed on, as the field says it. */
  readonly extensions: string;
  /** What was agreed on, as it is meant. */
  readonly deflate: DeflateAgreement | null;
  /** Threshold and level. */
  readonly deflateOptions: DeflateOptions;
  /** Limits. */
  readonly settings: WebSocketSettings;
}

/** Where a WebSocket stands that was open. */
export type WebSocketState = "open" | "closing" | "closed";

/**
 * An open WebSocket, on either end.
 *
 * Messages are text or bytes. Use `read()` and `write()`, which cost least, or the streams, which are made when they are
 * touched; not both. Keep reading, or say that messages are of no interest by `discard()`: one message is read ahead, and
 * behind that the peer has to wait, with its Pings and its Close frame.
 *
 * @example
 * ```ts
 * import { duplexPair, webSocketOver } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = duplexPair();
 * const client = webSocketOver(near, { role: "client" });
 * const server = webSocketOver(far, { role: "server" });
 * server.readable.pipeTo(server.writable).catch(console.error);
 *
 * await client.write("hello");
 * assertEquals(await client.read(), "hello");
 * assertEquals((await client.close({ closeCode: 1000 })).wasClean, true);
 * ```
 */
export class WebSocketConnection implements AsyncDisposable {
  /** The subprotocol that was agreed on, or an empty text. */
  readonly protocol: string;
  /** The extensions that were agreed on, as the handshake says it, or an empty text. */
  readonly extensions: string;
  readonly #role: Role;
  readonly #settings: WebSocketSettings;
  readonly #wire: Wire;
  readonly #machine: WebSocketMachine;
  readonly #compression: Compression | null = null;
  readonly #inflation: Inflation | null = null;
  readonly #receiver: MessageReceiver;
  readonly #sender: MessageSender;
  readonly #heartbeat: Heartbeat | null;
  readonly #pings: Pings = new Pings();
  readonly #closed: Deferred<WebSocketClosed> = new Deferred();
  #closeDeadline: Deadline | null = null;
  #state: WebSocketState = "open";
  #peerClosed: CloseInfo | null = null;
  /** How it ends once it is known that it fails; what comes behind that is not the reason. */
  #failed: WebSocketClosed | null = null;
  #readable: ReadableStream<Message> | null = null;
  #writable: WritableStream<OutgoingMessage> | null = null;

  /**
   * Connections are made by `webSocketOver()` and the handshakes.
   *
   * @param wire The transport.
   * @param agreed What holds.
   * @param readBuf What was read from the transport already.
   */
  constructor(wire: Wire, agreed: WebSocketAgreement, readBuf: Uint8Array) {
    const { role, settings, deflate } = agreed;
    this.protocol = agreed.protocol;
    this.extensions = agreed.extensions;
    this.#role = role;
    this.#settings = settings;
    this.#wire = wire;
    const { maxMessageBytes } = settings;
    const common = { maxMessageBytes, mayCompress: deflate !== null, answersClose: false, codec };
    this.#machine = new WebSocketMachine(role === "client" ? { ...common, role, maskingKey } : { ...common, role });
    if (deflate !== null) {
      prepareDeflate();
      const directions = directionsOf(deflate, role);
      this.#compression = new Compression(directions.out, agreed.deflateOptions);
      this.#inflation = new Inflation(directions.in, settings.maxMessageBytes);
    }
    this.#sender = new MessageSender(this.#machine, wire, this.#compression, {
      moreToTake: () => this.#receiver.hasMore,
      onFailure: (error) => this.#lost(error),
    });
    this.#receiver = new MessageReceiver(this.#machine, wire, this.#inflation, {
      onChunk: () => this.#heartbeat?.heard(),
      onControl: (event) => this.#onControl(event),
      onEof: () => this.#onEof(),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#heartbeat = Heartbeat.of(settings, {
      ping: () => this.#sendPing(NOTHING),
      lost: (error) => this.#lost(error),
      idle: () => void this.close({ closeCode: GOING_AWAY, reason: "idle" }),
      paused: () => this.#receiver.paused,
    });
    if (readBuf.length > 0) this.#machine.receive(readBuf);
    this.#receiver.start();
  }

  /** Where it stands: `closing` from the first Close frame on, in whichever direction. */
  get state(): WebSocketState {
    return this.#state;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<WebSocketClosed> {
    return this.#closed.promise;
  }

  /** How many bytes of messages the transport has not accepted yet; frames around them do not count. */
  get bufferedAmount(): number {
    return this.#sender.bufferedAmount;
  }

  /** How many bytes of messages were written so far, whatever became of them. */
  get writtenBytes(): number {
    return this.#sender.totalBytes;
  }

  /** The messages of the peer. Ends when the peer closes; fails if it leaves without. Cancelling it closes. */
  get readable(): ReadableStream<Message> {
    return this.#readable ??= new ReadableStream<Message>({
      pull: async (controller) => {
        const message = await this.read();
        if (message === null) controller.close();
        else controller.enqueue(message);
      },
      cancel: (reason) => {
        try {
          void this.#closeFor(reason);
        } finally {
          this.#receiver.discard();
        }
      },
    }, { highWaterMark: 0 });
  }

  /** The messages for the peer. Closing it closes the WebSocket and waits for that; so does aborting it. */
  get writable(): WritableStream<OutgoingMessage> {
    return this.#writable ??= new WritableStream<OutgoingMessage>({
      start: (controller) => this.#onWritable(controller),
      write: (message) => this.write(message),
      close: async () => void await this.close(),
      abort: (reason) => void this.#closeFor(reason),
    }, { highWaterMark: 1 });
  }

  /**
   * Waits for the next message.
   *
   * @returns Text, or bytes that are the caller's; `null` when the peer has closed, and ever after.
   * @throws {StateError} `busy`: another call is waiting.
   * @throws {WebSocketProtocolError} The peer broke the protocol.
   * @throws {TransportError} The connection was lost.
   */
  read(): Promise<Message | null> {
    return this.#receiver.read();
  }

  /**
   * The messages of the peer, one after the other. Leaving the loop leaves the WebSocket as it is.
   *
   * @throws {unknown} What {@linkcode read} throws.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    for (let message = await this.read(); message !== null; message = await this.read()) yield message;
  }

  /** Drops what the peer sends from now on: for whoever only sends. Pings are answered, and the end is noticed. */
  discard(): void {
    this.#receiver.discard();
  }

  /**
   * Sends a message.
   *
   * @param message Text, or bytes that must not change until the promise has resolved.
   * @param options Whether bytes are text.
   * @returns Resolves when the transport has accepted it and has room again, or when it waits for the answers to other
   * messages that have come already, to leave with them in this turn of the event loop. A rejection needs no handler.
   * @throws {StateError} `closed`: the WebSocket is closing.
   * @throws {TransportError} The connection was lost.
   */
  write(message: OutgoingMessage, options?: MessageOptions): Promise<void> {
    return this.#sender.send(message, options);
  }

  /**
   * Sends one message as its parts come, each in a frame (RFC 6455 §5.4). Other messages wait until it is sent.
   *
   * @param parts All text, or all bytes. If they fail after the first of them was sent, the WebSocket is closed with 1011.
   * @returns Resolves when the transport has accepted the last one. A rejection needs no handler.
   */
  writeParts(parts: MessageParts): Promise<void> {
    const sent = this.#sender.sendParts(parts);
    sent.catch((error) => {
      if (this.#machine.sending && this.#state === "open") this.#tellAndEnd(INTERNAL_ERROR, error);
    });
    return sent;
  }

  /**
   * Sends a Ping.
   *
   * @param payload At most 125 bytes; a number of our own by default.
   * @returns Resolves when its Pong, or that of a later Ping, has come. A rejection needs no handler.
   * @throws {RangeError} The payload is longer.
   * @throws {StateError} `closed`.
   */
  ping(payload?: Uint8Array): Promise<void> {
    if (payload !== undefined && !isBytes(payload)) {
      return unattended(Promise.reject(wrongType("payload", "a Uint8Array", payload)));
    }
    return this.#pings.send(payload, (bytes) => this.#sendPing(bytes));
  }

  #sendPing(payload: Uint8Array): void {
    this.#machine.ping(payload);
    void this.#sender.flush();
  }

  /**
   * Closes: what was written before is sent, then a Close frame. What the peer has sent until its own can still be read.
   * Without effect if that was done before.
   *
   * @returns How it ended: `closed`. Not before the peer has answered, or `closeTimeoutMs` are over.
   * @throws {RangeError} At once: the code may not be sent, or the reason is too long.
   */
  close(options: CloseOptions = {}): Promise<WebSocketClosed> {
    const { closeCode, reason } = closePayload(options);
    if (this.#state !== "open") return this.closed;
    this.#state = "closing";
    this.#limitClosing();
    this.#receiver.mayWait(this.#settings.maxMessageBytes);
    void this.#sender.between(() => this.#machine.close(closeCode, reason));
    return this.closed;
  }

  /** Ends both directions at once, without a Close frame. Idempotent. */
  abort(reason: unknown = new TransportError("closed", "The WebSocket was aborted")): void {
    this.#lost(reason);
  }

  /** `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whoever pipes into the stream learns of the end without writing; and an abort does not wait for a write. */
  #onWritable(controller: WritableStreamDefaultController): void {
    // Bun before 1.4 has no such signal, and waits.
    const signal = controller.signal as AbortSignal | undefined;
    signal?.addEventListener("abort", () => this.#limitClosing(), { once: true });
    void this.closed.then(({ error }) => controller.error(error ?? closed()));
  }

  /** Closes for whoever leaves a stream, also if what they want to say may not be said. */
  #closeFor(reason: unknown): Promise<WebSocketClosed> {
    const { closeCode, reason: text } = (reason ?? {}) as { closeCode?: unknown; reason?: unknown };
    if (typeof closeCode !== "number") return this.close();
    try {
      return this.close({ closeCode, reason: typeof text === "string" ? text : "" });
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  #onControl(event: { type: "ping" } | { type: "pong"; payload: Uint8Array } | { type: "close" } & CloseInfo): void {
    if (event.type === "ping") void this.#sender.flush();
    else if (event.type === "pong") this.#pings.answered(event.payload);
    else this.#onPeerClose(event);
  }

  #onPeerClose({ closeCode, reason }: CloseInfo): void {
    this.#peerClosed = { closeCode, reason };
    this.#state = "closing";
    this.#receiver.end("ended");
    this.#limitClosing();
    const answered = this.#sender.between(() => this.#machine.close(echoOf(closeCode)));
    const finish = (): Promise<void> => this.#finish({ closeCode, reason, wasClean: true });
    answered.then(finish, finish);
  }

  #onEof(): void {
    if (this.#peerClosed === null) {
      this.#lost(new TransportError("reset", "The peer left without closing the WebSocket"));
    }
  }

  #onFailure(error: unknown): void {
    if (error instanceof WebSocketProtocolError) this.#tellAndEnd(error.closeCode, error);
    else this.#lost(error);
  }

  /** The peer is told why, then both directions are ended. */
  #tellAndEnd(closeCode: number, error: unknown): void {
    this.#state = "closing";
    this.#receiver.end({ error });
    this.#machine.close(closeCode);
    this.#limitClosing();
    this.#failed = { closeCode: ABNORMAL_CLOSURE, reason: "", wasClean: false, error };
    void this.#finish(this.#failed);
  }

  /** Servers end the connection first (RFC 6455 §7.1.1), clients wait for that; and nobody waits forever. */
  async #finish(outcome: WebSocketClosed): Promise<void> {
    const { clock, closeTimeoutMs } = this.#settings;
    await this.#sender.flush().catch(() => {});
    const end = { clock, closeTimeoutMs: TCP_CLOSE_TIMEOUT_MS, writeTimeoutMs: closeTimeoutMs };
    if (this.#role === "client" && outcome.wasClean) await lingerBehindPeer(this.#wire, end);
    else await linger(this.#wire, end);
    this.#settle(outcome);
  }

  #limitClosing(): void {
    this.#heartbeat?.stop();
    this.#closeDeadline ??= new Deadline(this.#settings.clock);
    this.#closeDeadline.set(this.#settings.closeTimeoutMs, () => {
      this.#lost(new TransportError("timeout", "The peer did not close the WebSocket in time"));
    });
  }

  #lost(error: unknown): void {
    if (this.#state === "closed") return;
    this.#wire.abort(error);
    this.#receiver.end({ error });
    const peer = this.#peerClosed;
    if (this.#failed !== null) this.#settle(this.#failed);
    else if (peer !== null) this.#settle({ ...peer, wasClean: this.#machine.closeSent });
    else this.#settle({ closeCode: ABNORMAL_CLOSURE, reason: "", wasClean: false, error });
  }

  #settle(outcome: WebSocketClosed): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#closeDeadline?.stop();
    this.#heartbeat?.stop();
    this.#compression?.close();
    this.#inflation?.close();
    const why = outcome.error ?? closed();
    this.#sender.end(why);
    this.#pings.fail(why);
    this.#closed.resolve(outcome);
  }
}

function closed(): StateError {
  return new StateError("closed", "The WebSocket was closed");
}

/** What a Ping carries whose Pong nobody waits for. */
const NOTHING = new Uint8Array(0);

/** How long the peer may take to end the connection below once the WebSocket is closed. As Chromium. */
const TCP_CLOSE_TIMEOUT_MS = 2000;
