/**
 * Base64 (RFC 4648 §4), as far as a WebSocket handshake needs it.
 *
 * @module
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Sixteen bytes: 22 characters, of which the last one has four bits that are zero, and two of padding. */
const SIXTEEN_BYTES = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** The text that stands for bytes. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const word = bytes[at]! << 16 | (left > 1 ? bytes[at + 1]! << 8 : 0) | (left > 2 ? bytes[at + 2]! : 0);
    text += ALPHABET[word >> 18]! + ALPHABET[word >> 12 & 63]!;
    text += (left > 1 ? ALPHABET[word >> 6 & 63]! : "=") + (left > 2 ? ALPHABET[word & 63]! : "=");
  }
  return text;
}

/** Whether the text stands for sixteen bytes. */
export function isSixteenBytes(text: string): boolean {
  return SIXTEEN_BYTES.test(text);
}
