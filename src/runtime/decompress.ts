/**
 * Content codings undone by `node:zlib`, which all runtimes have; `DecompressionStream` knows no br and is missing on
 * earlier versions of Bun.
 *
 * @module
 */

import type { Transform } from "node:stream";
import type * as Zlib from "node:zlib";

/** What can be undone. */
export type Coding = "gzip" | "deflate" | "br";

/**
 * Undoes a coding, chunk by chunk, no faster than it is read.
 *
 * @param source The coded bytes. Left early when the result is.
 * @returns The decoded bytes. It fails when the coded bytes are malformed or end too early.
 */
export async function* decompress(source: AsyncIterable<Uint8Array>, coding: Coding): AsyncGenerator<Uint8Array> {
  const zlib = await import("node:zlib");
  let decoder: Transform | null = null;
  try {
    for await (const chunk of source) {
      decoder ??= decoderFor(zlib, coding, chunk[0]!);
      yield* passed(decoder, chunk);
    }
    if (decoder !== null) yield* passed(decoder, null);
  } finally {
    decoder?.destroy();
  }
}

/** What some servers call deflate lacks the wrapper of RFC 1950; its first byte tells (as Fetch implementations do). */
function decoderFor(zlib: typeof Zlib, coding: Coding, first: number): Transform {
  if (coding === "gzip") return zlib.createGunzip();
  if (coding === "br") return zlib.createBrotliDecompress();
  return (first & 0x0f) === 0x08 ? zlib.createInflate() : zlib.createInflateRaw();
}

/** Gives the decoder a chunk, or the end for `null`, and yields what comes of it. */
async function* passed(decoder: Transform, chunk: Uint8Array | null): AsyncGenerator<Uint8Array> {
  let wake: () => void = () => {};
  let over = false;
  let failure: unknown = null;
  const done = (): void => {
    over = true;
    wake();
  };
  const fail = (error: unknown): void => {
    failure = error ?? null;
    if (failure !== null) done();
  };
  const readable = (): void => wake();
  decoder.on("error", fail);
  decoder.on("readable", readable);
  decoder.once("end", done);
  try {
    if (chunk === null) decoder.end();
    else decoder.write(chunk, (error) => error ? fail(error) : done());
    while (true) {
      for (let part = decoder.read(); part !== null; part = decoder.read()) {
        yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
      }
      if (failure !== null) throw failure;
      if (over) return;
      await new Promise<void>((resolve) => wake = resolve);
    }
  } finally {
    decoder.off("readable", readable);
    decoder.off("end", done);
    if (failure === null) decoder.off("error", fail);
  }
}
