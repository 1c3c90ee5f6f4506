/**
 * Stands in for `node:test` on the least versions of the runtimes, which have none (Bun 1.2.0), one without `t.after`
 * (Deno 2.1.0) or one without the reporters and times that the test command uses (Node 20.0.0): what
 * `tests/support/runtime.ts` says of it, and no more. It tells of each test in the lines that the test command reads.
 *
 * @module
 */

import process from "node:process";
import { inspect } from "node:util";

/** What may be run. */
type Body = (t: TestContext) => unknown;

/** What a test can be told. */
export interface TestOptions {
  /** Milliseconds after which it has failed. */
  readonly timeout?: number;
  /** Why it is not run. */
  readonly skip?: string | false;
}

/** What a test is given. */
export interface TestContext {
  /** Runs something behind the test, also if that has failed. */
  after(run: () => unknown): void;
}

interface Test {
  readonly name: string;
  readonly options: TestOptions;
  readonly body: Body;
}

const tests: Test[] = [];
const hooks: Record<"before" | "after" | "beforeEach" | "afterEach", (() => unknown)[]> = {
  before: [],
  after: [],
  beforeEach: [],
  afterEach: [],
};
let strays: unknown[] = [];
let running: Promise<void> | null = null;

/** Adds a test; it runs when its file has run to its end, or waits. */
export function test(name: string, body: Body): void;
export function test(name: string, options: TestOptions, body: Body): void;
export function test(name: string, ...rest: [Body] | [TestOptions, Body]): void {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest;
  tests.push({ name, options, body });
  running ??= new Promise<void>((resolve) => setTimeout(resolve, 0)).then(runAll);
}

/** Runs something before the first test of the file. */
export const before = (run: () => unknown): void => void hooks.before.push(run);
/** Runs something behind the last test of the file. */
export const after = (run: () => unknown): void => void hooks.after.push(run);
/** Runs something before each test. */
export const beforeEach = (run: () => unknown): void => void hooks.beforeEach.push(run);
/** Runs something behind each test. */
export const afterEach = (run: () => unknown): void => void hooks.afterEach.push(run);

process.on("uncaughtException", (error) => void strays.push(error));
process.on("unhandledRejection", (error) => void strays.push(error));

async function runAll(): Promise<void> {
  for (const run of hooks.before.splice(0)) await run();
  for (let next = tests.shift(); next !== undefined; next = tests.shift()) {
    if (!await runOne(next)) process.exitCode = 1;
  }
  for (const run of hooks.after.splice(0)) await run();
  // A file that waits at its top level may add more.
  running = null;
}

async function runOne({ name, options, body }: Test): Promise<boolean> {
  if (options.skip) {
    console.log(`﹣ ${name}`);
    return true;
  }
  console.log(`▷ ${name}`);
  const errors: unknown[] = [];
  const attempt = async (run: () => unknown): Promise<void> => {
    try {
      await run();
    } catch (error) {
      errors.push(error);
    }
  };
  const later: (() => unknown)[] = [];
  for (const run of hooks.beforeEach) await attempt(run);
  await attempt(() => inTime(options.timeout, body({ after: (run) => void later.push(run) })));
  for (const run of [...later, ...hooks.afterEach]) await attempt(run);
  // Unhandled rejections are told behind the microtasks.
  await new Promise((resolve) => setTimeout(resolve, 0));
  errors.push(...strays);
  strays = [];
  console.log(`${errors.length === 0 ? "✔" : "✖"} ${name}`);
  for (const error of errors) console.log(inspect(error).replaceAll(/^/gm, "  "));
  return errors.length === 0;
}

async function inTime(ms: number | undefined, running: unknown): Promise<void> {
  if (ms === undefined) return void await running;
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${ms} ms`)), ms);
  });
  try {
    await Promise.race([running, late]);
  } finally {
    clearTimeout(timer!);
  }
}
