/**
 * The empty array that buffers, fields and sockets begin with.
 *
 * @module
 */

/** No bytes. It is shared: it may be compared and read, and is never given to a caller, who could transfer it. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);
