/**
 * The benchmarks. What counts are ratios of ours and others, measured in turn in the same run; nothing is asserted.
 *
 * ```sh
 * deno task bench [--quick] [--only=hello,handshake] [--runtime=deno,bun,node] [--json] [--picture=file.svg] [--profile=folder]
 * ```
 *
 * `--quick` takes four minutes for a runtime instead of half an hour, `--json` writes a line for each comparison,
 * `--picture` draws the ratios, and `--profile` writes a CPU profile for each contender. Where others use the machine as well, trust the ratios by CPU time.
 *
 * @module
 */

import { killChildrenOnInterrupt } from "../testing/process.ts";
import { Progress, say } from "../testing/progress.ts";
import { prepare, type Runtime, type RuntimeName } from "../testing/runtimes.ts";
import { type Benchmark, catalogue } from "./catalogue.ts";
import { parseOptions } from "./command_line.ts";
import { generatorCost, measure, type Pace } from "./measure.ts";
import { type Panel, picture } from "./picture.ts";
import { compare, type Row, tableHead, tableRow } from "./report.ts";
import { installPeers } from "./install_peers.ts";

const usualPace: Pace = { rounds: 9, sliceMs: 400, warmUpMs: 4000, settleMs: 100 };
const quickPace: Pace = { rounds: 5, sliceMs: 120, warmUpMs: 800, settleMs: 30 };

const options = parseOptions(["quick", "only", "runtime", "json", "picture", "profile"]);
const quick = options.has("quick");
const json = options.has("json");
const only = options.get("only")?.split(",");

killChildrenOnInterrupt();
await installPeers();
const generatorRuntime = await prepare("bun");
if (!json) await introduce();
const panels: Panel[] = [];
for (const name of options.get("runtime")?.split(",") ?? ["deno", "bun", "node"]) {
  const runtime = await prepare(name as RuntimeName).catch((error) => console.error(`No ${name}: ${error.message}`));
  if (runtime !== undefined) panels.push({ title: runtime.title, rows: await benchRuntime(runtime) });
}
if (!json) console.log(`Load of the machine at the end: ${load()}.`);
const file = options.get("picture");
if (file !== undefined) {
  await Deno.writeTextFile(file, picture(panels, "Ours ÷ theirs, by CPU time: right of the line is faster"));
}

async function introduce(): Promise<void> {
  const day = new Date().toISOString().slice(0, 10);
  const machine = `${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} CPUs`;
  const cost = await generatorCost(generatorRuntime);
  console.log(`${day}, ${machine}, load from ${generatorRuntime.title} (${cost.toFixed(1)} µs CPU for a request).`);
  console.log(`Load of the machine at the beginning: ${load()} (it has ${navigator.hardwareConcurrency} CPUs).`);
  if (congestionControl() === "bbr") {
    console.log("TCP is paced here (bbr), on loopback too: with cubic less of the system is measured.");
  }
  console.log("A ratio above 1 means that ours is faster: the median of the rounds, in which contenders take turns.\n");
}

/** How many processes want to run, on average over 1, 5 and 15 minutes. */
function load(): string {
  return Deno.loadavg().map((average) => average.toFixed(1)).join(", ");
}

/** How the system keeps TCP from sending too much; `null` where that is not told. */
function congestionControl(): string | null {
  try {
    return Deno.readTextFileSync("/proc/sys/net/ipv4/tcp_congestion_control").trim();
  } catch {
    return null;
  }
}

async function benchRuntime(runtime: Runtime): Promise<Row[]> {
  if (!json) console.log(tableHead(runtime.title));
  const pace = quick ? quickPace : usualPace;
  const benchmarks = chosen(catalogue(runtime, quick));
  let now = "";
  let steps = "";
  const onStep = (done: number, all: number): void => void (steps = `${done}/${all}`);
  const stage = { runtime, generatorRuntime, pace, options: { profile: options.get("profile") }, onStep };
  const rows: Row[] = [];
  const progress = new Progress(() => `${runtime.title}: ${now}, ${steps} of its slices`);
  for (const [index, benchmark] of benchmarks.entries()) {
    now = `${benchmark.name}, ${index + 1} of ${benchmarks.length}`;
    for (const row of compare(benchmark, await measure(benchmark, stage))) {
      rows.push(row);
      say(json ? JSON.stringify({ runtime: runtime.title, ...row }) : tableRow(row));
    }
  }
  progress.stop();
  if (!json) console.log();
  return rows;
}

function chosen(benchmarks: readonly Benchmark[]): readonly Benchmark[] {
  if (only === undefined) return benchmarks;
  const names = benchmarks.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new TypeError(`There is no benchmark ${unknown}: it is none of ${names.join(", ")}`);
  return benchmarks.filter(({ name }) => only.includes(name));
}
