/**
 * Handlers that do anything at any moment: the same against clients of HTTP/1.1 and of HTTP/2.
 *
 * @module
 */

import fc from "fast-check";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import type { Handler } from "../../src/http1/server_exchange.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { type Ledger, play as playSwitched, SWITCHED, type Switched } from "./h2_ledger.ts";
import { turns } from "./wire.ts";

/** As much of a connection as handlers use. */
export interface EndableConnection {
  gracefulShutdown(): unknown;
  abort(): void;
}

/** What a handler does with one request. */
export interface Plan {
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

/** Any of them. */
export const PLAN: fc.Arbitrary<Plan> = fc.record({
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

/** One handler for all: the request's path says which plan it is. */
export function handlerOf(plans: readonly Plan[], ledger: Ledger, connection: () => EndableConnection): Handler {
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

/** What the connection of a server tells, and what is done when it does. */
export function callbacksOf(
  plans: readonly Plan[],
  onError: Plan["told"],
  ledger: Ledger,
  connection: () => EndableConnection,
): Pick<ServerConnectionOptions, "onResponse" | "onError"> {
  return {
    onResponse: (request) => act(plans[Number(request?.fields.get("x-nth"))]?.told, connection()),
    onError: (error) => {
      ledger.report(error);
      act(onError, connection());
    },
  };
}

function act(what: Plan["told"] | undefined, connection: EndableConnection): void {
  if (what === "shutdown") connection.gracefulShutdown();
  if (what === "abort") connection.abort();
  if (what === "throw") throw new Error("told on purpose");
}
