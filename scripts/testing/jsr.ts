/**
 * Tests and examples import two packages from JSR. Where JSR cannot be reached, an import map puts the stand-ins of
 * `tests/offline/` in their place; everything else in it is what `deno.json` says.
 *
 * @module
 */

import { projectRoot } from "./project.ts";

/** What stands in for a package of JSR, from the project's root. */
const standIns: Readonly<Record<string, string>> = {
  "@std/assert": "tests/offline/assert.ts",
  "@std/streams": "tests/offline/streams.ts",
};

/** Long enough for a slow mirror; an unreachable host usually fails within milliseconds. */
const probeTimeoutMs = 15_000;

interface DenoConfig {
  readonly imports: Readonly<Record<string, string>>;
}

/**
 * Finds out whether JSR answers (or has answered before: Deno's cache counts), and writes the import map if not.
 *
 * @returns Arguments for `deno check`, `deno test`, `deno bundle` and the like: none, or `--import-map` and its path.
 */
export async function importArguments(): Promise<string[]> {
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", projectRoot))) as DenoConfig;
  const specifiers = Object.keys(standIns).map((name) => imports[name] ?? name);
  if (await canLoad(specifiers)) return [];

  console.log(`JSR cannot be reached: stand-ins from tests/offline/ replace ${Object.keys(standIns).join(" and ")}`);
  const map = { imports: { ...absolute(imports), ...absolute(standIns) } };
  const directory = new URL(".cache/", projectRoot);
  await Deno.mkdir(directory, { recursive: true });
  // Renamed into place, as another run in the same folder may be reading it.
  const path = new URL("import_map.json", directory);
  const draft = new URL(`import_map.${Deno.pid}.json`, directory);
  await Deno.writeTextFile(draft, JSON.stringify(map, null, 2));
  await Deno.rename(draft, path);
  return ["--import-map", ".cache/import_map.json"];
}

/** Paths become URLs; `jsr:` and `npm:` specifiers stay. */
function absolute(imports: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(imports).map((
      [name, target],
    ) => [name, /^\w+:/.test(target) ? target : new URL(target, projectRoot).href]),
  );
}

async function canLoad(specifiers: string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["cache", "--no-config", "--no-lock", ...specifiers],
      stdout: "null",
      stderr: "null",
      signal: AbortSignal.timeout(probeTimeoutMs),
    }).output();
    return success;
  } catch {
    return false;
  }
}
