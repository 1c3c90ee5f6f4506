/**
 * Servers of HTTP/1.1 that break off, stall and answer whatever they like, over transports that do the same, against a client that asks,
 * gives up and leaves at any point: nothing is left, and nothing waits without end.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { CountedSignals } from "../../scripts/soak/measure.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import { assertOver, type CommonStep, Reading, READING_STEP, take } from "../support/adversary_scene.ts";
import { ask, ASKING, type Asking } from "../support/adversary_asking.ts";
import { FOREIGN_TRANSPORT, handedIn } from "../support/foreign_transport.ts";
import { Ledger } from "../support/h2_ledger.ts";
import { rounds } from "../support/rounds.ts";
import { FakeClock, turns, wire } from "../support/wire.ts";

const HEADS: readonly string[] = [
  "HTTP/1.1 200 OK¶Content-Length: 20¶¶",
  "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶",
  "HTTP/1.1 200 OK¶¶",
  "HTTP/1.1 204 No Content¶¶",
  "HTTP/1.1 200 OK¶Content-Length: 0¶Connection: close¶¶",
  "HTTP/1.1 100 Continue¶¶",
  "HTTP/1.1 103 Early Hints¶¶",
  "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo¶¶",
  "HTTP/1.1 403 Forbidden¶Content-Length: 0¶¶",
  "HTTP/1.1 417 Expectation Failed¶Content-Length: 0¶¶",
  "HTTP/1.0 200 OK¶¶",
];

type Step =
  | Asking
  | { readonly type: "head"; readonly which: number; readonly cut: number }
  | { readonly type: "chunk" | "rest" | "noise" | "abort-signal"; readonly size: number }
  | { readonly type: "shutdown" | "abort" | "dispose" }
  | CommonStep;

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: ASKING },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("head" as const),
      which: fc.nat(HEADS.length - 1),
      cut: fc.oneof({ weight: 5, arbitrary: fc.constant(Infinity) }, fc.nat(30)),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom("chunk" as const, "rest", "rest", "abort-signal"),
      size: fc.nat(30_000),
    }) as fc.Arbitrary<Step>,
  },
  { weight: 4, arbitrary: READING_STEP },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.record({ type: fc.constantFrom("shutdown" as const, "abort", "dispose") }) as fc.Arbitrary<Step>,
      fc.record({ type: fc.constant("noise" as const), size: fc.nat(40) }) as fc.Arbitrary<Step>,
      fc.record({ type: fc.constant("time" as const), ms: fc.constantFrom(10, 1500, 70_000) }),
    ),
  },
);

const scene = fc.record({
  steps: fc.array(step, { maxLength: 25, size: "max" }),
  readBytes: fc.constantFrom(1, 1000, 65_536),
  capacityBytes: fc.constantFrom(1, 65_536),
  finish: fc.constantFrom("fin", "abort", "own-abort"),
  transport: FOREIGN_TRANSPORT,
});
type Scene = typeof scene extends fc.Arbitrary<infer Value> ? Value : never;

test("a client against any server over HTTP/1.1: nothing is left when the connection is over", async () => {
  await fc.assert(fc.asyncProperty(scene, attack), rounds(60));
});

async function attack({ steps, finish, transport, ...pair }: Scene): Promise<void> {
  const [near, far] = duplexPair(pair);
  const clock = new FakeClock();
  const signals = new CountedSignals();
  const ledger = new Ledger();
  const { connection } = handshake(handedIn(near, transport), { clock });
  const reading = new Reading();
  const reader = (async () => {
    try {
      while (await far.read() !== null) await reading.mayGoOn;
    } catch {
      // it is cut
    }
  })();
  let writing = Promise.resolve();
  const send = async (text: string) => {
    writing = writing.then(() => far.write(wire(text))).catch(() => {});
    await turns();
  };
  const controllers: AbortController[] = [];
  for (const each of steps) {
    switch (each.type) {
      case "ask": {
        const controller = signals.controller();
        if (each.signal) controllers.push(controller);
        ledger.run(() => ask(connection, each, controller, ledger));
        await turns();
        break;
      }
      case "head":
        await send(HEADS[each.which]!.slice(0, each.cut));
        break;
      case "chunk":
        await send(`${each.size.toString(16)}¶${"x".repeat(each.size)}¶`);
        break;
      case "rest":
        await send(each.size % 2 === 0 ? "0¶¶" : "x".repeat(20));
        break;
      case "noise":
        await send("\0 ¶".repeat(each.size));
        break;
      case "abort-signal":
        controllers.splice(each.size % Math.max(1, controllers.length), 1)[0]?.abort(new Error("enough"));
        await turns();
        break;
      case "shutdown":
        connection.gracefulShutdown();
        break;
      case "abort":
        connection.abort();
        break;
      case "dispose":
        ledger.run(() => connection[Symbol.asyncDispose]());
        break;
      default:
        await take(each, reading, clock);
    }
  }
  await turns();
  if (finish === "fin") writing.then(() => far.closeWrite()).catch(() => {});
  else if (finish === "abort") far.abort();
  else connection.abort();
  reading.goOn();
  for (let minute = 0; minute < 3; minute++) await clock.advance(60_000);
  far.abort(); // protocols, and bodies that are not read, may stay for as long as they like
  await turns();
  connection.abort();
  ledger.cut();
  await clock.advance(10_000);
  await assertOver(connection, ledger);
  await reader;
  ledger.settled();
  assertEquals([clock.pending, signals.listeners], [0, 0]);
}
