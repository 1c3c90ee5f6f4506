/**
 * Child processes that end: killed with everything they started when their time is up or when we are interrupted.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { projectRoot } from "./project.ts";

/** How a child process ended. */
export interface Ended {
  /** The exit code; `null` when a signal ended it. */
  readonly code: number | null;
  /** What it wrote to stdout and stderr, in the order it came. */
  readonly output: string;
  /** Whether its time ran out. */
  readonly timedOut: boolean;
  /** How long it ran. */
  readonly ms: number;
  /** What it and its children took of the processors, on Linux; elsewhere 0. */
  readonly cpuMs: number;
}

/**
 * No colours, which reports would be full of; and certificates that the system trusts, as npm does behind a company's
 * mirror.
 */
const { FORCE_COLOR: _, ...inherited } = process.env;
const usualEnvironment = {
  DENO_TLS_CA_STORE: "mozilla,system",
  ...inherited,
  NO_COLOR: "1",
  DENO_NO_UPDATE_CHECK: "1",
};

/** To be ended when we are. */
const running = new Set<ChildProcess>();

/** What all children that have ended took of the processors. */
let counted = endedCpuMs();

/** A child that has exited may leave its output open in a grandchild; this is how long we wait for it. */
const outputGraceMs = 500;

/**
 * Runs a command in the project's folder, without stdin.
 *
 * @param command A path, or a name that is on the `PATH`.
 * @param timeoutMs When to kill it.
 * @param environment Added to ours.
 * @throws When the command cannot be started.
 */
export function run(
  command: string,
  args: readonly string[],
  timeoutMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    let output = "";
    let timedOut = false;
    const child = spawn(command, args, {
      cwd: fileURLToPath(projectRoot),
      detached: Deno.build.os !== "windows",
      env: { ...usualEnvironment, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);
    let cpuMs = 0;
    const end = (code: number | null) => resolve({ code, output, timedOut, ms: performance.now() - start, cpuMs });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    child.on("error", (error) => {
      clearTimeout(timer);
      running.delete(child);
      reject(error);
    });
    child.on("exit", (code) => {
      clearTimeout(timer);
      const cpu = endedCpuMs();
      cpuMs = cpu - counted;
      counted = cpu;
      killGroup(child);
      running.delete(child);
      const grace = setTimeout(() => end(code), outputGraceMs);
      child.on("close", () => {
        clearTimeout(grace);
        end(code);
      });
    });
  });
}

/**
 * Ends whatever is running when the user interrupts us, as the children are in groups of their own.
 *
 * @param cleanUp Called before we end.
 */
export function killChildrenOnInterrupt(cleanUp: () => void = () => {}): void {
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      for (const child of running) killGroup(child);
      cleanUp();
      Deno.exit(130);
    });
  }
}

/** Of Linux the fields `cutime` and `cstime`, see proc_pid_stat(5): hundredths of a second. */
function endedCpuMs(): number {
  if (process.platform !== "linux") return 0;
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (Deno.build.os === "windows") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has gone already.
  }
}
