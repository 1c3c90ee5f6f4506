/**
 * Raw DEFLATE (RFC 1951) message by message, through the platform's zlib.
 *
 * Node's streams hand each piece to another thread, which costs 40 times what compressing a short message takes. The
 * handle below them works at once, on all three runtimes; whether it does what it should is tried out once, and what is
 * long goes the public way in any case.
 *
 * @module
 */

import { concat } from "../bytes/concat.ts";
import { giveMemory, MOST_LONG_BYTES, takeMemory } from "../bytes/memory_pool.ts";
import { builtinModule } from "./builtin_module.ts";

/** What is needed of `node:zlib`. */
interface Zlib {
  readonly constants: { readonly Z_SYNC_FLUSH: number; readonly Z_FULL_FLUSH: number };
  createDeflateRaw(options: ZlibOptions): ZlibStream;
  createInflateRaw(options: ZlibOptions): ZlibStream;
}

interface ZlibOptions {
  readonly windowBits: number;
  readonly level?: number;
  readonly memLevel?: number;
  readonly flush: number;
}

interface ZlibStream {
  readonly _handle?: ZlibHandle | null;
  readonly _writeState?: Uint32Array;
  /** How many bytes of input it has taken. */
  readonly bytesWritten: number;
  write(chunk: Uint8Array, done: (error?: Error | null) => void): boolean;
  read(): Uint8Array | null;
  on(event: "error", listener: (error: Error) => void): void;
  reset(): void;
  close(): void;
}

interface ZlibHandle {
  onerror?: (message: string, errno: number, code: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
}

/** Compresses, or the reverse; earlier messages are referred to by later ones. */
export interface DeflateCodec {
  /**
   * Takes a whole message, or the next part of one.
   *
   * @param input Not to be changed before it is done. One call at a time.
   * @param maxBytes How long the result may be.
   * @returns The result, valid until the next call of any codec; later if there is much to do.
   * @throws {RangeError} The result is longer than `maxBytes`. The codec is of no use after this.
   * @throws {Error} The input is not what zlib expects. The same.
   */
  process(input: Uint8Array, maxBytes: number): Uint8Array | Promise<Uint8Array>;
  /** Frees the memory, and fails what is under way. Idempotent. */
  close(): void;
}

/** How messages are compressed. */
export interface CompressorOptions {
  /** How far back to refer, as a power of two: 9–15. */
  readonly windowBits: number;
  /** zlib's level, 0–9. */
  readonly level: number;
  /** Whether each message begins anew. */
  readonly noContextTakeover: boolean;
}

/** What is longer is left to another thread where there is one. 128 KiB. */
const AT_ONCE_BYTES = 131_072;

/** Where results are put that are not longer: a message of 64 KiB and a bit. For all codecs: nobody waits in between. */
const scratch = new Uint8Array(65 * 1024);
/** Where the last result is that was longer, if that memory is worth keeping. */
let lastLong: Uint8Array | null = null;

/** Memory of nearly twice the length with the same beginning, until the next call of any codec. */
function longer(memory: Uint8Array): Uint8Array {
  const grown = takeMemory(memory.length * 2 - 1024);
  grown.set(memory);
  giveBackLast();
  if (grown.length <= MOST_LONG_BYTES) lastLong = grown;
  return grown;
}

function giveBackLast(): void {
  if (lastLong !== null) giveMemory(lastLong);
  lastLong = null;
}

function zlib(): Zlib | null {
  return (builtinModule("node:zlib") as Zlib | undefined) ?? null;
}

/** Whether there is a zlib here: Node from 20.16 and 22.3, Deno from 2.1, Bun from 1.2.6. */
export function canDeflate(): boolean {
  return zlib() !== null;
}

/** Compresses messages. Each ends in the empty block that a flush leaves, `00 00 ff ff`. */
export function compressor(options: CompressorOptions): DeflateCodec {
  const { constants, createDeflateRaw } = zlib()!;
  const flush = options.noContextTakeover ? constants.Z_FULL_FLUSH : constants.Z_SYNC_FLUSH;
  const { windowBits, level } = options;
  return new ZlibCodec(() => createDeflateRaw({ windowBits, level, memLevel: 8, flush }), flush);
}

/** Decompresses messages, whose ends are flushes. A block that says it is the last one may be followed by more. */
export function decompressor(windowBits: number): DeflateCodec {
  const { constants, createInflateRaw } = zlib()!;
  const flush = constants.Z_SYNC_FLUSH;
  return new ZlibCodec(() => createInflateRaw({ windowBits, flush }), flush);
}

class ZlibCodec implements DeflateCodec {
  readonly #create: () => ZlibStream;
  readonly #flush: number;
  #stream: ZlibStream;
  #handle: ZlibHandle | null = null;
  #error: Error | null = null;
  #onError: ((error: Error) => void) | null = null;
  #closed = false;

  constructor(create: () => ZlibStream, flush: number) {
    this.#create = create;
    this.#flush = flush;
    this.#stream = this.#begin();
  }

  #begin(): ZlibStream {
    const stream = this.#create();
    this.#handle = worksAtOnce(stream) ? stream._handle! : null;
    stream.on("error", (error) => void this.#failed(error));
    if (this.#handle !== null) this.#handle.onerror = (message) => void this.#failed(new Error(message));
    return stream;
  }

  process(input: Uint8Array, maxBytes: number): Uint8Array | Promise<Uint8Array> {
    if (this.#error !== null) throw this.#error;
    giveBackLast();
    if (this.#handle === null || input.length > AT_ONCE_BYTES) return this.#later(input, maxBytes);
    return this.#atOnce(this.#handle, input, maxBytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failed(new Error("The codec was closed"));
    this.#stream.close();
  }

  #failed(error: Error): Error {
    this.#error ??= error;
    this.#onError?.(this.#error);
    return this.#error;
  }

  #atOnce(handle: ZlibHandle, input: Uint8Array, maxBytes: number): Uint8Array {
    const state = this.#stream._writeState!;
    let memory: Uint8Array = scratch;
    let made = 0;
    let at = 0;
    let stuck = false;
    while (true) {
      handle.writeSync(this.#flush, input, at, input.length - at, memory, made, memory.length - made);
      if (this.#error !== null) throw this.#error;
      const [outputLeft, inputLeft] = state as unknown as [number, number];
      const before = made;
      made = memory.length - outputLeft;
      if (made > maxBytes) throw this.#failed(tooLong(maxBytes));
      if (outputLeft > 0 && inputLeft === 0) return memory.subarray(0, made);
      if (outputLeft === 0) {
        memory = longer(memory);
      } else {
        stuck = this.#mayGoOn(made - before + input.length - inputLeft - at, stuck);
        this.#stream.reset();
      }
      at = input.length - inputLeft;
    }
  }

  /** Behind a block that was the last one, zlib takes nothing more: it has to begin anew, and get on then. */
  #mayGoOn(progress: number, stuck: boolean): boolean {
    if (progress === 0 && stuck) throw this.#failed(new Error("zlib makes no progress"));
    return progress === 0;
  }

  /** The public way: nothing but streams. What the reader is given is cut there, not kept. */
  async #later(input: Uint8Array, maxBytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let stuck = false;
    for (let rest = input;;) {
      const before = this.#stream.bytesWritten;
      await this.#through(rest, parts, maxBytes);
      if (this.#error !== null) throw this.#error;
      const taken = this.#stream.bytesWritten - before;
      if (taken >= rest.length) return concat(parts);
      stuck = this.#mayGoOn(taken, stuck);
      rest = rest.subarray(taken);
      this.#stream.close();
      this.#stream = this.#begin();
    }
  }

  #through(input: Uint8Array, parts: Uint8Array[], maxBytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.#stream;
      let bytes = parts.reduce((sum, part) => sum + part.length, 0);
      const collect = (): void => {
        for (let part = stream.read(); part !== null; part = stream.read()) {
          bytes += part.length;
          if (bytes > maxBytes) return void this.#failed(tooLong(maxBytes));
          parts.push(part);
        }
      };
      const readable = stream as unknown as {
        on(event: "readable", listener: () => void): void;
        off(event: "readable", listener: () => void): void;
      };
      this.#onError = (error) => {
        readable.off("readable", collect);
        reject(error);
      };
      readable.on("readable", collect);
      stream.write(input, (error) => {
        collect();
        readable.off("readable", collect);
        this.#onError = null;
        if (error || this.#error !== null) reject(error ?? this.#error);
        else resolve();
      });
    });
  }
}

function tooLong(maxBytes: number): RangeError {
  return new RangeError(`The result is longer than ${maxBytes} bytes`);
}

/**
 * Tries out the handles of this runtime's zlib, the first time. To be called where nobody is in the middle of something: when
 * Bun's zlib reports an error, it runs what waits in the microtask queue before it returns.
 */
export function prepareDeflate(): void {
  if (trusted === null) compressor({ windowBits: 15, level: 1, noContextTakeover: false }).close();
}

let trusted: boolean | null = null;

/** Whether the handles of this runtime's zlib can be used: tried once, with what is right and what is wrong. */
function worksAtOnce(stream: ZlibStream): boolean {
  if (typeof stream._handle?.writeSync !== "function" || stream._writeState === undefined) return false;
  if (trusted !== null) return trusted;
  trusted = true;
  try {
    trusted = roundTrips() && refusesNoise();
  } catch {
    trusted = false;
  }
  return trusted;
}

function roundTrips(): boolean {
  const deflate = compressor({ windowBits: 15, level: 1, noContextTakeover: false });
  const inflate = decompressor(15);
  const message = new Uint8Array(1000).map((_, index) => index % 7);
  let agree = true;
  for (let round = 0; round < 2; round++) {
    const compressed = (deflate.process(message, 2000) as Uint8Array).slice();
    const back = inflate.process(compressed, 2000) as Uint8Array;
    agree &&= compressed.length < 100 && back.length === 1000 && back.every((byte, index) => byte === message[index]);
  }
  deflate.close();
  inflate.close();
  return agree;
}

function refusesNoise(): boolean {
  const inflate = decompressor(15);
  try {
    inflate.process(new Uint8Array([0xff, 0xff, 0xff]), 2000);
    return false;
  } catch {
    return true;
  } finally {
    inflate.close();
  }
}
