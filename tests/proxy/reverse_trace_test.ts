import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { readRequest, readResponse } from "../../scripts/conformance/proxies/message.ts";
import { Client } from "../../src/http/client/client.ts";
import { clientChannels, type ClientTraceEvents } from "../../src/http/client/client_trace.ts";
import { data, headers, rstStream } from "../support/h2_wire.ts";
import { playing } from "../support/http2_dialing.ts";
import { proxied } from "../support/reverse.ts";
import { type Told, tracing } from "../support/tracing.ts";

const names = Object.keys(clientChannels.kinds) as (keyof ClientTraceEvents)[];

/** An event in short: what it is about, and what it says. */
function short([name, event]: Told<ClientTraceEvents>): string {
  const said = event as unknown as Readonly<Record<string, number | string | undefined>>;
  const { exchange, head } = event as {
    readonly exchange?: { readonly method: string; readonly url: URL };
    readonly head?: { readonly status: number };
  };
  const of = exchange === undefined ? undefined : `${exchange.method} ${exchange.url.pathname}${exchange.url.search}`;
  const values = ["protocol", "requestBodyBytes", "responseBodyBytes", "receivedBytes", "sentBytes"];
  return [name, of, head?.status, ...values.map((value) => said[value])].filter((value) => value !== undefined).join(
    " ",
  );
}

/** A client that traces, and what it has told. */
function traced() {
  const { trace, told, until } = tracing<ClientTraceEvents>(names);
  const client = new Client({
    trace: {
      ...trace,
      requestBegun: (event) => {
        trace.requestBegun!(event);
        event.exchange.fields.push(["traceparent", "00-1"]);
      },
    },
  });
  return { client, told, until };
}

test("reverseProxy() tells those who trace its client of each request, and sends the fields they add", async () => {
  const { client, told, until } = traced();
  await proxied({ options: { client } }, async ({ backend, dial }) => {
    const peer = await dial();
    peer.send("POST /a%2e?b HTTP/1.1¶Host: a¶Content-Length: 3¶¶abc");
    const server = await backend.next();
    assertEquals((await readRequest(server)).head.split("¶").at(-3), "traceparent: 00-1");
    server.send("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶2¶hi¶0¶¶");
    await readResponse(peer, "POST");
    await until("exchangeEnded");
    peer.send("GET /up HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶early");
    await readRequest(server);
    server.send("HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo¶¶hello!");
    assertEquals(await server.through("early"), "early");
    server.close();
    peer.close();
    await until("upgradedClosed");
  });
  await client.close();
  const lines = told.map(short);
  assertEquals(lines.filter((line) => line.startsWith("connection")), ["connectionOpened", "connectionClosed"]);
  assertEquals(lines.filter((line) => !line.startsWith("connection")), [
    "requestBegun POST /a%2e?b",
    "headDecided POST /a%2e?b 200",
    "exchangeEnded POST /a%2e?b 3 2",
    "requestBegun GET /up",
    "headDecided GET /up 101",
    "switched GET /up echo",
    "exchangeEnded GET /up 0 0",
    "upgradedClosed GET /up 6 5",
  ]);
});

test("reverseProxy() tells those who trace its client of each attempt", async () => {
  const { client, told, until } = traced();
  const target = (ports: readonly number[]) => ["http://127.0.0.1:1", `http://127.0.0.1:${ports[0]}`];
  await proxied({ target, options: { client } }, async ({ backend, ask }) => {
    const answered = ask("GET / HTTP/1.1¶Host: a¶¶");
    const server = await backend.next();
    await readRequest(server);
    server.send("HTTP/1.1 204 No Content¶¶");
    await answered;
    await until("exchangeEnded", 2);
  });
  await client.close();
  const ends = told.flatMap(([name, event]) =>
    name === "exchangeEnded" ? [[event.exchange.url.port, "error" in event]] : []
  );
  assertEquals(ends.map(([, failed]) => failed), [true, false]);
});

test("reverseProxy() tells those who trace its client of requests over HTTP/2, those that are sent again among them", async () => {
  const { trace, told, until } = tracing<ClientTraceEvents>(names);
  const { client, peer } = playing({ trace });
  await proxied({ target: () => ({ url: "http://b", client }) }, async ({ dial }) => {
    const asking = await dial();
    asking.send("POST /a HTTP/1.1¶Host: a¶Content-Length: 3¶¶abc");
    const server = await peer(0, [8, 1]);
    await server.until("DATA 1");
    await server.send(rstStream(1, 7));
    await server.until("DATA 3");
    await server.send(headers(3, [":status: 200"], "open"), data(3, "hi", true));
    await readResponse(asking, "POST");
    await until("exchangeEnded");
    asking.send("GET /up HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶early");
    await server.until("HEADERS 5");
    await server.send(headers(5, [":status: 200"], "open"), data(5, "hello!", true));
    await server.until("DATA 5");
    await readResponse(asking, "GET");
    asking.end();
    await until("upgradedClosed");
  });
  await client.abort();
  assertEquals(told.map(short), [
    "requestBegun POST /a",
    "connectionOpened",
    "retried POST /a",
    "headDecided POST /a 200",
    "exchangeEnded POST /a 3 2",
    "requestBegun GET /up",
    "headDecided GET /up 200",
    "switched GET /up echo",
    "exchangeEnded GET /up 0 0",
    "upgradedClosed GET /up 6 5",
    "connectionClosed",
  ]);
});
