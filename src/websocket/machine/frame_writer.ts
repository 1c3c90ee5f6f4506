/**
 * Frames that are sent: header and payload, masked by a client, in memory for the transport. `WebSocketMachine` calls it and
 * says which frame comes when.
 *
 * @module
 */

import { JOIN_BYTES, SendBuffer } from "../../bytes/send_buffer.ts";
import type { WebSocketCodec } from "./codec.ts";
import { type FrameHeader, frameHeaderBytes, writeFrameHeader } from "./frame.ts";
import { maskInto } from "./mask.ts";
import { utf8Length, writeAscii, writeUtf8 } from "./utf8.ts";

/** Text of up to this length is written without the platform's encoder. */
const SHORT_TEXT = 48;
/** Text of up to this length gets room for the longest it can be; to measure it would cost more. */
const UNMEASURED_CHARACTERS = 1024;
/** Of UTF-8, for each half of a surrogate pair as well. */
const MAX_BYTES_A_CHARACTER = 3;
/** With the longest length and a key (RFC 6455 §5.2). */
const MAX_HEADER_BYTES = 14;

/** Writes frames. */
export class FrameWriter {
  readonly #codec: WebSocketCodec;
  readonly #maskingKey: (() => number) | null;
  readonly #out: SendBuffer;

  /** Has written nothing yet. `maskingKey` gives a key for each frame; it is `null` on a server. */
  constructor(codec: WebSocketCodec, maskingKey: (() => number) | null) {
    this.#codec = codec;
    this.#maskingKey = maskingKey;
    this.#out = new SendBuffer(codec.allocate);
  }

  /**
   * Adds a frame.
   *
   * @returns How many bytes of payload it has.
   */
  write(opcode: number, fin: boolean, compressed: boolean, payload: string | Uint8Array): number {
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

  /** Whether no frame waits to be taken. */
  get empty(): boolean {
    return this.#out.length === 0;
  }

  /** Adds a frame that was written elsewhere. */
  writeWhole(frame: Uint8Array): void {
    this.#out.bytes(frame);
  }

  /** Takes the bytes of all frames, in order. */
  take(): Uint8Array[] {
    return this.#out.take();
  }

  /** Lets go of the memory of what was taken; it is used `again` if no one else holds it. */
  recycle(again: boolean): void {
    this.#out.recycle(again);
  }

  /** Short text gets the room it may need and is written at once, long text is measured before. */
  #writeText(header: FrameHeader, text: string, masked: boolean): number {
    const measured = text.length > UNMEASURED_CHARACTERS;
    const guess = measured ? this.#codec.textLength(text) : text.length;
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
    const { read, written } = this.#codec.encodeText(text, target);
    if (read === text.length) return written;
    const rest = text.slice(read);
    const length = written + utf8Length(rest);
    if (length <= target.length) writeUtf8(target, written, rest);
    return length;
  }

  #writeMismeasured({ opcode, fin, compressed }: FrameHeader, text: string, length: number): number {
    const bytes = new Uint8Array(length);
    writeUtf8(bytes, 0, text);
    return this.write(opcode, fin, compressed, bytes);
  }
}
