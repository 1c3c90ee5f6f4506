/**
 * Cloudflare's runtime for Workers: found on the `PATH`, else installed from npm into `.cache/workerd/`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { installProgram, versionOf } from "./npm.ts";
import { projectRoot } from "./project.ts";

/** Platform packages rather than `workerd`, which needs an install script. */
const packages: Readonly<Record<string, string>> = {
  "linux-x86_64": "@cloudflare/workerd-linux-64",
  "linux-aarch64": "@cloudflare/workerd-linux-arm64",
  "darwin-x86_64": "@cloudflare/workerd-darwin-64",
  "darwin-aarch64": "@cloudflare/workerd-darwin-arm64",
  "windows-x86_64": "@cloudflare/workerd-windows-64",
};

/**
 * Finds or installs it.
 *
 * @returns The path of the executable, or a name that is on the `PATH`.
 * @throws When it can neither be had nor started (it needs glibc on Linux); the message says why.
 */
export async function prepareWorkerd(): Promise<string> {
  const platform = `${Deno.build.os}-${Deno.build.arch}`;
  const name = packages[platform];
  if (name === undefined) throw new Error(`npm has no workerd for ${platform}`);
  const program = `node_modules/${name}/bin/workerd${Deno.build.os === "windows" ? ".exe" : ""}`;
  const installed = fileURLToPath(new URL(`.cache/workerd/${program}`, projectRoot));
  for (const command of ["workerd", installed]) if (await versionOf(command) !== undefined) return command;
  await installProgram([`${name}@latest`], ".cache/workerd", program);
  if (await versionOf(installed) === undefined) throw new Error("workerd does not run on this system");
  return installed;
}
