/**
 * Memory for what is long and is sent at once, used again by whoever is next: a fresh piece is filled with zeros, and
 * its pages are asked of the system, which takes longer than what is copied into it.
 *
 * @module
 */

/** Less than this is not worth it. 16 KiB. */
export const POOLED_FROM_BYTES = 16_384;
/** The smallest piece, but for a header. 64 KiB. */
const LEAST_BYTES = 65_536;
/** What every piece has besides. */
const HEADER_BYTES = 1024;
/** The largest that is kept: 1 MiB and a header. */
const MOST_BYTES = 1_048_576 + HEADER_BYTES;
/** What is kept in all. 4 MiB: as many of the smallest as connections that send at the same time. */
const MAX_KEPT_BYTES = 4_194_304;
/** Nobody gets a piece that is so many times as long as asked for, so that short texts do not keep the long ones. */
const MAX_WASTE = 4;

/** The one that was given back last is taken first: the processor's cache may still have it. */
const kept: Uint8Array[] = [];
let keptBytes = 0;

/** A piece of at least `bytes` bytes, with whatever was in it. It is the caller's until it is given back, if ever. */
export function takeMemory(bytes: number): Uint8Array {
  if (bytes < POOLED_FROM_BYTES) return new Uint8Array(bytes);
  const least = sizeFor(bytes);
  for (let index = kept.length - 1; index >= 0; index--) {
    const { length } = kept[index]!;
    if (length < least || length > least * MAX_WASTE) continue;
    keptBytes -= length;
    return kept.splice(index, 1)[0]!;
  }
  return new Uint8Array(least);
}

/** Sizes double, so that pieces fit one another: 65, 129, 257, 513 and 1025 KiB; what is longer is as long as asked for. */
function sizeFor(bytes: number): number {
  if (bytes > MOST_BYTES) return bytes;
  let size = LEAST_BYTES;
  while (size + HEADER_BYTES < bytes) size *= 2;
  return size + HEADER_BYTES;
}

/** Gives back a piece that was taken; nobody may hold a view of it any more. */
export function giveMemory(memory: Uint8Array): void {
  if (memory.length < LEAST_BYTES || memory.length > MOST_BYTES) return;
  kept.push(memory);
  keptBytes += memory.length;
  while (keptBytes > MAX_KEPT_BYTES) keptBytes -= kept.shift()!.length;
}
