/**
 * What `node:buffer` can do with bytes and text that no web API offers. Callers have another way where it is missing.
 *
 * @module
 */

import { builtinModule } from "./builtin_module.ts";

/** As much of `node:buffer` as is used. */
interface BufferModule {
  /** Whether bytes are UTF-8. */
  isUtf8(bytes: Uint8Array): boolean;
  /** Measures text, and makes memory. */
  readonly Buffer: {
    /** How many bytes a text takes. */
    byteLength(text: string): number;
    /** Memory of its own, with whatever was in it. */
    allocUnsafeSlow(bytes: number): Uint8Array;
    /** A view of memory. */
    from(buffer: ArrayBufferLike, byteOffset: number, length: number): { toString(encoding: "utf8"): string };
  };
}

/** `node:buffer`; `null` where there is none, or not all of it. */
export const bufferModule: BufferModule | null = findModule();

function findModule(): BufferModule | null {
  const module = builtinModule("node:buffer") as Partial<BufferModule> | undefined;
  return module?.isUtf8 === undefined || module.Buffer === undefined ? null : module as BufferModule;
}

/** Below this, memory that is filled with zeros costs as little. */
const UNFILLED_FROM_BYTES = 4096;

/** Makes memory of its own, with whatever was in it. */
export function allocate(bytes: number): Uint8Array {
  if (bufferModule === null || bytes < UNFILLED_FROM_BYTES) return new Uint8Array(bytes);
  const { buffer, byteOffset } = bufferModule.Buffer.allocUnsafeSlow(bytes);
  return new Uint8Array(buffer, byteOffset, bytes);
}

/**
 * Up to this length a copy of an array costs less than another view of its memory: on Bun up to JavaScriptCore's `fastSizeLimit`, as
 * such an array has no `ArrayBuffer` before that is looked at. V8's arrays of up to 64 bytes have none either, but there both cost the
 * same: 0.
 */
export const mostCopiedBytes: number = "Bun" in globalThis ? 1000 : 0;

/**
 * In which pieces a long text is read fastest. Bun reads fast and joins strings slowly: an echo of 1 MiB takes 2.5 ms in one piece and
 * 6.2 ms in those of 32 KiB (seen on 1.4.5). Deno's heap holds badly what a hundred texts have come of: 1.2 ms as a whole, 5.1 ms in
 * pieces (with events, seen on 2.9.6). `undefined` elsewhere.
 */
export const textPieceBytes: number | undefined = "Bun" in globalThis
  ? 1_048_576
  : "Deno" in globalThis
  ? 16_777_216
  : undefined;

/**
 * From this length on, Node keeps a text that a `Buffer` gives outside of V8's heap (`EXTERN_APEX` in its source), where memory is used
 * again. In the heap the system fills new pages with zeros for each: an echo of 1 MiB on each of 100 connections takes 1.3 ms so,
 * 7 ms in pieces that are joined later, and 1.6 ms with `ws`, which reads no text (seen on 26.12).
 */
export const wholeTextBytes: number = bufferModule !== null && !("Bun" in globalThis || "Deno" in globalThis)
  ? 1_031_913
  : Infinity;

/** Reads a text of at least `wholeTextBytes`. What is not UTF-8 becomes the replacement character. */
export function textOutsideHeap({ buffer, byteOffset, length }: Uint8Array): string {
  return bufferModule!.Buffer.from(buffer, byteOffset, length).toString("utf8");
}
