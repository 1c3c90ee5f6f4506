/**
 * Memory for what is about to be sent, shared by all connections. `SendBuffer` takes pieces and gives them back. A
 * connection that sends nothing keeps no memory, and used memory is cheaper than new: the system must find the pages of a
 * new piece and fill them with zeros, which takes longer than the copy that is made into it.
 *
 * @module
 */

/** What most is sent in. 4 KiB: some 25 heads of a typical response. */
export const SHORT_BYTES = 4096;
/** So many short pieces are kept: 1 MiB. */
const MAX_KEPT_SHORT = 256;
/** The smallest of the long pieces, but for a header. 16 KiB. */
const LEAST_LONG_BYTES = 16_384;
/** What every long piece has besides. */
const HEADER_BYTES = 1024;
/** The longest that is kept: 1 MiB and a header. */
const MOST_LONG_BYTES = 1_048_576 + HEADER_BYTES;
/** What is kept of long ones in all. 4 MiB: 60 of 65 KiB, for connections that send at the same time. */
const MAX_KEPT_LONG_BYTES = 4_194_304;
/** A piece that is longer than this many times what is asked for is not given: short texts would keep the long ones. */
const MAX_WASTE = 4;

/** The one that was given back last is taken first: the processor's cache may still have it. */
const short: Uint8Array[] = [];
const long: Uint8Array[] = [];
let longBytes = 0;

/** Makes memory, with whatever was in it. */
export type Allocate = (bytes: number) => Uint8Array;

/** Makes memory that holds zeros. */
export const zeros: Allocate = (bytes) => new Uint8Array(bytes);

/**
 * A piece of at least `bytes` bytes, with whatever was in it. It is the caller's until it is given back, if ever. If there is
 * none, `allocate` makes it.
 */
export function takeMemory(bytes: number, allocate: Allocate = zeros): Uint8Array {
  if (bytes <= SHORT_BYTES) return short.pop() ?? new Uint8Array(SHORT_BYTES);
  return takeLong(lengthFor(bytes), allocate);
}

/** Gives back a piece that was taken. No view of it may be in use any more: the next taker writes into it. */
export function giveMemory(memory: Uint8Array): void {
  const { length } = memory;
  if (length === SHORT_BYTES && short.length < MAX_KEPT_SHORT) short.push(memory);
  else if (length >= LEAST_LONG_BYTES && length <= MOST_LONG_BYTES) giveLong(memory);
}

/** A copy in memory of its own, which may be given back as a whole. */
export function pooledCopy(bytes: Uint8Array): Uint8Array {
  const memory = takeMemory(bytes.length);
  memory.set(bytes);
  return memory.subarray(0, bytes.length);
}

function takeLong(least: number, allocate: Allocate): Uint8Array {
  for (let index = long.length - 1; index >= 0; index--) {
    const { length } = long[index]!;
    if (length < least || length > least * MAX_WASTE) continue;
    longBytes -= length;
    return long.splice(index, 1)[0]!;
  }
  return allocate(least);
}

function giveLong(memory: Uint8Array): void {
  long.push(memory);
  longBytes += memory.length;
  while (longBytes > MAX_KEPT_LONG_BYTES) longBytes -= long.shift()!.length;
}

/** Lengths double, so that pieces fit one another: 17, 33, 65, 129, 257, 513 and 1025 KiB; what is longer is as long as asked for. */
function lengthFor(bytes: number): number {
  if (bytes > MOST_LONG_BYTES) return bytes;
  let length = LEAST_LONG_BYTES;
  while (length + HEADER_BYTES < bytes) length *= 2;
  return length + HEADER_BYTES;
}
