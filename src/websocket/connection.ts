/**
 * One WebSocket, as its user holds it: messages in, messages out, Pings, and the end of it. It puts the parts together and tells each
 * what the others have found.
 *
 * ```text
 *  transport ─▶ MessageReceiver ─▶ read()                       ┐
 *                  │ ping, pong, close ─▶ Pings, CloseHandshake ├ one WebSocketMachine between them
 *  transport ◀─ FrameOutlet ◀─ MessageSender ◀─ write()         ┘
 * ```
 *
 * @module
 */

import { isBytes, wrongType } from "../bytes/arguments.ts";
import { unattended } from "../duplex/deferred.ts";
import type { Wire } from "../duplex/wire.ts";
import { TransportError } from "../errors/transport_error.ts";
import { WebSocketProtocolError } from "../errors/web_socket_protocol_error.ts";
import {
  CloseHandshake,
  type CloseOptions,
  closeRequest,
  type WebSocketClosed,
  type WebSocketState,
} from "./close_handshake.ts";
import { codec } from "./coding.ts";
import { Compression, directionsOf, Inflation } from "./compression.ts";
import { FrameOutlet } from "./frame_outlet.ts";
import { Heartbeat } from "./heartbeat.ts";
import { GOING_AWAY, INTERNAL_ERROR } from "./machine/close_code.ts";
import type { Role } from "./machine/frame.ts";
import type { DeflateAgreement, DeflateOptions } from "./machine/permessage_deflate.ts";
import { WebSocketMachine } from "./machine/web_socket_machine.ts";
import { maskingKey } from "./masking_keys.ts";
import type { Message } from "./message_inbox.ts";
import { MessageReceiver, type ReceiverEvents } from "./message_receiver.ts";
import { MessageSender } from "./message_sender.ts";
import { readableMessages, writableMessages } from "./message_streams.ts";
import type { WebSocketSettings } from "./options.ts";
import type { MessageOptions, MessageParts, OutgoingMessage } from "./outgoing_message.ts";
import { Pings } from "./pings.ts";
import { prepareDeflate } from "./platform.ts";

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
  readonly #machine: WebSocketMachine;
  readonly #receiver: MessageReceiver;
  readonly #sender: MessageSender;
  readonly #outlet: FrameOutlet;
  readonly #closing: CloseHandshake;
  readonly #heartbeat: Heartbeat | null;
  #pings: Pings | null = null;
  #readable: ReadableStream<Message> | null = null;
  #writable: WritableStream<OutgoingMessage> | null = null;

  /**
   * Connections are made by `webSocketOver()` and the handshakes.
   *
   * @param wire The transport.
   * @param agreed What holds.
   * @param readBuf What was read from the transport already.
   */
  constructor(wire: Wire, agreed: WebSocketAgreement, readBuf?: Uint8Array) {
    const { role, settings } = agreed;
    this.protocol = agreed.protocol;
    this.extensions = agreed.extensions;
    const machine = this.#machine = machineFor(agreed);
    const { compression, inflation } = deflateFor(agreed);
    const outlet = this.#outlet = new FrameOutlet(machine, wire, {
      moreToTake: () => this.#receiver.hasMore,
      onFailure: (error) => this.#closing.lose(error),
    });
    const sender = this.#sender = new MessageSender(machine, outlet, compression);
    const receiver = this.#receiver = new MessageReceiver(machine, wire, inflation, this.#received(), settings.text);
    this.#closing = new CloseHandshake({
      role,
      settings,
      wire,
      machine,
      receiver,
      sender,
      outlet,
      onClosing: () => this.#heartbeat?.stop(),
      onClosed: (why) => {
        this.#heartbeat?.stop();
        compression?.close();
        inflation?.close();
        this.#pings?.fail(why);
      },
    });
    this.#heartbeat = Heartbeat.of(settings, {
      ping: () => this.#sendPing(UNASKED),
      lost: (error) => this.#closing.lose(error),
      idle: () => void this.close({ closeCode: GOING_AWAY, reason: "idle" }),
      paused: () => receiver.paused,
    });
    if (readBuf !== undefined) machine.receive(readBuf);
    receiver.pump();
  }

  #received(): ReceiverEvents {
    return {
      onChunk: () => this.#heartbeat?.heard(),
      onControl: (event) => {
        if (event.type === "ping") void this.#outlet.flush();
        else if (event.type === "pong") this.#pings?.answered(event.payload);
        else this.#closing.answer(event);
      },
      onEof: () => this.#closing.lose(new TransportError("reset", "The peer left without closing the WebSocket")),
      onFailure: (error) => {
        if (error instanceof WebSocketProtocolError) this.#closing.fail(error.closeCode, error);
        else this.#closing.lose(error);
      },
    };
  }

  /** Where it stands: `closing` from the first Close frame on, in whichever direction. */
  get state(): WebSocketState {
    return this.#closing.state;
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<WebSocketClosed> {
    return this.#closing.closed;
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
    return this.#readable ??= readableMessages(this);
  }

  /** The messages for the peer. Closing it closes the WebSocket and waits for that; so does aborting it. */
  get writable(): WritableStream<OutgoingMessage> {
    return this.#writable ??= writableMessages(this, () => this.#closing.limit());
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

  /** Drops what the peer sends from now on: for those who only send. Pings are answered, and the end is noticed. */
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
      if (this.#machine.sending && this.state === "open") this.#closing.fail(INTERNAL_ERROR, error);
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
    return (this.#pings ??= new Pings()).send(payload, (bytes) => this.#sendPing(bytes));
  }

  #sendPing(payload: Uint8Array): void {
    this.#machine.ping(payload);
    void this.#outlet.flush();
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
    this.#closing.close(closeCode, reason);
    return this.closed;
  }

  /** Ends both directions at once, without a Close frame. Idempotent. */
  abort(reason: unknown = new TransportError("closed", "The WebSocket was aborted")): void {
    this.#closing.lose(reason);
  }

  /** `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What a Ping carries whose Pong is not waited for. */
const UNASKED = new Uint8Array(0);

function machineFor({ role, settings: { maxMessageBytes, text }, deflate }: WebSocketAgreement): WebSocketMachine {
  const common = { maxMessageBytes, text, mayCompress: deflate !== null, answersClose: false, codec };
  return new WebSocketMachine(role === "client" ? { ...common, role, maskingKey } : { ...common, role });
}

function deflateFor(agreed: WebSocketAgreement): { compression: Compression | null; inflation: Inflation | null } {
  const { role, deflate, deflateOptions, settings } = agreed;
  if (deflate === null) return { compression: null, inflation: null };
  prepareDeflate();
  const directions = directionsOf(deflate, role);
  return {
    compression: new Compression(directions.out, deflateOptions),
    inflation: new Inflation(directions.in, settings.maxMessageBytes),
  };
}
