/**
 * The process of one contender. A server says on which port it listens; a client waits to be told one.
 *
 * @module
 */

import process from "node:process";
import { answerLines } from "../lines.ts";
import type { Count } from "../load/main.ts";
import type { Load } from "../load/load.ts";

/** What the main script says; `start`, `count` and `stop` to clients only. */
export type SubjectCommand =
  | { readonly type: "usage" }
  | { readonly type: "longest-block" }
  | { readonly type: "start"; readonly port: number }
  | { readonly type: "count" }
  | { readonly type: "stop" };

/** What a process has used. */
export interface Usage {
  /** CPU time of all its threads so far, in microseconds. */
  readonly cpuUs: number;
  /** Resident memory, in bytes. */
  readonly memoryBytes: number;
}

/** Since the last time it was asked: how long the event loop did nothing else at most, in milliseconds. */
export type LongestBlock = number;

/** A server in a process of its own. */
export interface Elsewhere {
  readonly port: number;
  /** What that process has used. */
  usage(): Usage;
}

/** A server: resolves with its port. */
export type StartServer = () => Promise<number | Elsewhere>;
/** A client: begins to send requests to a port. */
export type StartClient = (port: number) => Load;

const [, , file = "", name = ""] = process.argv;
const { [name]: start } = await import(`./${file}.ts`) as Record<string, StartServer | StartClient>;
let load: Load | null = null;
let elsewhere: Elsewhere | null = null;

let longestBlockMs = 0;
let lastTickMs = performance.now();

/** Looks at the clock every few milliseconds, from when it is asked for the first time. */
function watchEventLoop(): void {
  const tick = (): void => {
    const now = performance.now();
    longestBlockMs = Math.max(longestBlockMs, now - lastTickMs);
    lastTickMs = now;
  };
  lastTickMs = performance.now();
  watching ??= setInterval(tick, 2);
  tick();
}

let watching: unknown = null;

function usage(): Usage {
  if (elsewhere !== null) return elsewhere.usage();
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, memoryBytes: process.memoryUsage().rss };
}

async function obey(command: SubjectCommand): Promise<unknown> {
  switch (command.type) {
    case "usage":
      return usage();
    case "longest-block": {
      if (watching !== null) watchEventLoop();
      const longest: LongestBlock = longestBlockMs;
      watchEventLoop();
      longestBlockMs = 0;
      return longest;
    }
    case "start":
      load = (start as StartClient)(command.port);
      return;
    case "count":
      return { count: load!.count(), ms: performance.now(), cpuUs: usage().cpuUs } satisfies Count;
    case "stop":
      await load!.stop();
      return;
    default:
      return command satisfies never;
  }
}

/** The files whose contenders are the load themselves. */
const clients: readonly string[] = ["client", "codec"];
const server = clients.includes(file) ? null : await (start as StartServer)();
if (typeof server === "object") elsewhere = server;
process.stdout.write(`${JSON.stringify({ port: elsewhere?.port ?? server })}\n`);
await answerLines((command) => obey(command as SubjectCommand));
