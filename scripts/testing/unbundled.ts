/**
 * Packages of npm that tests import and that cannot be bundled: they look for their own files, load programs, or ask for
 * packages that need not be there. Deno takes them from its cache; for Bun and Node they are installed once, and stand
 * where bundles look for them.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { installProgram } from "./npm.ts";
import { exists, projectRoot } from "./project.ts";

/** By the names in the scope `./tests/` of `deno.json`. */
export const unbundled: readonly string[] = [
  "@kubernetes/client-node",
  "@nestjs/common",
  "@nestjs/core",
  "@nestjs/platform-express",
  "@nestjs/websockets",
  "playwright-core",
  "rxjs",
  "socket.io",
  "socket.io-client",
  "vite",
];

const folder = ".cache/unbundled";
const list = `${folder}/packages.json`;

/**
 * Puts the packages where the bundles in a folder find them, if one of the test files asks for them.
 *
 * @param files From the project's root.
 * @param directory Where the bundles are to be, from the project's root.
 */
export async function standBeside(files: readonly string[], directory: string): Promise<void> {
  if (!await areImported(files)) return;
  await installUnbundled();
  const target = fileURLToPath(new URL(`${folder}/node_modules`, projectRoot));
  await Deno.symlink(target, new URL(`${directory}/node_modules`, projectRoot), { type: "junction" });
}

/** Installs the packages, unless they are there. */
export async function installUnbundled(): Promise<void> {
  const specifiers = await specifiersOf(unbundled);
  const wanted = specifiers.join(" ");
  if (await exists(list) && await Deno.readTextFile(new URL(list, projectRoot)) === wanted) return;
  await installProgram(specifiers, folder, "node_modules");
  await Deno.writeTextFile(new URL(list, projectRoot), wanted);
}

async function areImported(files: readonly string[]): Promise<boolean> {
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(new URL(file, projectRoot))));
  return texts.some((text) =>
    unbundled.some((name) => text.includes(` from "${name}";`) || text.includes(` = "${name}";`))
  );
}

/** `npm:vite@^7` is `vite@^7` to npm. */
async function specifiersOf(names: readonly string[]): Promise<string[]> {
  const { scopes } = JSON.parse(await Deno.readTextFile(new URL("deno.json", projectRoot)));
  return names.map((name) => scopes["./tests/"][name].replace(/^npm:/, ""));
}
