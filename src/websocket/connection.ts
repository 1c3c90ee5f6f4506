/**
 * One WebSocket, as its user holds it: messages in, messages out, Pings, and the end of it. `WebSocketParts` does it.
 *
 * @module
 */

import { isBytes, wrongType } from "../bytes/arguments.ts";
import { unattended } from "../duplex/deferred.ts";
import { TransportError } from "../errors/transport_error.ts";
import { type CloseOptions, closeRequest, type WebSocketClosed, type WebSocketState } from "./close_handshake.ts";
import { deliver } from "./deliver.ts";
import { INTERNAL_ERROR } from "./machine/close_code.ts";
import type { Message, TakeMessage } from "./message_inbox.ts";
import { readableMessages, writableMessages } from "./message_streams.ts";
import { isParts, type MessageOptions, type MessageParts, type OutgoingMessage } from "./outgoing_message.ts";
import type { WebSocketAgreement, WebSocketParts } from "./parts.ts";
import type { SharedMessage } from "./shared_message.ts";

/**
 * Sends a message that goes to many; see `write()`. For `Topic`.
 *
 * @ignore
 */
export let sendShared: (connection: WebSocketConnection, message: SharedMessage) => Promise<void>;

/**
 * Gives the messages to a function instead of `read()`; see `deliver()`. For `WebSocket`.
 *
 * @ignore
 */
export let deliverMessages: (connection: WebSocketConnection, take: TakeMessage) => void;

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
  readonly #parts: WebSocketParts;
  #readable: ReadableStream<Message> | null = null;
  #writable: WritableStream<OutgoingMessage> | null = null;

  /**
   * Connections are made by `webSocketOver()` and the handshakes.
   *
   * @param parts What it is made of.
   * @param agreed What holds.
   * @param readBuf What was read from the transport already.
   */
  constructor(parts: WebSocketParts, agreed: WebSocketAgreement, readBuf?: Uint8Array) {
    this.protocol = agreed.protocol;
    this.extensions = agreed.extensions;
    this.#parts = parts;
    parts.start(readBuf);
  }

  /** Where it stands: `closing` from the first Close frame on, in whichever direction. */
  get state(): WebSocketState {
    return this.#parts.state;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<WebSocketClosed> {
    return this.#parts.closing.closed;
  }

  /** How many bytes of messages the transport has not accepted yet; frames around them do not count. */
  get bufferedAmount(): number {
    return this.#parts.sender.bufferedAmount;
  }

  /** How many bytes of messages were written so far, whatever became of them. */
  get writtenBytes(): number {
    return this.#parts.sender.totalBytes;
  }

  /** The messages of the peer. Ends when the peer closes; fails if it leaves without. Cancelling it closes. */
  get readable(): ReadableStream<Message> {
    return this.#readable ??= readableMessages(this);
  }

  /** The messages for the peer. Closing it closes the WebSocket and waits for that; so does aborting it. */
  get writable(): WritableStream<OutgoingMessage> {
    return this.#writable ??= writableMessages(this, () => this.#parts.closing.limit());
  }

  /**
   * Waits for the next message.
   *
   * @returns Text, or bytes that are the caller's, which are a `TextBytes` if text was asked for as bytes; `null` when the peer has closed, and ever after.
   * @throws {StateError} `busy`: another call is waiting.
   * @throws {WebSocketProtocolError} The peer broke the protocol.
   * @throws {TransportError} The connection was lost.
   */
  read(): Promise<Message | null> {
    return this.#parts.receiver.read();
  }

  /**
   * The messages of the peer, one after the other. Leaving the loop leaves the WebSocket as it is.
   *
   * @throws {unknown} What {@linkcode read} throws.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    for (let message = await this.read(); message !== null; message = await this.read()) yield message;
  }

  /** Drops what the peer sends from now on: for those who only send. Pings are answered, and the end is noticed. */
  discard(): void {
    this.#parts.receiver.discard();
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
    return this.#parts.sender.send(message, options);
  }

  /**
   * Sends one message as its parts come, each in a frame (RFC 6455 §5.4). Other messages wait until it is sent.
   *
   * @param parts All text, or all bytes. If they fail after the first of them was sent, the WebSocket is closed with 1011.
   * @returns Resolves when the transport has accepted the last one. A rejection needs no handler.
   */
  writeParts(parts: MessageParts): Promise<void> {
    // No message has failed then: one that is under way goes on.
    if (!isParts(parts)) return unattended(Promise.reject(wrongType("parts", "an async iterable", parts)));
    const sent = this.#parts.sender.sendParts(parts);
    sent.catch((error) => {
      const { machine, closing } = this.#parts;
      if (machine.sending && !machine.closeSent) closing.fail(INTERNAL_ERROR, error);
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
    return this.#parts.pings.send(payload, (bytes) => this.#parts.ping(bytes));
  }

  /**
   * Closes: what was written before is sent, then a Close frame. What the peer has sent until its own can still be read.
   * Without effect if that was done before.
   *
   * @returns How it ended: `closed`. Not before the peer has answered, or `closeTimeoutMs` are over.
   * @throws {RangeError} At once: the code may not be sent, or the reason is too long.
   */
  close(options: CloseOptions = {}): Promise<WebSocketClosed> {
    const { closeCode, reason } = closeRequest(options);
    this.#parts.closing.close(closeCode, reason);
    return this.closed;
  }

  /** Ends both directions at once, without a Close frame. Idempotent. */
  abort(reason: unknown = new TransportError("closed", "The WebSocket was aborted")): void {
    this.#parts.closing.lose(reason);
  }

  static {
    deliverMessages = (connection, take) => deliver(connection.#parts.receiver, take);
    sendShared = (connection, message) => {
      const { role, sender } = connection.#parts;
      // A client masks each of its frames by a key of its own.
      return role === "server" ? sender.sendShared(message) : sender.send(message.bytes, message);
    };
  }

  /** `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
