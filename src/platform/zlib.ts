/**
 * As much of `node:zlib` as is used, and the handle below its streams, which works at once. `deflate.ts` calls it.
 *
 * The handle is no public API: whether it does what it should is tried out once, with what is right and what is wrong.
 *
 * @module
 */

import { builtinModule } from "./builtin_module.ts";

/** `node:zlib`. */
export interface Zlib {
  /** How much is to come out. */
  readonly constants: { readonly Z_NO_FLUSH: number; readonly Z_SYNC_FLUSH: number; readonly Z_FULL_FLUSH: number };
  /** Compresses, without a wrapper. */
  createDeflateRaw(options: ZlibOptions): ZlibStream;
  /** Decompresses what has none. */
  createInflateRaw(options: ZlibOptions): ZlibStream;
}

/** What a stream can be told. */
export interface ZlibOptions {
  /** How far back it refers, as a power of two. */
  readonly windowBits: number;
  /** 0–9. */
  readonly level?: number;
  /** How much memory is used besides. */
  readonly memLevel?: number;
  /** What is done behind each chunk. */
  readonly flush: number;
}

/** A stream of `node:zlib`. */
export interface ZlibStream {
  /** Below it. */
  readonly _handle?: NativeHandle | null;
  /** What the handle has left, of output and of input. Missing on Deno before 2.4. */
  readonly _writeState?: Uint32Array;
  /** How many bytes of input it has taken. Missing on Deno before 2.4. */
  readonly bytesWritten?: number;
  /** Takes a chunk. */
  write(chunk: Uint8Array, done: (error?: Error | null) => void): boolean;
  /** Gives what has come of it. */
  read(): Uint8Array | null;
  /** Listens. */
  on(event: "error", listener: (error: Error) => void): void;
  /** Listens. */
  on(event: "readable", listener: () => void): void;
  /** Does not listen any more. */
  off(event: "readable", listener: () => void): void;
  /** Begins anew. */
  reset(): void;
  /** Frees the memory. */
  close(): void;
}

/** What is below a stream. */
interface NativeHandle {
  onerror?: (message: string) => void;
  /** Deno before 2.4 returns what is left of input and of output. */
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): readonly [inputLeft: number, outputLeft: number] | null | undefined;
}

/** `node:zlib`; `null` where there is none. */
export function zlibModule(): Zlib | null {
  return (builtinModule("node:zlib") as Zlib | undefined) ?? null;
}

/** Whether there is a zlib here: Node from 20.16 and 22.3, Deno from 2.1, Bun from 1.2.6. */
export function canDeflate(): boolean {
  return zlibModule() !== null;
}

/** The handle below a stream. */
export class ZlibHandle {
  /** What was not taken of the input that `run()` was given last. */
  inputLeft = 0;
  /** What was not filled of the room that `run()` was given last. */
  outputLeft = 0;
  readonly #handle: NativeHandle;
  readonly #state: Uint32Array | undefined;

  /** Takes the handle of `stream`, and tells `onError` what is wrong with the input. */
  constructor(stream: ZlibStream, onError: (message: string) => void) {
    this.#handle = stream._handle!;
    this.#handle.onerror = onError;
    this.#state = stream._writeState;
  }

  /** Takes some of `input[at, end)`, and fills some of `output[from, to)`. */
  run(flush: number, input: Uint8Array, at: number, end: number, output: Uint8Array, from: number, to: number): void {
    const returned = this.#handle.writeSync(flush, input, at, end - at, output, from, to - from);
    if (this.#state !== undefined) {
      this.outputLeft = this.#state[0]!;
      this.inputLeft = this.#state[1]!;
    } else {
      this.inputLeft = returned?.[0] ?? NaN;
      this.outputLeft = returned?.[1] ?? NaN;
    }
  }
}

/** The handle below a stream; `null` if this runtime has none that can be used. */
export function zlibHandle(stream: ZlibStream, onError: (message: string) => void): ZlibHandle | null {
  prepareDeflate();
  if (!trusted || typeof stream._handle?.writeSync !== "function") return null;
  return stream._writeState === undefined && hasWriteState ? null : new ZlibHandle(stream, onError);
}

let trusted: boolean | null = null;
/** Whether the streams that were tried out have a `_writeState`. */
let hasWriteState = true;

/**
 * Tries out the handles of this runtime's zlib, the first time. Not to be called from within other work: when Bun's zlib
 * reports an error, it runs what waits in the microtask queue before it returns.
 */
export function prepareDeflate(): void {
  if (trusted !== null) return;
  try {
    trusted = roundTrips(zlibModule()!) && refusesNoise(zlibModule()!);
  } catch {
    trusted = false;
  }
}

const ROOM = 2000;

function roundTrips({ constants, createDeflateRaw, createInflateRaw }: Zlib): boolean {
  const flush = constants.Z_SYNC_FLUSH;
  const streams = [
    createDeflateRaw({ windowBits: 15, level: 1, memLevel: 8, flush }),
    createInflateRaw({ windowBits: 15, flush }),
  ];
  hasWriteState = streams.every((stream) => stream._writeState !== undefined);
  const [deflate, inflate] = streams.map((stream) => new ZlibHandle(stream, () => {})) as [ZlibHandle, ZlibHandle];
  const message = new Uint8Array(1000).map((_, index) => index % 7);
  let agree = true;
  for (let round = 0; round < 2; round++) {
    const compressed = outcome(deflate, flush, message);
    const back = outcome(inflate, flush, compressed);
    agree &&= compressed.length < 100 && back.length === 1000 && back.every((byte, index) => byte === message[index]);
  }
  for (const stream of streams) stream.close();
  return agree;
}

function outcome(handle: ZlibHandle, flush: number, input: Uint8Array): Uint8Array {
  const output = new Uint8Array(ROOM);
  handle.inputLeft = handle.outputLeft = ROOM;
  handle.run(flush, input, 0, input.length, output, 0, ROOM);
  if (handle.inputLeft !== 0) throw new Error("zlib has not taken its input");
  return output.subarray(0, ROOM - handle.outputLeft);
}

function refusesNoise({ constants, createInflateRaw }: Zlib): boolean {
  const stream = createInflateRaw({ windowBits: 15, flush: constants.Z_SYNC_FLUSH });
  let refused = false;
  stream.on("error", () => {});
  const noise = new Uint8Array([0xff, 0xff, 0xff]);
  const handle = new ZlibHandle(stream, () => refused = true);
  handle.run(constants.Z_SYNC_FLUSH, noise, 0, noise.length, new Uint8Array(ROOM), 0, ROOM);
  stream.close();
  return refused;
}
