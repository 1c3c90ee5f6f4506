/**
 * The Huffman code of HPACK (RFC 7541 §5.2 and appendix B), in both directions. The reader and the writer of field blocks call
 * it.
 *
 * The code is canonical: codes of the same length follow one another in the order of their symbols, so that the lengths
 * say it all.
 *
 * @module
 */

import { Http2Error } from "../../../errors/http2_error.ts";
import { latin1 } from "../../../bytes/latin1.ts";

/** The length of each symbol's code in bits: bytes 0 to 255, then EOS. */
// deno-fmt-ignore
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const EOS = 256;
/** Those of bytes: EOS is never written, and no character stands for it. */
const LENGTH_OF: Uint8Array = Uint8Array.from(LENGTHS.slice(0, EOS));
const CODE_OF: Uint32Array = canonicalCodes();

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(LENGTHS.length);
  const symbols = [...LENGTHS.keys()].sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b);
  let code = 0;
  let length = LENGTHS[symbols[0]!]!;
  for (const symbol of symbols) {
    code <<= LENGTHS[symbol]! - length;
    length = LENGTHS[symbol]!;
    codes[symbol] = code++;
  }
  return codes;
}

// Reading, four bits at a time. A state is a node of the tree: 256 of them, as there are 257 leaves. A step leads to another
// node and may pass one leaf, since the shortest code has five bits.

/** The next node, in the low eight bits of a step. */
const NODE = 0xff;
/** Bit of a step that passes a leaf, whose byte stands above. */
const EMITS = 0x100;
const BYTE_SHIFT = 16;
/** Bit of a step that passes EOS, which must not be sent. */
const FAILS = 0x200;
const STEPS: Uint32Array = new Uint32Array(256 * 16);
/** Whether a text may end at a node: behind at most seven bits of padding, all of them 1. */
const MAY_END: Uint8Array = new Uint8Array(256);
buildSteps();

function buildSteps(): void {
  const children: [number, number][] = [[0, 0]]; // inner nodes as positive numbers, leaves as -1 - symbol
  for (let symbol = 0; symbol <= EOS; symbol++) {
    let node = 0;
    for (let bit = LENGTHS[symbol]! - 1; bit >= 0; bit--) {
      const side = CODE_OF[symbol]! >>> bit & 1;
      if (bit === 0) children[node]![side] = -1 - symbol;
      else if (children[node]![side] === 0) children[node]![side] = children.push([0, 0]) - 1;
      node = children[node]![side]!;
    }
  }
  for (let node = 0; node < 256; node++) {
    for (let bits = 0; bits < 16; bits++) STEPS[node << 4 | bits] = stepFrom(children, node, bits);
  }
  for (let node = 0, depth = 0; depth < 8; depth++, node = children[node]![1]) MAY_END[node] = 1;
}

function stepFrom(children: readonly [number, number][], from: number, bits: number): number {
  let node = from;
  let step = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[node]![bits >>> bit & 1]!;
    if (next === -1 - EOS) return FAILS;
    if (next < 0) step |= EMITS | -1 - next << BYTE_SHIFT;
    node = next < 0 ? 0 : next;
  }
  return step | node;
}

/** What is being read; grows to the longest text so far. */
let scratch: Uint8Array = new Uint8Array(256);

/**
 * Reads text of one character for each byte.
 *
 * @throws {Http2Error} `compression`: EOS, or a padding that is none.
 */
export function readHuffman(bytes: Uint8Array, start: number, end: number): string {
  const most = Math.floor((end - start) * 8 / 5);
  if (scratch.length < most) scratch = new Uint8Array(most);
  let length = 0;
  let node = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    const high = STEPS[node << 4 | byte >>> 4]!;
    const low = STEPS[(high & NODE) << 4 | byte & 15]!;
    if (((high | low) & FAILS) !== 0) throw new Http2Error("compression", "A Huffman code holds EOS", "RFC 7541 §5.2");
    if ((high & EMITS) !== 0) scratch[length++] = high >>> BYTE_SHIFT;
    if ((low & EMITS) !== 0) scratch[length++] = low >>> BYTE_SHIFT;
    node = low & NODE;
  }
  if (MAY_END[node] === 0) {
    throw new Http2Error("compression", "The padding of a Huffman code is none", "RFC 7541 §5.2");
  }
  return latin1(scratch, 0, length);
}

/** How many bytes the code of a text takes; 0 if a character is above U+00FF, or there is none. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += LENGTH_OF[text.charCodeAt(i)]!;
  return bits + 7 >>> 3;
}

/**
 * Writes the code of a text, padded with ones.
 *
 * @returns The offset behind it.
 */
export function writeHuffman(target: Uint8Array, start: number, text: string): number {
  let at = start;
  let waiting = 0; // bits that make no byte yet, at the low end
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let rest = LENGTH_OF[symbol]!;
    // Seven bits may wait, and 31 have room.
    if (rest > 24) {
      rest -= 16;
      waiting = waiting << rest | CODE_OF[symbol]! >>> 16;
      for (count += rest; count >= 8; count -= 8) target[at++] = waiting >>> count - 8;
      rest = 16;
    }
    waiting = (waiting & 0xff) << rest | CODE_OF[symbol]! & (1 << rest) - 1;
    for (count += rest; count >= 8; count -= 8) target[at++] = waiting >>> count - 8;
  }
  if (count > 0) target[at++] = waiting << 8 - count | 0xff >>> count;
  return at;
}
