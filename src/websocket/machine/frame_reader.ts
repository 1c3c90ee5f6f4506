/**
 * Frames that are received: their headers checked against the rules and against what came before, their payloads put together
 * to messages. `WebSocketMachine` gives it bytes and reacts to what it finds.
 *
 * @module
 */

import { ReceiveBuffer } from "../../bytes/receive_buffer.ts";
import { WebSocketProtocolError } from "../../errors/web_socket_protocol_error.ts";
import { readClosePayload } from "./close_frame.ts";
import type { WebSocketCodec } from "./codec.ts";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  type FrameHeader,
  type FrameRules,
  PONG,
  readFrameHeader,
  TEXT,
} from "./frame.ts";
import { maskInto, scratch } from "./mask.ts";
import { MessageAssembler } from "./message_assembler.ts";
import { badUtf8 } from "./text_gatherer.ts";
import type { TextForm, WebSocketEvent } from "./web_socket_event.ts";

/** Compressing may make a message longer: by an eighth with fixed codes (RFC 1951 §3.2.6), as zlib-ng does, and for each flush. */
export const MAX_COMPRESSED_GROWTH = 2;
/** What that is besides for a message however short. */
export const MAX_COMPRESSED_EXTRA_BYTES = 64;

/** Reads frames. It is the header of the current one itself. */
export class FrameReader implements FrameHeader {
  /** The bytes that were not looked at. */
  readonly in: ReceiveBuffer = new ReceiveBuffer();
  readonly #codec: WebSocketCodec;
  readonly #rules: FrameRules;
  readonly #textForm: TextForm;
  readonly #maxMessageBytes: number;
  /** Made for the first message that is not understood at once. */
  #assembler: MessageAssembler | null = null;
  fin = true;
  compressed = false;
  opcode = 0;
  length = 0;
  key = 0;
  /** How much of the current frame's payload is to come; -1 between two frames. */
  #rest = -1;

  /** Has no bytes yet. */
  constructor(codec: WebSocketCodec, rules: FrameRules, maxMessageBytes: number, text: TextForm) {
    this.#textForm = text;
    this.#codec = codec;
    this.#rules = rules;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * The next message or control frame; `null` if it is not complete.
   *
   * @throws {WebSocketProtocolError} The peer broke the protocol; the reader is of no use any more.
   */
  next(): WebSocketEvent | null {
    while (this.#rest !== -1 || this.#nextFrame()) {
      const event = this.opcode >= CLOSE ? this.#control() : this.#data();
      if (event !== null || this.#rest !== -1) return event;
    }
    return null;
  }

  /** Reads the header of a frame, and checks it against what came before. */
  #nextFrame(): boolean {
    const { bytes, start, end } = this.in;
    const size = readFrameHeader(bytes, start, end, this.#rules, this);
    if (size === 0) return false;
    if (this.opcode < CLOSE) this.#checkOrder();
    this.in.start += size;
    this.#rest = this.length;
    return true;
  }

  /** Whether a message has begun and not ended. */
  get #under(): boolean {
    return this.#assembler !== null && this.#assembler.kind !== null;
  }

  #checkOrder(): void {
    const { opcode, length, compressed } = this;
    const assembler = this.#assembler;
    const under = this.#under;
    if (under !== (opcode === CONTINUATION)) {
      throw under
        ? new WebSocketProtocolError("unfinished-message", "A message begins inside another one", "RFC 6455 §5.4")
        : new WebSocketProtocolError("unexpected-continuation", "There is no message to go on with", "RFC 6455 §5.4");
    }
    const max = this.#maxMessageBytes;
    const limit = compressed || (under && assembler!.compressed)
      ? max * MAX_COMPRESSED_GROWTH + MAX_COMPRESSED_EXTRA_BYTES
      : max;
    if ((assembler?.length ?? 0) + length > limit) throw tooLarge(max);
  }

  /** A frame of a message, or what there is of it. */
  #data(): WebSocketEvent | null {
    const { fin, compressed, opcode, length, key } = this;
    const { bytes, start, end } = this.in;
    if (fin && end - start >= length && length <= scratch.length && !compressed && !this.#under) {
      if (opcode === BINARY) return this.#shortBytes();
      if (this.#textForm === "string") return this.#shortText();
    }
    const assembler = this.#assembler ??= new MessageAssembler(this.#codec, this.#textForm);
    if (opcode !== CONTINUATION && assembler.kind === null) {
      assembler.begin(opcode === TEXT ? "text" : "binary", compressed);
    }
    const available = Math.min(this.#rest, end - start);
    const phase = length - this.#rest;
    this.#rest -= available;
    this.in.start += available;
    assembler.add(bytes, start, available, key, phase, this.#rest, fin);
    if (this.#rest > 0) return null;
    this.#rest = -1;
    return fin ? assembler.finish() : null;
  }

  /** A short message that is here as a whole is not put together: the most frequent case. */
  #shortBytes(): WebSocketEvent {
    const { length, key } = this;
    const { bytes, start } = this.in;
    const message = this.#codec.allocate(length);
    maskInto(message, 0, bytes, start, length, key);
    this.in.start += length;
    this.#rest = -1;
    return { type: "binary", bytes: message };
  }

  /** The same for text, which is read without being kept. */
  #shortText(): WebSocketEvent {
    const { length, key } = this;
    const { bytes, start } = this.in;
    this.in.start += length;
    this.#rest = -1;
    if (key === 0) return this.#text(bytes.subarray(start, start + length));
    maskInto(scratch, 0, bytes, start, length, key);
    return this.#text(scratch.subarray(0, length));
  }

  #text(bytes: Uint8Array): WebSocketEvent {
    const text = this.#codec.readText(bytes);
    if (text === null) throw badUtf8();
    return { type: "text", text };
  }

  #control(): WebSocketEvent | null {
    const { opcode, length, key } = this;
    const { bytes, start, end } = this.in;
    if (end - start < length) return null;
    const payload = new Uint8Array(length);
    maskInto(payload, 0, bytes, start, length, key);
    this.in.start += length;
    this.#rest = -1;
    if (opcode === CLOSE) return { type: "close", ...readClosePayload(payload) };
    return { type: opcode === PONG ? "pong" : "ping", payload };
  }
}

/** A message that is longer than allowed. */
export function tooLarge(max: number): WebSocketProtocolError {
  return new WebSocketProtocolError(
    "message-too-large",
    `A message is longer than ${max} bytes`,
    "RFC 6455 §7.4.1",
    1009,
  );
}
