/**
 * Runs the tests on every runtime: `deno task test [part of a path]… [--runtime=deno,bun,node,…] [--timeout=s]`.
 *
 * | `--runtime=`                                 | what runs                                                        |
 * | -------------------------------------------- | ---------------------------------------------------------------- |
 * | `deno`                                       | the test files as they are                                       |
 * | `bun`, `node`                                | the same as bundles; `node` is the newest                        |
 * | `node24`, `node22`, `node20`                 | the same as bundles                                              |
 * | `least-deno`, `least-bun`, `least-node`      | the smoke suite, on the least versions that README.md names      |
 * | `doc`                                        | the examples in doc comments, on Deno                            |
 * | `npm`                                        | the files in `tests/npm/`, once the npm package is built         |
 *
 * What a runtime leaves out as others play it is in `testing/left_out.ts`, with the reasons. The variable `FUZZ=4` has four
 * times as many examples tried of what holds for all.
 *
 * All of them where none is named. Says every few seconds how far it is, and ends with the totals; the exit code is 1 unless
 * everything passed.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import { type Bundle, bundle } from "./testing/bundle.ts";
import { prepareArtefact, type PreparedArtefact } from "./testing/artefact.ts";
import { type Job, type Outcome, runJob } from "./testing/job.ts";
import { type ImportArguments, importArguments } from "./testing/jsr.ts";
import { modulesWithExamples, writeExamples } from "./testing/doc_examples.ts";
import { killChildrenOnInterrupt } from "./testing/process.ts";
import { grouped, titleOf } from "./testing/groups.ts";
import { playedOn } from "./testing/left_out.ts";
import { filesIn, projectRoot } from "./testing/project.ts";
import { isLeast, prepare, type Runtime, type RuntimeName } from "./testing/runtimes.ts";
import { Progress, say } from "./testing/progress.ts";
import { Slowest } from "./testing/slowest.ts";
import { smokeFiles } from "./testing/smoke.ts";
import { standBeside } from "./testing/unbundled.ts";

const leastNames: readonly RuntimeName[] = ["least-deno", "least-bun", "least-node"];

/** The order in which they are played: small ones last, as they fill what is left of the time of several cores. */
const runtimeNames: readonly RuntimeName[] = [
  "deno",
  "bun",
  "node",
  "npm",
  "node24",
  "node22",
  "node20",
  "doc",
  ...leastNames,
];

/** More files at once than there are cores: some wait for times to run out. */
const SPARE = 1;

/** A file may take this long, a test half of it: only what hangs takes so long, also where the machine is busy. */
const defaultTimeoutSeconds = 120;

/** Files that share a process. */
interface Group {
  readonly name: RuntimeName;
  readonly files: number;
  play(): Promise<void>;
}

interface Tally {
  title: string;
  files: number;
  done: number;
  passed: number;
  failed: number;
  skipped: number;
  ms: number;
  cpuMs: number;
}

const { filters, chosen, timeoutMs } = parseArguments(Deno.args);

const directory = `.cache/run-${Deno.pid}`;
const removeDirectory = () => Deno.removeSync(new URL(directory, projectRoot), { recursive: true });
killChildrenOnInterrupt(removeDirectory);
const slowestFiles = new Slowest("files, or processes where files share one");
const slowestTests = new Slowest("tests");
const tallies = new Map<RuntimeName, Tally>(
  chosen.map((name) => [name, { title: name, files: 0, done: 0, passed: 0, failed: 0, skipped: 0, ms: 0, cpuMs: 0 }]),
);
try {
  await Deno.mkdir(new URL(directory, projectRoot), { recursive: true });
  // Early versions of Node 20 do not find out by themselves that a bundle is a module.
  await Deno.writeTextFile(new URL(`${directory}/package.json`, projectRoot), '{ "type": "module" }');
  await runAll();
} finally {
  removeDirectory();
}
Deno.exit(summarize() ? 0 : 1);

async function runAll(): Promise<void> {
  const files = matching(await filesIn("tests", "_test.ts"));
  const packageFiles = files.filter((file) => file.startsWith("tests/npm/"));
  const suite = files.filter((file) => !packageFiles.includes(file));
  const examples = matching(await modulesWithExamples());
  const smoke = suite.filter((file) => smokeFiles.includes(file));
  const imports = await importArguments();
  const runtimes = await prepareRuntimes();
  // Takes as long as many test files, and its own come behind those of three runtimes.
  const preparing = chosen.includes("npm") && packageFiles.length > 0 ? prepareArtefactIn(`${directory}/npm`) : null;
  const bundles = await bundlesFor(runtimes, suite, smoke, imports);
  if (chosen.includes("doc")) bundles.set("doc", await writeExamples(examples, `${directory}/doc`));

  const jobs: Group[] = [];
  for (const runtime of runtimes) {
    const { name } = runtime;
    const whole = name === "doc" ? examples : name === "npm" ? packageFiles : isLeast(name) ? smoke : suite;
    const own = playedOn(name, whole, runtimes.map(({ name }) => name));
    for (const [index, files] of grouped(own).entries()) {
      const play = async (): Promise<void> => {
        const entries: string[] = [];
        const playable: string[] = [];
        for (const file of files) {
          const target = bundles.get(name)?.get(file) ?? { entry: file };
          if ("error" in target) record(name, file, failure("cannot be bundled", target.error));
          else entries.push(target.entry) && playable.push(file);
        }
        if (entries.length === 0) return;
        const artefact = name === "npm" ? await preparing : null;
        if (name === "npm" && artefact === null) return;
        const report = `${directory}/${name}-${index}.xml`;
        const limits = { timeoutMs: timeoutMs * Math.min(entries.length, 3), testTimeoutMs: timeoutMs / 2 };
        const paths = { artefact: artefact?.file, compileCache: `${directory}/compiled`, report };
        const job = { runtime, entries, ...paths, importArguments: imports.usual, ...limits };
        for (const [title, outcome] of await runTogether(job, playable)) record(name, title, outcome);
      };
      jobs.push({ name, files: files.length, play });
      tallies.get(name)!.files += files.length;
    }
  }
  const progress = new Progress(() =>
    [...tallies].map(([name, { done, files }]) => `${name} ${done}/${files}`).join(", ")
  );
  await runInParallel(jobs, availableParallelism() + SPARE, ({ name, files }) => tallies.get(name)!.done += files);
  progress.stop();
  await (await preparing)?.remove();
  // A filter may have meant the examples of a module.
  if (files.length > 0 || filters.length > 0 && examples.length > 0) return;
  for (const { name } of runtimes) record(name, "tests/", failure("no tests ran", ""));
}

/** A process that hangs or crashes is one file's doing, so that each is run again by itself, to say which. */
async function runTogether(job: Job, files: readonly string[]): Promise<[title: string, outcome: Outcome][]> {
  const together = await runJob(job);
  if (!together.broken || files.length === 1) return [[titleOf(files), together]];
  const outcomes: [string, Outcome][] = [];
  for (const [index, entry] of job.entries.entries()) {
    const report = job.report.replace(".xml", `-${index}.xml`);
    outcomes.push([files[index]!, await runJob({ ...job, entries: [entry], report })]);
  }
  return outcomes.some(([, { failed }]) => failed > 0) ? outcomes : [[titleOf(files), together]];
}

async function prepareRuntimes(): Promise<Runtime[]> {
  const prepared = await Promise.all(chosen.map(async (name) => {
    try {
      const runtime = await prepare(name);
      tallies.get(name)!.title = runtime.title;
      return [runtime];
    } catch (error) {
      record(
        name,
        "every file",
        failure("the runtime is missing", error instanceof Error ? error.message : `${error}`),
      );
      return [];
    }
  }));
  return prepared.flat();
}

async function prepareArtefactIn(folder: string): Promise<PreparedArtefact | null> {
  try {
    return await prepareArtefact(folder);
  } catch (error) {
    record("npm", "tests/npm/", failure("the package cannot be built and installed", `${error}`));
    return null;
  }
}

/** Node 20 has the stand-ins in any case: `@std/assert` needs `Set.prototype.union`, which came with Node 22. */
async function bundlesFor(
  runtimes: readonly Runtime[],
  suite: readonly string[],
  smoke: readonly string[],
  { usual, offline, least }: ImportArguments,
): Promise<Map<RuntimeName, Map<string, Bundle>>> {
  const bundles = new Map<RuntimeName, Map<string, Bundle>>();
  const made = new Map<readonly string[], Promise<Map<string, Bundle>>>();
  for (const { name } of runtimes) {
    const files = isLeast(name) ? smoke : suite;
    if (name === "deno" || name === "doc" || name === "npm" || files.length === 0) continue;
    if (made.size === 0) await standBeside(suite, directory);
    const imports = isLeast(name) ? least : name === "node20" ? offline : usual;
    const making = made.get(imports) ?? bundle(files, `${directory}/bundle-${made.size}`, imports);
    made.set(imports, making);
    bundles.set(name, await making);
  }
  return bundles;
}

async function runInParallel(jobs: readonly Group[], width: number, onDone: (group: Group) => void): Promise<void> {
  const queue = jobs.values();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const job of queue) {
      await job.play();
      onDone(job);
    }
  }));
}

function failure(reason: string, output: string): Outcome {
  return { passed: 0, failed: 1, skipped: 0, failures: [reason], output, ms: 0, cpuMs: 0, tests: [], broken: false };
}

function record(name: RuntimeName, file: string, outcome: Outcome): void {
  const { passed, failed, skipped, failures, output, ms, cpuMs, tests } = outcome;
  const tally = tallies.get(name)!;
  tally.passed += passed;
  tally.failed += failed;
  tally.skipped += skipped;
  tally.ms += ms;
  tally.cpuMs += cpuMs;
  slowestFiles.add([{ title: `${tally.title} ${file}`, ms, cpuMs }]);
  slowestTests.add(tests.map((test) => ({ title: `${tally.title} ${test.name}`, ms: test.ms, cpuMs: 0 })));
  if (failed === 0) return;
  say(`\nFAILED ${file} on ${tally.title}`);
  for (const failure of failures) say(`  ✖ ${failure}`);
  if (output !== "") say(output.trimEnd().replace(/^/gm, "  │ "));
}

function summarize(): boolean {
  const total = { passed: 0, failed: 0, skipped: 0 };
  console.log();
  for (const line of [...slowestFiles.lines(), ...slowestTests.lines()]) console.log(line);
  console.log();
  for (const { title, passed, failed, skipped, ms, cpuMs } of tallies.values()) {
    const seconds = `${(ms / 1000).toFixed(1)} s${cpuMs > 0 ? `, ${(cpuMs / 1000).toFixed(1)} s of CPU` : ""}`;
    console.log(`${title.padEnd(14)} ${passed} passed, ${failed} failed, ${skipped} skipped, ${seconds}`);
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0;
}

/** The paths that contain one of the filters; all of them where there is none. */
function matching(paths: readonly string[]): string[] {
  return paths.filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)));
}

function parseArguments(
  args: readonly string[],
): { filters: string[]; chosen: readonly RuntimeName[]; timeoutMs: number } {
  const filters: string[] = [];
  let chosen = runtimeNames;
  let seconds = defaultTimeoutSeconds;
  for (const arg of args) {
    const [option, value = ""] = arg.split("=", 2);
    if (option === "--runtime") {
      const names = value.split(",");
      chosen = runtimeNames.filter((name) => names.includes(name));
      if (chosen.length !== names.length) refuse(`--runtime takes ${runtimeNames.join(",")}, not ${value}`);
    } else if (option === "--timeout") {
      seconds = Number(value);
      if (!(seconds > 0)) refuse(`--timeout takes seconds, not ${value}`);
    } else if (arg.startsWith("-")) {
      refuse(`unknown option ${arg}`);
    } else {
      filters.push(arg);
    }
  }
  return { filters, chosen, timeoutMs: seconds * 1000 };
}

function refuse(message: string): never {
  console.error(message);
  Deno.exit(2);
}
