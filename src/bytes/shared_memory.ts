/**
 * Memory that short chunks share. A piece of it costs a view; memory of its own costs an allocation outside of the heap,
 * and as much again when it is collected. The sockets give pieces to readers that ask for them: those of heads.
 *
 * Nothing of it may leave the package: a holder who transfers or writes the buffer of one piece has all the others.
 *
 * @module
 */

import { NO_BYTES } from "./no_bytes.ts";

/** 8 KiB, as Node's own pool. What is kept of one head keeps it all. The length is that of no other buffer of ours. */
const SLAB_BYTES = 8 * 1024 + 8;
/** What is longer gets memory of its own. */
const MAX_PIECE_BYTES = 2048;

let slab: Uint8Array = NO_BYTES;
let used = 0;

/** A copy among others; `null` if the chunk is too long for that. */
export function sharedCopy(chunk: Uint8Array): Uint8Array | null {
  const { length } = chunk;
  if (length > MAX_PIECE_BYTES) return null;
  if (used + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    used = 0;
  }
  slab.set(chunk, used);
  const piece = new Uint8Array(slab.buffer, used, length);
  used += length;
  return piece;
}

/**
 * Whether the bytes are such a copy. Others that are taken for one are copied in vain, and nothing else. Where nothing is lent the
 * buffer is not looked at: on Bun that makes one for each short array.
 */
export function isShared(bytes: Uint8Array): boolean {
  return slab !== NO_BYTES && bytes.buffer.byteLength === SLAB_BYTES;
}
