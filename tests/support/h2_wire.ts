/**
 * Frames of HTTP/2 byte by byte, right ones and wrong ones, and bytes spelled as frames. Knows nothing of the code under test but the
 * decoder of field blocks: frames are built and taken apart here again, from RFC 9113 §4 and §6.
 *
 * @module
 */

import { HpackDecoder } from "../../src/http2/machine/hpack/decoder.ts";
import { BLOCK_LIMITS, lines } from "./field_blocks.ts";
import { latin1, wire } from "./bytes.ts";
import { joined } from "./switching.ts";

/** The types as numbers. */
export const TYPES = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
  PRIORITY_UPDATE: 16,
} as const;

/** The error codes in the order of their numbers. */
export const CODES: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const ACK = 0x1;

/** What a client sends first. */
export const PREFACE: Uint8Array = wire("PRI * HTTP/2.0¶¶SM¶¶");

/** Four bytes. */
export function word(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** A frame, as odd as it is wanted. */
export function raw(type: number, flags: number, streamId: number, payload: string | Uint8Array = ""): Uint8Array {
  const bytes = typeof payload === "string" ? wire(payload) : payload;
  const { length } = bytes;
  return joined(Uint8Array.of(length >>> 16, length >>> 8, length, type, flags), word(streamId), bytes);
}

/** A field block of literals, neither indexed nor coded. */
export function block(...rows: readonly string[]): Uint8Array {
  const text = (part: string) => joined(integer(part.length), wire(part));
  return joined(...lines(...rows).map(([name, value]) => joined(Uint8Array.of(0), text(name), text(value))));
}

function integer(value: number): Uint8Array {
  return value < 127 ? Uint8Array.of(value) : Uint8Array.of(127, (value - 127) & 0x7f | 0x80, (value - 127) >> 7);
}

/** HEADERS; `end` unless it is said otherwise. */
export function headers(
  streamId: number,
  rows: readonly string[] | Uint8Array,
  ...options: HeadersOption[]
): Uint8Array {
  const flags = (options.includes("open") ? 0 : END_STREAM) | (options.includes("unfinished") ? 0 : END_HEADERS);
  return raw(TYPES.HEADERS, flags, streamId, rows instanceof Uint8Array ? rows : block(...rows));
}

/** `open`: without END_STREAM; `unfinished`: without END_HEADERS. */
export type HeadersOption = "open" | "unfinished";

/** CONTINUATION, the last of its block unless it is said otherwise. */
export function continuation(streamId: number, rows: readonly string[] | Uint8Array, last = true): Uint8Array {
  return raw(TYPES.CONTINUATION, last ? END_HEADERS : 0, streamId, rows instanceof Uint8Array ? rows : block(...rows));
}

/** DATA. */
export function data(streamId: number, payload: string | Uint8Array, end = false): Uint8Array {
  return raw(TYPES.DATA, end ? END_STREAM : 0, streamId, payload);
}

/** DATA with padding. */
export function padded(streamId: number, payload: string, padding: number, end = false): Uint8Array {
  const bytes = joined(Uint8Array.of(padding), wire(payload), new Uint8Array(padding));
  return raw(TYPES.DATA, PADDED | (end ? END_STREAM : 0), streamId, bytes);
}

/** PRIORITY. */
export function priority(streamId: number, dependsOn = 0): Uint8Array {
  return raw(TYPES.PRIORITY, 0, streamId, joined(word(dependsOn), Uint8Array.of(15)));
}

/** RST_STREAM; CANCEL by default. */
export function rstStream(streamId: number, code = 8): Uint8Array {
  return raw(TYPES.RST_STREAM, 0, streamId, word(code));
}

/** SETTINGS. */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Uint8Array {
  const payload = pairs.map(([id, value]) => joined(Uint8Array.of(id >>> 8, id), word(value)));
  return raw(TYPES.SETTINGS, 0, 0, joined(...payload));
}

/** The acknowledgement of SETTINGS. */
export const settingsAck: Uint8Array = raw(TYPES.SETTINGS, ACK, 0);

/** PING, or its answer. */
export function ping(payload: string, ack = false): Uint8Array {
  return raw(TYPES.PING, ack ? ACK : 0, 0, payload);
}

/** GOAWAY. */
export function goaway(lastStreamId: number, code = 0, debug = ""): Uint8Array {
  return raw(TYPES.GOAWAY, 0, 0, joined(word(lastStreamId), word(code), wire(debug)));
}

/** WINDOW_UPDATE. */
export function windowUpdate(streamId: number, increment: number): Uint8Array {
  return raw(TYPES.WINDOW_UPDATE, 0, streamId, word(increment));
}

/** PUSH_PROMISE of a GET. */
export function pushPromise(streamId: number, promised: number): Uint8Array {
  return raw(TYPES.PUSH_PROMISE, END_HEADERS, streamId, joined(word(promised), block(...GET)));
}

/** PRIORITY_UPDATE. */
export function priorityUpdate(streamId: number, value: string): Uint8Array {
  return raw(TYPES.PRIORITY_UPDATE, 0, 0, joined(word(streamId), wire(value)));
}

/** A frame of a type that has no meaning. */
export function unknown(streamId: number): Uint8Array {
  return raw(0xfa, 0xff, streamId, "whatever");
}

/** The lines of a request. */
export const GET: readonly string[] = [":method: GET", ":scheme: https", ":path: /", ":authority: a"];
/** Those of one with a body. */
export const POST: readonly string[] = [":method: POST", ":scheme: https", ":path: /", ":authority: a"];
/** Those of a response. */
export const OK: readonly string[] = [":status: 200"];

/** The flags that each type may have where it is sent without padding. */
const SENT_FLAGS: Readonly<Record<string, number>> = {
  DATA: END_STREAM,
  HEADERS: END_STREAM | END_HEADERS,
  CONTINUATION: END_HEADERS,
  SETTINGS: ACK,
  PING: ACK,
};

/** Spells the frames that a machine sends. It is strict: what has no meaning must not be set (RFC 9113 §4.1). */
export class Speller {
  readonly #decoder = new HpackDecoder(BLOCK_LIMITS);
  readonly #preface: boolean;
  #rest: Uint8Array = new Uint8Array(0);
  #begun = false;
  #fragments: Uint8Array[] = [];

  /** Of a client: its bytes begin with the preface. */
  constructor(preface: boolean) {
    this.#preface = preface;
  }

  /** The frames that are complete. */
  spell(bytes: Uint8Array): string[] {
    if (bytes.length === 0) return [];
    const all = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    const frames: string[] = [];
    let at = 0;
    if (this.#preface && !this.#begun) {
      at = PREFACE.length;
      frames.push(latin1(all.subarray(0, at)) === latin1(PREFACE) ? "PREFACE" : "NO PREFACE");
    }
    this.#begun = true;
    while (all.length - at >= 9) {
      const end = at + 9 + (number(all, at) >>> 8);
      if (end > all.length) break;
      frames.push(this.#frame(all[at + 3]!, all[at + 4]!, number(all, at + 5), all.subarray(at + 9, end)));
      at = end;
    }
    this.#rest = all.slice(at);
    return frames;
  }

  #frame(type: number, flags: number, streamId: number, payload: Uint8Array): string {
    const name = Object.entries(TYPES).find(([, value]) => value === type)?.[0] ?? `TYPE ${type}`;
    if ((flags & ~(SENT_FLAGS[name] ?? 0)) !== 0 || streamId > 2 ** 31 - 1) return `${name} WITH WRONG FLAGS ${flags}`;
    const end = (flags & END_STREAM) !== 0 ? " END" : "";
    switch (type) {
      case TYPES.DATA:
        return `DATA ${streamId}${end} ${payload.length > 40 ? `(${payload.length})` : latin1(payload)}`;
      case TYPES.HEADERS:
      case TYPES.CONTINUATION:
        return `${name} ${streamId}${type === TYPES.HEADERS ? end : ""}${this.#block(flags, payload)}`;
      case TYPES.RST_STREAM:
        return `RST_STREAM ${streamId} ${CODES[number(payload, 0)]}`;
      case TYPES.SETTINGS:
        return (flags & ACK) !== 0 ? "SETTINGS ACK" : `SETTINGS${spellSettings(payload)}`;
      case TYPES.PING:
        return `PING${(flags & ACK) !== 0 ? " ACK" : ""} ${latin1(payload)}`;
      case TYPES.GOAWAY:
        return `GOAWAY ${number(payload, 0)} ${CODES[number(payload, 4)]}`;
      case TYPES.WINDOW_UPDATE:
        return `WINDOW_UPDATE ${streamId} +${number(payload, 0)}`;
      default:
        return name;
    }
  }

  #block(flags: number, fragment: Uint8Array): string {
    this.#fragments.push(fragment.slice());
    if ((flags & END_HEADERS) === 0) return ` (${fragment.length})`;
    const { lines } = this.#decoder.decode(joined(...this.#fragments));
    this.#fragments = [];
    return ` ${lines.map(({ field: [name, value] }) => `${name}: ${value}`).join(", ")}`;
  }
}

function spellSettings(payload: Uint8Array): string {
  let text = "";
  for (let at = 0; at < payload.length; at += 6) {
    text += ` ${payload[at]! << 8 | payload[at + 1]!}=${number(payload, at + 2)}`;
  }
  return text;
}

function number(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
}
