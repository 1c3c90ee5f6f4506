/**
 * What is measured against what.
 *
 * @module
 */

import type { Runtime } from "../testing/runtimes.ts";
import type { LoadPlan } from "./load/main.ts";

/** The one whose speed is measured: a server with its protocol. */
export interface Contender {
  /** For the table. */
  readonly title: string;
  /** `file.function` in `servers/`. */
  readonly server: string;
  /** What comes before what is measured. */
  readonly preface: "none" | "upgrade";
}

/** One measurement: ours, which comes first, and those to compare with. */
export interface Benchmark {
  /** What `--only=` takes. */
  readonly name: string;
  /** For the table. */
  readonly title: string;
  /** What the count counts. */
  readonly unit: "ops" | "bytes";
  /** What the clients do. */
  readonly plan: LoadPlan;
  /** How many connections that have switched are open besides. */
  readonly held: number;
  /** Who takes part. */
  readonly contenders: readonly Contender[];
}

const nodeHttpHello: Contender = { title: "node:http", server: "hello.nodeHttp", preface: "none" };
const rawHello: Contender = { title: "raw socket, fixed answer", server: "raw.fixedAnswer", preface: "none" };
const channelEcho: Contender = { title: "ours", server: "upgrade.channel", preface: "upgrade" };
const streamsEcho: Contender = { title: "ours, web streams", server: "upgrade.streams", preface: "upgrade" };
const nodeHttpEcho: Contender = { title: "node:http", server: "upgrade.nodeHttp", preface: "upgrade" };
const rawEcho: Contender = { title: "raw socket", server: "raw.echo", preface: "none" };

/** All that is measured on a runtime. */
export function catalogue({ name }: Runtime, quick: boolean): Benchmark[] {
  const served: Contender[] = name === "deno" || name === "bun"
    ? [{ title: name === "deno" ? "Deno.serve" : "Bun.serve", server: "hello.platform", preface: "none" }]
    : [];
  const open = quick ? 500 : 5000;
  const handshakes = { unit: "ops", plan: { type: "handshakes" }, contenders: [channelEcho, nodeHttpEcho] } as const;
  const echoes = { held: 0, contenders: [channelEcho, streamsEcho, nodeHttpEcho, rawEcho] };
  return [
    {
      name: "hello",
      title: "keep-alive requests",
      unit: "ops",
      plan: { type: "requests" },
      held: 0,
      contenders: [{ title: "ours", server: "hello.ours", preface: "none" }, nodeHttpHello, ...served, rawHello],
    },
    { name: "handshake", title: "upgrades", held: 0, ...handshakes },
    { name: "handshake-open", title: `upgrades while ${open} are open`, held: open, ...handshakes },
    {
      name: "round-trips",
      title: "round trips of 64 bytes, 32 connections",
      unit: "ops",
      plan: { type: "round-trips", connections: 32, bytes: 64 },
      ...echoes,
    },
    {
      name: "round-trip",
      title: "round trips of 64 bytes, one connection",
      unit: "ops",
      plan: { type: "round-trips", connections: 1, bytes: 64 },
      ...echoes,
    },
    {
      name: "bulk",
      title: "bulk echo, one connection",
      unit: "bytes",
      plan: { type: "bulk", connections: 1 },
      ...echoes,
    },
  ];
}
