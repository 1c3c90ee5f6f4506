/**
 * A decoder of `node:zlib`, driven chunk by chunk.
 *
 * @module
 */

import type { Transform } from "node:stream";

/** Counts the bytes that it has used. */
export type Decoder = Transform & { readonly bytesWritten: number };

/** Coded bytes are malformed, or end too early; `cause` says more. */
export class CodingError extends Error {
  /** The name, for logs. */
  override readonly name = "CodingError";
}

/**
 * Gives the decoder a chunk, or the end for `null`, and yields what comes of it.
 *
 * @param signal Ends it: a chunk of a few bytes may stand for gigabytes.
 * @throws {CodingError} The bytes are malformed, or have ended too early.
 * @throws {unknown} The reason of the signal.
 */
export async function* passed(
  decoder: Decoder,
  chunk: Uint8Array | null,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
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
        signal?.throwIfAborted();
        yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
      }
      if (failure !== null) throw new CodingError((failure as Error).message, { cause: failure });
      if (over) return;
      await new Promise<void>((resolve) => wake = resolve);
    }
  } finally {
    decoder.off("readable", readable);
    decoder.off("end", done);
    if (failure === null) decoder.off("error", fail);
  }
}
