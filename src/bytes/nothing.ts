/**
 * The empty array that stands for no memory: buffers and fields begin with it.
 *
 * @module
 */

/** No bytes. It is shared: it may be compared and read, and must not be given to code that could transfer it. */
export const NOTHING: Uint8Array = new Uint8Array(0);
