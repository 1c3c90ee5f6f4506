/**
 * The empty array of bytes, for those that are never given to a caller: a caller may transfer what it gets.
 *
 * @module
 */

/** No bytes. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);
