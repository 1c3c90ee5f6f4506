/**
 * Many bytes, and whether they arrived unchanged.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ByteChannel } from "../../src/duplex/duplex.ts";

/** Sends bytes that no two places share for long, in chunks of many sizes, and ends; gives their checksum. */
export async function sendNoise(
  end: Pick<ByteChannel, "write" | "closeWrite">,
  bytes: number,
  seed: number,
): Promise<string> {
  const hash = createHash("sha256");
  let state = seed;
  for (let left = bytes; left > 0;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const chunk = new Uint8Array(Math.min(left, 1 + state % 100_000));
    new Uint32Array(chunk.buffer, 0, chunk.length >> 2).forEach((_, i, words) => words[i] = state + i * 2_654_435_761);
    hash.update(chunk);
    left -= chunk.length;
    await end.write(chunk);
  }
  await end.closeWrite();
  return hash.digest("hex");
}

/** Reads to the end and gives the checksum. */
export async function digest(end: Pick<ByteChannel, "read">): Promise<string> {
  const hash = createHash("sha256");
  for (let chunk = await end.read(); chunk !== null; chunk = await end.read()) hash.update(chunk);
  return hash.digest("hex");
}
