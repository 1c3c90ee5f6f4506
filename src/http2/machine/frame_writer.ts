/**
 * From frames to bytes. The connection's machine says which frame comes when; what it has written is for the transport.
 *
 * @module
 */

import { JOIN_BYTES, SendBuffer } from "../../bytes/send_buffer.ts";
import { HTTP2_ERROR_CODES, type Http2ErrorCode } from "../../errors/http2_error.ts";
import { ACK, END_HEADERS, END_STREAM, FRAME_HEADER_BYTES, FRAME_TYPES } from "./frame.ts";

const NO_FLAGS = 0;
/** Where the flags are in the header of a frame. */
const FLAGS_OFFSET = 4;

/** Writes frames. */
export class FrameWriter {
  readonly #out: SendBuffer;
  /** The stream of the last frame, if that can still be made the end of it; else 0. */
  #endable = 0;
  /** Where its flags are. */
  #flagsAt = 0;

  /**
   * Has written nothing.
   *
   * @param allocate Makes memory; what is in it does not matter.
   */
  constructor(allocate?: (bytes: number) => Uint8Array) {
    this.#out = allocate === undefined ? new SendBuffer() : new SendBuffer(allocate);
  }

  /** How many bytes wait to be taken. */
  get length(): number {
    return this.#out.length;
  }

  /** DATA: `payload` is no longer than the peer's SETTINGS_MAX_FRAME_SIZE, and must not change until it was sent. */
  data(streamId: number, payload: Uint8Array, endStream: boolean): void {
    const { length } = payload;
    this.#flagsAt = this.#out.mark() + FLAGS_OFFSET;
    this.#header(length, FRAME_TYPES.data, endStream ? END_STREAM : NO_FLAGS, streamId);
    this.#out.bytes(payload);
    if (length <= JOIN_BYTES) this.#endable = streamId;
  }

  /** Makes room for so much payload in frames of this length, so that none of them moves those before it. */
  reserve(bytes: number, frameBytes: number): void {
    this.#out.reserve(bytes + Math.ceil(bytes / frameBytes) * FRAME_HEADER_BYTES);
  }

  /** Makes the last frame the end of its stream, if it is DATA of this one and was not taken; tells whether it did. */
  endStream(streamId: number): boolean {
    if (this.#endable !== streamId) return false;
    this.#endable = 0;
    this.#out.setBits(this.#flagsAt, END_STREAM);
    return true;
  }

  /** A whole block: HEADERS, and CONTINUATIONs behind it for what is longer than a frame. */
  headers(streamId: number, block: Uint8Array, endStream: boolean, maxFrameBytes: number): void {
    let type: number = FRAME_TYPES.headers;
    let flags = endStream ? END_STREAM : NO_FLAGS;
    let at = 0;
    do {
      const end = Math.min(at + maxFrameBytes, block.length);
      this.#header(end - at, type, end === block.length ? flags | END_HEADERS : flags, streamId);
      const part = end - at === block.length ? block : block.subarray(at, end);
      // What is short is copied; the encoder writes into its memory again.
      this.#out.bytes(part.length <= JOIN_BYTES ? part : part.slice());
      type = FRAME_TYPES.continuation;
      flags = NO_FLAGS;
      at = end;
    } while (at < block.length);
  }

  /** RST_STREAM. */
  rstStream(streamId: number, code: Http2ErrorCode): void {
    this.#header(4, FRAME_TYPES["rst-stream"], NO_FLAGS, streamId);
    this.#word(HTTP2_ERROR_CODES[code]);
  }

  /** SETTINGS. */
  settings(settings: Iterable<readonly [id: number, value: number]>): void {
    const all = [...settings];
    this.#header(6 * all.length, FRAME_TYPES.settings, NO_FLAGS, 0);
    for (const [id, value] of all) {
      const { memory, at } = this.#out.room(2);
      memory[at] = id >>> 8;
      memory[at + 1] = id;
      this.#out.added(2);
      this.#word(value);
    }
  }

  /** The acknowledgement of SETTINGS. */
  settingsAck(): void {
    this.#header(0, FRAME_TYPES.settings, ACK, 0);
  }

  /** PING, or its answer. */
  ping(payload: Uint8Array, ack: boolean): void {
    this.#header(8, FRAME_TYPES.ping, ack ? ACK : NO_FLAGS, 0);
    this.#out.bytes(payload);
  }

  /** GOAWAY. */
  goaway(lastStreamId: number, code: Http2ErrorCode): void {
    this.#header(8, FRAME_TYPES.goaway, NO_FLAGS, 0);
    this.#word(lastStreamId);
    this.#word(HTTP2_ERROR_CODES[code]);
  }

  /** WINDOW_UPDATE; 0 is the connection's window. */
  windowUpdate(streamId: number, increment: number): void {
    this.#header(4, FRAME_TYPES["window-update"], NO_FLAGS, streamId);
    this.#word(increment);
  }

  /** Bytes that are no frame: the preface of a client (RFC 9113 §3.4). */
  raw(bytes: Uint8Array): void {
    this.#out.bytes(bytes);
  }

  /** Takes the bytes of all frames, in order. */
  take(): Uint8Array[] {
    this.#endable = 0;
    return this.#out.take();
  }

  /** Lets go of the memory of what was taken; it is used `again` if no one else holds it. */
  recycle(again: boolean): void {
    this.#out.recycle(again);
  }

  #header(length: number, type: number, flags: number, streamId: number): void {
    this.#endable = 0;
    const { memory, at } = this.#out.room(FRAME_HEADER_BYTES);
    memory[at] = length >>> 16;
    memory[at + 1] = length >>> 8;
    memory[at + 2] = length;
    memory[at + 3] = type;
    memory[at + 4] = flags;
    this.#out.added(5);
    this.#word(streamId);
  }

  #word(word: number): void {
    const { memory, at } = this.#out.room(4);
    memory[at] = word >>> 24;
    memory[at + 1] = word >>> 16;
    memory[at + 2] = word >>> 8;
    memory[at + 3] = word;
    this.#out.added(4);
  }
}
