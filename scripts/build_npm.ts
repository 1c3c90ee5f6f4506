/**
 * Builds the npm package: `deno run -A scripts/build_npm.ts [--with=dnt|pack] [--out=.cache/folder]`.
 *
 * dnt builds it; where JSR cannot be reached, `deno pack` does. Both ways end in the same files (`esm/` with types and
 * source maps, package.json, LICENSE, README.md and the documents that it links) in `npm/`, or in another folder below `.cache/`.
 *
 * @module
 */

import { manifestOf, type Project, readProject } from "./npm/manifest.ts";
import { tidyUp } from "./npm/tidy_up.ts";
import { buildWithPack } from "./npm/with_pack.ts";
import { jsrAnswers } from "./testing/jsr.ts";
import { killChildrenOnInterrupt } from "./testing/process.ts";
import { exists, projectRoot } from "./testing/project.ts";

type Way = "dnt" | "pack";

/** dnt brings a TypeScript compiler along. */
const downloadTimeoutMs = 60_000;

const { forced, folder } = parseArguments(Deno.args);
killChildrenOnInterrupt();
const project = await readProject();
const way = forced ?? (await jsrAnswers(["@deno/dnt"], downloadTimeoutMs) ? "dnt" : "pack");
const why = forced !== undefined ? "as told" : way === "dnt" ? "JSR answers" : "JSR cannot be reached";
console.log(`${folder}/ is built with ${way === "dnt" ? "dnt" : "deno pack"}: ${why}`);
await empty(folder);
await build(way, project);

async function build(way: Way, project: Project): Promise<void> {
  const finish = () => tidyUp(project, manifestOf(project), folder);
  if (way === "dnt") {
    const { buildWithDnt } = await import("./npm/with_dnt.ts");
    return await buildWithDnt(project, folder, finish);
  }
  await buildWithPack(folder);
  await finish();
}

/** All but `.gitkeep`, which keeps `npm/` in the repository. */
async function empty(folder: string): Promise<void> {
  const url = new URL(`${folder}/`, projectRoot);
  if (!await exists(folder)) return await Deno.mkdir(url, { recursive: true });
  for await (const { name } of Deno.readDir(url)) {
    if (name !== ".gitkeep") await Deno.remove(new URL(name, url), { recursive: true });
  }
}

function parseArguments(args: readonly string[]): { forced: Way | undefined; folder: string } {
  let forced: Way | undefined;
  let folder = "npm";
  for (const arg of args) {
    const [option, value = ""] = arg.split("=", 2);
    if (option === "--with" && (value === "dnt" || value === "pack")) forced = value;
    else if (option === "--out" && /^(?:npm|\.cache\/[\w/-]+)$/.test(value)) folder = value; // it is emptied
    else {
      console.error(`build_npm.ts takes --with=dnt, --with=pack, --out=npm and --out=.cache/folder, not ${arg}`);
      Deno.exit(2);
    }
  }
  return { forced, folder };
}
