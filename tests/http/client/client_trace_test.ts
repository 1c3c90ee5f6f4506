import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Deferred } from "../../../src/duplex/deferred.ts";
import { Client } from "../../../src/http/client/client.ts";
import { clientChannels, type ClientTraceEvents } from "../../../src/http/client/client_trace.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { listen } from "../../../src/net/mod.ts";
import { rejection } from "../../support/dialing.ts";
import { listening } from "../../support/http_server.ts";
import { type Told, tracing } from "../../support/tracing.ts";
import { readUntil, turns, wire } from "../../support/wire.ts";

const names = Object.keys(clientChannels.kinds) as (keyof ClientTraceEvents)[];
const traced = () => tracing<ClientTraceEvents>(names);

/** An event in short: what it says besides which connection it is about. */
function short([name, event]: Told<ClientTraceEvents>): string {
  const { status, head, why, protocol, error, exchange } = event as {
    readonly status?: number;
    readonly head?: { readonly status: number };
    readonly why?: { readonly reason: string };
    readonly protocol?: string | null;
    readonly error?: { readonly name: string };
    readonly exchange?: { readonly method: string; readonly url: URL };
  };
  const of = exchange === undefined ? "" : ` ${exchange.method} ${exchange.url.pathname}`;
  const said = [status, head?.status, why?.reason, protocol, error?.name].filter((value) => value !== undefined);
  return [`${name}${of}`, ...said.map(String)].join(" ");
}

test("a Client with trace tells connections, requests, heads and ends; what is added to fields is sent", async () => {
  const { trace, told, until } = traced();
  const { server, origin } = await listening((request) => LightResponse.of(`${request.headers.get("traceparent")}`));
  const client = new Client({
    trace: {
      ...trace,
      requestBegun: (event) => {
        trace.requestBegun!(event);
        event.exchange.fields.push(["traceparent", "00-1"]);
      },
    },
  });
  assertEquals(await (await client.fetch(`${origin}/a`)).text(), "00-1");
  await until("exchangeEnded");
  const response = await client.fetch(`${origin}/b`);
  await until("headDecided", 2);
  await response.text();
  await until("exchangeEnded", 2);
  await client.close();
  await until("connectionClosed");
  assertEquals(told.map(short), [
    "requestBegun GET /a",
    "connectionOpened",
    "headDecided GET /a 200",
    "exchangeEnded GET /a",
    "requestBegun GET /b",
    "headDecided GET /b 200",
    "exchangeEnded GET /b",
    "connectionClosed shutdown",
  ]);
  const opened = told[1]![1] as ClientTraceEvents["connectionOpened"];
  assertEquals(opened.connection, {
    hostname: "127.0.0.1",
    port: Number(new URL(origin).port),
    secure: false,
    proxy: null,
    version: "1.1",
  });
  const ended = told.filter(([name]) => name === "exchangeEnded") as [
    "exchangeEnded",
    ClientTraceEvents["exchangeEnded"],
  ][];
  assertEquals(ended.map(([, { exchange }]) => exchange.connection === opened.connection), [true, true]);
  await server.shutdown();
});

test("a Client with trace begins an exchange for each redirect, and one for an upgrade, which it tells of", async () => {
  const { trace, told, until } = traced();
  const { server, origin } = await listening((request) => {
    if (request.headers.has("upgrade")) return upgradeResponse(request, "echo", {}, (io) => io.close()).response;
    return request.url.endsWith("/old") ? Response.redirect(`${new URL(request.url).origin}/new`) : new Response("new");
  });
  const client = new Client({ trace });
  assertEquals(await (await client.fetch(`${origin}/old`)).text(), "new");
  await until("exchangeEnded", 2);
  const io = await client.upgrade(`${origin}/io`, { protocol: "echo" });
  await until("connectionClosed");
  await io.close();
  await until("upgradedClosed");
  const of = (path: string) => told.map(short).filter((line) => line.includes(` GET ${path}`));
  for (const [path, status] of [["/old", 302], ["/new", 200]]) {
    assertEquals(of(`${path}`), [
      `requestBegun GET ${path}`,
      `headDecided GET ${path} ${status}`,
      `exchangeEnded GET ${path}`,
    ]);
  }
  assertEquals(of("/io"), [
    "requestBegun GET /io",
    "headDecided GET /io 101",
    "switched GET /io echo",
    "exchangeEnded GET /io",
    "upgradedClosed GET /io",
  ]);
  assertEquals(told.map(short).filter((line) => line.startsWith("connection")), [
    "connectionOpened",
    "connectionClosed upgrade",
  ]);
  await client.close();
  await server.shutdown();
});

test("a Client with trace tells how many bytes bodies had, and what came and went behind a switch", async () => {
  const { trace, told, until } = traced();
  const { server, origin } = await listening(async (request) => {
    if (!request.headers.has("upgrade")) return new Response((await request.blob()).stream());
    return upgradeResponse(request, "echo", {}, async (io) => {
      await io.write(new Uint8Array(70_000));
      while (await io.read() !== null);
      await io.close();
    }).response;
  });
  const client = new Client({ trace });
  const ask = async (body: string | ReadableStream<Uint8Array>) => {
    await (await client.fetch(origin, { method: "POST", body, duplex: "half" } as RequestInit)).text();
  };
  await ask("é");
  await ask(new Blob(["a", "bcd"]).stream());
  await until("exchangeEnded", 2);
  const io = await client.upgrade(origin, { protocol: "echo" });
  await io.write(new Uint8Array(3));
  for (let left = 70_000; left > 0;) left -= (await io.read())!.length;
  await io.close();
  await until("upgradedClosed");
  const bytes = told.flatMap(([name, event]) => {
    if (name === "exchangeEnded") return [[event.requestBodyBytes, event.responseBodyBytes]];
    return name === "upgradedClosed" ? [[event.receivedBytes, event.sentBytes]] : [];
  });
  assertEquals(bytes, [[2, 2], [4, 4], [0, 0], [70_000, 3]]);
  await client.close();
  await server.shutdown();
});

test("a Client with trace tells what failed: no connection, and a body that is cut", async () => {
  const { trace, told, until } = traced();
  const listener = await listen({ hostname: "127.0.0.1" });
  const { port } = listener.address;
  const client = new Client({ trace });
  const accepting = listener.accept();
  const fetching = client.fetch(`http://127.0.0.1:${port}/cut`);
  const socket = (await accepting)!;
  await readUntil(socket, (soFar) => soFar.endsWith("¶¶"));
  await socket.write(wire("HTTP/1.1 200 OK¶Content-Length: 9¶¶hello"));
  const response = await fetching;
  await until("headDecided");
  const failed = rejection(response.text());
  await socket.close();
  await failed;
  await until("connectionClosed");
  await listener.close();
  await rejection(client.fetch(`http://127.0.0.1:${port}/none`));
  const lines = told.map(short);
  assertEquals(lines.filter((line) => line.includes("/cut")), [
    "requestBegun GET /cut",
    "headDecided GET /cut 200",
    "exchangeEnded GET /cut ProtocolError",
  ]);
  assertEquals(lines.filter((line) => line.includes("/none")), [
    "requestBegun GET /none",
    "exchangeEnded GET /none TransportError",
  ]);
  await client.close();
});

test("a Client with trace tells a request that is sent again over a new connection", async () => {
  const { trace, told, until } = traced();
  const listener = await listen({ hostname: "127.0.0.1" });
  const { port } = listener.address;
  const client = new Client({ trace });
  const serving = (async () => {
    const first = (await listener.accept())!;
    await readUntil(first, (soFar) => soFar.endsWith("¶¶"));
    await first.write(wire("HTTP/1.1 200 OK¶Content-Length: 0¶¶"));
    await readUntil(first, (soFar) => soFar.endsWith("¶¶"));
    first.abort(); // a server that was about to hang up
    const second = (await listener.accept())!;
    await readUntil(second, (soFar) => soFar.endsWith("¶¶"));
    await second.write(wire("HTTP/1.1 200 OK¶Content-Length: 0¶Connection: close¶¶"));
    await second.close();
  })();
  await (await client.fetch(`http://127.0.0.1:${port}/a`)).text();
  await until("exchangeEnded");
  await (await client.fetch(`http://127.0.0.1:${port}/b`)).text();
  await serving;
  await until("connectionClosed", 2);
  const of = told.map(short).filter((line) => line.includes("/b"));
  assertEquals(of.map((line) => line.split(" ")[0]), ["requestBegun", "retried", "headDecided", "exchangeEnded"]);
  await client.close();
  await listener.close();
});

test("a Client with trace tells that a request waits for a place among maxConnectionsPerOrigin", async () => {
  const { trace, told, until } = traced();
  const answered = new Deferred<void>();
  const { server, origin } = await listening(async () => {
    await answered.promise;
    return LightResponse.of("hello");
  });
  const client = new Client({ trace, maxConnectionsPerOrigin: 1 });
  const controller = new AbortController();
  const first = client.fetch(`${origin}/first`);
  await until("connectionOpened");
  const second = client.fetch(`${origin}/second`);
  const third = rejection(client.fetch(`${origin}/third`, { signal: controller.signal }));
  await until("poolWaitBegun", 2);
  controller.abort();
  await third;
  answered.resolve();
  await (await first).text();
  await (await second).text();
  await client.close();
  const of = (part: string) => told.map(short).filter((line) => line.includes(part));
  assertEquals(of("/second"), [
    "requestBegun GET /second",
    "poolWaitBegun GET /second",
    "poolWaitEnded GET /second",
    "headDecided GET /second 200",
    "exchangeEnded GET /second",
  ]);
  assertEquals(of("/third"), [
    "requestBegun GET /third",
    "poolWaitBegun GET /third",
    "poolWaitEnded GET /third",
    "exchangeEnded GET /third AbortError",
  ]);
  await server.shutdown();
});

const channels = typeof process.getBuiltinModule === "function";

test("a Client publishes on node:diagnostics_channel while it has subscribers, in the caller's context", {
  skip: !channels,
}, async () => {
  const { server, origin } = await listening(() => LightResponse.of("hello"));
  const storage = new AsyncLocalStorage<string>();
  const client = new Client();
  const told: string[] = [];
  const listeners = names.map((name) => {
    const listener = (event: unknown) => {
      const said = short([name, event] as unknown as Told<ClientTraceEvents>);
      told.push(name === "requestBegun" ? `${said} in ${storage.getStore()}` : said);
    };
    return [`http-upgrade:client:${name}`, listener] as const;
  });
  const ask = async (path: string) => await (await client.fetch(`${origin}${path}`)).text();
  await ask("/before");
  for (const [name, listener] of listeners) subscribe(name, listener);
  await storage.run("mine", () => ask("/now"));
  while (!told.some((line) => line.startsWith("exchangeEnded"))) await turns();
  for (const [name, listener] of listeners) unsubscribe(name, listener);
  await ask("/after");
  assertEquals(told, ["requestBegun GET /now in mine", "headDecided GET /now 200", "exchangeEnded GET /now"]);
  await client.close();
  await server.shutdown();
});

test("a Client with trace goes on when one of its functions throws", async (t) => {
  const printed: unknown[] = [];
  const { error } = console;
  console.error = (...values: unknown[]) => void printed.push(...values);
  t.after(() => void (console.error = error));
  const { server, origin } = await listening(() => LightResponse.of("hello"));
  const client = new Client({
    trace: {
      headDecided() {
        throw new Error("traced");
      },
    },
  });
  assertStringIncludes(await (await client.fetch(origin)).text(), "hello");
  assertEquals(printed.map(String), ["Error: traced"]);
  await client.close();
  await server.shutdown();
});
