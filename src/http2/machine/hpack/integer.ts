/**
 * Integers of HPACK: the low bits of a byte, and more bytes where those do not do (RFC 7541 §5.1).
 *
 * @module
 */

/** So many bytes may follow the first one: values up to 2^28 and some more, far above every limit. */
const MAX_MORE_BYTES = 4;

/** Where a reader stands in a block. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** Reads an integer whose first byte has `bits` of it; -1 if the block ends within it, -2 if it is too long. */
export function readInteger(cursor: Cursor, bits: number): number {
  const { bytes } = cursor;
  const most = (1 << bits) - 1;
  if (cursor.at >= bytes.length) return -1;
  let value = bytes[cursor.at++]! & most;
  if (value < most) return value;
  for (let more = 0, shift = 0; more < MAX_MORE_BYTES; more++, shift += 7) {
    if (cursor.at >= bytes.length) return -1;
    const byte = bytes[cursor.at++]!;
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return -2;
}

/** How many bytes {@linkcode writeInteger} may write. */
export const MAX_INTEGER_BYTES: number = 1 + 5;

/**
 * Writes an integer.
 *
 * @param first The high bits of its first byte.
 * @returns The offset behind it.
 */
export function writeInteger(target: Uint8Array, start: number, first: number, bits: number, value: number): number {
  const most = (1 << bits) - 1;
  let at = start;
  if (value < most) {
    target[at++] = first | value;
    return at;
  }
  target[at++] = first | most;
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) target[at++] = rest & 0x7f | 0x80;
  target[at++] = rest;
  return at;
}
