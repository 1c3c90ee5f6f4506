/**
 * What clients ask for and do with the answer, at any moment: the same against servers of HTTP/1.1 and of HTTP/2.
 *
 * @module
 */

import fc from "fast-check";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import type { IncomingResponse } from "../../src/http1/incoming.ts";
import type { OutgoingRequest, SendOptions } from "../../src/http1/outgoing_request.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { type Ledger, play as playSwitched, SWITCHED, type Switched } from "./h2_ledger.ts";

/** As much of a connection as those who ask use. */
export interface AskedConnection {
  send(request: OutgoingRequest, options: SendOptions): Promise<IncomingResponse>;
  abort(): void;
  leave?(): void;
}

/** What the client asks for, and what it does with the answer. */
export interface Asking {
  readonly type: "ask";
  readonly kind: "GET" | "HEAD" | "POST" | "CONNECT" | "UPGRADE";
  readonly body: "none" | "bytes" | "stream" | "endless" | "failing" | "short";
  readonly expects: boolean;
  readonly size: number;
  readonly trailers: "none" | "some" | "reject" | "never";
  readonly read: "none" | "one" | "all" | "cancel" | "stream" | "trailers";
  readonly signal: boolean;
  /** What it does when it is told of a 1xx. */
  readonly informed: "nothing" | "throw" | "give-up" | "abort" | "leave" | "send";
  readonly claims: boolean;
  readonly switched: Switched;
}

/** Any of them. */
export const ASKING: fc.Arbitrary<Asking> = fc.record({
  type: fc.constant("ask"),
  kind: fc.constantFrom("GET", "HEAD", "POST", "POST", "CONNECT", "UPGRADE"),
  body: fc.constantFrom("none", "bytes", "stream", "endless", "failing", "short"),
  expects: fc.boolean(),
  size: fc.oneof(fc.nat(10), fc.nat(200_000)),
  trailers: fc.oneof(
    { weight: 4, arbitrary: fc.constant("none" as const) },
    fc.constantFrom("some", "reject", "never"),
  ),
  read: fc.constantFrom("none", "one", "all", "cancel", "stream", "trailers"),
  signal: fc.boolean(),
  informed: fc.constantFrom("nothing", "throw", "give-up", "abort", "leave", "send"),
  claims: fc.boolean(),
  switched: SWITCHED,
});

/** Asks, and does what is to be done. */
export async function ask(
  connection: AskedConnection,
  asking: Asking,
  controller: AbortController,
  ledger: Ledger,
): Promise<void> {
  const request = requestOf(asking, ledger);
  const { signal } = controller;
  const onInformational = () => {
    if (asking.informed === "throw") throw new Error("not this");
    if (asking.informed === "give-up") controller.abort(new Error("enough"));
    if (asking.informed === "abort") connection.abort();
    if (asking.informed === "leave") connection.leave?.();
    if (asking.informed === "send") {
      ledger.run(() => connection.send({ method: "GET", target: "/" }, {}).catch(() => {}));
    }
  };
  let response: IncomingResponse;
  try {
    response = await connection.send(request, asking.signal ? { signal, onInformational } : { onInformational });
  } catch (error) {
    // Nothing of it was sent: its body is the caller's again.
    if (error instanceof UnsentError && request.body instanceof ReadableStream) {
      await request.body.cancel().catch(() => {});
    }
    return ledger.report(error);
  }
  // What a 417 leaves untouched may be sent once more.
  if (response.status === 417 && request.body instanceof ReadableStream) await request.body.cancel().catch(() => {});
  if (asking.kind === "UPGRADE" || asking.kind === "CONNECT") {
    if (!asking.claims) return;
    const io = await onUpgrade(response).catch(() => null);
    if (io !== null) return await playSwitched(io, asking.switched, ledger);
  }
  const { body } = response;
  try {
    if (asking.read === "one") await body.read();
    if (asking.read === "all") await body.bytes();
    if (asking.read === "cancel") body.cancel();
    if (asking.read === "stream") await body.stream.pipeTo(new WritableStream());
    if (asking.read === "trailers") await Promise.all([body.bytes(), body.trailers]);
  } catch (error) {
    ledger.report(error);
  }
}

function requestOf({ kind, body, expects, size, trailers }: Asking, ledger: Ledger): OutgoingRequest {
  if (kind === "CONNECT") return { method: kind, target: "b:1" };
  const fields: [string, string][] = [["Host", "a"]];
  if (kind === "UPGRADE") {
    return { method: "GET", target: "/", fields: [...fields, ["Connection", "upgrade"], ["Upgrade", "echo"]] };
  }
  const request = { method: kind, target: "/", fields };
  if (kind !== "POST" || body === "none") return request;
  if (expects) fields.push(["Expect", "100-continue"]);
  if (body === "short") fields.push(["content-length", `${size + 1}`]);
  const sources = {
    bytes: () => new Uint8Array(size),
    stream: () => ledger.source(size, "end"),
    short: () => ledger.source(size, "end"),
    endless: () => ledger.source(size, "stall"),
    failing: () => ledger.source(size, "fail"),
  };
  const more = trailers === "none" ? {} : {
    trailers: () =>
      trailers === "reject"
        ? Promise.reject(new Error("no trailers"))
        : trailers === "some"
        ? Promise.resolve([["x-sum", "1"]] as [string, string][])
        : new Promise<never>(() => {}),
  };
  return { ...request, body: sources[body](), ...more };
}
