/**
 * `Client.upgrade()` over HTTP/2: an extended CONNECT (RFC 8441) where the server takes them, and HTTP/1.1 where it does not or where
 * HTTP/2 cannot say what is asked.
 */

import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { UnsentError } from "../../../src/errors/unsent_error.ts";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import type { Client } from "../../../src/http/client/client.ts";
import type { ClientTraceEvents } from "../../../src/http/client/client_trace.ts";
import type { UpgradeInit } from "../../../src/http/client/options.ts";
import type { Handler } from "../../../src/http1/server_exchange.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { streamOf } from "../../support/client.ts";
import { answer, rejection } from "../../support/dialing.ts";
import { data, goaway, headers, rstStream, settings, settingsAck } from "../../support/h2_wire.ts";
import { Http2Peer, playing, sharing } from "../../support/http2_dialing.ts";
import { isPending } from "../../support/switching.ts";
import { tracing } from "../../support/tracing.ts";
import { FakeClock, readUntil, text, turns, wire } from "../../support/wire.ts";

const OK = [":status: 200"];
const REFUSED_STREAM = 7;
const HTTP_1_1_REQUIRED = 13;
const TAKES_UPGRADES = [8, 1] as const;
const SWITCHED = "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo¶¶";

/** Echoes what switches to `echo`, answers the rest. */
const echo: Handler = (request) => {
  if (!request.fields.has("upgrade")) return { status: 200, body: request.target };
  const { response, upgraded } = upgradeResponse(request, "echo");
  upgraded.then((io) => io.readable.pipeTo(io.writable)).catch(() => {});
  return response;
};

/** What comes back of what is said. */
async function echoed(io: Upgraded, said: string): Promise<string> {
  await io.write(wire(said));
  let back = "";
  while (back.length < said.length) back += text((await io.read())!);
  return back;
}

function upgrade(client: Client, init: Partial<UpgradeInit> = {}): Promise<Upgraded> {
  return client.upgrade("http://a/up?x", { protocol: "echo", ...init });
}

test("Client.upgrade() goes over a stream of HTTP/2 whose server takes upgrades (RFC 8441 §4)", async () => {
  const { client, peer, dialed } = playing();
  const upgrading = upgrade(client, { headers: { "x-a": "1" } });
  const server = await peer(0, TAKES_UPGRADES);
  assertEquals(
    await server.until("HEADERS"),
    "HEADERS 1 :method: CONNECT, :protocol: echo, :scheme: http, :authority: a, :path: /up?x, " +
      "x-a: 1, accept: */*, user-agent: t",
  );
  await server.send(headers(1, OK, "open"), data(1, "early"));
  const io = await upgrading;
  assertEquals([io.protocol, text((await io.read())!)], ["echo", "early"]);
  await io.write(wire("back"));
  assertEquals(await server.until("DATA"), "DATA 1 back");
  await io.closeWrite();
  assertEquals(await server.until("DATA"), "DATA 1 END ");
  await server.send(data(1, "last", true));
  assertEquals([text((await io.read())!), await io.read()], ["last", null]);
  await turns();
  assertEquals([dialed.length, client.connections], [1, 1]);
  await client.abort();
});

test("upgrades share a connection of HTTP/2 with each other and with requests", async () => {
  const { client, dialed } = sharing(echo, {}, { connectProtocol: true });
  const all = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    if (i % 2 === 0) return await (await client.fetch(`http://a/${i}`)).text();
    const io = await upgrade(client);
    const back = await echoed(io, `/${i}`);
    await io.close();
    return back;
  }));
  assertEquals(all, Array.from({ length: 20 }, (_, i) => `/${i}`));
  assertEquals([dialed.length, client.connections], [1, 1]);
  await client.close();
  assertEquals(client.connections, 0);
});

test("Client.upgrade() waits for the server's SETTINGS before it decides, and requests do not (RFC 8441 §3)", async () => {
  const { client, connection } = playing();
  const upgrading = upgrade(client);
  const fetching = client.fetch("http://a/");
  const server = new Http2Peer((await connection(0)).far);
  assertEquals((await server.until("HEADERS")).slice(0, 24), "HEADERS 1 END :method: G");
  await server.send(settings(TAKES_UPGRADES), settingsAck);
  assertEquals((await server.until("HEADERS")).slice(0, 26), "HEADERS 3 :method: CONNECT");
  await server.send(headers(3, OK, "open"), headers(1, OK));
  assertEquals((await fetching).status, 200);
  (await upgrading).abort();
  await client.abort();
});

test("Client.upgrade() goes over HTTP/1.1 where the server of HTTP/2 takes no upgrades, and later ones do not ask again", async () => {
  const { client, peer, connection, dialed } = playing();
  const upgrading = upgrade(client);
  const shared = await peer(0);
  const old = await connection(1);
  const request = await answer(old.far, SWITCHED);
  assert(request.startsWith("GET /up?x HTTP/1.1¶host: a¶connection: Upgrade¶upgrade: echo¶"), request);
  await (await upgrading).close();
  const fetching = client.fetch("http://a/");
  await shared.until("HEADERS 1");
  await shared.send(headers(1, OK));
  assertEquals([(await fetching).head.version, dialed.length], ["2", 2]);
  await client.abort();

  const other = playing({ maxIdlePerOrigin: 0 });
  const first = upgrade(other.client);
  const asked = await other.peer(0);
  await answer((await other.connection(1)).far, SWITCHED);
  await (await first).close();
  assertEquals(await asked.until("GOAWAY"), "GOAWAY 0 NO_ERROR");
  const second = upgrade(other.client);
  await answer((await other.connection(2)).far, SWITCHED);
  await (await second).close();
  await other.client.abort();
});

test("Client.upgrade() over HTTP/2 rejects with the answer of a server that refuses, whose body can be read", async () => {
  const { client, peer, dialed } = playing();
  const failing = rejection(upgrade(client));
  const server = await peer(0, TAKES_UPGRADES);
  await server.until("HEADERS 1");
  await server.send(headers(1, [":status: 403", "x-a: 1"], "open"), data(1, "not you", true));
  const error = await failing;
  assertInstanceOf(error, UpgradeRejected);
  assertEquals([error.code, error.status], ["refused", 403]);
  const response = error.response as Response;
  assertEquals([response.status, response.headers.get("x-a"), await response.text()], [403, "1", "not you"]);
  assertEquals(await server.until("DATA"), "DATA 1 END ");
  assertEquals(dialed.length, 1);
  await client.abort();
});

/** What an extended CONNECT does not say. */
const onlyOld: readonly (readonly [what: string, begin: (client: Client) => Promise<unknown>])[] = [
  ["several protocols", (client) => upgrade(client, { protocol: ["echo", "other"] })],
  ["another method", (client) => upgrade(client, { method: "POST" })],
  ["a body", (client) => upgrade(client, { method: "POST", body: "x" })],
  ["hijack", (client) => upgrade(client, { hijack: true })],
  ["fetch(), which takes another answer as well", async (client) => {
    const response = await client.fetch("http://a/", { headers: { connection: "upgrade", upgrade: "echo" } });
    assertEquals(response.status, 101);
    return await onUpgrade(response);
  }],
];

for (const [what, begin] of onlyOld) {
  test(`an upgrade goes over HTTP/1.1, also beside a connection of HTTP/2: ${what}`, async () => {
    const { client, peer, connection } = playing();
    const fetching = client.fetch("http://a/");
    const shared = await peer(0, TAKES_UPGRADES);
    await shared.until("HEADERS 1");
    await shared.send(headers(1, OK));
    await fetching;
    const upgrading = begin(client);
    const { far } = await connection(1);
    const request = await readUntil(far, (all) => all.includes("¶¶"));
    assert(request.includes("HTTP/1.1¶host: a¶"), request);
    await far.write(wire(SWITCHED));
    assertInstanceOf(await upgrading, Object);
    await client.abort();
  });
}

/** What a server says that has not looked at the request of stream 1. */
const unseen: readonly (readonly [how: string, frame: Uint8Array])[] = [
  ["GOAWAY below it", goaway(0)],
  ["RST_STREAM with REFUSED_STREAM", rstStream(1, REFUSED_STREAM)],
];

for (const [how, frame] of unseen) {
  test(`Client.upgrade() asks again where the server has not looked at it: ${how} (RFC 9113 §8.7)`, async () => {
    const { client, peer } = playing();
    const upgrading = upgrade(client);
    const first = await peer(0, TAKES_UPGRADES);
    await first.until("HEADERS 1");
    await first.send(frame);
    const over = how.startsWith("GOAWAY") ? await peer(1, TAKES_UPGRADES) : first;
    const streamId = over === first ? 3 : 1;
    await over.until(`HEADERS ${streamId} :method: CONNECT`);
    await over.send(headers(streamId, OK, "open"), data(streamId, "hi"));
    assertEquals(text((await (await upgrading).read())!), "hi");
    await client.abort();
  });
}

test("Client.upgrade() gives up where the server leaves four times before it tells what it takes", async () => {
  const { client, connection } = playing();
  const failed = rejection(upgrade(client));
  for (const index of [0, 1, 2, 3]) await (await connection(index)).far.closeWrite();
  assertInstanceOf(await failed, UnsentError);
  await client.abort();
});

test("Client.upgrade() fails with what has broken the connection before the server's SETTINGS came", async () => {
  const { client, connection, dialed } = playing();
  const failed = rejection(upgrade(client));
  await (await connection(0)).far.write(wire("HTTP/1.1 400 Bad Request¶¶"));
  const error = await failed;
  assertEquals([(error as Error).name, dialed.length], ["Http2Error", 1]);
  await client.abort();
});

test("Client.upgrade() waits for SETTINGS as long as connecting may take, and leaves no timer", async () => {
  const clock = new FakeClock();
  const { client, connection, dialed } = playing({ clock, connectTimeoutMs: 3000, idleTimeoutMs: 1000 });
  const failed = rejection(upgrade(client));
  const server = new Http2Peer((await connection(0)).far);
  await turns();
  await clock.advance(2999);
  assert(await isPending(failed));
  await clock.advance(1);
  const error = await failed;
  assert(error instanceof TransportError && error.code === "timeout", `${error}`);
  await clock.advance(1000);
  assertEquals(await server.until("GOAWAY"), "GOAWAY 0 NO_ERROR");
  await server.end();
  await turns();
  assertEquals([client.connections, dialed.length], [0, 1]);
  await client.close();
  assertEquals(clock.pending, 0);
});

test("Client.upgrade() whose signal aborts while it waits for SETTINGS leaves the others their connection", async () => {
  const { client, connection } = playing();
  const controller = new AbortController();
  const failed = rejection(upgrade(client, { signal: controller.signal }));
  const other = upgrade(client);
  const server = new Http2Peer((await connection(0)).far);
  await turns();
  controller.abort(new Error("enough"));
  assertEquals(`${await failed}`, "Error: enough");
  await server.begin(TAKES_UPGRADES);
  await server.until("HEADERS 1");
  await server.send(headers(1, OK, "open"), data(1, "hi"));
  assertEquals(text((await (await other).read())!), "hi");
  await client.abort();
});

test("the signal of an upgrade over HTTP/2 resets its stream alone, and has no say behind the switch", async () => {
  const { client, peer } = playing();
  const controllers = [new AbortController(), new AbortController()];
  const [first, second] = controllers.map(({ signal }) => upgrade(client, { signal }));
  const failed = rejection(first!);
  const server = await peer(0, TAKES_UPGRADES);
  await server.until("HEADERS 3");
  controllers[0]!.abort(new Error("enough"));
  assertEquals(`${await failed}`, "Error: enough");
  assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
  await server.send(headers(3, OK, "open"));
  const io = await second!;
  controllers[1]!.abort();
  await server.send(data(3, "hi"));
  assertEquals(text((await io.read())!), "hi");
  await client.abort();
});

for (const end of ["close", "abort"] as const) {
  test(`Client.${end}() leaves streams that have switched to their owners; their connection ends with the last one`, async () => {
    const { client, dialed } = sharing(echo, {}, { connectProtocol: true });
    const ios = [await upgrade(client), await upgrade(client)];
    await client[end]();
    assertEquals(client.connections, 0);
    for (const io of ios) assertEquals(await echoed(io, "still here"), "still here");
    await ios[0]!.close();
    assertEquals(await echoed(ios[1]!, "and here"), "and here");
    await ios[1]!.close();
    await dialed[0]!.near.closed;
  });
}

test("Client.close() waits for requests beside a stream that has switched, and says GOAWAY", async () => {
  const { client, peer } = playing();
  const upgrading = upgrade(client);
  const server = await peer(0, TAKES_UPGRADES);
  await server.until("HEADERS 1");
  await server.send(headers(1, OK, "open"));
  const io = await upgrading;
  const fetching = client.fetch("http://a/");
  await server.until("HEADERS 3");
  const closing = client.close();
  assertEquals(await server.until("GOAWAY"), "GOAWAY 0 NO_ERROR");
  await server.send(headers(3, OK, "open"));
  const response = await fetching;
  assertEquals(await isPending(closing), true);
  await server.send(data(3, "ok", true));
  assertEquals(await response.text(), "ok");
  await closing;
  await server.send(data(1, "hi", true));
  assertEquals(text((await io.read())!), "hi");
  await io.close();
  assertEquals(await server.until("END"), "END");
});

test("Client.close() lets an upgrade go on that waits for the server's SETTINGS", async () => {
  const { client, connection, dialed } = playing();
  const upgrading = upgrade(client);
  const server = new Http2Peer((await connection(0)).far);
  await turns();
  const closing = client.close();
  await server.begin(TAKES_UPGRADES);
  await server.until("HEADERS 1");
  await server.send(headers(1, OK, "open"));
  const io = await upgrading;
  await closing;
  assertEquals([dialed.length, client.connections], [1, 0]);
  await server.until("GOAWAY");
  io.abort();
  assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
  assertEquals(await server.until("END"), "END");
});

test("Client.abort() fails an upgrade that is under way, or that waits for the server's SETTINGS", async () => {
  for (const begins of [true, false]) {
    const { client, connection, dialed } = playing();
    const failed = rejection(upgrade(client));
    const server = new Http2Peer((await connection(0)).far);
    if (begins) await server.begin(TAKES_UPGRADES);
    await server.until(begins ? "HEADERS" : "SETTINGS");
    await client.abort(new Error("enough"));
    assertEquals([`${await failed}`, client.connections, dialed.length], ["Error: enough", 0, 1]);
    await dialed[0]!.near.closed.catch(() => {});
  }
});

test("Client with keepAlive: false has a connection of HTTP/2 for each upgrade, which ends with it", async () => {
  const { client, dialed } = sharing(echo, { keepAlive: false }, { connectProtocol: true });
  const ios = [await upgrade(client), await upgrade(client)];
  for (const io of ios) {
    assertEquals(await echoed(io, "hello"), "hello");
    await io.close();
  }
  await Promise.all(dialed.map(({ near }) => near.closed));
  await turns();
  assertEquals([dialed.length, client.connections], [2, 0]);
  await client.close();
});

test("interceptors see an upgrade over HTTP/2 in the words of HTTP/1.1: a GET with Upgrade, and a 101", async () => {
  const { client } = sharing(echo, {}, { connectProtocol: true });
  const seen: unknown[] = [];
  client.use(async (request, next) => {
    seen.push(request.method, request.fields.get("upgrade"));
    const response = await next(request);
    const { status, ok, body, headers, head } = response;
    seen.push(status, ok, body, headers.get("connection"), headers.get("upgrade"), head.status, head.version);
    return response;
  });
  const io = await upgrade(client);
  assertEquals(seen, ["GET", "echo", 101, false, null, "Upgrade", "echo", 200, "2"]);
  assertEquals(await echoed(io, "hello"), "hello");
  await io.close();
  await client.close();
});

test("a Client with trace tells of an upgrade over HTTP/2 as of one over HTTP/1.1, with what went both ways behind it", async () => {
  const { trace, told, until } = tracing<ClientTraceEvents>([
    "connectionOpened",
    "headDecided",
    "switched",
    "exchangeEnded",
    "upgradedClosed",
    "connectionClosed",
  ]);
  const { client } = sharing(echo, { trace }, { connectProtocol: true });
  const io = await upgrade(client);
  assertEquals(await echoed(io, "hello"), "hello");
  await io.close();
  await until("upgradedClosed");
  await client.close();
  await until("connectionClosed");
  assertEquals(told.map(([name]) => name), [
    "connectionOpened",
    "headDecided",
    "switched",
    "exchangeEnded",
    "upgradedClosed",
    "connectionClosed",
  ]);
  const closed = told[4]![1] as ClientTraceEvents["upgradedClosed"];
  assertEquals([closed.receivedBytes, closed.sentBytes, closed.exchange.connection?.version], [5, 5, "2"]);
});

test("upgrades leave half of the streams of a connection to requests, and open another connection of HTTP/2 for more", async () => {
  const { client, dialed } = sharing(echo, {}, { connectProtocol: true, limits: { maxConcurrentStreams: 8 } });
  const together = await Promise.all(Array.from({ length: 20 }, () => upgrade(client)));
  assertEquals([dialed.length, client.connections], [5, 5]);
  const later = [await upgrade(client), await upgrade(client)];
  assertEquals(dialed.length, 6);
  const texts = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => await (await client.fetch(`http://a/${i}`)).text()),
  );
  assertEquals([texts.length, dialed.length], [20, 6]);
  for (const io of [...together, ...later]) assertEquals(await echoed(io, "hello"), "hello");
  await Promise.all([...together, ...later].map((io) => io.close()));
  await turns();
  assertEquals(client.connections, 1);
  await client.close();
});

test("an upgrade that is all that the server allows on a connection leaves requests another one", async () => {
  const { client, dialed } = sharing(echo, {}, { connectProtocol: true, limits: { maxConcurrentStreams: 1 } });
  const ios = [await upgrade(client), await upgrade(client)];
  assertEquals(await (await client.fetch("http://a/1")).text(), "/1");
  assertEquals([dialed.length, client.connections], [3, 3]);
  for (const io of ios) {
    assertEquals(await echoed(io, "hello"), "hello");
    await io.close();
  }
  await turns();
  assertEquals(client.connections, 1);
  await client.close();
});

test("streams that have switched and are not read hold up neither each other nor requests (RFC 9113 §5.2.2)", async () => {
  const limits = { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 };
  const { client, peer } = playing({ http2: { h2c: true, limits } });
  let upgrading = upgrade(client);
  const server = await peer(0, TAKES_UPGRADES);
  const ios: Upgraded[] = [];
  for (const streamId of [1, 3, 5]) {
    await server.until(`HEADERS ${streamId} :method: CONNECT`);
    await server.send(headers(streamId, OK, "open"));
    ios.push(await upgrading);
    for (let part = 0; part < 4; part++) await server.send(data(streamId, new Uint8Array(15_000)));
    await server.until("WINDOW_UPDATE 0");
    await server.send(data(streamId, new Uint8Array(5000)));
    upgrading = upgrade(client);
  }
  await server.until("HEADERS 7");
  await server.send(headers(7, [":status: 403"]));
  await rejection(upgrading);
  ios[0]!.abort();
  await server.until("RST_STREAM 1");
  const fetching = client.fetch("http://a/");
  await server.until("HEADERS 9");
  await server.send(headers(9, OK, "open"), data(9, "ok", true));
  assertEquals(await (await fetching).text(), "ok");
  let read = 0;
  while (read < 65_000) read += (await ios[1]!.read())!.length;
  await server.until("WINDOW_UPDATE 3");
  await client.abort();
});

test("what a server of HTTP/2 wants over HTTP/1.1 is sent there, an upgrade and a request with a body (RFC 9113 §7)", async () => {
  const { client, peer, connection } = playing();
  const upgrading = upgrade(client);
  const server = await peer(0, TAKES_UPGRADES);
  await server.until("HEADERS 1");
  await server.send(rstStream(1, HTTP_1_1_REQUIRED));
  await answer((await connection(1)).far, SWITCHED);
  (await upgrading).abort();
  const posting = client.fetch("http://a/", { method: "POST", body: "hello" });
  await server.until("HEADERS 3");
  await server.send(rstStream(3, HTTP_1_1_REQUIRED));
  const { far } = await connection(2);
  assert((await readUntil(far, "hello")).startsWith("POST / HTTP/1.1¶"));
  await far.write(wire("HTTP/1.1 204 No Content¶¶"));
  assertEquals((await posting).head.version, "1.1");
  const once = rejection(client.fetch("http://a/", { method: "POST", body: streamOf("a") }));
  await server.until("DATA 5");
  await server.send(rstStream(5, HTTP_1_1_REQUIRED));
  assertInstanceOf(await once, TransportError);
  await client.abort();
});
