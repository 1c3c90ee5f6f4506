/**
 * Clients that break off, stall, flood, and end everything in every state, against handlers that do the same: nothing is left, nothing
 * waits without end, and what the server sends is HTTP/2 in every case. RFC 9113 §5.1, §5.4, §6.8, §8.1; RFC 8441 §4.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { duplexPair } from "../../src/duplex/pair.ts";
import { type Http2ServerConnection, serveConnection } from "../../src/http2/server_connection.ts";
import { assertOver, type CommonStep, Reading, take } from "../support/adversary_scene.ts";
import {
  goaway,
  headers,
  ping,
  PREFACE,
  priorityUpdate,
  settings,
  settingsAck,
  windowUpdate,
} from "../support/h2_wire.ts";
import { callbacksOf, handlerOf, PLAN, type Plan } from "../support/adversary_plans.ts";
import { Ledger } from "../support/h2_ledger.ts";
import { FOREIGN_TRANSPORT, handedIn, mayStop } from "../support/foreign_transport.ts";
import { FrameOrder } from "../support/h2_frame_order.ts";
import { controlStep, dataStep, frameOf, type StreamStep } from "../support/h2_stream_steps.ts";
import { rounds } from "../support/rounds.ts";
import { joined } from "../support/switching.ts";
import { FakeClock, turns } from "../support/wire.ts";

const KINDS = ["GET", "HEAD", "POST", "LONG", "EXPECT", "CONNECT", "UPGRADE"] as const;

type Step =
  | { readonly type: "open"; readonly kind: (typeof KINDS)[number]; readonly end: boolean; readonly plan: Plan }
  | StreamStep
  | { readonly type: "connection-window" | "initial-window" | "ping" | "settings" | "priority"; readonly size: number }
  | { readonly type: "goaway" | "shutdown" }
  | CommonStep;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("open" as const),
      kind: fc.constantFrom(...KINDS),
      end: fc.boolean(),
      plan: PLAN,
    }),
  },
  { weight: 5, arbitrary: dataStep },
  { weight: 5, arbitrary: controlStep },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "connection-window" as const,
        "initial-window" as const,
        "ping" as const,
        "settings" as const,
        "priority" as const,
      ),
      size: fc.nat(100_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "pause" as const,
        "pause" as const,
        "pause" as const,
        "stop-reading" as const,
        "read" as const,
        "goaway" as const,
        "shutdown" as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("time" as const), ms: fc.constantFrom(10, 1000, 70_000) }) },
);

type Scene = typeof scene extends fc.Arbitrary<infer Value> ? Value : never;

const scene = fc.record({
  steps: fc.array(step, { maxLength: 40, size: "max" }),
  initialWindow: fc.constantFrom(0, 10, 65_535),
  streamWindowBytes: fc.constantFrom(100, 20_000),
  maxConcurrentStreams: fc.constantFrom(2, 100),
  readBytes: fc.constantFrom(1000, 65_536),
  finish: fc.constantFrom("fin", "abort", "goaway", "silence"),
  pipelined: fc.boolean(),
  polite: fc.boolean(),
  transport: FOREIGN_TRANSPORT,
  onError: fc.constantFrom("nothing", "nothing", "shutdown", "abort", "throw"),
  requestTimeoutMs: fc.constantFrom(0, 500),
});

test("any client against any handlers: nothing is left when the connection is over, and all that is sent is HTTP/2", async () => {
  await fc.assert(fc.asyncProperty(scene, attack), rounds(80));
});

async function attack(scene: Scene): Promise<void> {
  const { steps, initialWindow, streamWindowBytes, maxConcurrentStreams, readBytes, finish } = scene;
  const { pipelined, polite, transport, onError, requestTimeoutMs } = scene;
  const [near, far] = duplexPair({ readBytes });
  const clock = new FakeClock();
  const ledger = new Ledger();
  const plans = steps.flatMap((each) => each.type === "open" ? [each.plan] : []);
  const order = new FrameOrder("server");
  const connection: Http2ServerConnection = serveConnection(
    handedIn(far, transport),
    handlerOf(plans, ledger, () => connection),
    {
      clock,
      connectProtocol: true,
      limits: { streamWindowBytes, maxConcurrentStreams },
      requestTimeoutMs,
      ...callbacksOf(plans, onError, ledger, () => connection),
    },
  );
  const reading = new Reading();
  const reader = (async () => {
    try {
      for (let chunk = await near.read(); chunk !== null; chunk = await near.read()) {
        order.check(chunk);
        await reading.mayGoOn;
      }
    } catch (error) {
      if (order.broken) throw error;
    }
  })();
  const ids: number[] = [];
  const open: number[] = [];
  let next = 1;
  let nth = 0;
  let writing = Promise.resolve();
  const batch: Uint8Array[] = [];
  const flush = () => {
    const bytes = joined(...batch.splice(0));
    writing = writing.then(() => near.write(bytes)).catch(() => {});
  };
  const send = async (bytes: Uint8Array) => {
    batch.push(bytes);
    if (pipelined) return;
    flush();
    await turns();
  };
  /** A client that keeps to the rules sends nothing behind its end, so that more happens before the connection fails. */
  const idOf = (stream: number) => {
    const from = polite ? open : ids;
    return from.length === 0 ? polite ? 0 : 1 : from[from.length - 1 - stream % from.length]!;
  };
  const over = (id: number) => {
    if (open.includes(id)) open.splice(open.indexOf(id), 1);
  };
  await send(PREFACE);
  await send(settings([4, initialWindow]));
  await send(settingsAck);
  for (const each of steps) {
    if (each.type === "pause" || each.type === "time") flush();
    switch (each.type) {
      case "open":
        ids.push(next);
        await send(headers(next, [...linesOf(each.kind), `x-nth: ${nth++}`], ...(each.end ? [] : ["open" as const])));
        if (!each.end) open.push(next);
        next += 2;
        break;
      case "data":
      case "trailers":
      case "reset":
      case "window": {
        const id = idOf(each.stream);
        if (id === 0) break;
        await send(frameOf(each, id));
        if (each.type === "reset" || each.type === "trailers" || (each.type === "data" && each.end)) over(id);
        break;
      }
      case "connection-window":
        await send(windowUpdate(0, each.size + 1));
        break;
      case "initial-window":
        await send(settings([4, each.size]));
        break;
      case "settings":
        await send(settings());
        break;
      case "ping":
        await send(ping("12345678"));
        break;
      case "priority":
        await send(priorityUpdate(idOf(each.size % 4), `u=${each.size % 8}`));
        break;
      case "goaway":
        await send(goaway(0, 0));
        break;
      case "shutdown":
        connection.gracefulShutdown();
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
  } else if (finish === "goaway") {
    reading.goOn();
    await send(goaway(0, 0));
    flush();
  } else if (finish === "abort") near.abort();
  for (let minute = 0; minute < 3; minute++) await clock.advance(60_000);
  if (finish === "silence" || finish === "goaway") near.abort(); // handlers may be at work for as long as they like
  if (mayStop(transport)) connection.abort();
  reading.goOn();
  await turns();
  await clock.advance(10_000);
  await assertOver(connection, ledger);
  near.abort();
  await reader;
  ledger.settled();
  assertEquals([connection.idle, clock.pending], [true, 0]);
}

function linesOf(kind: (typeof KINDS)[number]): string[] {
  const rest = [":scheme: https", ":path: /", ":authority: a"];
  switch (kind) {
    case "GET":
    case "HEAD":
    case "POST":
      return [`:method: ${kind}`, ...rest];
    case "LONG":
      return [":method: POST", ...rest, "content-length: 20"];
    case "EXPECT":
      return [":method: POST", ...rest, "expect: 100-continue"];
    case "CONNECT":
      return [":method: CONNECT", ":authority: b:1"];
    case "UPGRADE":
      return [":method: CONNECT", ":protocol: echo", ...rest];
  }
}
