/**
 * Bytes spelled as text, compared, and every way to cut them. By Buffer, as many are long.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** Bytes of a text of one byte a character; `¶` stands for CR LF. */
export function wire(text: string): Uint8Array {
  const spelled = text.replaceAll("¶", "\r\n");
  if (/[^\0-\xff]/.test(spelled)) throw new TypeError(`${JSON.stringify(text)} has a character above U+00FF`);
  const bytes = new Uint8Array(spelled.length);
  Buffer.from(bytes.buffer).write(spelled, "latin1");
  return bytes;
}

/** The text of bytes, one character a byte; CR LF reads as `¶`. */
export function text(bytes: Uint8Array): string {
  return latin1(bytes).replaceAll("\r\n", "¶");
}

/** The text of bytes, one character a byte. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** Whether bytes are the same. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** The same bytes whole, one at a time, and cut in two at every byte. */
export function* everyCut(bytes: Uint8Array): Generator<{ readonly how: string; readonly chunks: Uint8Array[] }> {
  yield { how: "whole", chunks: [bytes] };
  yield { how: "byte by byte", chunks: Array.from(bytes, (_, i) => bytes.slice(i, i + 1)) };
  for (let at = 1; at < bytes.length; at++) {
    yield { how: `cut at ${at}`, chunks: [bytes.slice(0, at), bytes.slice(at)] };
  }
}
