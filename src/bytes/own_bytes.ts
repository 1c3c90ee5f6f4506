/**
 * Memory of one's own. What was received is handed on as views of what was read at once; streams give to programs that may transfer
 * a chunk, and take along what stands beside it.
 *
 * @module
 */

/** The same bytes, in memory that holds nothing else. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length < bytes.buffer.byteLength ? bytes.slice() : bytes;
}
