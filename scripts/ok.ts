/**
 * Everything a change must pass: `deno task ok [--no-tests]`. The exit code is 1 unless all of it is well.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import { checkLayers } from "./check_layers.ts";
import { importArguments } from "./testing/jsr.ts";
import { killChildrenOnInterrupt, run } from "./testing/process.ts";
import { exportsOf, filesIn, projectRoot } from "./testing/project.ts";

/** A step says what is wrong, or nothing. */
type Step = () => Promise<string>;

const stepTimeoutMs = 300_000;

killChildrenOnInterrupt();

const { usual: imports } = await importArguments();
const sources = ["mod.ts", ...await filesIn("src", ".ts")];
const documents = ["README.md", ...await filesIn("scripts", ".md"), ...await filesIn("src", ".md")];
const pure = sources.filter((path) => /^src\/(?:errors|bytes|semantics|\w+\/machine)\//.test(path));

const steps: Readonly<Record<string, Step>> = {
  "format": () => deno("fmt", "--check"),
  "lint": () => deno("lint"),
  "types": () => deno("check", "--quiet", "--doc", ...imports),
  "types of the examples in documents": () => deno("check", "--quiet", "--doc-only", ...imports, ...documents),
  "types of ring 0 without any platform": () =>
    deno("check", "--quiet", "--config", "scripts/check_pure.json", ...pure),
  "layers": layers,
  "doc comments": async () => deno("doc", "--lint", ...Object.values(await exportsOf())),
  "fit to be published": () => deno("publish", "--quiet", "--dry-run", "--allow-dirty"),
};

let ok = true;
// As many at once as there are cores: most of them use one.
const waiting = Object.entries(steps).values();
await Promise.all(Array.from({ length: availableParallelism() }, async () => {
  for (const [name, step] of waiting) {
    const start = performance.now();
    const problem = await step();
    console.log(`${problem === "" ? "✔" : "✖"} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    if (problem !== "") console.log(problem.trimEnd().replace(/^/gm, "  │ "));
    ok &&= problem === "";
  }
}));
if (!Deno.args.includes("--no-tests")) {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/test.ts"],
    cwd: projectRoot,
  })
    .spawn().status;
  ok &&= success;
}
Deno.exit(ok ? 0 : 1);

async function deno(...args: string[]): Promise<string> {
  const { code, output, timedOut } = await run(Deno.execPath(), args, stepTimeoutMs);
  if (timedOut) return `${output}\nno end after ${stepTimeoutMs / 1000} s`;
  return code === 0 ? "" : output || `exit code ${code}`;
}

async function layers(): Promise<string> {
  const texts = sources.map(async (path) => [path, await Deno.readTextFile(new URL(path, projectRoot))] as const);
  return checkLayers(new Map(await Promise.all(texts))).join("\n");
}
