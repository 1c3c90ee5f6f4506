/**
 * Field blocks of HTTP/2 as lists of pairs, through the codec and back.
 *
 * @module
 */

import { type FieldBlock, HpackDecoder } from "../../src/http2/machine/hpack/decoder.ts";
import { type FieldToSend, HpackEncoder } from "../../src/http2/machine/hpack/encoder.ts";

/** Names and values. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/** More than any test needs. */
export const BLOCK_LIMITS = { maxFieldBytes: 65_536, maxFields: 1000 };

/** The block of these lines, as a peer reads it that has seen none before. */
export function blockOf(lines: readonly FieldToSend[]): FieldBlock {
  return new HpackDecoder(BLOCK_LIMITS).decode(new HpackEncoder().encode(lines));
}

/** Lines of text, `name: value`, one a row; the first colon behind the first character ends the name. */
export function lines(...rows: readonly string[]): [name: string, value: string][] {
  return rows.map((row) => {
    const colon = row.indexOf(": ", 1);
    return [row.slice(0, colon), row.slice(colon + 2)];
  });
}
