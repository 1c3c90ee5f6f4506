/**
 * Versions of runtimes, for what an earlier one does otherwise.
 *
 * @module
 */

/** Whether a version, `2.9.6` for example, is this one or a later one. What stands behind the third number is ignored. */
export function isAtLeast(version: string, ...wanted: readonly number[]): boolean {
  const parts = version.split(".").map((part) => Number.parseInt(part));
  const differs = wanted.findIndex((part, index) => part !== parts[index]);
  return differs < 0 || parts[differs]! > wanted[differs]!;
}

/** Deno's version; `undefined` on other runtimes. */
export function denoVersion(): string | undefined {
  return (globalThis as { Deno?: { readonly version: { readonly deno: string } } }).Deno?.version.deno;
}
