/**
 * Bytes that wait to be sent behind a length that was told. A view of a buffer that can be resized may have fewer of them when its turn
 * comes. Queues keep what this gives.
 *
 * @module
 */

/** To look at the buffer of a shorter array costs V8 more than to copy it: it makes one. */
const SHORT_BYTES = 64;

/** The same bytes, where their number does not change. */
export function fixedBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length <= SHORT_BYTES || isResizable(bytes.buffer) ? new Uint8Array(bytes) : bytes;
}

/** Whether memory can become shorter. */
export function isResizable(memory: ArrayBufferLike): boolean {
  return (memory as { readonly resizable?: boolean }).resizable === true;
}
