/**
 * What idle connections cost: resident memory for each of thousands, and how long the event loop is blocked when all of them
 * close at once.
 *
 * ```sh
 * deno task bench:memory [--runtime=deno,bun,node] [--connections=5000]
 * ```
 *
 * @module
 */

import { killChildrenOnInterrupt } from "../testing/process.ts";
import { prepare, type Runtime, type RuntimeName } from "../testing/runtimes.ts";
import { type Contender, webSocketEchoers } from "./catalogue.ts";
import { Child } from "./child.ts";
import { parseOptions } from "./command_line.ts";
import { installPeers } from "./install_peers.ts";
import type { GeneratorCommand } from "./load/main.ts";
import type { LongestBlock, SubjectCommand, Usage } from "./subjects/main.ts";

/** How connections are held. */
type Idle = "keep-alive" | "partial head" | "WebSocket" | "WebSocket, compressed";

const options = parseOptions(["runtime", "connections"]);
const connections = Number(options.get("connections") ?? 5000);
/**
 * Before the count begins: with as many, the heap has the room that its garbage needs. It is made in steps of up to 32 MiB, which
 * would otherwise be counted for those connections during which it happens to grow.
 */
const FIRST_CONNECTIONS = connections;

const httpServers: readonly Contender[] = [
  { title: "serve", start: "hello.serveLight", ours: true },
  { title: "node:http", start: "hello.nodeHttp", ours: false },
];

killChildrenOnInterrupt();
await installPeers();
const generatorRuntime = await prepare("bun");
console.log(`For each of ${connections} idle connections: resident memory, and the longest block of the event loop`);
console.log("when all of them close at once.\n");
console.log("| runtime | connection | contender | KiB | block when all close |\n|---|---|---|---|---|");
for (const name of options.get("runtime")?.split(",") ?? ["deno", "bun", "node"]) {
  const runtime = await prepare(name as RuntimeName);
  for (const idle of ["keep-alive", "partial head"] as const) {
    for (const contender of httpServers) await row(runtime, idle, contender);
  }
  for (const [idle, deflate] of [["WebSocket", false], ["WebSocket, compressed", true]] as const) {
    const contenders = webSocketEchoers(runtime, deflate).filter(({ title }) => title !== "events");
    for (const contender of contenders) await row(runtime, idle, contender);
  }
}

async function row(runtime: Runtime, idle: Idle, contender: Contender): Promise<void> {
  const { kibibytes, blockMs } = await measureIdle(runtime, idle, contender);
  const block = blockMs === null ? "–" : `${blockMs.toFixed(0)} ms`;
  console.log(`| ${runtime.title} | ${idle} | ${contender.title} | ${kibibytes.toFixed(1)} | ${block} |`);
}

async function measureIdle(
  runtime: Runtime,
  idle: Idle,
  contender: Contender,
): Promise<{ kibibytes: number; blockMs: number | null }> {
  await using server = new Child(runtime, "scripts/bench/subjects/main.ts", contender.start.split("."));
  await using generator = new Child(generatorRuntime, "scripts/bench/load/main.ts", []);
  const { port } = await server.line() as { port: number };
  const ask = (command: SubjectCommand): Promise<unknown> => server.ask(command);
  const say = (command: GeneratorCommand): Promise<unknown> => generator.ask(command);
  const hold = (count: number): Promise<unknown> => say(holding(idle, port, count));
  const resident = async (): Promise<number> => (await ask({ type: "usage" }) as Usage).memoryBytes;
  await hold(FIRST_CONNECTIONS);
  const before = await resident();
  await hold(connections);
  const kibibytes = (await resident() - before) / connections / 1024;
  if (idle.startsWith("WebSocket")) return { kibibytes, blockMs: null };
  await ask({ type: "longest-block" });
  await say({ type: "drop-requests" });
  return { kibibytes, blockMs: await ask({ type: "longest-block" }) as LongestBlock };
}

function holding(idle: Idle, port: number, count: number): GeneratorCommand {
  switch (idle) {
    case "keep-alive":
    case "partial head":
      return { type: "hold-requests", port, connections: count, partial: idle === "partial head" };
    case "WebSocket":
    case "WebSocket, compressed":
      return { type: "hold-messages", port, connections: count, deflate: idle === "WebSocket, compressed" };
    default:
      return idle satisfies never;
  }
}
