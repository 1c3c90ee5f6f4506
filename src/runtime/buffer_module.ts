/**
 * What the platform can do with bytes and text that no other API of it offers. Found without an import: whoever has none of
 * it can do without.
 *
 * @module
 */

/** As much of `node:buffer` as is used. */
export interface BufferModule {
  /** Whether bytes are UTF-8. */
  isUtf8(bytes: Uint8Array): boolean;
  /** Measures text, and makes memory. */
  readonly Buffer: {
    /** How many bytes a text takes. */
    byteLength(text: string): number;
    /** Memory of its own, with whatever was in it. */
    allocUnsafeSlow(bytes: number): Uint8Array;
  };
}

/** `node:buffer`: on Node from 20.16 and 22.3, Deno from 2.1, Bun from 1.2.6; else `null`. */
export function bufferModule(): BufferModule | null {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const module = process?.getBuiltinModule?.("node:buffer") as Partial<BufferModule> | undefined;
  return module?.isUtf8 === undefined || module.Buffer === undefined ? null : module as BufferModule;
}
