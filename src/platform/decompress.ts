/**
 * Content codings undone by `node:zlib`, which all runtimes have; `DecompressionStream` knows no br and is missing on
 * earlier versions of Bun. The client calls it for the bodies of responses.
 *
 * @module
 */

import type * as Zlib from "node:zlib";
import { gunzip } from "./gunzip.ts";
import { CodingError, type Decoder, passed } from "./zlib_transform.ts";

export { CodingError };

/** What can be undone. */
export type Coding = "gzip" | "deflate" | "br";

/**
 * Undoes a coding, chunk by chunk, no faster than it is read.
 *
 * @param source The coded bytes. Left early when the result is.
 * @param signal Ends it, also within a chunk.
 * @returns The decoded bytes.
 * @throws {CodingError} The coded bytes are malformed or end too early.
 * @throws {unknown} What the source fails with, or the reason of the signal.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  coding: Coding,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const zlib = await import("node:zlib");
  if (coding === "gzip") return yield* gunzip(zlib, source, signal);
  let decoder: Decoder | null = null;
  let received = 0;
  try {
    for await (const chunk of source) {
      // What the decoder leaves is behind its end: read, since it belongs to the message, and ignored, as elsewhere.
      if (decoder !== null && decoder.bytesWritten < received) continue;
      decoder ??= decoderFor(zlib, coding, chunk[0]!);
      received += chunk.length;
      yield* passed(decoder, chunk, signal);
    }
    if (decoder === null || decoder.bytesWritten < received) return;
    if (coding === "br") await checkBrotliEnd(decoder, received);
    else yield* passed(decoder, null, signal);
  } finally {
    decoder?.destroy();
  }
}

/** Whether a decoder of brotli has come to the end: then it takes no other byte. Deno ends without an error otherwise. */
async function checkBrotliEnd(decoder: Decoder, received: number): Promise<void> {
  for await (const _ of passed(decoder, Uint8Array.of(0)));
  if (decoder.bytesWritten > received) throw new CodingError("unexpected end of file");
}

/** What some servers call deflate lacks the wrapper of RFC 1950; its first byte tells (as Fetch implementations do). */
function decoderFor(zlib: typeof Zlib, coding: "br" | "deflate", first: number): Decoder {
  if (coding === "br") return zlib.createBrotliDecompress();
  return (first & 0x0f) === 0x08 ? zlib.createInflate() : zlib.createInflateRaw();
}
