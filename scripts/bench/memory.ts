/**
 * What an idle connection costs: each contender holds thousands of WebSockets that have exchanged one message.
 *
 * ```sh
 * deno task bench:memory [--runtime=deno,bun,node] [--connections=5000]
 * ```
 *
 * @module
 */

import { prepare, type Runtime, type RuntimeName } from "../testing/runtimes.ts";
import { killChildrenOnInterrupt } from "../testing/process.ts";
import { type Contender, webSocketEchoers } from "./catalogue.ts";
import { Child } from "./child.ts";
import { parseOptions } from "./command_line.ts";
import type { Usage } from "./subjects/main.ts";
import { prepareWs } from "./ws_package.ts";

const options = parseOptions(["runtime", "connections"]);
const connections = Number(options.get("connections") ?? 5000);

killChildrenOnInterrupt();
await prepareWs();
const generatorRuntime = await prepare("bun");
console.log(`Resident memory for each of ${connections} idle WebSockets.\n`);
console.log("| runtime | contender | KiB | with permessage-deflate, after one compressed message |\n|---|---|---|---|");
for (const name of options.get("runtime")?.split(",") ?? ["deno", "bun", "node"]) {
  const runtime = await prepare(name as RuntimeName);
  const compressed = webSocketEchoers(runtime, true);
  for (const [index, contender] of webSocketEchoers(runtime, false).entries()) {
    if (contender.title === "events") continue;
    const plain = await kibibytes(runtime, contender, false);
    const twin = compressed.find(({ title }) => title === contender.title) ?? compressed[index];
    const deflated = twin?.title === contender.title ? String(await kibibytes(runtime, twin, true)) : "–";
    console.log(`| ${runtime.title} | ${contender.title} | ${plain} | ${deflated} |`);
  }
}

async function kibibytes(runtime: Runtime, contender: Contender, deflate: boolean): Promise<number> {
  await using server = new Child(runtime, "scripts/bench/subjects/main.ts", contender.start.split("."));
  await using generator = new Child(generatorRuntime, "scripts/bench/load/main.ts", []);
  const { port } = await server.line() as { port: number };
  const resident = async (): Promise<number> => (await server.ask({ type: "usage" }) as Usage).memoryBytes;
  const hold = (count: number) => generator.ask({ type: "hold-messages", port, connections: count, deflate });
  await hold(1000);
  const before = await resident();
  await hold(connections);
  return Math.round((await resident() - before) / connections / 102.4) / 10;
}
