/**
 * The environment of the process. The client calls it for the variables that name a proxy.
 *
 * @module
 */

/**
 * Reads a variable. Deno, Bun and Node all have `process`; elsewhere there are no variables.
 *
 * @returns Its value, or `undefined`.
 */
export function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name];
}
