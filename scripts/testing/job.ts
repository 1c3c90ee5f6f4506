/**
 * Test files on one runtime, in a process of their own: a crash or a test that hangs costs those files and no others.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type Ended, run } from "./process.ts";
import { projectRoot } from "./project.ts";
import { isLeast, type Runtime } from "./runtimes.ts";

const preload = "./scripts/testing/deno_preload.ts";

/** Errors that no test is failed for: on Deno exceptions (reported by the preload), on Node all (its preload shows them). */
const strayError = /^.*(?:Uncaught exception during a test:|generated asynchronous activity after the test ended).*$/gm;

/** What the reporters say of tests that pass, and the totals. */
const smallTalk = /^(?:\(pass\) .*|[▷✔] .*|.* \.\.\. ok \(.*)\n/gm;

/** What came of them. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** One line for each failure: the test's name, or what else went wrong. */
  readonly failures: readonly string[];
  /** What the process wrote, as far as it helps to understand a failure. */
  readonly output: string;
  readonly ms: number;
  /** What the process took of the processors. */
  readonly cpuMs: number;
  /** How long each test took, where the report says so. */
  readonly tests: readonly { readonly name: string; readonly ms: number }[];
  /** Whether the process failed and not just a test: its time ran out, or it crashed. */
  readonly broken: boolean;
}

/** What runs with what. */
export interface Job {
  readonly runtime: Runtime;
  /** The files to hand to the runtime, from the project's root: test files or their bundles. */
  readonly entries: readonly string[];
  /** The file that tells tests of the npm package where it is. */
  readonly artefact?: string | undefined;
  /** Arguments that Deno needs to resolve imports. */
  readonly importArguments: readonly string[];
  /** Where Node keeps what it has compiled, from the project's root: programs that tests start again and again start sooner. */
  readonly compileCache: string;
  /** Where the report goes; a path that no other job uses. */
  readonly report: string;
  /** How long they may take. */
  readonly timeoutMs: number;
  /** How long each of their tests may take, on the runtimes that can be told. */
  readonly testTimeoutMs: number;
}

/** What was reported. */
interface Told {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: string[];
  readonly tests: Outcome["tests"];
}

/** Runs the files and counts their tests. Never throws for what they do. */
export async function runJob(job: Job): Promise<Outcome> {
  const environment = { NODE_COMPILE_CACHE: fileURLToPath(new URL(job.compileCache, projectRoot)) };
  const ended = await run(job.runtime.command, commandLine(job, await entryOf(job)), job.timeoutMs, environment);
  const tells = ended.timedOut || isLeast(job.runtime.name);
  const told = tells ? parseOutput(ended.output) : parseReport(await readReport(job.report));
  return outcomeOf(ended, told, job.timeoutMs);
}

/**
 * Holds what was reported against how the process ended: one that fails without a failing test, that is killed, or that has
 * no tests is a failure too.
 */
function outcomeOf(ended: Ended, { passed, skipped, failures, tests }: Told, timeoutMs: number): Outcome {
  const failed = failures.length;
  failures.push(...ended.output.match(strayError) ?? []);
  if (ended.timedOut) {
    const test = unfinishedTest(ended.output);
    const what = test === undefined ? "something keeps the process alive after its last test" : `in "${test}"`;
    failures.push(`no end after ${timeoutMs / 1000} s: ${what}`);
  } else if (ended.code !== 0 && failures.length === 0) {
    failures.push(ended.code === null ? "killed by a signal" : `exit code ${ended.code} without a failing test`);
  } else if (passed + skipped + failures.length === 0) {
    failures.push("no tests ran");
  }
  const output = ended.output.replace(smallTalk, "");
  const { ms, cpuMs } = ended;
  const broken = failures.length > failed;
  return { passed, failed: failures.length, skipped, failures, output, ms, cpuMs, tests, broken };
}

/** The test that began last, unless it has ended. */
function unfinishedTest(output: string): string | undefined {
  const [start] = [...output.matchAll(/^(?:▷ (.+)|(.+) \.\.\.)$/gm)].slice(-1);
  const name = start?.[1] ?? start?.[2];
  const ended = output.split("\n").some((line) =>
    line.startsWith(`${name} ... `) || ["✔", "✖", "﹣"].some((mark) => line === `${mark} ${name}`)
  );
  return ended ? undefined : name;
}

/**
 * Several files are imported by one: Node takes no more than one, and Deno would load for each what they all import, which
 * takes longer than most of their tests. Bun has no such cost, and takes them all.
 */
async function entryOf({ runtime, entries, report }: Job): Promise<string> {
  if (entries.length === 1 || runtime.name === "bun") return entries[0]!;
  const entry = report.replace(/\.xml$/, "_test.mjs");
  const imports = entries.map((path) => `import ${JSON.stringify(new URL(path, projectRoot).href)};\n`);
  await Deno.writeTextFile(new URL(entry, projectRoot), imports.join(""));
  return entry;
}

function commandLine(job: Job, entry: string): string[] {
  const { runtime, entries, artefact = "", importArguments, report, testTimeoutMs } = job;
  switch (runtime.name) {
    case "deno":
    case "doc":
      return [
        "test",
        "-A",
        "--no-check",
        `--preload=${preload}`,
        ...importArguments,
        `--junit-path=${report}`,
        // Which excludes the folder of what is generated.
        ...(entry.startsWith(".cache/") ? ["--no-config", "--no-lock"] : []),
        entry,
      ];
    case "npm":
      return ["test", "-A", "--no-check", ...importArguments, `--junit-path=${report}`, entry, "--", artefact];
    case "bun":
      return [
        ...["test", `--timeout=${testTimeoutMs}`, "--reporter=junit", `--reporter-outfile=${report}`],
        ...entries.map((path) => `./${path}`),
      ];
    case "node":
    case "node20":
    case "node22":
    case "node24":
      return [
        "--enable-source-maps",
        "--import=./scripts/testing/node_preload.mjs",
        ...(runtime.name === "node20" ? [] : [`--test-timeout=${testTimeoutMs}`]),
        ...["--test-reporter=./scripts/testing/node_reporter.mjs", "--test-reporter-destination=stdout"],
        ...["--test-reporter=junit", `--test-reporter-destination=${report}`],
        entry,
      ];
    case "least-deno":
      return ["run", "-A", "--quiet", "--no-lock", "--no-config", entry];
    case "least-bun":
      return [`./${entry}`];
    case "least-node":
      return ["--enable-source-maps", entry];
    default:
      return runtime.name satisfies never;
  }
}

async function readReport(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(fileURLToPath(new URL(path, projectRoot)));
  } catch {
    return "";
  }
}

/** All four write JUnit's XML; Node leaves `>` as it is in attributes. */
const testCase = /<testcase((?:\s+[\w:-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g;

function parseReport(xml: string): Told {
  let passed = 0;
  let skipped = 0;
  const failures: string[] = [];
  const tests: { name: string; ms: number }[] = [];
  for (const [, attributes = "", content = ""] of xml.matchAll(testCase)) {
    const name = unescape(/\sname="([^"]*)"/.exec(attributes)?.[1] ?? "?");
    tests.push({ name, ms: Number(/\stime="([^"]*)"/.exec(attributes)?.[1] ?? 0) * 1000 });
    if (/<(failure|error)\b/.test(content)) failures.push(name);
    else if (/<skipped\b/.test(content)) skipped++;
    else passed++;
  }
  return { passed, skipped, failures, tests };
}

/**
 * What Node had to say before it was killed, as the report comes at the end only; and all that the stand-in for `node:test`
 * says.
 */
function parseOutput(output: string): Told {
  const lines = output.split("\n");
  const having = (mark: string) => lines.filter((line) => line.startsWith(`${mark} `)).map((line) => line.slice(2));
  return { passed: having("✔").length, skipped: having("﹣").length, failures: having("✖"), tests: [] };
}

/** `&amp;` first, as Node 20 escapes twice. */
function unescape(text: string): string {
  return text.replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'").replaceAll("&#10;", " ");
}
