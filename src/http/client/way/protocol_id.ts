/**
 * How the field `ALPN` of a CONNECT spells the names of protocols (RFC 7639 §2.2). `Client.connect()` sends it.
 *
 * @module
 */

import { isToken } from "../../../bytes/ascii.ts";

const encoder = new TextEncoder();

/**
 * An ALPN identifier as a token: what a token cannot hold, and `%`, becomes `%` with two upper-case hexadecimal digits;
 * nothing else does, so that there is one spelling only.
 *
 * @throws {TypeError} It is not 1–255 bytes long (RFC 7301 §3.1).
 */
export function protocolId(protocol: string): string {
  const bytes = encoder.encode(protocol);
  if (bytes.length === 0 || bytes.length > 255) {
    throw new TypeError(`Cannot use ALPN identifier ${JSON.stringify(protocol)}: it is not 1 to 255 bytes long`);
  }
  let id = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    const plain = character !== "%" && isToken(character);
    id += plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return id;
}
