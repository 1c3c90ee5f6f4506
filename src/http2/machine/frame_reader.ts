/**
 * From bytes to frames. The connection's machine gives it what comes and takes frames until there are none. A long payload of
 * DATA is taken in pieces, as it comes: to wait for all of it would be to move it together.
 *
 * @module
 */

import { ReceiveBuffer } from "../../bytes/receive_buffer.ts";
import { Http2Error, type Http2ErrorCode } from "../../errors/http2_error.ts";
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  type Frame,
  FRAME_HEADER_BYTES,
  FRAME_TYPES,
  type FrameType,
  PADDED,
  PRIORITY,
  RULES,
} from "./frame.ts";

const TYPE_OF: ReadonlyMap<number, FrameType> = new Map(
  Object.entries(FRAME_TYPES).map(([type, number]) => [number, type as FrameType]),
);

/** A shorter piece of DATA waits for what follows, unless so much stood before it in what has come: then that would be moved. */
const LEAST_PIECE_BYTES = 1024;

/** Reads frames. */
export class FrameReader {
  /** What was received and not yet read. */
  readonly in: ReceiveBuffer = new ReceiveBuffer();
  #maxFrameBytes: number;
  /** How much of the payload of DATA is still to come, and whether it ends its message then. */
  #missing = 0;
  #endStream = false;

  /**
   * Has read nothing.
   *
   * @param maxFrameBytes What our SETTINGS_MAX_FRAME_SIZE says.
   */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** The peer has acknowledged another SETTINGS_MAX_FRAME_SIZE. */
  setMaxFrameBytes(bytes: number): void {
    this.#maxFrameBytes = bytes;
  }

  /** Whether a frame of HEADERS has begun and is not complete. */
  get withinHeaders(): boolean {
    const { bytes, start, length } = this.in;
    return this.#missing === 0 && length > 3 && bytes[start + 3] === FRAME_TYPES.headers;
  }

  /**
   * The next frame, or part of it; `null` if it is not there. What is wrong with its header is found as soon as that is there.
   *
   * @throws {Http2Error} `frame-size` or `protocol`. Behind one of a stream the next frame can be read.
   */
  next(): Frame | null {
    if (this.#missing > 0) return this.#takeRest();
    const { bytes, start, end } = this.in;
    if (end - start < FRAME_HEADER_BYTES) return null;
    const length = bytes[start]! << 16 | bytes[start + 1]! << 8 | bytes[start + 2]!;
    if (length > this.#maxFrameBytes) throw tooLong(length);
    const type = TYPE_OF.get(bytes[start + 3]!);
    const flags = bytes[start + 4]!;
    const streamId = word(bytes, start + 5) & 0x7fffffff;
    const wrong = type === undefined ? null : wrongHeader(type, flags, length, streamId);
    if (wrong !== null && wrong.streamId === 0) throw wrong;
    if (end - start < FRAME_HEADER_BYTES + length) {
      return end - start >= FRAME_HEADER_BYTES + this.#leastBytes && type === "data" && (flags & PADDED) === 0
        ? this.#takeFirst(streamId, length, (flags & END_STREAM) !== 0)
        : null;
    }
    this.in.take(FRAME_HEADER_BYTES);
    const payload = this.in.take(length);
    if (wrong !== null) throw wrong; // of a stream: the next frame can be read
    return type === undefined ? { type: "unknown", streamId } : read(type, flags, streamId, payload);
  }

  get #leastBytes(): number {
    return this.in.start >= LEAST_PIECE_BYTES ? 1 : LEAST_PIECE_BYTES;
  }

  #takeFirst(streamId: number, length: number, endStream: boolean): Frame {
    this.in.take(FRAME_HEADER_BYTES);
    const payload = this.in.take(length);
    this.#missing = length - payload.length;
    this.#endStream = endStream;
    return { type: "data-first", streamId, payload, flowBytes: length };
  }

  #takeRest(): Frame | null {
    if (this.in.length < Math.min(this.#missing, this.#leastBytes)) return null;
    const payload = this.in.take(this.#missing);
    this.#missing -= payload.length;
    const last = this.#missing === 0;
    return { type: "data-rest", payload, last, endStream: last && this.#endStream };
  }
}

/** What the first letters of `HTTP/1.1 400` are as a length. */
const STATUS_LINE = 0x485454;

function tooLong(length: number): Http2Error {
  const hint = length === STATUS_LINE ? ": the peer seems to speak HTTP/1.1" : "";
  return new Http2Error("frame-size", `A frame is too long${hint}`, "RFC 9113 §4.2");
}

function wrongHeader(type: FrameType, flags: number, length: number, streamId: number): Http2Error | null {
  const rules = RULES[type];
  if (rules.on !== "both" && (streamId === 0) !== (rules.on === "connection")) {
    return broken("protocol", `A frame of type ${type} is on stream ${streamId}`, rules.section);
  }
  if (type === "settings" ? length % 6 !== 0 : rules.fixed ? length !== rules.length : length < rules.length) {
    const message = `A frame of type ${type} has ${length} bytes`;
    return broken("frame-size", message, rules.section, rules.streamError ? streamId : 0);
  }
  if (type === "settings" && (flags & ACK) !== 0 && length > 0) {
    return broken("frame-size", "An acknowledgement has settings", "§6.5");
  }
  return null;
}

function read(type: FrameType, flags: number, streamId: number, payload: Uint8Array): Frame {
  switch (type) {
    case "data": {
      const { length } = payload;
      return {
        type,
        streamId,
        payload: withoutPadding(payload, flags, "§6.1"),
        flowBytes: length,
        endStream: (flags & END_STREAM) !== 0,
      };
    }
    case "headers":
      return readHeaders(flags, streamId, payload);
    case "priority":
      return { type, streamId, dependsOn: word(payload, 0) & 0x7fffffff };
    case "rst-stream":
      return { type, streamId, errorCode: word(payload, 0) };
    case "settings":
      return (flags & ACK) !== 0 ? { type: "settings-ack" } : { type, settings: readSettings(payload) };
    case "push-promise":
      return { type, streamId };
    case "ping":
      return { type, payload, ack: (flags & ACK) !== 0 };
    case "goaway": {
      const lastStreamId = word(payload, 0) & 0x7fffffff;
      return { type, lastStreamId, errorCode: word(payload, 4), debug: payload.subarray(8) };
    }
    case "window-update":
      return { type, streamId, increment: word(payload, 0) & 0x7fffffff };
    case "continuation":
      return { type, streamId, fragment: payload, endHeaders: (flags & END_HEADERS) !== 0 };
    case "priority-update":
      return { type, streamId: word(payload, 0) & 0x7fffffff, value: payload.subarray(4) };
    default:
      return type satisfies never;
  }
}

function readHeaders(flags: number, streamId: number, payload: Uint8Array): Frame {
  let fragment = withoutPadding(payload, flags, "§6.2");
  let dependsOn: number | null = null;
  if ((flags & PRIORITY) !== 0) {
    if (fragment.length < 5) throw broken("frame-size", "A frame of type headers ends within its priority", "§6.2");
    dependsOn = word(fragment, 0) & 0x7fffffff;
    fragment = fragment.subarray(5);
  }
  const endStream = (flags & END_STREAM) !== 0;
  return { type: "headers", streamId, fragment, endStream, endHeaders: (flags & END_HEADERS) !== 0, dependsOn };
}

function withoutPadding(payload: Uint8Array, flags: number, section: string): Uint8Array {
  if ((flags & PADDED) === 0) return payload;
  if (payload.length === 0) throw broken("frame-size", "A frame ends before the length of its padding", section);
  const padding = payload[0]!;
  if (padding >= payload.length) throw broken("protocol", "A frame has more padding than payload", section);
  return payload.subarray(1, payload.length - padding);
}

function readSettings(payload: Uint8Array): [id: number, value: number][] {
  const settings: [number, number][] = [];
  for (let at = 0; at < payload.length; at += 6) {
    settings.push([payload[at]! << 8 | payload[at + 1]!, word(payload, at + 2)]);
  }
  return settings;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
}

function broken(code: Http2ErrorCode, message: string, section: string, streamId = 0): Http2Error {
  return new Http2Error(code, message, `RFC 9113 ${section}`, streamId);
}
