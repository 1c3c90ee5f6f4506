/**
 * `Client` over HTTP/2, with servers of ours and with those that the test plays: one connection, many requests, and what is sent again.
 */

import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Deferred } from "../../../src/duplex/deferred.ts";
import { StateError } from "../../../src/errors/state_error.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { UnsentError } from "../../../src/errors/unsent_error.ts";
import { Client } from "../../../src/http/client/client.ts";
import type { ClientTraceEvents } from "../../../src/http/client/client_trace.ts";
import type { Handler } from "../../../src/http1/server_exchange.ts";
import { manualStream } from "../../support/client.ts";
import { rejection } from "../../support/dialing.ts";
import { data, goaway, headers, rstStream, windowUpdate } from "../../support/h2_wire.ts";
import { type Http2Peer, playing, sharing } from "../../support/http2_dialing.ts";
import { giveAway, shrinking } from "../../support/memory.ts";
import { isPending } from "../../support/switching.ts";
import { tracing } from "../../support/tracing.ts";
import { FakeClock, readUntil, text, turns, wire } from "../../support/wire.ts";

const target: Handler = (request) => ({ status: 200, body: request.target });
const OK = [":status: 200"];
const REFUSED_STREAM = 7;
const HTTP_1_1_REQUIRED = 13;
const MAX_CONCURRENT_STREAMS = 3;

/** Answers the request of this stream. */
async function answer(peer: Http2Peer, streamId: number, body = "ok"): Promise<void> {
  await peer.until(`HEADERS ${streamId} `);
  await peer.send(headers(streamId, OK, "open"), data(streamId, body, true));
}

test("Client sends all requests to an origin over one connection of HTTP/2, however many there are at once", async () => {
  const { client, dialed } = sharing((request) => ({ status: 200, body: `${request.version} ${request.target}` }));
  const texts = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const response = await client.fetch(`http://a/${i}`);
    assertEquals(response.head.version, "2");
    return await response.text();
  }));
  assertEquals(texts, Array.from({ length: 20 }, (_, i) => `2 /${i}`));
  assertEquals(await (await client.fetch("http://a/again")).text(), "2 /again");
  assertEquals([dialed.length, client.connections], [1, 1]);
  await (await client.fetch("http://b/")).text();
  assertEquals([dialed.length, client.connections], [2, 2]);
  await client.close();
  assertEquals(client.connections, 0);
});

test("Client.fetch() over HTTP/2 says Host as :authority, and none of the fields of HTTP/1.1's connections (RFC 9113 §8.2.2)", async () => {
  const seen: unknown[] = [];
  const { client } = sharing(({ method, authority, target, fields }) => {
    seen.push(method, authority, target, [...fields]);
    return { status: 204 };
  });
  await client.fetch("http://a.example:81/x?y", {
    method: "POST",
    body: "hello",
    headers: { host: "b", connection: "close", "keep-alive": "1", te: "trailers", "x-a": "1" },
  });
  assertEquals(seen.slice(0, 3), ["POST", "b", "/x?y"]);
  assertEquals(
    seen[3],
    [
      ["host", "b"],
      ["te", "trailers"],
      ["x-a", "1"],
      ["content-type", "text/plain;charset=UTF-8"],
      ["accept", "*/*"],
      ["user-agent", "t"],
      ["content-length", "5"],
    ].toSorted((a, b) => order(seen[3], a) - order(seen[3], b)),
  );
  await client.close();
});

function order(fields: unknown, [name]: string[]): number {
  return (fields as [string, string][]).findIndex(([other]) => other === name);
}

test("Client.fetch() over HTTP/2 streams bodies both ways at once, with trailers both ways", async () => {
  const { client } = sharing((request) => ({
    status: 200,
    body: request.body,
    trailers: async () => ({ "x-sum": `${(await request.body.trailers).get("x-sum")}!` }),
  }));
  const { stream, controller } = manualStream();
  const response = await client.fetch("http://a/", {
    method: "POST",
    body: stream,
    trailers: () => ({ "x-sum": "3" }),
  });
  const reader = response.body!.getReader();
  for (const part of ["one", "two"]) {
    controller.enqueue(wire(part));
    assertEquals(text((await reader.read()).value!), part);
  }
  controller.close();
  assertEquals((await reader.read()).done, true);
  assertEquals((await response.trailers).get("x-sum"), "3!");
  await client.close();
});

test("Client.fetch() over HTTP/2 sends no trailers where a redirect has dropped the body that they stood behind", async () => {
  const { client } = sharing(async ({ method, target, body }) => {
    await body.bytes();
    const sum = (await body.trailers).get("x-sum");
    if (target === "/") return { status: 303, fields: [["location", `http://b/${sum}`]] };
    return { status: 200, body: `${method} ${target} ${sum}` };
  });
  let made = 0;
  const trailers = () => ({ "x-sum": String(++made) });
  const response = await client.fetch("http://a/", { method: "POST", body: "x", trailers });
  assertEquals([await response.text(), made], ["GET /1 null", 1]);
  await client.close();
});

test("Client.fetch() over HTTP/2 tells of informational responses, and waits for a 100 with the body", async () => {
  const { client } = sharing(async (request) => {
    request.sendInformational(103, [["link", "</a>"]]);
    return { status: 200, body: await request.body.text() };
  });
  const told: number[] = [];
  const response = await client.fetch("http://a/", {
    method: "POST",
    body: "hello",
    expectContinueTimeoutMs: 1_000_000,
    onInformational: ({ status }) => told.push(status),
  });
  assertEquals([await response.text(), told], ["hello", [103, 100]]);
  await client.close();
});

test("Client.fetch() over HTTP/2 follows redirects, to HTTP/1.1 and back among them, and passes interceptors", async () => {
  const { client, dialed } = sharing(({ target }) =>
    target === "/old" ? { status: 302, fields: { location: "/new" }, body: "moved" } : { status: 200, body: target }
  );
  const seen: string[] = [];
  client.use(async (request, next) => {
    const response = await next(request);
    seen.push(`${request.url.pathname} ${response.status}`);
    return response;
  });
  const response = await client.fetch("http://a/old");
  assertEquals([await response.text(), response.redirected, response.url], ["/new", true, "http://a/new"]);
  assertEquals([seen, dialed.length], [["/old 302", "/new 200"], 1]);
  await client.close();
});

test("Client waits with requests until the server allows another stream (RFC 9113 §5.1.2), and opens no second connection", async () => {
  const { client, dialed } = sharing(target, { maxConnectionsPerOrigin: 5 }, { limits: { maxConcurrentStreams: 2 } });
  const texts = await Promise.all(
    Array.from({ length: 30 }, async (_, i) => await (await client.fetch(`http://a/${i}`)).text()),
  );
  assertEquals(texts, Array.from({ length: 30 }, (_, i) => `/${i}`));
  assertEquals(dialed.length, 1);
  await client.close();
});

test("Client over HTTP/2 goes on with other requests while responses are not read", async () => {
  const { client } = sharing(({ target }) => ({
    status: 200,
    body: target === "/" ? "ok" : new Uint8Array(2_000_000),
  }));
  const unread = await Promise.all(Array.from({ length: 8 }, (_, i) => client.fetch(`http://a/${i}`)));
  assertEquals(await (await client.fetch("http://a/")).text(), "ok");
  for (const response of unread) assertEquals((await response.bytes()).length, 2_000_000);
  await client.close();
});

test("a signal over HTTP/2 resets its stream, and no other one", async () => {
  const { client, peer } = playing();
  const controller = new AbortController();
  const aborted = rejection(client.fetch("http://a/1", { signal: controller.signal }));
  const other = client.fetch("http://a/2");
  const server = await peer(0);
  await server.until("HEADERS 3");
  controller.abort(new Error("enough"));
  assertEquals(`${await aborted}`, "Error: enough");
  assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
  await server.send(headers(3, OK, "open"), data(3, "ok", true));
  assertEquals(await (await other).text(), "ok");
  await client.abort();
});

for (const coding of ["", "gzip"]) {
  const payload = coding === "" ? wire("hello") : new Uint8Array(gzipSync("hello"));
  const head = coding === "" ? OK : [...OK, `content-encoding: ${coding}`];
  const name = coding === "" ? "a body" : `a body in ${coding}`;

  /** A response all of which has come and none of which is read, and what gives it up. */
  const arrived = async () => {
    const { client, dialed, peer } = playing({ decompress: true });
    const controller = new AbortController();
    const fetching = client.fetch("http://a/", { signal: controller.signal });
    const server = await peer(0);
    await server.until("HEADERS 1");
    await server.send(headers(1, head, "open"), data(1, payload, true));
    const response = await fetching;
    await turns();
    return { client, dialed, server, response, controller };
  };

  for (const how of ["text()", "body"]) {
    test(`a signal over HTTP/2 that aborts behind the whole of ${name} fails ${how}, if it is not read (Fetch standard, "abort a fetch() call")`, async () => {
      const { client, dialed, server, response, controller } = await arrived();
      const reason = new Error("enough");
      controller.abort(reason);
      const reading = how === "body" ? response.body!.getReader().read() : response.text();
      assertEquals(await rejection(reading), reason);
      const again = client.fetch("http://a/");
      await answer(server, 3);
      assertEquals([await (await again).text(), dialed.length], ["ok", 1]);
      await client.abort();
    });
  }

  test(`a signal over HTTP/2 that aborts behind the last part that is read of ${name} leaves its end alone`, async () => {
    const { client, response, controller } = await arrived();
    const reader = response.body!.getReader();
    assertEquals(text((await reader.read()).value!), "hello");
    controller.abort();
    assertEquals((await reader.read()).done, true);
    await client.abort();
  });
}

test("a response over HTTP/2 whose body is canceled resets its stream, and the connection is used again", async () => {
  const { client, dialed, peer } = playing();
  const fetching = client.fetch("http://a/");
  const server = await peer(0);
  await server.until("HEADERS 1");
  await server.send(headers(1, OK, "open"), data(1, "some"));
  await (await fetching).body!.cancel();
  assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
  const again = client.fetch("http://a/");
  await answer(server, 3);
  assertEquals([await (await again).text(), dialed.length], ["ok", 1]);
  await client.abort();
});

test("Client opens another connection behind a GOAWAY, while the streams of the old one end (RFC 9113 §6.8)", async () => {
  const { client, peer } = playing();
  const first = client.fetch("http://a/1");
  const old = await peer(0);
  await old.until("HEADERS 1");
  await old.send(headers(1, OK, "open"), data(1, "o"), goaway(1));
  const response = await first;
  await turns();
  const second = client.fetch("http://a/2");
  const other = await peer(1);
  await answer(other, 1);
  assertEquals(await (await second).text(), "ok");
  assertEquals(client.connections, 2);
  await old.send(data(1, "ld", true));
  assertEquals(await response.text(), "old");
  assertEquals(await old.until("END"), "END");
  await old.end();
  await turns();
  assertEquals(client.connections, 1);
  await client.abort();
});

/** What a server says that has not looked at the request of stream 1. */
const unseen: readonly (readonly [how: string, frame: Uint8Array])[] = [
  ["GOAWAY below it", goaway(0)],
  ["RST_STREAM with REFUSED_STREAM", rstStream(1, REFUSED_STREAM)],
];

for (const [how, frame] of unseen) {
  test(`Client sends a request again, whatever its method, that the server has not looked at: ${how} (RFC 9113 §8.7)`, async () => {
    const { client, peer } = playing();
    const fetching = client.fetch("http://a/", { method: "POST", body: "hello" });
    const first = await peer(0);
    await first.until("DATA 1");
    await first.send(frame);
    const over = how.startsWith("GOAWAY") ? await peer(1) : first;
    const streamId = over === first ? 3 : 1;
    assertEquals(await over.until("DATA"), `DATA ${streamId} END hello`);
    await over.send(headers(streamId, OK, "open"), data(streamId, "ok", true));
    assertEquals(await (await fetching).text(), "ok");
    await client.abort();
  });

  test(`Client does not send a stream again of which something was sent: ${how}`, async () => {
    const { client, peer, dialed } = playing();
    const { stream, controller, canceled } = manualStream();
    controller.enqueue(wire("some"));
    const failed = rejection(client.fetch("http://a/", { method: "POST", body: stream }));
    const first = await peer(0);
    await first.until("DATA 1 some");
    await first.send(frame);
    const error = await failed;
    assert(error instanceof UnsentError && error.bodyUsed, `${error}`);
    await canceled;
    assertEquals(dialed.length, 1);
    await client.abort();
  });
}

test("servers of HTTP/2 that shut down gracefully, one after the other, lose no request of a Client (RFC 9113 §6.8)", async () => {
  let handled = 0;
  const { client, served } = sharing(async (request) => {
    const body = await request.body.text();
    if (++handled % 20 === 0) served.at(-1)!.gracefulShutdown();
    return { status: 200, body };
  });
  const asking = Array.from({ length: 8 }, async (_, i) => {
    for (let turn = 0; turn < 50; turn++) {
      const body = `${i} ${turn}`;
      assertEquals(await (await client.fetch("http://a/", { method: "POST", body })).text(), body);
    }
  });
  await Promise.all(asking);
  assertEquals(handled, 400);
  assert(served.length > 10, `${served.length}`);
  await client.close();
});

/** A client that has sent the head of a request on stream 1, and waits for a 100 with the stream that is its body: "hello" so far. */
async function waitingFor100() {
  const played = playing();
  const { stream, controller, canceled } = manualStream();
  controller.enqueue(wire("hello"));
  const options = { method: "POST", body: stream, expectContinueTimeoutMs: 1_000_000 };
  const fetching = played.client.fetch("http://a/", options);
  const server = await played.peer(0);
  await server.until("HEADERS 1");
  return { ...played, server, controller, canceled, fetching };
}

test("Client sends a stream again that waited for a 100 when the server refused the request (RFC 9113 §8.7)", async () => {
  const { client, server, controller, fetching } = await waitingFor100();
  controller.close();
  await server.send(rstStream(1, REFUSED_STREAM));
  await server.until("HEADERS 3");
  await server.send(headers(3, [":status: 100"], "open"));
  assert((await server.until("DATA 3")).endsWith("hello"));
  await server.send(headers(3, [":status: 204"]));
  assertEquals((await fetching).status, 204);
  await client.abort();
});

test("Client sends a stream over HTTP/1.1 that waited for a 100 when the server wanted it so (RFC 9113 §7)", async () => {
  const { client, connection, server, controller, fetching } = await waitingFor100();
  controller.close();
  await server.send(rstStream(1, HTTP_1_1_REQUIRED));
  const { far } = await connection(1);
  assert((await readUntil(far, "¶¶")).startsWith("POST / HTTP/1.1¶"));
  await far.write(wire("HTTP/1.1 100 Continue¶¶"));
  await readUntil(far, "5¶hello¶0¶¶");
  await far.write(wire("HTTP/1.1 204 No Content¶¶"));
  assertEquals((await fetching).status, 204);
  await client.abort();
});

test("Client does not send a stream over HTTP/1.1 of which something was sent behind the 100", async () => {
  const { client, dialed, server, canceled, fetching } = await waitingFor100();
  const failed = rejection(fetching);
  await server.send(headers(1, [":status: 100"], "open"));
  await server.until("DATA 1 hello");
  await server.send(rstStream(1, HTTP_1_1_REQUIRED));
  const error = await failed;
  assert(error instanceof TransportError, `${error}`);
  await canceled;
  assertEquals(dialed.length, 1);
  await client.abort();
});

test("Client gives up a request that the server refuses four times", async () => {
  const { client, peer } = playing();
  const failed = rejection(client.fetch("http://a/"));
  const server = await peer(0);
  for (const streamId of [1, 3, 5, 7]) {
    await server.until(`HEADERS ${streamId}`);
    await server.send(rstStream(streamId, REFUSED_STREAM));
  }
  const error = await failed;
  assert(error instanceof UnsentError, `${error}`);
  await client.abort();
});

for (const [method, again] of [["GET", true], ["POST", false]] as const) {
  const will = again ? "sends a GET again" : "does not send a POST again";
  test(`Client ${will} where a connection of HTTP/2 was gone before anything was heard (RFC 9110 §9.2.2)`, async () => {
    const { client, peer, dialed } = playing();
    const first = client.fetch("http://a/");
    const old = await peer(0);
    await answer(old, 1);
    await (await first).text();
    const fetching = client.fetch("http://a/", { method });
    await old.until("HEADERS 3");
    old.cut();
    if (again) {
      await answer(await peer(1), 1);
      assertEquals(await (await fetching).text(), "ok");
    } else {
      const error = await rejection(fetching);
      assert(error instanceof TransportError, `${error}`);
    }
    assertEquals(dialed.length, again ? 2 : 1);
    await client.abort();
  });
}

test("Client does not send a request again over HTTP/2 on whose connection it was the first, or whose stream was reset", async () => {
  const { client, peer, dialed } = playing();
  const first = rejection(client.fetch("http://a/"));
  const gone = await peer(0);
  await gone.until("HEADERS 1");
  gone.cut();
  assert(await first instanceof TransportError);
  const second = rejection(client.fetch("http://a/"));
  const server = await peer(1);
  await server.until("HEADERS 1");
  await server.send(rstStream(1, 2));
  const error = await second;
  assert(error instanceof TransportError && error.code === "reset", `${error}`);
  assertEquals(dialed.length, 2);
  await client.abort();
});

test("Client ends a connection of HTTP/2 on which no stream was open for idleTimeoutMs, and leaves no timer", async () => {
  const clock = new FakeClock();
  const begun = new Deferred<void>();
  const { client, dialed } = sharing(async ({ target }) => {
    if (target === "/slow") await begun.promise;
    return { status: 200, body: "ok" };
  }, { idleTimeoutMs: 1000, clock });
  await (await client.fetch("http://a/")).text();
  const slow = client.fetch("http://a/slow");
  await turns();
  await clock.advance(5000);
  assertEquals(client.connections, 1);
  begun.resolve();
  await (await slow).text();
  await turns();
  await clock.advance(999);
  assertEquals(client.connections, 1);
  await clock.advance(1);
  assertEquals(client.connections, 0);
  await dialed[0]!.near.closed;
  assertEquals([clock.pending, dialed.length], [0, 1]);
  await client.close();
});

test("Client with keepAlive: false has a connection of HTTP/2 for each request, which ends with it", async () => {
  const { client, dialed } = sharing(target, { keepAlive: false });
  const texts = await Promise.all(
    ["/1", "/2"].map(async (path) => await (await client.fetch(`http://a${path}`)).text()),
  );
  await turns();
  assertEquals([texts, dialed.length, client.connections], [["/1", "/2"], 2, 0]);
  await client.close();
});

test("Client.close() over HTTP/2 lets streams end, and refuses what waits for one", async () => {
  const { client, peer } = playing();
  const begun = client.fetch("http://a/");
  const server = await peer(0, [MAX_CONCURRENT_STREAMS, 1]);
  await answer(server, 1);
  await (await begun).text();
  const first = client.fetch("http://a/1");
  await server.until("HEADERS 3");
  const waiting = rejection(client.fetch("http://a/2"));
  const closing = client.close();
  const error = await waiting;
  assert(error instanceof StateError && error.code === "closed", `${error}`);
  assertEquals(await server.until("GOAWAY"), "GOAWAY 0 NO_ERROR");
  await server.send(headers(3, OK, "open"), data(3, "ok", true));
  assertEquals(await (await first).text(), "ok");
  await server.end();
  await closing;
  assertEquals(client.connections, 0);
});

test("Client.abort() over HTTP/2 fails what is under way with its reason, and ends the connection at once", async () => {
  const { client, peer, dialed } = playing();
  const first = rejection(client.fetch("http://a/1"));
  const server = await peer(0);
  await server.until("HEADERS 1");
  await client.abort(new Error("enough"));
  assertEquals([`${await first}`, client.connections], ["Error: enough", 0]);
  await dialed[0]!.near.closed.catch(() => {});
});

test("Client over HTTP/2: a request that gives up while the connection is opened leaves the others their turn", async () => {
  const dialing = new Deferred<void>();
  const { client } = sharing(target);
  const signals: AbortSignal[] = [];
  const slow = async (_: unknown, { signal }: { signal: AbortSignal }) => {
    signals.push(signal);
    await dialing.promise;
    return await Promise.reject(new Error("unused"));
  };
  const controllers = [new AbortController(), new AbortController()];
  const [first, second] = controllers.map(({ signal }) => rejection(client.fetch("http://a/", { dial: slow, signal })));
  await turns();
  controllers[0]!.abort(new Error("first"));
  assertEquals(`${await first}`, "Error: first");
  assertEquals([signals.length, signals[0]!.aborted, await isPending(second!)], [1, false, true]);
  controllers[1]!.abort(new Error("second"));
  assertEquals(`${await second}`, "Error: second");
  assertEquals(signals[0]!.aborted, true);
  dialing.resolve();
  await client.close();
});

test("a Client with trace tells the version, and each exchange on the connection of HTTP/2 that they share", async () => {
  const { trace, told, until } = tracing<ClientTraceEvents>([
    "connectionOpened",
    "headDecided",
    "exchangeEnded",
    "connectionClosed",
  ]);
  const { client } = sharing(async (request) => ({ status: 200, body: await request.body.text() }), { trace });
  for (const body of ["hello", "you"]) await (await client.fetch("http://a/", { method: "POST", body })).text();
  await until("exchangeEnded", 2);
  await client.close();
  await until("connectionClosed");
  assertEquals(told.map(([name]) => name), [
    "connectionOpened",
    "headDecided",
    "exchangeEnded",
    "headDecided",
    "exchangeEnded",
    "connectionClosed",
  ]);
  const opened = told[0]![1] as ClientTraceEvents["connectionOpened"];
  assertEquals(opened.connection, { hostname: "a", port: 80, secure: false, proxy: null, version: "2" });
  const ended = told.flatMap(([name, event]) =>
    name === "exchangeEnded" ? [event] : []
  ) as ClientTraceEvents["exchangeEnded"][];
  assertEquals(
    ended.map((
      { requestBodyBytes, responseBodyBytes, error, exchange },
    ) => [requestBodyBytes, responseBodyBytes, error, exchange.connection === opened.connection]),
    [[5, 5, undefined, true], [3, 3, undefined, true]],
  );
});

test("a Client with trace tells of a request that is sent again over HTTP/2, and of one that fails", async () => {
  const { trace, told, until } = tracing<ClientTraceEvents>(["retried", "exchangeEnded"]);
  const client = playing({ trace });
  const fetching = client.client.fetch("http://a/");
  const server = await client.peer(0);
  await server.until("HEADERS 1");
  await server.send(rstStream(1, REFUSED_STREAM));
  await server.until("HEADERS 3");
  await server.send(headers(3, OK, "open"), data(3, "o"));
  const response = await fetching;
  await server.send(rstStream(3, 2));
  await assertRejects(() => response.text(), TransportError);
  await until("exchangeEnded");
  assertEquals(told.map(([name, event]) => [name, (event as { error?: Error }).error?.name]), [
    ["retried", "UnsentError"],
    ["exchangeEnded", "TransportError"],
  ]);
  await client.client.abort();
});

test("Client asks servers of http: URLs in HTTP/1.1 without h2c", async () => {
  const { client, dialed } = sharing(target, { http2: { h2c: false } });
  const fetching = rejection(client.fetch("http://a/"));
  assertEquals(text((await dialed[0]?.far.read().catch(() => null)) ?? wire("GET")).slice(0, 3), "GET");
  await client.abort();
  await fetching;
  await new Client().close();
});

test("Client over HTTP/2 sends a body as it was, though its memory becomes shorter while the windows are shut", async () => {
  const { client, peer } = playing();
  const { bytes, shrink } = shrinking(200_000);
  const fetching = client.fetch("http://a/", { method: "POST", body: bytes });
  const server = await peer(0);
  let left = 200_000;
  for (let first = true; left > 0; first = false) {
    const frame = await server.until("DATA 1");
    left -= Number(/\((\d+)\)/.exec(frame)![1]);
    if (!first) continue;
    shrink();
    await server.send(windowUpdate(0, 200_000), windowUpdate(1, 200_000));
  }
  await server.send(headers(1, [":status: 204"]));
  assertEquals([left, (await fetching).status], [0, 204]);
  await client.abort();
});

test("Client over HTTP/2 resets one stream where the memory of a body is given away that waits, and no other", async () => {
  const { client, peer } = playing();
  const bytes = new Uint8Array(200_000);
  const failed = rejection(client.fetch("http://a/", { method: "POST", body: bytes }));
  const server = await peer(0);
  await server.until("DATA 1");
  const other = client.fetch("http://a/");
  await server.until("HEADERS 3");
  giveAway(bytes);
  await server.send(windowUpdate(0, 200_000), windowUpdate(1, 200_000));
  assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 INTERNAL_ERROR");
  const error = await failed;
  assert(error instanceof StateError && error.code === "body-length", `${error}`);
  await server.send(headers(3, OK, "open"), data(3, "ok", true));
  assertEquals(await (await other).text(), "ok");
  await client.abort();
});
