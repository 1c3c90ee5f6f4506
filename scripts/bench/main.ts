/**
 * The benchmarks. What counts are ratios of ours and others, measured in turn in the same run; nothing is asserted.
 *
 * ```sh
 * deno task bench [--quick] [--only=hello,handshake] [--runtime=deno,bun,node] [--json] [--profile=folder]
 * ```
 *
 * `--quick` takes seconds for each benchmark instead of half a minute, `--json` writes a line for each comparison, and
 * `--profile` writes a CPU profile for each contender.
 *
 * @module
 */

import { killChildrenOnInterrupt } from "../testing/process.ts";
import { prepare, type Runtime, type RuntimeName } from "../testing/runtimes.ts";
import { catalogue } from "./catalogue.ts";
import { generatorCost, measure, type Pace } from "./measure.ts";
import { compare, tableHead, tableRow } from "./report.ts";

const usualPace: Pace = { rounds: 9, sliceMs: 700, warmUpMs: 4000, settleMs: 100 };
const quickPace: Pace = { rounds: 5, sliceMs: 150, warmUpMs: 1200, settleMs: 50 };

const options = readOptions();
const quick = options.has("quick");
const json = options.has("json");
const only = options.get("only")?.split(",");

killChildrenOnInterrupt();
const generatorRuntime = await prepare("bun");
if (!json) await introduce();
for (const name of options.get("runtime")?.split(",") ?? ["deno", "bun", "node"]) {
  await benchRuntime(await prepare(name as RuntimeName));
}

function readOptions(): Map<string, string> {
  const known = ["quick", "only", "runtime", "json", "profile"];
  return new Map(Deno.args.map((argument) => {
    const [, name = "", value = ""] = /^--([a-z]+)(?:=(.*))?$/.exec(argument) ?? [];
    if (!known.includes(name)) {
      throw new TypeError(`Cannot understand ${argument}: it is none of --${known.join(" --")}`);
    }
    return [name, value];
  }));
}

async function introduce(): Promise<void> {
  const cost = await generatorCost(generatorRuntime);
  console.log([
    `${
      new Date().toISOString().slice(0, 10)
    }, ${Deno.build.os} ${Deno.build.arch}, ${navigator.hardwareConcurrency} CPUs,`,
    `load from ${generatorRuntime.title} (${cost.toFixed(1)} µs CPU for a request).`,
    "A ratio above 1 means that ours is faster: the median of the rounds, in which contenders take turns.",
  ].join(" "));
  console.log();
}

async function benchRuntime(runtime: Runtime): Promise<void> {
  if (!json) console.log(tableHead(runtime.title));
  const pace = quick ? quickPace : usualPace;
  const stage = { runtime, generatorRuntime, pace, options: { profile: options.get("profile") } };
  for (const benchmark of catalogue(runtime, quick)) {
    if (only !== undefined && !only.includes(benchmark.name)) continue;
    for (const row of compare(benchmark, await measure(benchmark, stage))) {
      console.log(json ? JSON.stringify({ runtime: runtime.title, ...row }) : tableRow(row));
    }
  }
  if (!json) console.log();
}
