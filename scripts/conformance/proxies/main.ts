/**
 * Who passes what unharmed: plays the same exchanges through every reverse proxy that is here, with raw bytes at both ends,
 * and prints what it has seen as a table.
 *
 * ```sh
 * deno task conformance:proxies [--only=part of a title]
 * ```
 *
 * @module
 */

import { Child } from "../../bench/child.ts";
import { bundle } from "../../testing/bundle.ts";
import { installProgram } from "../../testing/npm.ts";
import { killChildrenOnInterrupt } from "../../testing/process.ts";
import { exists, projectRoot } from "../../testing/project.ts";
import { prepare, type RuntimeName } from "../../testing/runtimes.ts";
import { type Column, table } from "../table.ts";
import { merge, right, type Verdict, wrong } from "../verdict.ts";
import { exchanges } from "./exchanges.ts";
import { flows } from "./flows.ts";
import { judge } from "./judge.ts";
import { type Backend, dialPeer, listenPeers } from "./peer.ts";
import { haproxyConfig, nginxConfig, proxyFolder, proxyPeers } from "./peers.ts";
import { play } from "./play.ts";

const entry = "scripts/conformance/proxies/subjects/main.ts";
const directory = `.cache/conformance-${Deno.pid}`;
const only = /^--only=(.*)$/.exec(Deno.args[0] ?? "--only=")?.[1] ?? "";

/** A proxy that runs. */
interface RunningProxy extends AsyncDisposable {
  readonly port: number;
}

/** A column: how to start it in front of a port. */
interface Subject {
  readonly title: string;
  /** By where it runs: the worst of them counts. */
  readonly places: ReadonlyMap<string, (to: number) => Promise<RunningProxy>>;
}

await Deno.mkdir(new URL(directory, projectRoot), { recursive: true });
killChildrenOnInterrupt(() => Deno.removeSync(new URL(directory, projectRoot), { recursive: true }));
try {
  const subjects = (await ready()).filter(({ title, places }) => title.includes(only) && places.size > 0);
  const columns: Column[] = [];
  for (const subject of subjects) columns.push(await measured(subject));
  console.log(table("reverse proxies pass unharmed", [...exchanges, ...flows], columns));
} finally {
  await Deno.remove(new URL(directory, projectRoot), { recursive: true });
}

/** What can be had. */
async function ready(): Promise<Subject[]> {
  const bundled = (await bundle([entry], directory, [])).get(entry)!;
  if ("error" in bundled) throw new Error(`Cannot bundle ${entry}\n${bundled.error}`);
  const ours = new Map<string, (to: number) => Promise<RunningProxy>>();
  const others: Subject[] = [];
  for (const name of ["deno", "bun", "node", "node20"] as const satisfies readonly RuntimeName[]) {
    const runtime = await prepare(name).catch((error) => void console.error(`No ${name}: ${error.message}`));
    if (runtime === undefined) continue;
    const start = (subject: string) => async (to: number): Promise<RunningProxy> => {
      const child = new Child(runtime, name === "deno" ? entry : bundled.entry, [subject, String(to)]);
      const { port } = await child.line() as { port: number };
      return { port, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
    };
    ours.set(runtime.title, start("ours"));
    if (name !== "node") continue;
    for (const [peer, { specifiers, program }] of Object.entries(proxyPeers)) {
      const folder = proxyFolder(peer);
      if (!await exists(`${folder}/${program}`)) await installProgram(specifiers, folder, program);
      others.push({ title: peer, places: new Map([[runtime.title, start(peer)]]) });
    }
  }
  return [{ title: "http-upgrade", places: ours }, ...others, nginx(), haproxy()];
}

function nginx(): Subject {
  return program("nginx", (port, to, folder) => ["-p", folder, "-c", written(folder, nginxConfig(port, to, folder))]);
}

function haproxy(): Subject {
  return program("haproxy", (port, to, folder) => ["-db", "-f", written(folder, haproxyConfig(port, to))]);
}

function written(folder: string, config: string): string {
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(`${folder}/config`, config);
  return `${folder}/config`;
}

/** A program of the system; no column where it is not installed. */
function program(name: string, args: (port: number, to: number, folder: string) => string[]): Subject {
  const start = async (to: number): Promise<RunningProxy> => {
    const free = await listenPeers();
    const { port } = free;
    await free.close();
    const folder = new URL(`${directory}/${name}`, projectRoot).pathname;
    const child = new Deno.Command(name, { args: args(port, to, folder), stdout: "null", stderr: "null" }).spawn();
    await until(port);
    return {
      port,
      [Symbol.asyncDispose]: async () => {
        child.kill("SIGTERM");
        await child.status;
      },
    };
  };
  try {
    new Deno.Command(name, { args: ["-v"], stdout: "null", stderr: "null" }).outputSync();
  } catch {
    return { title: name, places: new Map() };
  }
  return { title: name, places: new Map([[name, start]]) };
}

/** Waits until something listens. */
async function until(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      return (await dialPeer(port)).close();
    } catch {
      await pause(50);
    }
  }
  throw new Error(`Nothing listens at port ${port}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function measured({ title, places }: Subject): Promise<Column> {
  const all = new Map<string, Verdict[]>();
  for (const [place, start] of places) all.set(place, await verdicts(title, start));
  const rows = [...exchanges, ...flows].map((_, row) =>
    merge(new Map([...all].map(([place, verdicts]) => [place, verdicts[row]!])))
  );
  const passed = rows.filter(({ mark }) => mark === "✓").length;
  return { title: `${title} (${passed}/${rows.length})`, verdicts: rows };
}

async function verdicts(title: string, start: (to: number) => Promise<RunningProxy>): Promise<Verdict[]> {
  const backend = await listenPeers();
  await using proxy = await start(backend.port);
  const found: Verdict[] = [];
  for (const exchange of exchanges) {
    found.push(
      await tried(title, exchange.title, backend, async () =>
        judge(
          exchange,
          await play(() => dialPeer(proxy.port), backend, exchange, "whole"),
        )),
    );
  }
  for (const { title: about, play } of flows) {
    found.push(
      await tried(title, about, backend, async () => {
        await play({ dial: () => dialPeer(proxy.port), backend });
        return right();
      }),
    );
  }
  await backend.close();
  return found;
}

/** Behind what has failed both ends begin anew: nothing of it may reach the next one. */
async function tried(who: string, about: string, backend: Backend, run: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await run();
  } catch (error) {
    const { message } = error as Error;
    console.error(`${who}: ${about}: ${message}`);
    return wrong("");
  } finally {
    await backend.clear();
    await pause(30);
  }
}
