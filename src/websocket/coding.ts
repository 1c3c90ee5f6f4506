/**
 * UTF-8 and memory by the platform, which is faster than plain code with what is long: the codec that connections give to their
 * machines.
 *
 * @module
 */

import { TEXT_PIECE_BYTES, type WebSocketCodec } from "./machine/codec.ts";
import { utf8Length } from "./machine/utf8.ts";
import { allocate, bufferModule as native, textOutsideHeap, textPieceBytes, wholeTextBytes } from "./platform.ts";

/** Both read a byte order mark as a character. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const encoder = new TextEncoder();
/** What stands in a text for bytes that are none. */
const REPLACEMENT = "\ufffd";

/**
 * The text, or `null` if the bytes are no UTF-8. Only a text that holds the replacement character can come of others, and
 * only then are they checked: to read strictly costs up to 13 times as much on Deno (2.9).
 */
export function readText(bytes: Uint8Array): string | null {
  const text = bytes.length < wholeTextBytes ? decoder.decode(bytes) : textOutsideHeap(bytes);
  return !text.includes(REPLACEMENT) || isText(bytes) ? text : null;
}

/** Whether the bytes are UTF-8. */
export const isText: (bytes: Uint8Array) => boolean = native?.isUtf8 ?? canBeRead;

/** The same, found by reading them. */
export function canBeRead(bytes: Uint8Array): boolean {
  try {
    strictDecoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** How many bytes the text takes. Bun before 1.4 is wrong about surrogates without their other half (seen on 1.2 and 1.3). */
export const textLength: (text: string) => number = native !== null && measuresRight(native.Buffer)
  ? native.Buffer.byteLength
  : utf8Length;

function measuresRight({ byteLength }: { byteLength(text: string): number }): boolean {
  return byteLength("\ud800".repeat(64)) === 192 && byteLength("\udc00") === 3;
}

/** How much room `encodeText()` wants for a text: that of Node 20 to 26 stops early where there is just enough. */
export function textRoom(text: string): number {
  return textLength(text) + 3;
}

/** Writes as much text as has room. */
export function encodeText(text: string, target: Uint8Array): { read: number; written: number } {
  return encoder.encodeInto(text, target);
}

/** All of it, for machines. */
export const codec: WebSocketCodec = {
  readText,
  isText,
  textLength,
  encodeText,
  allocate,
  textPieceBytes: textPieceBytes ?? TEXT_PIECE_BYTES,
  wholeTextBytes,
};
