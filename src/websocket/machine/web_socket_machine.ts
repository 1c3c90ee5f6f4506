/**
 * One end of a WebSocket, without a connection: messages in, bytes out; bytes in, events out. Never waits. It holds what both
 * directions share: Pongs that are due, and how far the close handshake is.
 *
 * ```text
 *  receive(bytes) ─▶ FrameReader: header, rules, unmask, assemble ─▶ next(): text | binary | compressed | ping | …
 *  send(), ping(), close() ─▶ FrameWriter: header, mask ───────────▶ take()
 * ```
 *
 * @module
 */

import { checkBytes, checkFunction, checkObject, checkOneOf, checkOptions, type Kinds } from "../../bytes/arguments.ts";
import { StateError } from "../../errors/state_error.ts";
import { checkClose, echoOf, writeClosePayload } from "./close_frame.ts";
import { CODEC, codecOf, type WebSocketCodec } from "./codec.ts";
import { BINARY, CLOSE, CONTINUATION, frameRules, MAX_CONTROL_BYTES, PING, PONG, ROLES, TEXT } from "./frame.ts";
import { FrameReader } from "./frame_reader.ts";
import { FrameWriter } from "./frame_writer.ts";
import type { MessageKind, TextForm, WebSocketEvent } from "./web_socket_event.ts";

/** What a machine can be told, on either end. */
export interface WebSocketMachineLimits {
  /** The longest message that is taken, in bytes as they come. 16 MiB by default. */
  readonly maxMessageBytes?: number | undefined;
  /** Whether permessage-deflate was agreed on. False by default. */
  readonly mayCompress?: boolean | undefined;
  /**
   * Whether the peer's Close frame is answered at once, with its code. True by default; else `close()` answers, behind what
   * is under way (RFC 6455 §5.5.1).
   */
  readonly answersClose?: boolean | undefined;
  /** `"bytes"` gives text as bytes that were checked to be UTF-8, when all of them have come. `"string"` by default. */
  readonly text?: TextForm | undefined;
  /** What the platform does faster. Plain code by default, and for each function that is left out. */
  readonly codec?: Partial<WebSocketCodec> | undefined;
}

/** What a client's machine must be told: clients mask what they send. */
export interface ClientWebSocketMachineOptions extends WebSocketMachineLimits {
  /** The end that masks. */
  readonly role: "client";
  /** Gives 32 unpredictable bits for each frame (RFC 6455 §10.3). */
  readonly maskingKey: () => number;
}

/** What a server's machine must be told. */
export interface ServerWebSocketMachineOptions extends WebSocketMachineLimits {
  /** The end that does not mask. */
  readonly role: "server";
  /** None. */
  readonly maskingKey?: undefined;
}

/** What a machine can be told beforehand. */
export type WebSocketMachineOptions = ClientWebSocketMachineOptions | ServerWebSocketMachineOptions;

const OPTIONS: Kinds<WebSocketMachineOptions> = {
  role: (value, name) => checkOneOf(value, name, ROLES),
  maskingKey: "function",
  maxMessageBytes: "number",
  mayCompress: "boolean",
  answersClose: "boolean",
  text: checkTextForm,
  codec: (value, name) => checkOptions(value as WebSocketCodec, CODEC, name),
};

/**
 * Refuses what is no form of text.
 *
 * @throws {TypeError} It is neither `"string"` nor `"bytes"`.
 */
export function checkTextForm(value: unknown, name: string): void {
  checkOneOf(value, name, ["string", "bytes"]);
}

/** 16 MiB, as tungstenite's longest frame; `ws` takes 100 MiB. */
export const DEFAULT_MAX_MESSAGE_BYTES = 16_777_216;

/** So many Pongs wait at most, to be taken all at once. Autobahn's case 2.10 sends ten Pings and counts. */
const MAX_PONGS = 16;

const NEED_DATA: WebSocketEvent = { type: "need-data" };
const END: WebSocketEvent = { type: "end" };

/**
 * The protocol of one end. What `take()` gives is for the transport, what `next()` gives for the user.
 *
 * @example
 * ```ts
 * import { WebSocketMachine } from "@http-upgrade/http-upgrade/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const server = new WebSocketMachine({ role: "server" });
 * const client = new WebSocketMachine({ role: "client", maskingKey: () => crypto.getRandomValues(new Int32Array(1))[0]! });
 * client.send("hello");
 * for (const bytes of client.take()) server.receive(bytes);
 * assertEquals(server.next(), { type: "text", text: "hello" });
 * assertEquals(server.next(), { type: "need-data" });
 * ```
 */
export class WebSocketMachine {
  readonly #answersClose: boolean;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  /** The payloads of the Pongs that wait to be taken. */
  #pongs: Uint8Array[] | null = null;
  #sending: MessageKind | null = null;
  #closeSent = false;
  #closeReceived = false;
  #eof = false;
  #failure: unknown = null;

  /**
   * Makes a machine for a connection that has just switched.
   *
   * @param options Which end, and what to do differently.
   * @throws {TypeError} An option is of another kind, or a client has no `maskingKey`.
   * @throws {RangeError} `maxMessageBytes` is below 0 or NaN.
   */
  constructor(options: WebSocketMachineOptions) {
    checkOptions(options, OPTIONS);
    const { role, maskingKey, mayCompress = false, maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES } = options;
    checkOneOf(role, "options.role", ROLES);
    if (role === "client") checkFunction(maskingKey, "options.maskingKey");
    const codec = codecOf(options.codec);
    this.#answersClose = options.answersClose ?? true;
    this.#reader = new FrameReader(codec, frameRules(role, mayCompress), maxMessageBytes, options.text ?? "string");
    this.#writer = new FrameWriter(codec, maskingKey ?? null);
  }

  /** Whether a Close frame was sent: no message can be sent any more. */
  get closeSent(): boolean {
    return this.#closeSent;
  }

  /** Whether the peer's Close frame has come. */
  get closeReceived(): boolean {
    return this.#closeReceived;
  }

  /** Whether a message was begun and not ended. */
  get sending(): boolean {
    return this.#sending !== null;
  }

  /** Whether bytes wait that `next()` has not looked at. */
  get hasInput(): boolean {
    return this.#reader.in.length > 0;
  }

  /**
   * Takes bytes in.
   *
   * @param chunk The machine may keep it, and does not change it.
   * @param lent Whether the caller wants to use its memory again, once `next()` has said `need-data` or {@linkcode keepInput}
   * was called. Events never hold views of it.
   */
  receive(chunk: Uint8Array, lent = false): void {
    if (!(chunk instanceof Uint8Array)) checkBytes(chunk, "chunk");
    if (!this.#closeReceived) this.#reader.in.push(chunk, lent);
  }

  /** Copies what `next()` has not looked at yet of a chunk that was lent. */
  keepInput(): void {
    this.#reader.in.own();
  }

  /** The peer has ended its side. */
  receiveEof(): void {
    this.#eof = true;
  }

  /**
   * The next event.
   *
   * @throws {WebSocketProtocolError} The peer broke the protocol; all later calls throw it again. `close()` with its
   * `closeCode` tells the peer.
   */
  next(): WebSocketEvent {
    if (this.#failure !== null) throw this.#failure;
    try {
      const event = this.#closeReceived ? null : this.#reader.next();
      if (event !== null) return this.#found(event);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    if (this.#closeReceived || this.#eof) return END;
    this.#reader.in.release();
    this.#reader.in.own();
    return NEED_DATA;
  }

  /** A Ping is to be answered, and behind a Close nothing is read. */
  #found(event: WebSocketEvent): WebSocketEvent {
    if (event.type === "ping") {
      if (this.#closeSent) return event;
      const pongs = this.#pongs ??= [];
      if (pongs.push(event.payload) > MAX_PONGS) pongs.shift();
    } else if (event.type === "close") {
      this.#closeReceived = true;
      this.#reader.in.takeAll();
      if (this.#answersClose) this.close(echoOf(event.closeCode));
    }
    return event;
  }

  /**
   * Sends a message, or a part of one.
   *
   * @param payload Text, or bytes, which must not change until they were sent.
   * @param part Whether it ends its message, and whether it was compressed; both only if it is not as usual.
   * @returns How many bytes of payload the frame has.
   * @throws {StateError} `closed`: a Close frame was sent. `busy`: parts of a message of the other kind are under way.
   */
  send(payload: string | Uint8Array, part: MessagePart = WHOLE): number {
    if (typeof payload !== "string" && !(payload instanceof Uint8Array)) checkBytes(payload, "payload");
    if (typeof part !== "object" || part === null) checkObject(part, "part");
    if (this.#closeSent) throw new StateError("closed", "Cannot send: the WebSocket is closing");
    const kind = part.kind ?? (typeof payload === "string" ? "text" : "binary");
    if (this.#sending !== null && this.#sending !== kind) {
      throw new StateError("busy", "Cannot send: a message of another kind is not finished");
    }
    const opcode = this.#sending !== null ? CONTINUATION : kind === "text" ? TEXT : BINARY;
    this.#writePongs();
    this.#sending = part.fin ? null : kind;
    return this.#writer.write(opcode, part.fin, part.compressed && opcode !== CONTINUATION, payload);
  }

  /**
   * Sends a message that is a frame already, as one goes to many. Servers only: clients mask each frame by a key of its own.
   *
   * @param frame A whole message, not masked. Must not change until it was sent.
   * @param mayPass Whether the caller can give it to the transport itself.
   * @returns Whether it waits to be taken, behind others. If not, the caller is to do that now.
   * @throws {StateError} `closed`: a Close frame was sent. `busy`: parts of another message are under way.
   * @ignore
   */
  sendFrame(frame: Uint8Array, mayPass: boolean): boolean {
    if (this.#closeSent) throw new StateError("closed", "Cannot send: the WebSocket is closing");
    if (this.#sending !== null) throw new StateError("busy", "Cannot send: another message is not finished");
    if (mayPass && (this.#pongs?.length ?? 0) === 0 && this.#writer.empty) return false;
    this.#writePongs();
    this.#writer.writeWhole(frame);
    return true;
  }

  /**
   * Sends a Ping.
   *
   * @param payload At most 125 bytes, which come back in the Pong.
   * @throws {RangeError} It is longer.
   * @throws {StateError} `closed`.
   */
  ping(payload: Uint8Array): void {
    checkBytes(payload, "payload");
    if (payload.length > MAX_CONTROL_BYTES) throw new RangeError("payload must be of at most 125 bytes");
    if (this.#closeSent) throw new StateError("closed", "Cannot ping: the WebSocket is closing");
    this.#writer.write(PING, true, false, payload);
  }

  /**
   * Sends a Close frame, the last one. Without effect if that has happened.
   *
   * @param closeCode 1000–1003, 1007–1014 or 3000–4999; `null` for an empty frame.
   * @param reason At most 123 bytes of UTF-8.
   * @throws {RangeError} The code may not be sent, the reason is too long, or there is one without a code.
   */
  close(closeCode: number | null, reason = ""): void {
    checkClose(closeCode, reason);
    if (this.#closeSent) return;
    this.#writePongs();
    this.#closeSent = true;
    this.#writer.write(CLOSE, true, false, writeClosePayload(closeCode, reason));
  }

  /** Takes the bytes that are to be sent, in order. Of the Pongs that wait, the newest are enough (RFC 6455 §5.5.3). */
  take(): Uint8Array[] {
    this.#writePongs();
    return this.#writer.take();
  }

  #writePongs(): void {
    if (this.#pongs === null) return;
    for (const payload of this.#pongs) this.#writer.write(PONG, true, false, payload);
    this.#pongs = null;
  }

  /**
   * Lets go of the memory of what was taken. Never needed, but cheaper.
   *
   * @param again Whether it is used again, by this machine or others: if no one else holds it. True by default.
   */
  recycle(again = true): void {
    this.#writer.recycle(again);
  }
}

/** What a frame to be sent is, of a message that may have several. */
export interface MessagePart {
  /** By the payload's type when left out. */
  readonly kind?: MessageKind | undefined;
  /** Whether it ends the message. */
  readonly fin: boolean;
  /** Whether the message is compressed. */
  readonly compressed: boolean;
}

const WHOLE: MessagePart = { fin: true, compressed: false };
