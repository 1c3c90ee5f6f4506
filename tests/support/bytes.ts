/**
 * Bytes spelled as text, and every way to cut them.
 *
 * @module
 */

/** Bytes of a text of one byte a character; `¶` stands for CR LF. */
export function wire(text: string): Uint8Array {
  const spelled = text.replaceAll("¶", "\r\n");
  const bytes = new Uint8Array(spelled.length);
  for (let i = 0; i < spelled.length; i++) {
    const code = spelled.charCodeAt(i);
    if (code > 0xff) throw new TypeError(`${JSON.stringify(text)} has a character above U+00FF`);
    bytes[i] = code;
  }
  return bytes;
}

/** The text of bytes, one character a byte; CR LF reads as `¶`. */
export function text(bytes: Uint8Array): string {
  let spelled = "";
  for (const byte of bytes) spelled += String.fromCharCode(byte);
  return spelled.replaceAll("\r\n", "¶");
}

/** The same bytes whole, one at a time, and cut in two at every byte. */
export function* everyCut(bytes: Uint8Array): Generator<{ readonly how: string; readonly chunks: Uint8Array[] }> {
  yield { how: "whole", chunks: [bytes] };
  yield { how: "byte by byte", chunks: Array.from(bytes, (_, i) => bytes.slice(i, i + 1)) };
  for (let at = 1; at < bytes.length; at++) {
    yield { how: `cut at ${at}`, chunks: [bytes.slice(0, at), bytes.slice(at)] };
  }
}
