/**
 * Servers that break off, stall, flood, and end everything in every state, against a client that asks, gives up and leaves at any point:
 * nothing is left, nothing waits without end, and what the client sends is HTTP/2 in every case. RFC 9113 §5.1, §5.4, §6.8, §8.1;
 * RFC 8441 §4.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { CountedSignals } from "../../scripts/soak/measure.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { handshake } from "../../src/http2/client_connection.ts";
import { assertOver, type CommonStep, Reading, READING_STEP, take } from "../support/adversary_scene.ts";
import { FOREIGN_TRANSPORT, handedIn, mayStop } from "../support/foreign_transport.ts";
import { FrameOrder } from "../support/h2_frame_order.ts";
import { ask, ASKING, type Asking } from "../support/adversary_asking.ts";
import { Ledger } from "../support/h2_ledger.ts";
import { goaway, headers, ping, raw, settings, settingsAck, windowUpdate } from "../support/h2_wire.ts";
import { chosenStream, controlStep, dataStep, frameOf, type StreamStep } from "../support/h2_stream_steps.ts";
import { rounds } from "../support/rounds.ts";
import { FakeClock, turns } from "../support/wire.ts";

type Step =
  | Asking
  | {
    readonly type: "head";
    readonly stream: number;
    readonly status: number;
    readonly length: number;
    readonly end: boolean;
  }
  | StreamStep
  | {
    readonly type:
      | "connection-window"
      | "initial-window"
      | "max-streams"
      | "settings"
      | "ping"
      | "goaway"
      | "abort-signal"
      | "noise";
    readonly size: number;
  }
  | {
    readonly type: "shutdown" | "abort" | "leave" | "turn-away" | "abort-requests";
  }
  | CommonStep;

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: ASKING },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("head" as const),
      stream: chosenStream,
      status: fc.constantFrom(100, 103, 200, 200, 200, 204, 304, 403, 417),
      length: fc.constantFrom(-1, -1, 0, 20),
      end: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: dataStep },
  { weight: 5, arbitrary: controlStep },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "connection-window" as const,
        "initial-window",
        "max-streams",
        "settings",
        "ping",
        "abort-signal",
        "abort-signal",
        "abort-signal",
      ),
      size: fc.nat(100_000),
    }) as fc.Arbitrary<Step>,
  },
  { weight: 4, arbitrary: READING_STEP },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom("goaway" as const, "noise"), size: fc.nat(20) }) as fc.Arbitrary<Step>,
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom("shutdown" as const, "abort", "leave", "turn-away", "abort-requests"),
    }) as fc.Arbitrary<Step>,
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("time" as const), ms: fc.constantFrom(10, 1500, 70_000) }) },
);

const scene = fc.record({
  steps: fc.array(step, { maxLength: 40, size: "max" }),
  begins: fc.constantFrom("at once", "late", "never"),
  initialWindow: fc.constantFrom(0, 10, 65_535),
  streamWindowBytes: fc.constantFrom(100, 20_000),
  readBytes: fc.constantFrom(1000, 65_536),
  finish: fc.constantFrom("fin", "abort", "goaway", "own-abort"),
  polite: fc.boolean(),
  transport: FOREIGN_TRANSPORT,
});
type Scene = typeof scene extends fc.Arbitrary<infer Value> ? Value : never;

test("a client against any server: nothing is left when the connection is over, and all that is sent is HTTP/2", async () => {
  await fc.assert(fc.asyncProperty(scene, attack), rounds(80));
});

async function attack(
  { steps, begins, initialWindow, streamWindowBytes, readBytes, finish, polite, transport }: Scene,
): Promise<void> {
  const [near, far] = duplexPair({ readBytes });
  const clock = new FakeClock();
  const signals = new CountedSignals();
  const ledger = new Ledger();
  const order = new FrameOrder("client");
  const { connection } = handshake(handedIn(near, transport), { clock, limits: { streamWindowBytes } });
  const reading = new Reading();
  const ids: number[] = [];
  const heads: number[] = [];
  const bodies: number[] = [];
  const reader = (async () => {
    try {
      for (let chunk = await far.read(); chunk !== null; chunk = await far.read()) {
        for (const frame of order.check(chunk)) {
          const id = /^HEADERS (\d+)/.exec(frame);
          if (id !== null && !ids.includes(Number(id[1]))) {
            ids.push(Number(id[1]));
            heads.push(Number(id[1]));
          }
        }
        await reading.mayGoOn;
      }
    } catch (error) {
      if (order.broken) throw error;
    }
  })();
  const send = async (bytes: Uint8Array) => {
    far.write(bytes).catch(() => {});
    await turns();
  };
  /** A server that keeps to the rules sends what may come, so that more happens before the connection fails. */
  const idOf = (stream: number, from: readonly number[]) => {
    if (polite) return from.length === 0 ? 0 : from[from.length - 1 - stream % from.length]!;
    return ids.at(-1 - stream) ?? 1;
  };
  const over = (id: number, lists: readonly number[][]) => {
    for (const list of lists) if (list.includes(id)) list.splice(list.indexOf(id), 1);
  };
  const controllers: AbortController[] = [];
  const begin = () => send(settings([4, initialWindow], [8, 1]));
  if (begins === "at once") await begin();
  for (const each of steps) {
    switch (each.type) {
      case "ask": {
        const controller = signals.controller();
        if (each.signal) controllers.push(controller);
        ledger.run(() => ask(connection, each, controller, ledger));
        await turns();
        break;
      }
      case "head": {
        const rows = [`:status: ${each.status}`, ...(each.length < 0 ? [] : [`content-length: ${each.length}`])];
        const id = idOf(each.stream, heads);
        if (id === 0) break;
        const end = each.end && each.status >= 200;
        if (each.status >= 200) over(id, [heads]);
        if (each.status >= 200 && !end) bodies.push(id);
        await send(headers(id, rows, ...(end ? [] : ["open" as const])));
        break;
      }
      case "data":
      case "trailers":
      case "reset":
      case "window": {
        const id = idOf(each.stream, each.type === "data" || each.type === "trailers" ? bodies : [...heads, ...bodies]);
        if (id === 0) break;
        if (each.type === "reset") over(id, [heads, bodies]);
        if (each.type === "trailers" || (each.type === "data" && each.end)) over(id, [bodies]);
        await send(frameOf(each, id));
        break;
      }
      case "connection-window":
        await send(windowUpdate(0, each.size + 1));
        break;
      case "initial-window":
        await send(settings([4, each.size]));
        break;
      case "max-streams":
        await send(settings([3, each.size % 3]));
        break;
      case "settings":
        await send(begins === "late" ? settings([8, 1]) : settingsAck);
        break;
      case "ping":
        await send(ping("12345678"));
        break;
      case "goaway":
        await send(goaway(each.size, each.size % 2));
        break;
      case "noise":
        await send(raw(each.size, 0xff, each.size % 5, "whatever"));
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
      case "leave":
        connection.leave();
        break;
      case "turn-away":
        connection.turnAway(new Error("not now"));
        break;
      case "abort-requests":
        connection.abortRequests(new Error("not any more"));
        break;
      default:
        await take(each, reading, clock);
    }
  }
  await turns();
  if (finish === "fin") far.closeWrite().catch(() => {});
  else if (finish === "goaway") await send(goaway(0, 0));
  else if (finish === "abort") far.abort();
  else connection.abort();
  reading.goOn();
  for (let minute = 0; minute < 3; minute++) await clock.advance(60_000);
  if (finish === "goaway") far.abort(); // an answer may take as long as it likes
  if (mayStop(transport)) connection.abort();
  await turns();
  await clock.advance(10_000);
  await assertOver(connection, ledger);
  far.abort();
  await reader;
  ledger.settled();
  const { openStreams, openRequests, openUpgrades } = connection;
  assertEquals([openStreams, openRequests, openUpgrades, clock.pending, signals.listeners], [0, 0, 0, 0, 0]);
}
