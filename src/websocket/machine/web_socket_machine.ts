/**
 * One end of a WebSocket, without a connection: messages in, bytes out; bytes in, events out. Never waits.
 *
 * ```text
 *  receive(bytes) ─▶ frame header ─▶ rules ─▶ unmask ─▶ assemble ─▶ next(): text | binary | compressed | ping | …
 *  send(), ping(), close() ─────────────────────────▶ frame, masked by a client ─────────────────────▶ take()
 * ```
 *
 * @module
 */

import {
  checkBytes,
  checkFunction,
  checkObject,
  checkOneOf,
  checkOptions,
  checkString,
  type Kinds,
  wrongType,
} from "../../bytes/arguments.ts";
import { giveMemory, takeMemory, zeros } from "../../bytes/memory_pool.ts";
import { ReceiveBuffer } from "../../bytes/receive_buffer.ts";
import { JOIN_BYTES, SendBuffer } from "../../bytes/send_buffer.ts";
import { StateError } from "../../errors/state_error.ts";
import { MAX_REASON_BYTES, mayBeSent, NO_STATUS_RECEIVED } from "./close_code.ts";
import { WebSocketProtocolError } from "../../errors/web_socket_protocol_error.ts";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  type FrameHeader,
  frameHeaderBytes,
  type FrameRules,
  PING,
  PONG,
  readFrameHeader,
  ROLES,
  TEXT,
  writeFrameHeader,
} from "./frame.ts";
import { maskInto, scratch } from "./mask.ts";
import { MessageAssembler } from "./message_assembler.ts";
import { badUtf8 } from "./text_gatherer.ts";
import { encodeUtf8, isUtf8, readUtf8, utf8Length, writeAscii, writeUtf8 } from "./utf8.ts";
import type { MessageKind, WebSocketEvent } from "./web_socket_event.ts";

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
  /** Reads UTF-8, `null` if it is none. A plain one by default; the platform's is faster on long text. */
  readonly readText?: ((bytes: Uint8Array) => string | null) | undefined;
  /** Makes memory for what is long; what is in it does not matter. Filled with zeros by default, which takes its time. */
  readonly allocate?: ((bytes: number) => Uint8Array) | undefined;
  /** Whether bytes are UTF-8. A plain one by default. */
  readonly isText?: ((bytes: Uint8Array) => boolean) | undefined;
  /** How many bytes a text takes. A plain one by default. */
  readonly textLength?: ((text: string) => number) | undefined;
  /**
   * Writes UTF-8, as `TextEncoder.encodeInto()` does, into more room than it takes: Node's stops one character early where
   * there is just enough. A plain one by default.
   */
  readonly encodeText?: ((text: string, target: Uint8Array) => { read: number; written: number }) | undefined;
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
  readText: "function",
  allocate: "function",
  isText: "function",
  textLength: "function",
  encodeText: "function",
};

/** 16 MiB, as tungstenite's longest frame; `ws` takes 100 MiB. */
export const DEFAULT_MAX_MESSAGE_BYTES = 16_777_216;

/** Compressing may make a message longer: by an eighth with fixed codes (RFC 1951 §3.2.6), as zlib-ng does, and for each flush. */
export const MAX_COMPRESSED_GROWTH = 2;
/** What that is besides for a message however short. */
export const MAX_COMPRESSED_EXTRA_BYTES = 64;
/** So many Pongs wait at most, to be taken all at once. Autobahn's case 2.10 sends ten Pings and counts. */
const MAX_PONGS = 16;

/** Text of up to this length is written without the platform's encoder. */
const SHORT_TEXT = 48;
/** Text of up to this length gets room for whatever it holds; to measure it would cost more. */
const UNMEASURED_CHARACTERS = 1024;
/** Of UTF-8, for each half of a surrogate pair as well. */
const MAX_BYTES_A_CHARACTER = 3;
/** With the longest length and a key (RFC 6455 §5.2). */
const MAX_HEADER_BYTES = 14;

const NEED_DATA: WebSocketEvent = { type: "need-data" };
const END: WebSocketEvent = { type: "end" };

/**
 * See the module.
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
  readonly #maskingKey: (() => number) | null;
  readonly #maxMessageBytes: number;
  readonly #readText: (bytes: Uint8Array) => string | null;
  readonly #textLength: (text: string) => number;
  readonly #encodeText: (text: string, target: Uint8Array) => { read: number; written: number };
  readonly #in: ReceiveBuffer = new ReceiveBuffer();
  readonly #out: SendBuffer;
  readonly #assembler: MessageAssembler;
  readonly #frame: FrameHeader = { fin: true, compressed: false, opcode: 0, length: 0, key: 0 };
  readonly #rules: FrameRules;
  /** How much of the current frame's payload is to come; -1 between two frames. */
  #rest = -1;
  /** The payloads of the Pongs that wait to be taken. */
  readonly #pongs: Uint8Array[] = [];
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
    checkOneOf(options.role, "options.role", ROLES);
    if (options.role === "client") checkFunction(options.maskingKey, "options.maskingKey");
    this.#maskingKey = options.maskingKey ?? null;
    this.#answersClose = options.answersClose ?? true;
    this.#rules = { role: options.role, mayCompress: options.mayCompress ?? false };
    this.#maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#readText = options.readText ?? readUtf8;
    this.#textLength = options.textLength ?? utf8Length;
    this.#encodeText = options.encodeText ?? encodeUtf8;
    const allocate = options.allocate ?? zeros;
    this.#out = new SendBuffer(allocate);
    this.#assembler = new MessageAssembler(this.#readText, options.isText ?? isUtf8, allocate);
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
    return this.#in.length > 0;
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
    if (!this.#closeReceived) this.#in.push(chunk, lent);
  }

  /** Copies what `next()` has not looked at yet of a chunk that was lent. */
  keepInput(): void {
    this.#in.own();
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
      return this.#next();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  #next(): WebSocketEvent {
    while (!this.#closeReceived) {
      if (this.#rest === -1 && !this.#nextFrame()) break;
      const event = this.#frame.opcode >= CLOSE ? this.#control() : this.#data();
      if (event !== null) return event;
      if (this.#rest !== -1) break;
    }
    if (this.#closeReceived || this.#eof) return END;
    this.#in.release();
    this.#in.own();
    return NEED_DATA;
  }

  /** Reads the header of a frame, and checks it against what came before. */
  #nextFrame(): boolean {
    const { bytes, start, end } = this.#in;
    const frame = this.#frame;
    const size = readFrameHeader(bytes, start, end, this.#rules, frame);
    if (size === 0) return false;
    if (frame.opcode < CLOSE) this.#checkOrder();
    this.#in.start += size;
    this.#rest = frame.length;
    return true;
  }

  #checkOrder(): void {
    const { opcode, length, compressed } = this.#frame;
    const assembler = this.#assembler;
    const under = assembler.kind !== null;
    if (under !== (opcode === CONTINUATION)) {
      throw under
        ? new WebSocketProtocolError("unfinished-message", "A message begins inside another one", "RFC 6455 §5.4")
        : new WebSocketProtocolError("unexpected-continuation", "There is no message to go on with", "RFC 6455 §5.4");
    }
    const max = this.#maxMessageBytes;
    const limit = compressed || (under && assembler.compressed)
      ? max * MAX_COMPRESSED_GROWTH + MAX_COMPRESSED_EXTRA_BYTES
      : max;
    if (assembler.length + length > limit) throw tooLarge(max);
  }

  /** A frame of a message, or what there is of it. */
  #data(): WebSocketEvent | null {
    const frame = this.#frame;
    const { bytes, start, end } = this.#in;
    const assembler = this.#assembler;
    const whole = assembler.kind === null && end - start >= frame.length;
    if (whole && frame.fin && frame.opcode === TEXT && !frame.compressed) return this.#shortcut();
    if (frame.opcode !== CONTINUATION && assembler.kind === null) {
      assembler.begin(frame.opcode === TEXT ? "text" : "binary", frame.compressed);
    }
    const available = Math.min(this.#rest, end - start);
    const phase = frame.length - this.#rest;
    this.#rest -= available;
    this.#in.start += available;
    assembler.add(bytes, start, available, frame.key, phase, this.#rest, frame.fin);
    if (this.#rest > 0) return null;
    this.#rest = -1;
    if (!frame.fin) return null;
    return assembler.finish();
  }

  /** A text that is here as a whole is read without being kept: the most frequent case. */
  #shortcut(): WebSocketEvent {
    const { length, key } = this.#frame;
    const { bytes, start } = this.#in;
    this.#in.start += length;
    this.#rest = -1;
    if (key === 0) return this.#text(bytes.subarray(start, start + length));
    const memory = length <= scratch.length ? scratch : takeMemory(length);
    maskInto(memory, 0, bytes, start, length, key);
    const event = this.#text(memory.subarray(0, length));
    if (memory !== scratch) giveMemory(memory);
    return event;
  }

  #text(bytes: Uint8Array): WebSocketEvent {
    const text = this.#readText(bytes);
    if (text === null) throw badUtf8();
    return { type: "text", text };
  }

  #control(): WebSocketEvent | null {
    const { opcode, length, key } = this.#frame;
    const { bytes, start, end } = this.#in;
    if (end - start < length) return null;
    const payload = new Uint8Array(length);
    maskInto(payload, 0, bytes, start, length, key);
    this.#in.start += length;
    this.#rest = -1;
    if (opcode === PONG) return { type: "pong", payload };
    if (opcode === CLOSE) return this.#peerCloses(payload);
    if (!this.#closeSent && this.#pongs.push(payload) > MAX_PONGS) this.#pongs.shift();
    return { type: "ping", payload };
  }

  #peerCloses(payload: Uint8Array): WebSocketEvent {
    const { closeCode, reason } = readClosePayload(payload);
    this.#closeReceived = true;
    this.#in.takeAll();
    if (this.#answersClose) this.close(answerTo(closeCode));
    return { type: "close", closeCode, reason };
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
    return this.#write(opcode, part.fin, part.compressed && opcode !== CONTINUATION, payload);
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
    if (payload.length > 125) throw new RangeError("payload must be of at most 125 bytes");
    if (this.#closeSent) throw new StateError("closed", "Cannot ping: the WebSocket is closing");
    this.#write(PING, true, false, payload);
  }

  /**
   * Sends a Close frame, the last one. Without effect if that has happened.
   *
   * @param closeCode 1000–1003, 1007–1014 or 3000–4999; `null` for an empty frame.
   * @param reason At most 123 bytes of UTF-8.
   * @throws {RangeError} The code may not be sent, the reason is too long, or there is one without a code.
   */
  close(closeCode: number | null, reason = ""): void {
    WebSocketMachine.checkClose(closeCode, reason);
    if (this.#closeSent) return;
    const payload = new Uint8Array(closeCode === null ? 0 : 2 + utf8Length(reason));
    if (closeCode !== null) {
      payload[0] = closeCode >> 8;
      payload[1] = closeCode & 0xff;
      writeUtf8(payload, 2, reason);
    }
    this.#writePongs();
    this.#closeSent = true;
    this.#write(CLOSE, true, false, payload);
  }

  /**
   * Checks what a Close frame is to say.
   *
   * @throws {RangeError} See {@linkcode close}.
   */
  static checkClose(closeCode: number | null, reason: string): void {
    if (closeCode !== null && typeof closeCode !== "number") throw wrongType("closeCode", "a number", closeCode);
    checkString(reason, "reason");
    if (closeCode !== null && !mayBeSent(closeCode)) throw new RangeError(`Cannot close with code ${closeCode}`);
    if (closeCode === null && reason !== "") throw new RangeError("Cannot close with a reason and no code");
    if (utf8Length(reason) > MAX_REASON_BYTES) {
      throw new RangeError(`Cannot close: the reason is longer than ${MAX_REASON_BYTES} bytes`);
    }
  }

  /** Takes the bytes that are to be sent, in order. Of the Pongs that wait, the newest are enough (RFC 6455 §5.5.3). */
  take(): Uint8Array[] {
    this.#writePongs();
    return this.#out.take();
  }

  #writePongs(): void {
    if (this.#pongs.length === 0) return;
    for (const payload of this.#pongs) this.#write(PONG, true, false, payload);
    this.#pongs.length = 0;
  }

  /**
   * Lets go of the memory of what was taken. Never needed, but cheaper.
   *
   * @param again Whether it is used again, by this machine or others: nobody holds it any more. True by default.
   */
  recycle(again = true): void {
    this.#out.recycle(again);
  }

  #write(opcode: number, fin: boolean, compressed: boolean, payload: string | Uint8Array): number {
    const masked = this.#maskingKey !== null;
    const key = masked ? this.#maskingKey!() : 0;
    const { length } = payload;
    const header = { fin, compressed, opcode, length, key };
    if (typeof payload === "string") return this.#writeText(header, payload, masked);
    const size = frameHeaderBytes(length, masked);
    const joined = masked || length <= JOIN_BYTES;
    const { memory, at } = this.#out.room(joined ? size + length : size);
    writeFrameHeader(memory, at, header, masked);
    if (masked) maskInto(memory, at + size, payload, 0, length, key);
    else if (joined) memory.set(payload, at + size);
    this.#out.added(joined ? size + length : size);
    if (!joined) this.#out.bytes(payload);
    return length;
  }

  /** Short text gets room for whatever it holds and is written at once, long text is measured before. */
  #writeText(header: FrameHeader, text: string, masked: boolean): number {
    const measured = text.length > UNMEASURED_CHARACTERS;
    const guess = measured ? this.#textLength(text) : text.length;
    const before = frameHeaderBytes(guess, masked);
    const room = (measured ? guess : guess * MAX_BYTES_A_CHARACTER) + MAX_BYTES_A_CHARACTER;
    const { memory, at } = this.#out.room(MAX_HEADER_BYTES + room);
    const length = this.#encode(text, memory.subarray(at + before, at + before + room));
    if (length > room) return this.#writeMismeasured(header, text, length);
    header.length = length;
    const size = frameHeaderBytes(length, masked);
    if (size !== before) memory.copyWithin(at + size, at + before, at + before + length);
    writeFrameHeader(memory, at, header, masked);
    if (masked) maskInto(memory, at + size, memory, at + size, length, header.key);
    this.#out.added(size + length);
    return length;
  }

  /** How many bytes the text takes; written only if they have room. */
  #encode(text: string, target: Uint8Array): number {
    if (text.length <= SHORT_TEXT && writeAscii(target, 0, text)) return text.length;
    const { read, written } = this.#encodeText(text, target);
    if (read === text.length) return written;
    const rest = text.slice(read);
    const length = written + utf8Length(rest);
    if (length <= target.length) writeUtf8(target, written, rest);
    return length;
  }

  #writeMismeasured({ opcode, fin, compressed }: FrameHeader, text: string, length: number): number {
    const bytes = new Uint8Array(length);
    writeUtf8(bytes, 0, text);
    return this.#write(opcode, fin, compressed, bytes);
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

/** A message that is longer than allowed. */
export function tooLarge(max: number): WebSocketProtocolError {
  return new WebSocketProtocolError(
    "message-too-large",
    `A message is longer than ${max} bytes`,
    "RFC 6455 §7.4.1",
    1009,
  );
}

/** The code of the Close frame that answers one with this code, which is echoed (RFC 6455 §5.5.1). */
export function answerTo(closeCode: number): number | null {
  return closeCode === NO_STATUS_RECEIVED ? null : closeCode;
}

function readClosePayload(payload: Uint8Array): { closeCode: number; reason: string } {
  if (payload.length === 0) return { closeCode: NO_STATUS_RECEIVED, reason: "" };
  if (payload.length === 1) {
    throw new WebSocketProtocolError("bad-close-payload", "A Close frame has half a code", "RFC 6455 §5.5.1");
  }
  const closeCode = payload[0]! << 8 | payload[1]!;
  if (!mayBeSent(closeCode)) {
    throw new WebSocketProtocolError("bad-close-code", `Close code ${closeCode} may not be sent`, "RFC 6455 §7.4");
  }
  const reason = readUtf8(payload.subarray(2));
  if (reason === null) throw badUtf8();
  return { closeCode, reason };
}
