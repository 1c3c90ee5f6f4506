/**
 * What a test may need to know about the runtime it is on.
 *
 * A test file runs as it is on Deno and as a bundle on Bun and Node, in a process of its own, with the project's folder as
 * its working directory. `import.meta.url` is that of the bundle: find files with
 * {@linkcode projectFile}.
 *
 * What of `node:test` behaves alike on Deno 2.9, Bun 1.4, Node 20 and Node 26, and is all that tests use:
 *
 * - `test(name, fn)` and `test(name, options, fn)`, at the top level, also after a top-level `await`; one after the other
 *   in the order of the file.
 * - The options `timeout` (milliseconds) and `skip`: a reason, or `false`. An empty reason is not the same everywhere.
 *   See {@linkcode skipUnless}.
 * - `t.after(fn)`, which runs after failures as well and is awaited; before `afterEach` on Deno, after it elsewhere.
 * - `before`, `after`, `beforeEach`, `afterEach` at the top level, for the whole file.
 *
 * Not to be used:
 *
 * - Subtests (`t.test`): Bun counts the outermost test only.
 * - `t.skip()`: Deno counts a pass. `t.signal`: Bun does not abort it when time is up.
 * - `describe` and `it`: they work, and flat names read better.
 * - `mock`, `t.mock`, `t.plan`, `t.assert`, `concurrency`, `only`: not tried or not alike.
 *
 * A test fails as well when it leaves an error to nobody: an exception in a timer or a handler, or a rejection that
 * nobody handles. What a test leaves open keeps Node's process alive, and the file fails when its time is up.
 *
 * @module
 */

import { spawn as spawnChild } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** Where the test runs. */
export const runtimeName: "deno" | "bun" | "node" = "Deno" in globalThis
  ? "deno"
  : "Bun" in globalThis
  ? "bun"
  : "node";

/** The runtime's own version, for example `20.20.2`. */
export const runtimeVersion: string = process.versions[runtimeName] ?? "unknown";

/** Its first number. */
export const runtimeMajor: number = Number.parseInt(runtimeVersion);

/**
 * Whether the runtime's version is this one or a later one.
 *
 * @param version For example `1.2.6`.
 */
export function isAtLeast(version: string): boolean {
  const own = runtimeVersion.split(".").map((part) => Number.parseInt(part));
  const wanted = version.split(".").map(Number);
  const differs = wanted.findIndex((part, index) => part !== own[index]);
  return differs < 0 || own[differs]! > wanted[differs]!;
}

/** Skips what needs TLS: before 1.4 Bun trusts any certificate, so that we refuse it. */
export const unlessTlsIsRefused: { skip: string | false } = skipUnless(
  runtimeName !== "bun" || isAtLeast("1.4.0"),
  "TLS is refused on Bun before 1.4",
);

/** Skips what needs TLS over streams, inside of a tunnel for example. */
export const unlessNoTlsOverStreams: { skip: string | false } = unlessTlsIsRefused.skip
  ? unlessTlsIsRefused
  : skipUnless(
    runtimeName !== "deno" || isAtLeast("2.5.0"),
    "Deno has TLS over anything but a TCP socket from 2.5",
  );

/** Whether messages of WebSockets are compressed: permessage-deflate needs a zlib that can be used at once. */
export const deflates: boolean = runtimeName === "deno" ||
  isAtLeast(runtimeName === "bun" ? "1.2.6" : runtimeMajor < 22 ? "20.16.0" : "22.3.0");

/**
 * For what costs a process each and is the same JavaScript everywhere, as the reading of arguments: all on Bun, where a
 * process starts in a tenth of the time, the first one on the others.
 */
export function fewProcesses<Case>(cases: readonly Case[]): readonly Case[] {
  return runtimeName === "bun" ? cases : cases.slice(0, 1);
}

/** Skips what expects compression. */
export const unlessNoDeflate: { skip: string | false } = skipUnless(
  deflates,
  "permessage-deflate needs Bun 1.2.6, Node 20.16 or Node 22.3",
);

/**
 * The path of a file of the project.
 *
 * @param path From the project's root, for example `tests/vectors/heads.json`.
 */
export function projectFile(path: string): string {
  return join(process.cwd(), path);
}

/**
 * Options that skip a test unless a condition holds.
 *
 * @param reason Why the test cannot run without it; not empty.
 *
 * @example
 * ```ts ignore
 * const nginx = which("nginx");
 * test("a tunnel through nginx", skipUnless(nginx !== undefined, "nginx is not installed"), async () => {});
 * ```
 */
export function skipUnless(condition: boolean, reason: string): { skip: string | false } {
  return { skip: condition ? false : reason };
}

/**
 * Looks for a command on the `PATH` (and in `/usr/sbin`, where servers are and the `PATH` of a user does not lead).
 *
 * @returns Its path, or `undefined`.
 */
export function which(command: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  const names = process.platform === "win32" ? [`${command}.exe`, `${command}.cmd`] : [command];
  for (const path of folders.flatMap((folder) => names.map((name) => join(folder, name)))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there.
    }
  }
  return undefined;
}

/** How a child process ended. */
export interface Finished {
  /** The exit code; `null` when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a child process gets. */
export interface SpawnOptions {
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its working directory. Default: ours. */
  readonly cwd?: string;
  /** Written to its stdin, which is then ended. Default: nothing. */
  readonly stdin?: string | Uint8Array;
  /** When to kill it; the promise then rejects. Default 30 000, as the machine may be busy. */
  readonly timeoutMs?: number;
}

/**
 * Runs a command to its end.
 *
 * @throws When it cannot be started or its time runs out; the message holds what it wrote.
 */
export function spawn(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  const { env = {}, cwd, stdin = "", timeoutMs = 30_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawnChild(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
    // A child that does not read its stdin may close it before we have written.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${command} ${args.join(" ")} did not end within ${timeoutMs} ms\n${stdout}${stderr}`));
    }, timeoutMs);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(new Error(`Cannot start ${command}`, { cause: error }));
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}
