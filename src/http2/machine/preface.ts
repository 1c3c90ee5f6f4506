/**
 * The bytes with which a client begins. They look like a request of a version that never was, so that a server of HTTP/1 refuses them.
 *
 * @module
 */

/** `PRI * HTTP/2.0`, an empty line, `SM`, and another one (RFC 9113 §3.4). */
export const PREFACE: Uint8Array = Uint8Array.from(
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  (character) => character.charCodeAt(0),
);
