/**
 * Clients of HTTP/1.1 that break off, stall, flood and leave at any byte, over transports that do the same, against handlers that do
 * anything at any moment: nothing is left, and nothing waits without end.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { duplexPair } from "../../src/duplex/pair.ts";
import { serveConnection, type ServerConnection } from "../../src/http1/server_connection.ts";
import { assertOver, type CommonStep, Reading, take } from "../support/adversary_scene.ts";
import { callbacksOf, handlerOf, PLAN, type Plan } from "../support/adversary_plans.ts";
import { FOREIGN_TRANSPORT, handedIn } from "../support/foreign_transport.ts";
import { Ledger } from "../support/h2_ledger.ts";
import { rounds } from "../support/rounds.ts";
import { FakeClock, turns, wire } from "../support/wire.ts";

const KINDS = ["GET", "HEAD", "CLOSE", "LENGTH", "CHUNKED", "EXPECT", "CONNECT", "UPGRADE", "POSTED UPGRADE"] as const;

type Step =
  | { readonly type: "open"; readonly kind: (typeof KINDS)[number]; readonly cut: number; readonly plan: Plan }
  | { readonly type: "body" | "rest" | "noise"; readonly size: number }
  | { readonly type: "shutdown" | "dispose" }
  | CommonStep;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("open" as const),
      kind: fc.constantFrom(...KINDS),
      cut: fc.oneof({ weight: 3, arbitrary: fc.constant(Infinity) }, fc.nat(60)),
      plan: PLAN,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom("body" as const, "rest" as const), size: fc.nat(30_000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("noise" as const), size: fc.nat(50) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom("pause" as const, "pause", "pause", "stop-reading", "read", "shutdown", "dispose"),
    }) as fc.Arbitrary<Step>,
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("time" as const), ms: fc.constantFrom(10, 1000, 70_000) }) },
);

const scene = fc.record({
  steps: fc.array(step, { maxLength: 30, size: "max" }),
  readBytes: fc.constantFrom(1, 1000, 65_536),
  capacityBytes: fc.constantFrom(1, 65_536),
  finish: fc.constantFrom("fin", "abort", "silence"),
  pipelined: fc.boolean(),
  pipelineFlush: fc.boolean(),
  transport: FOREIGN_TRANSPORT,
  onError: fc.constantFrom("nothing", "nothing", "shutdown", "abort", "throw"),
  requestTimeoutMs: fc.constantFrom(0, 500),
});
type Scene = typeof scene extends fc.Arbitrary<infer Value> ? Value : never;

test("any client against any handlers over HTTP/1.1: nothing is left when the connection is over", async () => {
  await fc.assert(fc.asyncProperty(scene, attack), rounds(60));
});

async function attack(scene: Scene): Promise<void> {
  const { steps, finish, pipelined, transport, onError, pipelineFlush, requestTimeoutMs, ...pair } = scene;
  const [near, far] = duplexPair(pair);
  const clock = new FakeClock();
  const ledger = new Ledger();
  const plans = steps.flatMap((each) => each.type === "open" ? [each.plan] : []);
  const connection: ServerConnection = serveConnection(
    handedIn(far, transport),
    handlerOf(plans, ledger, () => connection),
    {
      clock,
      pipelineFlush,
      requestTimeoutMs,
      ...callbacksOf(plans, onError, ledger, () => connection),
    },
  );
  const reading = new Reading();
  const reader = (async () => {
    try {
      while (await near.read() !== null) await reading.mayGoOn;
    } catch {
      // it is cut
    }
  })();
  let batch = "";
  let writing = Promise.resolve();
  const flush = () => {
    const bytes = wire(batch);
    batch = "";
    writing = writing.then(() => near.write(bytes)).catch(() => {});
  };
  const send = async (text: string) => {
    batch += text;
    if (pipelined) return;
    flush();
    await turns();
  };
  let nth = 0;
  for (const each of steps) {
    if (each.type === "pause" || each.type === "time") flush();
    switch (each.type) {
      case "open":
        await send(requestOf(each.kind, nth++).slice(0, each.cut));
        break;
      case "body":
        await send(`${each.size.toString(16)}¶${"x".repeat(each.size)}¶`);
        break;
      case "rest":
        await send(each.size % 2 === 0 ? "0¶¶" : "x".repeat(20));
        break;
      case "noise":
        await send("\0 ¶".repeat(each.size));
        break;
      case "shutdown":
        connection.gracefulShutdown();
        break;
      case "dispose":
        ledger.run(() => connection[Symbol.asyncDispose]() as Promise<void>);
        break;
      default:
        await take(each, reading, clock);
    }
  }
  flush();
  await turns();
  if (finish === "fin") {
    reading.goOn();
    writing.then(() => near.closeWrite()).catch(() => {});
  } else if (finish === "abort") near.abort();
  for (let minute = 0; minute < 3; minute++) await clock.advance(60_000);
  near.abort(); // handlers, bodies and protocols may go on for as long as they like
  if (transport.over === "streams") { // which tell nothing while they are not read
    connection.abort();
    ledger.cut();
  }
  reading.goOn();
  await turns();
  await clock.advance(10_000);
  await assertOver(connection, ledger);
  await reader;
  ledger.settled();
  assertEquals(clock.pending, 0);
}

function requestOf(kind: (typeof KINDS)[number], nth: number): string {
  const rest = `HTTP/1.1¶Host: a¶X-Nth: ${nth}¶`;
  switch (kind) {
    case "GET":
    case "HEAD":
      return `${kind} / ${rest}¶`;
    case "CLOSE":
      return `GET / ${rest}Connection: close¶¶`;
    case "LENGTH":
      return `POST / ${rest}Content-Length: 20¶¶`;
    case "CHUNKED":
      return `POST / ${rest}Transfer-Encoding: chunked¶¶`;
    case "EXPECT":
      return `POST / ${rest}Content-Length: 20¶Expect: 100-continue¶¶`;
    case "CONNECT":
      return `CONNECT b:1 ${rest}¶`;
    case "UPGRADE":
      return `GET / ${rest}Connection: upgrade¶Upgrade: echo¶¶`;
    case "POSTED UPGRADE":
      return `POST / ${rest}Connection: upgrade¶Upgrade: echo¶Content-Length: 20¶¶`;
  }
}
