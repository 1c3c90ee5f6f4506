/**
 * One module per test file for Bun and Node, in which every import is resolved.
 *
 * Node 20 cannot run TypeScript. Bun and Node 26 can, but know neither `jsr:` nor scopes of imports and would need a second
 * way to find `@std/assert` and the packages of npm. And bundles start sooner: a test that imports `src/http1/` in 43 ms
 * instead of 175 on Node 26, in 21 instead of 30 on Bun. Bundling itself takes 0.3 s for all files and runtimes.
 *
 * @module
 */

import { run } from "./process.ts";
import { unbundled } from "./unbundled.ts";

/** A bundle, or why there is none. */
export type Bundle = { readonly entry: string } | { readonly error: string };

const bundleTimeoutMs = 60_000;

/**
 * Bundles test files.
 *
 * @param files From the project's root, below `tests/`.
 * @param directory Where to, from the project's root.
 * @param importArguments Arguments that Deno needs to resolve imports.
 * @returns For each file its bundle. A file with an error does not keep the others from being bundled.
 */
export async function bundle(
  files: readonly string[],
  directory: string,
  importArguments: readonly string[],
): Promise<Map<string, Bundle>> {
  const bundles = new Map<string, Bundle>();
  const error = await bundleInto(directory, files, importArguments);
  if (error === undefined) {
    for (const file of files) bundles.set(file, { entry: `${directory}/${entryName(file, files)}` });
    return bundles;
  }
  for (const [index, file] of files.entries()) {
    const own = `${directory}/${index}`;
    const error = await bundleInto(own, [file], importArguments);
    bundles.set(file, error === undefined ? { entry: `${own}/${entryName(file, [file])}` } : { error });
  }
  return bundles;
}

async function bundleInto(
  directory: string,
  files: readonly string[],
  importArguments: readonly string[],
): Promise<string | undefined> {
  const external = unbundled.map((name) => `--external=${name}`);
  const options = ["--code-splitting", "--sourcemap=linked", "--platform=deno", `--outdir=${directory}`, ...external];
  const args = ["bundle", "--quiet", ...importArguments, ...options, ...files];
  const { code, output } = await run(Deno.execPath(), args, bundleTimeoutMs);
  return code === 0 ? undefined : output;
}

/** Deno leaves out the folders that all files have in common. */
function entryName(file: string, files: readonly string[]): string {
  const folders = file.split("/").slice(0, -1);
  const common = files.map((other) => other.split("/").slice(0, -1)).reduce((shared, other) => {
    const end = shared.findIndex((folder, index) => folder !== other[index]);
    return end < 0 ? shared : shared.slice(0, end);
  }, folders);
  return file.split("/").slice(common.length).join("/").replace(/\.ts$/, ".js");
}
