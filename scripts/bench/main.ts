/**
 * The benchmarks: `deno task bench [--quick] [--only=hello,handshake] [--runtime=deno,bun,node] [--json]
 * [--profile=folder]`.
 *
 * What counts are ratios: ours and a peer, in turn, in the same run. Nothing is asserted.
 *
 * @module
 */

import { killChildrenOnInterrupt } from "../testing/process.ts";
import { prepare, type Runtime, type RuntimeName } from "../testing/runtimes.ts";
import { catalogue } from "./catalogue.ts";
import { measure, type Pace } from "./measure.ts";
import { compare, tableHead, tableRow } from "./report.ts";

const usual: Pace = { rounds: 9, sliceMs: 1000, warmUpMs: 2000, settleMs: 200 };
const quick: Pace = { rounds: 5, sliceMs: 300, warmUpMs: 700, settleMs: 100 };

const options = new Map(Deno.args.map((argument) => {
  const [, name = "", value = ""] = /^--([\w-]+)(?:=(.*))?$/.exec(argument) ?? [];
  if (!["quick", "only", "runtime", "json", "profile"].includes(name)) {
    throw new Error(`There is no option ${argument}`);
  }
  return [name, value];
}));

killChildrenOnInterrupt();
const only = options.get("only")?.split(",");
const json = options.has("json");
const generator = await prepare("bun");
for (const name of (options.get("runtime") ?? "deno,bun,node").split(",")) {
  await benchRuntime(await prepare(name as RuntimeName));
}

async function benchRuntime(runtime: Runtime): Promise<void> {
  if (!json) console.log(tableHead(runtime.title));
  for (const benchmark of catalogue(runtime, options.has("quick"))) {
    if (only !== undefined && !only.includes(benchmark.name)) continue;
    const pace = options.has("quick") ? quick : usual;
    const measured = await measure(benchmark, runtime, generator, pace, { profile: options.get("profile") });
    for (const row of compare(benchmark, measured)) {
      console.log(json ? JSON.stringify({ runtime: runtime.title, ...row }) : tableRow(row));
    }
  }
  if (!json) console.log();
}
