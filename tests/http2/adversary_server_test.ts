/**
 * Clients that break off, stall, flood, and end everything in every state, against handlers that do the same: nothing is left, nothing
 * waits without end, and what the server sends is HTTP/2 in every case. RFC 9113 §5.1, §5.4, §6.8, §8.1; RFC 8441 §4.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Deferred } from "../../src/duplex/deferred.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { Handler } from "../../src/http1/server_exchange.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { type Http2ServerConnection, serveConnection } from "../../src/http2/server_connection.ts";
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
import { Ledger, play as playSwitched, SWITCHED, type Switched } from "../support/h2_ledger.ts";
import { FOREIGN_TRANSPORT, handedIn, mayStop } from "../support/foreign_transport.ts";
import { FrameOrder } from "../support/h2_frame_order.ts";
import { controlStep, dataStep, frameOf, type StreamStep } from "../support/h2_stream_steps.ts";
import { rounds } from "../support/rounds.ts";
import { joined } from "../support/switching.ts";
import { FakeClock, turns } from "../support/wire.ts";

const KINDS = ["GET", "HEAD", "POST", "LONG", "EXPECT", "CONNECT", "UPGRADE"] as const;

/** What a handler does with one request. */
interface Plan {
  /** Whether it does the first of it at once, while the connection takes what came along. */
  readonly atOnce: boolean;
  /** What it does when its signal aborts. */
  readonly gone: "nothing" | "shutdown" | "abort" | "inform";
  readonly late: number;
  readonly read: "none" | "one" | "all" | "cancel" | "stream";
  readonly informational: number;
  readonly answer:
    | "status"
    | "bytes"
    | "stream"
    | "endless"
    | "failing"
    | "short"
    | "long"
    | "throw"
    | "never"
    | "ignore-signal"
    | "switch"
    | "nonsense";
  readonly status: number;
  readonly size: number;
  readonly trailers: "none" | "some" | "reject" | "never";
  readonly then: "nothing" | "shutdown" | "abort";
  /** What is done when the head of its answer is told, or an error. */
  readonly told: "nothing" | "shutdown" | "abort" | "throw";
  readonly switched: Switched;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  atOnce: fc.boolean(),
  gone: fc.constantFrom("nothing", "nothing", "shutdown", "abort", "inform"),
  late: fc.nat(3),
  read: fc.constantFrom("none", "one", "all", "cancel", "stream"),
  informational: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(20)),
  answer: fc.constantFrom(
    "status",
    "bytes",
    "stream",
    "endless",
    "failing",
    "short",
    "long",
    "throw",
    "never",
    "ignore-signal",
    "switch",
    "switch",
    "switch",
    "nonsense",
  ),
  status: fc.constantFrom(200, 204, 304, 403, 500),
  size: fc.oneof(fc.nat(10), fc.nat(200_000)),
  trailers: fc.oneof(
    { weight: 4, arbitrary: fc.constant("none" as const) },
    fc.constantFrom("some", "reject", "never"),
  ),
  told: fc.oneof(
    { weight: 8, arbitrary: fc.constant("nothing" as const) },
    fc.constantFrom("shutdown", "abort", "throw"),
  ),
  then: fc.oneof({ weight: 12, arbitrary: fc.constant("nothing" as const) }, fc.constantFrom("shutdown", "abort")),
  switched: SWITCHED,
});

type Step =
  | { readonly type: "open"; readonly kind: (typeof KINDS)[number]; readonly end: boolean; readonly plan: Plan }
  | StreamStep
  | { readonly type: "connection-window" | "initial-window" | "ping" | "settings" | "priority"; readonly size: number }
  | { readonly type: "goaway" | "shutdown" | "pause" | "stop-reading" | "read" }
  | { readonly type: "time"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("open" as const),
      kind: fc.constantFrom(...KINDS),
      end: fc.boolean(),
      plan,
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

/** One handler for all: the request's path says which plan it is. */
function handlerOf(plans: readonly Plan[], ledger: Ledger, connection: () => Http2ServerConnection): Handler {
  return (request) => {
    const own = plans[Number(request.fields.get("x-nth"))]!;
    if (own.gone !== "nothing") {
      request.signal.addEventListener("abort", () => {
        if (own.gone === "shutdown") connection().gracefulShutdown();
        if (own.gone === "abort") connection().abort();
        if (own.gone === "inform") request.sendInformational(103, []).catch(() => {});
      });
    }
    if (own.atOnce) {
      if (own.then === "shutdown") connection().gracefulShutdown();
      if (own.then === "abort") connection().abort();
      if (own.answer === "throw") throw new Error("on purpose");
      if (own.answer === "status") return { status: own.status };
      if (own.answer === "stream") return { status: own.status, body: ledger.source(own.size, "end") };
    }
    return ledger.run(async () => {
      for (let turn = 0; turn < own.late; turn++) await turns();
      for (let i = 0; i < own.informational; i++) {
        await request.sendInformational(103, [["x-i", `${i}`]]).catch(() => {});
      }
      await read(request, own, ledger);
      if (own.then === "shutdown") connection().gracefulShutdown();
      if (own.then === "abort") connection().abort();
      return await answer(request, own, ledger);
    });
  };
}

async function read({ body }: IncomingRequest, { read }: Plan, ledger: Ledger): Promise<void> {
  try {
    if (read === "one") await body.read();
    if (read === "all") await body.bytes();
    if (read === "cancel") body.cancel();
    if (read === "stream") ledger.run(() => body.stream.pipeTo(new WritableStream()).catch(() => {}));
  } catch {
    // the client may leave at any time
  }
}

async function answer(request: IncomingRequest, own: Plan, ledger: Ledger): Promise<OutgoingResponse> {
  const trailers = own.trailers === "none"
    ? undefined
    : () =>
      own.trailers === "reject"
        ? Promise.reject(new Error("no trailers"))
        : own.trailers === "some"
        ? Promise.resolve([["x-sum", "1"]] as [string, string][])
        : new Promise<never>(() => {});
  const { status, size } = own;
  const common = { status, trailers };
  switch (own.answer) {
    case "status":
      return common;
    case "bytes":
      return { ...common, body: new Uint8Array(size) };
    case "stream":
      return { ...common, body: ledger.source(size, "end") };
    case "endless":
      return { ...common, body: ledger.source(size, "stall") };
    case "failing":
      return { ...common, body: ledger.source(size, "fail") };
    case "short":
      return { ...common, fields: [["content-length", `${size + 1}`]], body: ledger.source(size, "end") };
    case "long":
      return { ...common, fields: [["content-length", "1"]], body: ledger.source(size + 2, "end") };
    case "throw":
      throw new Error("on purpose");
    case "nonsense":
      return size % 2 === 0 ? undefined as never : { status: 700, body: ledger.source(size, "end") };
    case "ignore-signal":
      await ledger.released;
      return common;
    case "never":
      await new Promise<void>((resolve) => {
        const { signal } = request;
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve());
      });
      return { ...common, body: ledger.source(size, "end") };
    case "switch": {
      const switching = request.proposal.type === "connect"
        ? connectResponse(request)
        : upgradeResponse(request, "echo");
      ledger.run(async () => {
        const io = await switching.upgraded.catch(() => null);
        if (io !== null) await playSwitched(io, own.switched, ledger);
      });
      return switching.response;
    }
  }
}

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
  const told = (what: Plan["told"] | undefined) => {
    if (what === "shutdown") connection.gracefulShutdown();
    if (what === "abort") connection.abort();
    if (what === "throw") throw new Error("told on purpose");
  };
  const connection: Http2ServerConnection = serveConnection(
    handedIn(far, transport),
    handlerOf(plans, ledger, () => connection),
    {
      clock,
      connectProtocol: true,
      limits: { streamWindowBytes, maxConcurrentStreams },
      requestTimeoutMs,
      onResponse: (request) => told(plans[Number(request?.fields.get("x-nth"))]?.told),
      onError: (error) => {
        ledger.report(error);
        if (onError !== "nothing") told(onError);
      },
    },
  );
  let hold = null as Deferred<void> | null;
  const reader = (async () => {
    try {
      for (let chunk = await near.read(); chunk !== null; chunk = await near.read()) {
        order.check(chunk);
        await hold?.promise;
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
      case "pause":
        await turns();
        break;
      case "stop-reading":
        hold ??= new Deferred();
        break;
      case "read":
        hold?.resolve();
        hold = null;
        break;
      case "time":
        await clock.advance(each.ms);
        break;
    }
  }
  flush();
  await turns();
  if (finish === "fin") {
    hold?.resolve();
    writing.then(() => near.closeWrite()).catch(() => {});
  } else if (finish === "goaway") {
    hold?.resolve();
    await send(goaway(0, 0));
    flush();
  } else if (finish === "abort") near.abort();
  for (let minute = 0; minute < 3; minute++) await clock.advance(60_000);
  if (finish === "silence" || finish === "goaway") near.abort(); // handlers may be at work for as long as they like
  if (mayStop(transport)) connection.abort();
  hold?.resolve();
  await turns();
  await clock.advance(10_000);
  const closed = await Promise.race([connection.closed, turns().then(turns).then(() => null)]);
  assert(closed !== null, "the connection is over");
  ledger.release();
  for (let i = 0; i < 10 && !ledger.clean; i++) await turns();
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
