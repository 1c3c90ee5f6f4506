/**
 * How often a property is tried. Every run of the suite tries new examples on each runtime, so that few rounds at a time come
 * to many; the variable `FUZZ` multiplies them, and CI sets it to 4.
 *
 * @module
 */

import process from "node:process";

const factor = Number(process.env.FUZZ ?? 1);

/** Options for fast-check. */
export function rounds(count: number): { readonly numRuns: number } {
  return { numRuns: Math.ceil(count * factor) };
}
