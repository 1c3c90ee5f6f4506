/**
 * What `node:buffer` can do with bytes and text that no web API offers. Callers have another way where it is missing.
 *
 * @module
 */

import { builtinModule } from "./builtin_module.ts";

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

/** `node:buffer`; `null` where there is none, or not all of it. */
export function bufferModule(): BufferModule | null {
  const module = builtinModule("node:buffer") as Partial<BufferModule> | undefined;
  return module?.isUtf8 === undefined || module.Buffer === undefined ? null : module as BufferModule;
}
