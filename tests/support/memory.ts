/**
 * Memory that a program changes the size of, or gives away, while it is being sent.
 *
 * @module
 */

import { pattern } from "./switching.ts";

/** Bytes of a buffer that can be resized, and how it becomes as short as it can. */
export function shrinking(length: number): { readonly bytes: Uint8Array<ArrayBuffer>; shrink(): void } {
  const memory = new ArrayBuffer(length, { maxByteLength: length * 2 });
  const bytes = new Uint8Array(memory, 0, length);
  bytes.set(pattern(length));
  return { bytes, shrink: () => memory.resize(0) };
}

/** Gives the memory of these bytes away, as to another thread. */
export function giveAway({ buffer }: Uint8Array<ArrayBuffer>): void {
  structuredClone(buffer, { transfer: [buffer] });
}
