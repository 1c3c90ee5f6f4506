/**
 * Tests and examples import two packages from JSR, the npm build a third. Where JSR cannot be reached, an import map puts
 * the stand-ins of `tests/offline/` in their place; everything else in it is what `deno.json` says.
 *
 * @module
 */

import { ownImports } from "./doc_examples.ts";
import { run } from "./process.ts";
import { projectRoot } from "./project.ts";

/** What stands in for a package of JSR, from the project's root. */
const standIns: Imports = {
  "@std/assert": "tests/offline/assert.ts",
  "@std/streams": "tests/offline/streams.ts",
};

/** What stands in for built-in modules on the least versions of the runtimes. */
const builtInStandIns: Imports = { "node:test": "tests/offline/test_runner.ts" };

/** What is only there to be type-checked: nothing runs with it. */
const typesOnly: Imports = { "@deno/dnt": "tests/offline/dnt.ts" };

/** Long enough for a slow mirror; an unreachable host usually fails within milliseconds. */
const probeTimeoutMs = 15_000;

const importMap = ".cache/import_map.json";
const onlineImportMap = ".cache/import_map_online.json";
const leastImportMap = ".cache/import_map_least.json";

type Imports = Readonly<Record<string, string>>;

/**
 * The packages of npm are in scopes and not in `imports`, as `deno task` downloads what it finds there before it runs
 * any task.
 */
interface DenoConfig {
  readonly imports: Imports;
  readonly scopes: Readonly<Record<string, Imports>>;
}

/** Arguments for `deno check`, `deno test`, `deno bundle` and the like. */
export interface ImportArguments {
  /** What to use: an import map that says what `deno.json` does, with the stand-ins where JSR is out of reach. */
  readonly usual: readonly string[];
  /** The one with the stand-ins, in any case. */
  readonly offline: readonly string[];
  /** The same, for the least versions of the runtimes: with a stand-in for `node:test`. */
  readonly least: readonly string[];
}

/** Writes the import map, and finds out whether it is needed. */
export async function importArguments(): Promise<ImportArguments> {
  const { imports, scopes } = await readConfig();
  const online = {
    imports: absolute({ ...imports, ...await ownImports() }),
    scopes: Object.fromEntries(Object.entries(scopes).map(([scope, own]) => [absoluteUrl(scope), absolute(own)])),
  };
  const map = { ...online, imports: { ...online.imports, ...absolute({ ...standIns, ...typesOnly }) } };
  await writeImportMap(onlineImportMap, online);
  await writeImportMap(importMap, map);
  await writeImportMap(leastImportMap, { ...map, imports: { ...map.imports, ...absolute(builtInStandIns) } });
  const offline = [`--import-map=${importMap}`];
  const least = [`--import-map=${leastImportMap}`];
  if (await jsrAnswers(Object.keys(standIns))) {
    return { usual: [`--import-map=${onlineImportMap}`], offline, least };
  }
  console.log(`JSR cannot be reached: stand-ins from tests/offline/ replace ${Object.keys(standIns).join(" and ")}`);
  return { usual: offline, offline, least };
}

/**
 * Finds out whether JSR answers; or has answered before, as Deno's cache counts.
 *
 * @param names What is wanted of it, by the names in the `imports` of `deno.json`. It is downloaded.
 * @param timeoutMs How long that may take.
 */
export async function jsrAnswers(names: readonly string[], timeoutMs: number = probeTimeoutMs): Promise<boolean> {
  const { imports } = await readConfig();
  const specifiers = names.map((name) => imports[name] ?? name);
  const probe = ["cache", "--quiet", "--no-config", "--no-lock", ...specifiers];
  return (await run(Deno.execPath(), probe, timeoutMs)).code === 0;
}

async function readConfig(): Promise<DenoConfig> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", projectRoot))) as DenoConfig;
}

/** Renamed into place, as another run in the same folder may be reading the map. */
async function writeImportMap(
  path: string,
  map: { imports: Imports; scopes: Record<string, Imports> },
): Promise<void> {
  const draft = new URL(`${path}.${Deno.pid}`, projectRoot);
  await Deno.mkdir(new URL(".", draft), { recursive: true });
  await Deno.writeTextFile(draft, JSON.stringify(map, null, 2));
  await Deno.rename(draft, new URL(path, projectRoot));
}

/** Paths become URLs, as the map lies elsewhere; `jsr:` and `npm:` specifiers stay. */
function absolute(imports: Imports): Imports {
  return Object.fromEntries(Object.entries(imports).map(([name, target]) => [name, absoluteUrl(target)]));
}

function absoluteUrl(target: string): string {
  return /^\w+:/.test(target) ? target : new URL(target, projectRoot).href;
}
