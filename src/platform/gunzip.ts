/**
 * gzip (RFC 1952) over `node:zlib`'s raw inflate. Its own gunzip takes what stands behind the end for another member, and
 * when that is none, fails without giving what it has decoded.
 *
 * @module
 */

import type * as Zlib from "node:zlib";
import { NO_BYTES } from "../bytes/no_bytes.ts";
import { concat } from "../bytes/concat.ts";
import { CodingError, passed } from "./zlib_transform.ts";

const MAGIC = [0x1f, 0x8b] as const;
const DEFLATE = 8;
const HAS_CRC = 2;
const HAS_EXTRA = 4;
const HAS_NAME = 8;
const HAS_COMMENT = 16;
const RESERVED = 0xe0;

/**
 * Undoes gzip, chunk by chunk. Members follow one another; what is none ends the text, and is read and ignored, as
 * browsers do.
 *
 * @throws {CodingError} A member is malformed or ends too early.
 * @throws {unknown} What the source fails with, or the reason of the signal.
 */
export async function* gunzip(
  zlib: typeof Zlib,
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const input = new Input(source);
  try {
    if (await input.chunk() === null) return;
    input.back(input.last);
    do {
      await skipHeader(input);
      yield* member(zlib, input, signal);
    } while (await input.startsWith(MAGIC));
    while (await input.chunk() !== null);
  } finally {
    await input.close();
  }
}

async function* member(zlib: typeof Zlib, input: Input, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const decoder = zlib.createInflateRaw();
  let [given, size, checksum] = [0, 0, 0];
  try {
    // What the decoder leaves is behind its end. Where that is the end of a chunk, it leaves the whole next one.
    while (decoder.bytesWritten === given) {
      const chunk = await input.chunk();
      if (chunk === null) throw truncated();
      given += chunk.length;
      for await (const part of passed(decoder, chunk, signal)) {
        size = (size + part.length) >>> 0;
        checksum = crc32(zlib, part, checksum);
        yield part;
      }
    }
    input.back(input.last.subarray(input.last.length - (given - decoder.bytesWritten)));
  } finally {
    decoder.destroy();
  }
  const trailer = await input.take(8);
  const view = new DataView(trailer.buffer, trailer.byteOffset, 8);
  if (view.getUint32(0, true) !== checksum) throw new CodingError("incorrect data check");
  if (view.getUint32(4, true) !== size) throw new CodingError("incorrect length check");
}

async function skipHeader(input: Input): Promise<void> {
  const head = await input.take(10);
  const flags = head[3]!;
  if (head[0] !== MAGIC[0] || head[1] !== MAGIC[1]) throw new CodingError("incorrect header check");
  if (head[2] !== DEFLATE || (flags & RESERVED) !== 0) throw new CodingError("unknown compression method");
  if ((flags & HAS_EXTRA) !== 0) {
    const [low, high] = await input.take(2);
    await input.skip(low! | high! << 8);
  }
  if ((flags & HAS_NAME) !== 0) await input.skipText();
  if ((flags & HAS_COMMENT) !== 0) await input.skipText();
  if ((flags & HAS_CRC) !== 0) await input.take(2);
}

/** Chunks that can be given back, and parts of them. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = NO_BYTES;
  #ended = false;
  /** The chunk that came last. */
  last: Uint8Array = NO_BYTES;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** The next bytes, at least one, or `null` at the end. */
  async chunk(): Promise<Uint8Array | null> {
    let chunk = this.#rest;
    this.#rest = NO_BYTES;
    while (chunk.length === 0) {
      const next = this.#ended ? null : await this.#chunks.next();
      if (next === null || next.done === true) {
        this.#ended = true;
        return null;
      }
      chunk = next.value;
    }
    return this.last = chunk;
  }

  /** Gives bytes back that were taken last. */
  back(bytes: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? bytes : concat([bytes, this.#rest]);
  }

  /** So many bytes. */
  async take(length: number): Promise<Uint8Array> {
    const taken = await this.#upTo(length);
    if (taken.length < length) throw truncated();
    return taken;
  }

  async #upTo(length: number): Promise<Uint8Array> {
    let taken: Uint8Array = NO_BYTES;
    while (taken.length < length) {
      const chunk = await this.chunk();
      if (chunk === null) break;
      taken = taken.length === 0 ? chunk : concat([taken, chunk]);
    }
    this.back(taken.subarray(Math.min(length, taken.length)));
    return taken.subarray(0, length);
  }

  /** Skips so many bytes: to gather them would cost the square of their number where they come one by one. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      const chunk = await this.chunk();
      if (chunk === null) throw truncated();
      this.back(chunk.subarray(left));
      left -= chunk.length;
    }
  }

  /** Skips bytes up to and with a NUL. */
  async skipText(): Promise<void> {
    while (true) {
      const chunk = await this.chunk();
      if (chunk === null) throw truncated();
      const end = chunk.indexOf(0);
      if (end === -1) continue;
      return this.back(chunk.subarray(end + 1));
    }
  }

  /** Whether these bytes come next; nothing is taken. */
  async startsWith(bytes: readonly number[]): Promise<boolean> {
    const start = await this.#upTo(bytes.length);
    this.back(start);
    return start.length === bytes.length && bytes.every((byte, i) => start[i] === byte);
  }

  /** Leaves the source. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#chunks.return?.();
  }
}

function truncated(): CodingError {
  return new CodingError("unexpected end of file");
}

let table: Uint32Array | null = null;

/** The CRC-32 of RFC 1952 §8, goes on from `before`. Node has its own from 20.15 and 22.2. */
function crc32(zlib: typeof Zlib, bytes: Uint8Array, before: number): number {
  const { crc32: own } = zlib as { crc32?: (data: Uint8Array, value: number) => number };
  if (own !== undefined) return own(bytes, before);
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = (byte & 1) === 0 ? byte >>> 1 : 0xedb88320 ^ byte >>> 1;
    return byte;
  });
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ crc >>> 8;
  return ~crc >>> 0;
}
