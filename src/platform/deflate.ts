/**
 * Raw DEFLATE (RFC 1951) message by message, through the platform's zlib. WebSockets call it, for permessage-deflate; it
 * calls `zlib.ts`.
 *
 * Node's streams hand each piece to another thread, which costs 40 times what compressing a short message takes. The
 * handle below them works at once, on all three runtimes; whether it does what it should is tried out once. What takes
 * long is cut, so that the event loop goes on in between.
 *
 * @module
 */

import { nextTurn } from "./turns.ts";
import { type ZlibHandle, zlibHandle, zlibModule, type ZlibOptions, type ZlibStream } from "./zlib.ts";

/** The pieces of a result that is not made in one go. */
export interface Pieces<Result> {
  /** Adds the next one; `lent` says that its memory is used again. */
  add(piece: Uint8Array, lent: boolean): void;
  /** The whole. */
  finish(): Result | Promise<Result>;
}

/** How messages are compressed. */
interface CompressorOptions {
  /** How far back to refer, as a power of two: 9–15. */
  readonly windowBits: number;
  /** zlib's level, 0–9. */
  readonly level: number;
  /** Whether each message begins anew. */
  readonly noContextTakeover: boolean;
}

/** How much is compressed in one turn of the event loop. 128 KiB: about a millisecond. */
const COMPRESSED_IN_ONE_GO_BYTES = 131_072;
/** How much is inflated in one turn. 64 KiB: that may be thousands of blocks that hold nothing but their codes. */
const INFLATED_IN_ONE_GO_BYTES = 65_536;
/** How many last blocks are passed in one turn: behind each of them zlib begins anew. */
const LAST_BLOCKS_IN_ONE_GO = 512;

/** Where results are put that are not longer: a message of 64 KiB and a bit. All codecs share it: a result is used before the next one is made. */
const scratch = new Uint8Array(65 * 1024);
/** The same for longer ones, made when it is needed: as much comes of one go. 256 KiB. */
let roomy: Uint8Array | null = null;
const ROOMY_BYTES = 262_144;

/** On Deno the streams do everything at once as well, however long it takes (seen on 2.9.6). */
const streamsHaveThreads = !("Deno" in globalThis);

/** Compresses messages. Each ends in the empty block that a flush leaves, `00 00 ff ff`. */
export function compressor(options: CompressorOptions): DeflateCodec {
  const { constants, createDeflateRaw } = zlibModule()!;
  const flush = options.noContextTakeover ? constants.Z_FULL_FLUSH : constants.Z_SYNC_FLUSH;
  const zlibOptions: ZlibOptions = { windowBits: options.windowBits, level: options.level, memLevel: 8, flush };
  return new DeflateCodec(
    () => createDeflateRaw(zlibOptions),
    flush,
    constants.Z_NO_FLUSH,
    COMPRESSED_IN_ONE_GO_BYTES,
    streamsHaveThreads,
  );
}

/** Decompresses messages, whose ends are flushes. A block that says it is the last one may be followed by more. */
export function decompressor(windowBits: number): DeflateCodec {
  const { constants, createInflateRaw } = zlibModule()!;
  const flush = constants.Z_SYNC_FLUSH;
  return new DeflateCodec(() => createInflateRaw({ windowBits, flush }), flush, flush, INFLATED_IN_ONE_GO_BYTES, false);
}

/** Compresses, or the reverse; earlier messages are referred to by later ones. */
export class DeflateCodec {
  readonly #create: () => ZlibStream;
  /** Behind the message. */
  readonly #flush: number;
  /** Between two pieces of it. */
  readonly #noFlush: number;
  readonly #inputInOneGo: number;
  /** Whether what is longer than that is left to another thread. */
  readonly #longToThread: boolean;
  #stream: ZlibStream;
  #handle: ZlibHandle | null = null;
  #error: Error | null = null;
  #onError: ((error: Error) => void) | null = null;
  #closed = false;
  /** How much of the message was taken, and how much of the current memory was filled. */
  #taken = 0;
  #made = 0;
  #maxBytes = 0;
  #stuck = false;

  constructor(create: () => ZlibStream, flush: number, noFlush: number, inputInOneGo: number, longToThread: boolean) {
    this.#create = create;
    this.#flush = flush;
    this.#noFlush = noFlush;
    this.#inputInOneGo = inputInOneGo;
    this.#longToThread = longToThread;
    this.#stream = this.#begin();
  }

  #begin(): ZlibStream {
    const stream = this.#create();
    stream.on("error", (error) => void this.#failed(error));
    this.#handle = zlibHandle(stream, (message) => void this.#failed(new Error(message)));
    return stream;
  }

  /**
   * Takes a whole message, or the next part of one.
   *
   * @param input Not to be changed before it is done. One call at a time.
   * @param maxBytes How long the result may be. No more than a byte beyond it is made.
   * @param gather Called if the result is not made in one go, for what its pieces are put into.
   * @returns The result, valid until the next call of any codec; or what `gather` has made of it, later.
   * @throws {RangeError} The result is longer than `maxBytes`. The codec is of no use after this.
   * @throws {Error} The input is not what zlib expects. The same.
   */
  process<Result>(input: Uint8Array, maxBytes: number, gather: () => Pieces<Result>): Uint8Array | Promise<Result> {
    if (this.#error !== null) throw this.#error;
    this.#stuck = false;
    this.#maxBytes = maxBytes;
    const long = input.length > this.#inputInOneGo;
    if (this.#handle === null || (long && this.#longToThread)) return this.#byStream(input, gather());
    this.#taken = this.#made = 0;
    if (this.#work(this.#handle, input, scratch, maxBytes)) return scratch.subarray(0, this.#made);
    if (this.#made < scratch.length) return this.#inTurns(this.#handle, input, scratch, gather());
    roomy ??= new Uint8Array(ROOMY_BYTES);
    roomy.set(scratch);
    if (this.#work(this.#handle, input, roomy, maxBytes)) return roomy.subarray(0, this.#made);
    return this.#inTurns(this.#handle, input, roomy, gather());
  }

  /** Frees the memory, and fails what is under way. Idempotent. */
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

  /**
   * Does as much as is done in one go: until the memory is full, or enough input was taken.
   *
   * @param most How much of the memory may be filled.
   * @returns Whether the message is complete.
   */
  #work(handle: ZlibHandle, input: Uint8Array, memory: Uint8Array, most: number): boolean {
    const end = Math.min(input.length, this.#taken + this.#inputInOneGo);
    const flush = end === input.length ? this.#flush : this.#noFlush;
    const room = Math.min(memory.length, most + 1);
    for (let lastBlocks = 0; lastBlocks < LAST_BLOCKS_IN_ONE_GO; lastBlocks++) {
      const before = this.#taken + this.#made;
      handle.run(flush, input, this.#taken, end, memory, this.#made, room);
      if (this.#error !== null) throw this.#error;
      this.#taken = end - handle.inputLeft;
      this.#made = room - handle.outputLeft;
      if (this.#made > most) throw this.#failed(tooLong(this.#maxBytes));
      const progress = this.#taken + this.#made - before;
      if (handle.outputLeft > 0 && handle.inputLeft === 0) {
        this.#stuck &&= progress === 0;
        return end === input.length;
      }
      this.#checkProgress(progress);
      if (handle.outputLeft === 0) return false;
      this.#stream.reset();
    }
    return false;
  }

  /** Behind a block that was the last one, zlib takes nothing more: it has to begin anew, and get on then. */
  #checkProgress(progress: number): void {
    const stuck = !(progress > 0);
    if (stuck && this.#stuck) throw this.#failed(new Error("zlib makes no progress"));
    this.#stuck = stuck;
  }

  /** Goes on with what is not done in one go: in each turn of the event loop as much, and others have theirs in between. */
  async #inTurns<Result>(
    handle: ZlibHandle,
    input: Uint8Array,
    first: Uint8Array,
    pieces: Pieces<Result>,
  ): Promise<Result> {
    let bytes = this.#made;
    pieces.add(first.subarray(0, bytes), true);
    for (let done = false; !done;) {
      await new Promise<void>(nextTurn);
      if (this.#error !== null) throw this.#error;
      const memory = roomy ??= new Uint8Array(ROOMY_BYTES);
      this.#made = 0;
      done = this.#work(handle, input, memory, this.#maxBytes - bytes);
      bytes += this.#made;
      pieces.add(memory.subarray(0, this.#made), true);
    }
    return pieces.finish();
  }

  /** The public way: nothing but streams. */
  async #byStream<Result>(input: Uint8Array, pieces: Pieces<Result>): Promise<Result> {
    let bytes = 0;
    const add = (piece: Uint8Array): void => {
      bytes += piece.length;
      if (bytes > this.#maxBytes) throw tooLong(this.#maxBytes);
      pieces.add(piece, false);
    };
    for (let rest = input;;) {
      const before = this.#stream.bytesWritten;
      await this.#through(rest, add);
      if (this.#error !== null) throw this.#error;
      const taken = this.#stream.bytesWritten! - before!;
      if (taken >= rest.length) return pieces.finish();
      this.#checkProgress(taken);
      rest = rest.subarray(taken);
      this.#stream.close();
      this.#stream = this.#begin();
    }
  }

  #through(input: Uint8Array, add: (piece: Uint8Array) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.#stream;
      const collect = (): void => {
        try {
          for (let piece = stream.read(); piece !== null && this.#error === null; piece = stream.read()) add(piece);
        } catch (error) {
          this.#failed(error as Error);
        }
      };
      const onError = (error: Error): void => {
        stream.off("readable", collect);
        reject(error);
      };
      this.#onError = onError;
      stream.on("readable", collect);
      stream.write(input, (error) => {
        collect();
        stream.off("readable", collect);
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
