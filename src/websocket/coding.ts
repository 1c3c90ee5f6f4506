/**
 * UTF-8 and memory by the platform, which is faster than plain code with what is long: the codec that connections give to their
 * machines.
 *
 * @module
 */

import { TEXT_PIECE_BYTES, type WebSocketCodec } from "./machine/codec.ts";
import { utf8Length } from "./machine/utf8.ts";
import { bufferModule, textPieceBytes } from "./platform.ts";

const native = bufferModule();

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
  const text = decoder.decode(bytes);
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

/** Below this, memory that is filled with zeros costs as little. */
const UNFILLED_FROM_BYTES = 4096;

/** Makes memory of its own, with whatever was in it. */
export function allocate(bytes: number): Uint8Array {
  if (native === null || bytes < UNFILLED_FROM_BYTES) return new Uint8Array(bytes);
  const { buffer, byteOffset } = native.Buffer.allocUnsafeSlow(bytes);
  return new Uint8Array(buffer, byteOffset, bytes);
}

/** All of it, for machines. */
export const codec: WebSocketCodec = {
  readText,
  isText,
  textLength,
  encodeText,
  allocate,
  textPieceBytes: textPieceBytes ?? TEXT_PIECE_BYTES,
};
