/**
 * Two ends of a WebSocket that send, ping, close, cut and stall at any moment, over transports that take their time, fail or stop: each is
 * over in the end, nothing that was begun waits on, and no timer is left.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { FOREIGN_TRANSPORT, handedIn } from "../support/foreign_transport.ts";
import { Ledger } from "../support/h2_ledger.ts";
import { rounds } from "../support/rounds.ts";
import { FakeClock, turns } from "../support/wire.ts";

type Step =
  | {
    readonly type:
      | "text"
      | "bytes"
      | "parts"
      | "stalling-parts"
      | "failing-parts"
      | "read"
      | "read-all"
      | "pipe"
      | "discard"
      | "ping"
      | "close"
      | "dispose"
      | "abort";
    readonly end: 0 | 1;
    readonly size: number;
  }
  | { readonly type: "pause" }
  | { readonly type: "time"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constantFrom("text" as const, "bytes", "parts", "read", "read-all", "pipe", "ping"),
      end: fc.constantFrom(0, 1),
      size: fc.oneof(fc.nat(10), fc.nat(3000), fc.nat(200_000)),
    }) as fc.Arbitrary<Step>,
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "close" as const,
        "close",
        "dispose",
        "abort",
        "discard",
        "stalling-parts",
        "failing-parts",
      ),
      end: fc.constantFrom(0, 1),
      size: fc.nat(300_000),
    }) as fc.Arbitrary<Step>,
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("pause" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("time" as const), ms: fc.constantFrom(10, 1500, 70_000) }) },
);

const scene = fc.record({
  steps: fc.array(step, { maxLength: 25, size: "max" }),
  extensions: fc.constantFrom("", "permessage-deflate"),
  readBytes: fc.constantFrom(1, 1000, 65_536),
  capacityBytes: fc.constantFrom(1, 65_536),
  transports: fc.tuple(FOREIGN_TRANSPORT, FOREIGN_TRANSPORT),
  pingIntervalMs: fc.constantFrom(0, 1000),
  idleTimeoutMs: fc.constantFrom(0, 5000),
});
type Scene = typeof scene extends fc.Arbitrary<infer Value> ? Value : never;

test("two ends of a WebSocket over any transports: each is over in the end, and nothing waits on [W17, L3]", async () => {
  await fc.assert(fc.asyncProperty(scene, attack), rounds(60));
});

async function attack(scene: Scene): Promise<void> {
  const { steps, extensions, readBytes, capacityBytes, transports, ...times } = scene;
  const pair = duplexPair({ readBytes: readBytes === 1 ? 100 : readBytes, capacityBytes });
  const clock = new FakeClock();
  const ledger = new Ledger();
  const ends = [0, 1].map((end) =>
    webSocketOver(handedIn(pair[end]!, transports[end]!), {
      role: end === 0 ? "client" : "server",
      extensions,
      clock,
      ...times,
    })
  );
  for (const each of steps) {
    if (each.type === "pause") await turns();
    else if (each.type === "time") await clock.advance(each.ms);
    else ledger.run(() => act(ends[each.type === "pipe" ? 1 : each.end]!, each).catch((error) => ledger.report(error)));
  }
  await turns();
  for (let minute = 0; minute < 2; minute++) await clock.advance(60_000);
  for (const end of ends) end.abort();
  await clock.advance(20_000);
  const closed = await Promise.race([Promise.all(ends.map(({ closed }) => closed)), turns().then(turns)]);
  assert(closed !== undefined, "both ends are over");
  for (let i = 0; i < 10 && !ledger.clean; i++) await turns();
  ledger.settled();
  assertEquals(clock.pending, 0);
}

type EndStep = Extract<Step, { end: 0 | 1 }>;

/** Only one end echoes: two in memory would give no other turn to the event loop. */
async function act(io: WebSocketConnection, { type, size }: EndStep): Promise<void> {
  switch (type) {
    case "text":
      return await io.write("é".repeat(size / 2));
    case "bytes":
      return await io.write(new Uint8Array(size));
    case "parts":
    case "stalling-parts":
    case "failing-parts":
      return await io.writeParts((async function* () {
        yield new Uint8Array(size);
        await null;
        yield new Uint8Array(10);
        if (type === "stalling-parts") await new Promise(() => {});
        if (type === "failing-parts") throw new Error("the parts have failed");
      })());
    case "read":
      return void await io.read();
    case "read-all":
      for await (const _ of io);
      return;
    case "pipe":
      return io.readable.locked ? undefined : await io.readable.pipeTo(io.writable as WritableStream<unknown>);
    case "discard":
      return io.discard();
    case "ping":
      return await io.ping();
    case "close":
      return void await io.close(size % 2 === 0 ? {} : { closeCode: 4000, reason: "enough" });
    case "dispose":
      return await io[Symbol.asyncDispose]();
    case "abort":
      return io.abort();
  }
}
