import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Deferred } from "../../../src/duplex/deferred.ts";
import { serverChannels, type ServerTraceEvents } from "../../../src/http/server/server_trace.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { readAll, readUntil, turns, wire } from "../../support/wire.ts";
import { type Told, tracing } from "../../support/tracing.ts";

const names = Object.keys(serverChannels.kinds) as (keyof ServerTraceEvents)[];
const traced = () => tracing<ServerTraceEvents>(names);

/** An event in short: what it says besides which exchange and connection it is about. */
function short([name, event]: Told<ServerTraceEvents>): string {
  const { status, why, protocol, error, exchange } = event as {
    readonly status?: number;
    readonly why?: { readonly reason: string };
    readonly protocol?: string | null;
    readonly error?: unknown;
    readonly exchange?: { readonly head: { readonly method: string; readonly target: string } } | null;
  };
  const of = exchange === undefined
    ? ""
    : ` ${exchange === null ? "-" : `${exchange.head.method} ${exchange.head.target}`}`;
  const said = [status, why?.reason, protocol, error].filter((value) => value !== undefined);
  return [`${name}${of}`, ...said.map(String)].join(" ");
}

test("serve() with trace tells connections, requests, heads and ends in their order", async () => {
  const { trace, told, until } = traced();
  const handler = (request: Request) => {
    if (request.url.endsWith("/fails")) throw new Error("no");
    return LightResponse.of("hello");
  };
  const { server, port } = await listening(handler, { trace });
  await say(port, "GET /a HTTP/1.1¶Host: a¶¶GET /fails HTTP/1.1¶Host: a¶¶GET /c HTTP/1.1¶Host: 1.2.3.999¶¶");
  await until("connectionClosed");
  assertEquals(told.map(short), [
    "connectionOpened",
    "requestBegun GET /a",
    "headDecided GET /a 200",
    "exchangeEnded GET /a",
    "requestBegun GET /fails",
    "headDecided GET /fails 500",
    "exchangeEnded GET /fails Error: no",
    "requestBegun GET /c",
    "headDecided GET /c 400",
    "exchangeEnded GET /c",
    "connectionClosed shutdown",
  ]);
  const exchanges = new Set(told.flatMap(([, event]) => "exchange" in event ? [event.exchange] : []));
  assertEquals(exchanges.size, 3);
  const connections = told.flatMap(([, event]) => "connection" in event ? [event.connection] : []);
  assertEquals(new Set(connections).size, 1);
  assertEquals([...exchanges].every((exchange) => exchange!.connection === connections[0]), true);
  await server.shutdown();
});

test("serve() with trace tells heads for requests that cannot be read (RFC 9112 §3)", async () => {
  const { trace, told, until } = traced();
  const { server, port } = await listening(() => new Response(), { trace });
  assertStringIncludes(await say(port, "nonsense¶¶"), "HTTP/1.1 400");
  await until("connectionClosed");
  assertEquals(told.map(short), ["connectionOpened", "headDecided - 400", "connectionClosed error"]);
  await server.shutdown();
});

test("serve() with trace gives the very request that the handler gets", async () => {
  const { trace, told } = traced();
  let given: Request | null = null;
  const { server, port } = await listening((request) => {
    given = request;
    assertEquals(told.map(([name]) => name), ["connectionOpened", "requestBegun"]);
    return new Response();
  }, { trace });
  assertStringIncludes(await say(port, "GET / HTTP/1.1¶Host: a¶¶"), "HTTP/1.1 200");
  const [, begun] = told.find(([name]) => name === "requestBegun") as [
    "requestBegun",
    ServerTraceEvents["requestBegun"],
  ];
  assert(begun.exchange.request === given);
  await server.shutdown();
});

test("serve() with trace tells a switch, and when what came behind it is over", async () => {
  const { trace, told, until, names } = traced();
  const over = new Deferred<void>();
  const { server, port } = await listening(
    (request) => upgradeResponse(request, "echo", {}, (io) => over.promise.then(() => io.close())).response,
    { trace, connect: (request) => connectResponse(request, {}, (io) => io.close()).response },
  );
  const socket = dial(port);
  await socket.write(wire("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶"));
  await readUntil(socket, (soFar) => soFar.endsWith("¶¶"));
  await until("connectionClosed");
  const switched = [
    "connectionOpened",
    "requestBegun GET /",
    "headDecided GET / 101",
    "switched GET / echo",
    "exchangeEnded GET /",
    "connectionClosed upgrade",
  ];
  assertEquals(told.map(short), switched);
  over.resolve();
  await readAll(socket);
  await socket.close();
  await until("upgradedClosed");
  assertEquals(told.map(short), [...switched, "upgradedClosed GET /"]);
  await say(port, "CONNECT a:1 HTTP/1.1¶Host: a:1¶¶");
  await until("upgradedClosed", 2);
  assertEquals(names().filter((name) => name === "switched").length, 2);
  await server.shutdown();
});

test("serve() with trace tells how many bytes bodies had, and what came and went behind a switch", async () => {
  const { trace, told, until } = traced();
  const { server, port } = await listening(async (request) => {
    if (request.headers.has("upgrade")) {
      return upgradeResponse(request, "echo", {}, async (io) => {
        for (let left = 8; left > 0;) left -= (await io.read())!.length;
        await io.write(new Uint8Array(70_000));
        await io.close();
      }).response;
    }
    if (request.url.endsWith("/unread")) return new Response("é");
    return new Response((await request.blob()).stream()); // of unknown length
  }, { trace });
  await say(
    port,
    "POST /a HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶2¶ab¶1¶c¶0¶¶" +
      "POST /unread HTTP/1.1¶Host: a¶Content-Length: 4¶¶abcd" +
      "HEAD /unread HTTP/1.1¶Host: a¶¶" +
      "POST / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶Content-Length: 2¶¶ab12345678",
  );
  await until("upgradedClosed");
  const bytes = told.flatMap(([name, event]) => {
    if (name === "exchangeEnded") return [[event.requestBodyBytes, event.responseBodyBytes]];
    return name === "upgradedClosed" ? [[event.receivedBytes, event.sentBytes]] : [];
  });
  assertEquals(bytes, [[3, 3], [4, 2], [0, 0], [2, 0], [8, 70_000]]);
  await server.shutdown();
});

test("serve() with trace tells of an exchange that its client cuts, and of one that is taken over", async () => {
  const { trace, told, until } = traced();
  const handled = new Deferred<void>();
  const { server, port } = await listening(async (request, info) => {
    if (request.url.endsWith("/taken")) {
      const { io } = await info.takeOver();
      await (io as { close(): Promise<void> } & typeof io).close();
      return new Response();
    }
    handled.resolve();
    return new Promise(() => {});
  }, { trace });
  const socket = dial(port);
  await socket.write(wire("GET /cut HTTP/1.1¶Host: a¶¶"));
  await handled.promise;
  socket.abort();
  await until("connectionClosed");
  await say(port, "GET /taken HTTP/1.1¶Host: a¶¶");
  await until("connectionClosed", 2);
  const ends = told.map(short).map((line) => line.replace(/(exchangeEnded GET \/cut) .*/, "$1 …"));
  assertEquals(ends, [
    "connectionOpened",
    "requestBegun GET /cut",
    "exchangeEnded GET /cut …",
    "connectionClosed error",
    "connectionOpened",
    "requestBegun GET /taken",
    "exchangeEnded GET /taken",
    "connectionClosed upgrade",
  ]);
  await server.shutdown();
});

test("serve() with trace goes on when one of its functions throws, and tells onError", async () => {
  const errors: unknown[] = [];
  const trace = {
    requestBegun() {
      throw new Error("traced");
    },
  };
  const { server, port } = await listening(() => LightResponse.of("hello"), {
    trace,
    onError: (error) => void errors.push(error),
  });
  assertStringIncludes(await say(port, "GET / HTTP/1.1¶Host: a¶¶"), "hello");
  assertEquals(errors.map(String), ["Error: traced"]);
  await server.shutdown();
});

const channels = typeof process.getBuiltinModule === "function";

test(
  "serve() publishes on channels of node:diagnostics_channel while they have subscribers",
  { skip: !channels },
  async () => {
    const { server, port } = await listening(() => LightResponse.of("hello"));
    const told: Told<ServerTraceEvents>[] = [];
    const listeners = names.map((name) => {
      const listener = (event: unknown) => void told.push([name, event] as unknown as Told<ServerTraceEvents>);
      return [`http-upgrade:server:${name}`, listener] as const;
    });
    const ask = () => say(port, "GET / HTTP/1.1¶Host: a¶Connection: close¶¶");
    await ask();
    for (const [name, listener] of listeners) subscribe(name, listener);
    await ask();
    while (server.connections > 0) await turns();
    for (const [name, listener] of listeners) unsubscribe(name, listener);
    await ask();
    await server.shutdown();
    assertEquals(told.map(short), [
      "connectionOpened",
      "requestBegun GET /",
      "headDecided GET / 200",
      "exchangeEnded GET /",
      "connectionClosed shutdown",
    ]);
  },
);
