/**
 * The work on bytes and text that a platform does faster than plain code. `WebSocketMachine` takes one as its option `codec`; the
 * drivers of this package give it theirs (`websocket/coding.ts`), everything else works without.
 *
 * @module
 */

import type { Kinds } from "../../bytes/arguments.ts";
import { zeros } from "../../bytes/memory_pool.ts";
import { encodeUtf8, isUtf8, readUtf8, utf8Length } from "./utf8.ts";

/** What a machine may leave to its platform. Each function is called without `this`. */
export interface WebSocketCodec {
  /** Reads UTF-8; `null` if the bytes are none. A byte order mark is a character like others. */
  readonly readText: (bytes: Uint8Array) => string | null;
  /** Whether bytes are UTF-8. */
  readonly isText: (bytes: Uint8Array) => boolean;
  /** How many bytes of UTF-8 a text takes. A surrogate without its other half takes three. */
  readonly textLength: (text: string) => number;
  /**
   * Writes UTF-8, as `TextEncoder.encodeInto()` does. Gets room for three bytes more than the text takes, as that of Node stops
   * one character early where there is just enough (seen on 20 to 26).
   */
  readonly encodeText: (text: string, target: Uint8Array) => { read: number; written: number };
  /** Makes memory; what is in it does not matter. */
  readonly allocate: (bytes: number) => Uint8Array;
  /** A text of more than 64 KiB is read in pieces of so many bytes. At least 16 KiB; 32 KiB by default. */
  readonly textPieceBytes: number;
  /** But a text of which a frame announces so many bytes or more is read as a whole, up to 16 MiB of it. `Infinity` by default. */
  readonly wholeTextBytes: number;
}

/** What a codec may hold. */
export const CODEC: Kinds<WebSocketCodec> = {
  readText: "function",
  isText: "function",
  textLength: "function",
  encodeText: "function",
  allocate: "function",
  textPieceBytes: "number",
  wholeTextBytes: "number",
};

/**
 * Strings of more than 128 KiB get pages of their own from V8, which the system fills with zeros for each of them: to read 1 MiB in
 * pieces of 256 KiB takes Node 20 to 26 up to 20 times as long as in these.
 */
export const TEXT_PIECE_BYTES: number = 32_768;

/** A whole codec: what was left out is plain code, on memory that is filled with zeros. */
export function codecOf(given: Partial<WebSocketCodec> = {}): WebSocketCodec {
  return isWhole(given) ? given : {
    readText: given.readText ?? readUtf8,
    isText: given.isText ?? isUtf8,
    textLength: given.textLength ?? utf8Length,
    encodeText: given.encodeText ?? encodeUtf8,
    allocate: given.allocate ?? zeros,
    textPieceBytes: given.textPieceBytes ?? TEXT_PIECE_BYTES,
    wholeTextBytes: given.wholeTextBytes ?? Infinity,
  };
}

/** All connections of this package share one. */
function isWhole(given: Partial<WebSocketCodec>): given is WebSocketCodec {
  for (const name in CODEC) if (given[name as keyof WebSocketCodec] === undefined) return false;
  return true;
}
