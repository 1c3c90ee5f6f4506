/**
 * What the platform knows of UTF-8 without reading or writing it. Found without an import: whoever has none of it can do
 * without.
 *
 * @module
 */

/** As much of `node:buffer` as is used. */
export interface Utf8Module {
  /** Whether bytes are UTF-8. */
  isUtf8(bytes: Uint8Array): boolean;
  /** Measures text. */
  readonly Buffer: {
    /** How many bytes a text takes. */
    byteLength(text: string): number;
  };
}

/** `node:buffer`: on Node from 20.16 and 22.3, Deno from 2.1, Bun from 1.2.6; else `null`. */
export function utf8Module(): Utf8Module | null {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const module = process?.getBuiltinModule?.("node:buffer") as Partial<Utf8Module> | undefined;
  return module?.isUtf8 === undefined || module.Buffer === undefined ? null : module as Utf8Module;
}
