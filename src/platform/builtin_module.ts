/**
 * Modules of Node's that other runtimes have as well, got without an import: what needs one works only where it is there.
 *
 * @module
 */

/** The module of this name: on Node from 20.16 and 22.3, Deno from 2.1, Bun from 1.2.6; else `undefined`. */
export function builtinModule(name: string): unknown {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return process?.getBuiltinModule?.(name);
}
