/**
 * Programs that the interop tests need: other runtimes, and Python with its packages.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { projectFile, runtimeName, which } from "./runtime.ts";

/** The command of Deno or Bun: the one that runs this, one on the `PATH`, or the one that the tests have installed. */
export function runtimeCommand(name: "deno" | "bun"): string | undefined {
  return name === runtimeName ? process.execPath : which(name) ?? installed(name);
}

function installed(name: string): string | undefined {
  const folder = projectFile(`.cache/runtimes/${name}/node_modules`);
  try {
    const files = readdirSync(folder, { recursive: true }) as string[];
    const file = files.find((path) => path.endsWith(`/bin/${name}`));
    return file === undefined ? undefined : `${folder}/${file}`;
  } catch {
    return undefined;
  }
}

/** A Python that has a package; Debian's does not look at what other Pythons on the `PATH` have. */
export function pythonWith(name: string): string | undefined {
  return ["/usr/bin/python3", which("python3")].find((python) =>
    python !== undefined && spawnSync(python, ["-c", `import ${name}`]).status === 0
  );
}
