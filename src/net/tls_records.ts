/**
 * Where the records of a TLS connection end (RFC 8446 §5.1), seen from outside: a connection that was cut must not look
 * like one that has ended. `node/tls.ts` calls it on Deno, whose `node:tls` does not tell these two apart.
 *
 * @module
 */

/** Type (1), version (2), length (2). */
const HEADER_BYTES = 5;
const ALERT = 21;
const APPLICATION_DATA = 23;
/** An alert of TLS 1.3 looks like data: level, description, the true type, a tag of 16 bytes. */
const MOST_ALERT_BYTES = 19;

/** Follows the records of one direction. */
export class TlsRecords {
  readonly #header: Uint8Array = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #bodyBytes = 0;
  #couldBeAlert = false;

  /**
   * Whether the bytes so far cannot end in `close_notify`: within a record, or behind one that is no alert (RFC 8446 §6.1).
   * Data of two bytes looks as an alert does.
   */
  get truncated(): boolean {
    return this.#headerBytes > 0 || !this.#couldBeAlert;
  }

  /** Takes the next bytes from the wire. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.byteLength) at = this.#bodyBytes > 0 ? this.#skip(bytes, at) : this.#readHeader(bytes, at);
  }

  #skip(bytes: Uint8Array, at: number): number {
    const skipped = Math.min(this.#bodyBytes, bytes.byteLength - at);
    this.#bodyBytes -= skipped;
    if (this.#bodyBytes === 0) this.#headerBytes = 0;
    return at + skipped;
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    const header = this.#header;
    while (at < bytes.byteLength && this.#headerBytes < HEADER_BYTES) header[this.#headerBytes++] = bytes[at++]!;
    if (this.#headerBytes < HEADER_BYTES) return at;
    const type = header[0]!;
    this.#bodyBytes = header[3]! * 256 + header[4]!;
    this.#couldBeAlert = type === ALERT || (type === APPLICATION_DATA && this.#bodyBytes <= MOST_ALERT_BYTES);
    if (this.#bodyBytes === 0) this.#headerBytes = 0;
    return at;
  }
}
