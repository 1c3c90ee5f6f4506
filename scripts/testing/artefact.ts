/**
 * The npm package as it would be published, installed in an empty project.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { installProgram, npm } from "./npm.ts";
import { run } from "./process.ts";
import { say } from "./progress.ts";
import { exists, projectRoot } from "./project.ts";
import { prepare, type Runtime, type RuntimeName } from "./runtimes.ts";

/** What tests of the package work with. */
export interface Artefact {
  /** The folder that was built, as a path. */
  readonly package: string;
  /** The tarball, as a path. */
  readonly tarball: string;
  /** A project outside of ours that has the tarball installed and nothing else, as a path. */
  readonly project: string;
  /** Where {@linkcode tools} are installed, as a path. */
  readonly tools: string;
  /** What the package has to run on. */
  readonly runtimes: readonly RuntimeOrNot[];
}

/** A runtime, or why it is not there. */
export interface RuntimeOrNot extends Runtime {
  /** Why it is missing; empty if it is there. */
  readonly missing: string;
}

/** The newest TypeScript, and the first that has declarations of `AsyncDisposable`. */
const tools: Readonly<Record<string, string>> = {
  "typescript": "latest",
  "typescript-5": "npm:typescript@5.2",
  "@types/node": "20",
  "publint": "^0.3",
  "@arethetypeswrong/cli": "^0.18",
};

/** An artefact that is ready. */
export interface PreparedArtefact {
  /** The path of a file with the {@linkcode Artefact} as JSON. */
  readonly file: string;
  /** Removes what lies outside of the folder. */
  remove(): Promise<void>;
}

const toolsFolder = ".cache/npm-tools";

const names: readonly RuntimeName[] = ["node20", "node22", "node24", "node", "bun", "deno"];

/** dnt installs and checks types. */
const buildTimeoutMs = 300_000;
const npmTimeoutMs = 120_000;

/**
 * Builds, packs and installs the package, and installs what its tests need.
 *
 * @param folder For the package, from the project's root; a folder that no other run uses.
 * @throws When any of it fails; the message says why.
 */
export async function prepareArtefact(folder: string): Promise<PreparedArtefact> {
  const project = await Deno.makeTempDir({ prefix: "http-upgrade-" });
  const remove = () => Deno.remove(project, { recursive: true });
  try {
    const out = `${folder}/package`;
    const build = ["run", "-A", "--quiet", "scripts/build_npm.ts", `--out=${out}`];
    say((await succeed(run(Deno.execPath(), build, buildTimeoutMs))).trim());
    const packed = await succeed(npm(["pack", path(out), "--pack-destination", path(folder), "--json"], npmTimeoutMs));
    const name = /"filename": "(.+\.tgz)"/.exec(packed)?.[1];
    const tarball = path(`${folder}/${name}`);
    await Deno.writeTextFile(`${project}/package.json`, '{ "private": true }\n');
    await succeed(npm(["install", "--prefix", project, "--no-audit", "--no-fund", tarball], npmTimeoutMs));
    await installTools();
    const runtimes = await Promise.all(names.map(prepareOrNot));
    const artefact: Artefact = { package: path(out), tarball, project, tools: path(toolsFolder), runtimes };
    const file = path(`${folder}/artefact.json`);
    await Deno.writeTextFile(file, JSON.stringify(artefact));
    return { file, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Installs what the tests of the package need, unless it is there. */
export async function installTools(): Promise<void> {
  if (await toolsAreThere()) return;
  await installProgram(Object.entries(tools).map(([name, range]) => `${name}@${range}`), toolsFolder, "node_modules");
  await Deno.writeTextFile(new URL(`${toolsFolder}/tools.json`, projectRoot), JSON.stringify(tools));
}

/** npm does not have every version for every platform. */
async function prepareOrNot(name: RuntimeName): Promise<RuntimeOrNot> {
  try {
    return { ...await prepare(name), missing: "" };
  } catch (error) {
    return { name, title: name, command: "", missing: `${name} cannot be had: ${error}` };
  }
}

/** Those that we want: the list may have changed since they were installed. */
async function toolsAreThere(): Promise<boolean> {
  const list = `${toolsFolder}/tools.json`;
  return await exists(list) && await Deno.readTextFile(new URL(list, projectRoot)) === JSON.stringify(tools);
}

async function succeed(running: ReturnType<typeof run>): Promise<string> {
  const { code, output } = await running;
  if (code !== 0) throw new Error(output);
  return output;
}

function path(fromRoot: string): string {
  return fileURLToPath(new URL(fromRoot, projectRoot));
}
