/**
 * Random conversations against a model: whatever the requests, the handlers, the transport and the cuts, the client gets
 * exactly the responses that belong to its requests, and nothing is left behind.
 *
 * @module
 */

import { test } from "node:test";
import fc from "fast-check";
import { assertEquals } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { chunksOf, converse, conversing, streamOf } from "../support/serving.ts";
import { isPending, streamPair, type Transport } from "../support/switching.ts";
import { readAll, text, turns, wire } from "../support/wire.ts";
import { rounds } from "../support/rounds.ts";

/** One exchange, both sides of it. */
interface Exchange {
  readonly method: "GET" | "HEAD" | "POST";
  /** The body of the request in its chunks; `null` for none. */
  readonly body: readonly string[] | null;
  readonly framing: "length" | "chunked";
  readonly treatment: "read" | "ignore" | "cancel" | "begin" | "read behind" | "echo";
  /** How many turns the handler waits before it answers. */
  readonly waits: number;
  readonly signal: boolean;
  readonly hints: boolean;
  readonly response: "none" | "bytes" | "stream" | "iterable";
  readonly parts: readonly string[];
}

const part = fc.string({ unit: fc.constantFrom(..."ab¶: 0GET"), maxLength: 40 });

const exchanges: fc.Arbitrary<Exchange> = fc.record({
  method: fc.constantFrom("GET", "HEAD", "POST"),
  body: fc.option(fc.array(part, { maxLength: 4 }), { nil: null }),
  framing: fc.constantFrom("length", "chunked"),
  treatment: fc.constantFrom("read", "ignore", "cancel", "begin", "read behind", "echo"),
  waits: fc.constantFrom(0, 0, 0, 1, 2),
  signal: fc.boolean(),
  hints: fc.boolean(),
  response: fc.constantFrom("none", "bytes", "stream", "iterable"),
  parts: fc.array(part, { maxLength: 4 }),
});

const size = (spelled: string) => wire(spelled).length;
const chunk = (spelled: string) => spelled === "" ? "" : `${size(spelled).toString(16).toUpperCase()}¶${spelled}¶`;

/** What the client sends. */
function requestOf({ method, body, framing }: Exchange, index: number): string {
  const head = `${method} /${index} HTTP/1.1¶Host: a¶`;
  if (body === null) return `${head}¶`;
  if (framing === "length") return `${head}Content-Length: ${size(body.join(""))}¶¶${body.join("")}`;
  return `${head}Transfer-Encoding: chunked¶¶${body.map(chunk).join("")}0¶¶`;
}

/** What it must get. */
function responseOf(exchange: Exchange, index: number): string {
  const { method, body, treatment, hints, response, parts } = exchange;
  const informational = hints ? "HTTP/1.1 103 Early Hints¶¶" : "";
  const ok = `${informational}HTTP/1.1 200 OK¶Exchange: ${index}¶`;
  const head = method === "HEAD";
  if (treatment === "echo") {
    const echoed = (body ?? []).join("");
    return `${ok}content-length: ${size(echoed)}¶¶${head ? "" : echoed}`;
  }
  const all = parts.join("");
  if (response === "none") return head ? `${ok}¶` : `${ok}content-length: 0¶¶`;
  if (response === "bytes" && head) return all === "" ? `${ok}¶` : `${ok}content-length: ${size(all)}¶¶`;
  if (response === "bytes") return `${ok}content-length: ${size(all)}¶¶${all}`;
  return head ? `${ok}¶` : `${ok}transfer-encoding: chunked¶¶${parts.map(chunk).join("")}0¶¶`;
}

/** The handler that makes it so, and the bodies that were read: by index. */
function handlerOf(all: readonly Exchange[], read: Map<number, Promise<string>>): Handler {
  const treat = async (request: IncomingRequest, exchange: Exchange, index: number): Promise<void> => {
    const { body } = request;
    if (exchange.treatment === "cancel") body.cancel();
    if (exchange.treatment === "begin") await body.read();
    if (exchange.treatment === "read") read.set(index, Promise.resolve(text(await body.bytes())));
    if (exchange.treatment === "read behind") {
      const behind = body.bytes().then(text);
      behind.catch(() => {});
      read.set(index, behind);
    }
  };
  const answer = (request: IncomingRequest, exchange: Exchange, index: number): OutgoingResponse => {
    const fields: [string, string][] = [["Exchange", `${index}`]];
    if (exchange.treatment === "echo") {
      fields.push(["content-length", `${size((exchange.body ?? []).join(""))}`]);
      return { status: 200, fields, body: request.body };
    }
    const { response, parts } = exchange;
    if (response === "none") return { status: 200, fields };
    if (response === "bytes") return { status: 200, fields, body: wire(parts.join("")) };
    return { status: 200, fields, body: response === "stream" ? streamOf(parts) : chunksOf(parts) };
  };
  return (request) => {
    const index = Number(request.target.slice(1));
    const exchange = all[index]!;
    if (exchange.signal) request.signal;
    const quick = exchange.waits === 0 && !exchange.hints && !["begin", "read"].includes(exchange.treatment);
    if (quick) {
      treat(request, exchange, index);
      return answer(request, exchange, index);
    }
    return (async () => {
      if (exchange.hints) await request.sendInformational(103);
      await treat(request, exchange, index);
      for (let i = 0; i < exchange.waits; i++) await turns();
      return answer(request, exchange, index);
    })();
  };
}

const pairs: fc.Arbitrary<Pick<Transport, "open">> = fc.oneof(
  fc.record({ capacityBytes: fc.constantFrom(1, 7, 100, 65_536), readBytes: fc.constantFrom(1, 7, 100, 65_536) }).map(
    (options) => ({ open: () => duplexPair(options) }),
  ),
  fc.constantFrom(1, 7, 100, Infinity).map((mostBytes) => ({ open: () => streamPair(mostBytes) })),
);

test("serveConnection() answers any conversation as the model does, over any transport (RFC 9112 §9.3) [C3, C4, H4]", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(exchanges, { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 10 }),
      fc.boolean(),
      pairs,
      async (all, cuts, pipelineFlush, transport) => {
        const input = wire(all.map(requestOf).join(""));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) chunks.push(input.slice(at, at += cut));
        chunks.push(input.slice(at));
        const read = new Map<number, Promise<string>>();
        const { output, closed, timers } = await converse(chunks, handlerOf(all, read), { pipelineFlush }, transport);
        assertEquals(output, all.map(responseOf).join(""));
        assertEquals([closed, timers], [{ reason: "eof" }, 0]);
        for (const [index, body] of read) assertEquals(await body, (all[index]!.body ?? []).join(""));
      },
    ),
    rounds(75),
  );
});

/** What may happen to a connection at any moment. */
const events = ["turns", "seconds", "minutes", "shutdown", "abort", "dispose", "end", "cut", "parts", "read"] as const;

test("serveConnection() comes to an end and leaves no timer, whatever happens to it and when", async () => {
  const never = new Promise<never>(() => {});
  await fc.assert(
    fc.asyncProperty(
      fc.array(exchanges, { minLength: 1, maxLength: 4 }),
      fc.array(fc.constantFrom(...events), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: 400 }),
      fc.constantFrom("answers", "never answers", "never ends its body"),
      pairs,
      async (all, happening, sent, handlerThat, transport) => {
        const answers = handlerOf(all, new Map());
        const endless = { status: 200, body: new ReadableStream<Uint8Array>({ pull: () => never }) };
        const handler: Handler = (request) => {
          if (handlerThat === "answers") return answers(request);
          request.signal;
          return handlerThat === "never answers" ? never : endless;
        };
        const { client, connection, clock } = conversing(handler, {}, transport);
        client.write(wire(all.map(requestOf).join("")).slice(0, sent)).catch(() => {});
        let reading = false;
        for (const event of happening) {
          if (event === "turns") await turns();
          if (event === "seconds") await clock.advance(3000);
          if (event === "minutes") await clock.advance(120_000);
          if (event === "shutdown") connection.gracefulShutdown();
          if (event === "abort") connection.abort();
          if (event === "dispose") connection[Symbol.asyncDispose]();
          if (event === "end") client.closeWrite().catch(() => {});
          if (event === "cut") client.abort();
          if (event === "parts") connection.withoutShutdown();
          if (event === "read" && !reading) {
            reading = true;
            readAll(client).catch(() => {});
          }
        }
        await turns();
        for (let i = 0; i < 5; i++) await clock.advance(100_000);
        if (handlerThat !== "answers" && await isPending(connection.closed)) connection.abort();
        assertEquals(await isPending(connection.closed), false);
        assertEquals(clock.pending, 0);
      },
    ),
    rounds(75),
  );
});
