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

/**
 * Pieces of one length. The one that was given back last is taken first: the processor's cache may still have it. What is more than
 * `MAX_KEPT_LONG_BYTES` is garbage; it can be used again until it is collected, as a hundred texts of 1 MiB at a time are.
 */
interface Pieces {
  readonly length: number;
  readonly kept: Uint8Array[];
  readonly garbage: WeakRef<Uint8Array>[];
}

const short: Uint8Array[] = [];
/** 17, 33, 65, 129, 257, 513 and 1025 KiB: lengths double, so that pieces fit one another. */
const long: readonly Pieces[] = longPieces();
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
  return takeLong(bytes) ?? allocate(lengthFor(bytes));
}

/** Gives back a piece that was taken. No view of it may be in use any more: the next taker writes into it. */
export function giveMemory(memory: Uint8Array): void {
  const { length } = memory;
  if (length !== SHORT_BYTES) giveLong(memory);
  else if (short.length < MAX_KEPT_SHORT) short.push(memory);
}

/** A copy in memory of its own, which may be given back as a whole. */
export function pooledCopy(bytes: Uint8Array): Uint8Array {
  const memory = takeMemory(bytes.length);
  memory.set(bytes);
  return memory.subarray(0, bytes.length);
}

function takeLong(bytes: number): Uint8Array | null {
  const most = lengthFor(bytes) * MAX_WASTE;
  for (const { length, kept, garbage } of long) {
    if (length < bytes) continue;
    if (length > most) break;
    const piece = kept.pop();
    if (piece !== undefined) longBytes -= length;
    const found = piece ?? notCollected(garbage);
    if (found !== null) return found;
  }
  return null;
}

function notCollected(garbage: WeakRef<Uint8Array>[]): Uint8Array | null {
  for (let last = garbage.pop(); last !== undefined; last = garbage.pop()) {
    const piece = last.deref();
    if (piece !== undefined) return piece;
  }
  return null;
}

function giveLong(memory: Uint8Array): void {
  const pieces = long.find(({ length }) => length === memory.length);
  if (pieces === undefined) return;
  if (longBytes + memory.length > MAX_KEPT_LONG_BYTES) return void pieces.garbage.push(new WeakRef(memory));
  pieces.kept.push(memory);
  longBytes += memory.length;
}

function longPieces(): readonly Pieces[] {
  const all: Pieces[] = [];
  for (let bytes = LEAST_LONG_BYTES; bytes < MOST_LONG_BYTES; bytes *= 2) {
    all.push({ length: bytes + HEADER_BYTES, kept: [], garbage: [] });
  }
  return all;
}

/** What is longer than all pieces is as long as asked for. */
function lengthFor(bytes: number): number {
  for (const { length } of long) if (length >= bytes) return length;
  return bytes;
}
