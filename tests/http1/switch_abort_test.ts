import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readAll, readUntil, turns, wire } from "../support/wire.ts";
import {
  calling,
  CONNECT,
  expectText,
  FAILED,
  isPending,
  rejectedFor,
  serving,
  SWITCHED,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

const POST = "POST / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: foobar¶Content-Length: 10¶¶";

/** How far a server got with a switch. */
const serverSteps = [
  "the handler runs",
  "the handler reads the body",
  "the body is drained",
  "the 101 is written",
] as const;
type ServerStep = typeof serverSteps[number];

/** A server that stands still at a step of a switch. */
async function serverAt(step: ServerStep) {
  const clock = new FakeClock();
  let upgraded!: Promise<Upgraded>;
  let signal!: AbortSignal;
  let answer!: (response: OutgoingResponse) => void;
  const { client, connection } = serving(
    async (request) => {
      upgraded = onUpgrade(request);
      signal = request.signal;
      if (step === "the handler runs") await new Promise<OutgoingResponse>((resolve) => answer = resolve);
      if (step === "the handler reads the body") await request.body.bytes();
      return upgradeResponse(request, "foobar").response;
    },
    { clock },
    step === "the 101 is written" ? { capacityBytes: 1, readBytes: 1 } : {},
  );
  const request = step === "the handler runs" || step === "the 101 is written" ? UPGRADE : `${POST}hello`;
  client.write(wire(request)).catch(() => {});
  for (let i = 0; i < 20; i++) await turns();
  return { client, connection, clock, upgraded, signal, answer: (response: OutgoingResponse) => answer(response) };
}

for (const step of serverSteps) {
  test(`ServerConnection.abort() while ${step} rejects the upgrade with the reason, and ends [U21]`, async () => {
    const { client, connection, clock, upgraded, signal } = await serverAt(step);
    const reason = new Error("enough");
    connection.abort(reason);
    const rejected = await rejectedFor("canceled", upgraded);
    assertStrictEquals(rejected.cause, reason);
    assertEquals(rejected.status, undefined);
    assertEquals(await connection.closed, { reason: "error", error: reason });
    assertStrictEquals(signal.reason, reason);
    assertEquals(clock.pending, 0);
    await assertRejects(() => readAll(client));
  });

  test(`serveConnection() rejects the upgrade when the peer resets while ${step} [U21]`, async () => {
    const { client, connection, clock, upgraded, answer } = await serverAt(step);
    client.abort(new Error("gone"));
    if (step === "the handler runs") answer({ status: 101 });
    const { cause, status } = await rejectedFor("canceled", upgraded);
    if (step === "the body is drained") assertEquals(status, undefined);
    assert(cause instanceof TransportError && cause.code === "reset");
    assertEquals(await connection.closed, { reason: "error", error: cause });
    assertEquals(clock.pending, 0);
  });
}

test("ServerConnection.abort() does not wait for a handler that never answers", async () => {
  for (const request of [UPGRADE, "GET / HTTP/1.1¶Host: a¶¶", "GET / HTTP/1.1¶Host: a¶Upgrade: x¶¶", CONNECT]) {
    const clock = new FakeClock();
    const { client, connection } = serving(() => new Promise<OutgoingResponse>(() => {}), { clock });
    await client.write(wire(request));
    await turns();
    const reason = new Error("enough");
    connection.abort(reason);
    assertEquals(await connection.closed, { reason: "error", error: reason });
    assertEquals(clock.pending, 0);
  }
});

test("serveConnection() answers 400 when the peer ends its side within the body", async () => {
  for (const step of ["the handler reads the body", "the body is drained"] as const) {
    const { client, connection, upgraded, clock } = await serverAt(step);
    await client.closeWrite();
    const { cause } = await rejectedFor("canceled", upgraded);
    assert(cause instanceof ProtocolError && cause.code === "truncated");
    assertEquals(await readAll(client), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
    assertEquals((await connection.closed).reason, "error");
    assertEquals(clock.pending, 0);
  }
});

for (const when of ["at once", "after a 103", "after upgradeResponse()", "after reading the body"] as const) {
  test(`serveConnection() answers 500 when the handler throws ${when}, and never switches [U21]`, async () => {
    const cause = new Error("no");
    let upgraded!: Promise<Upgraded>;
    const { client, connection } = serving(async (request) => {
      upgraded = onUpgrade(request);
      if (when === "after a 103") await request.sendInformational(103);
      if (when === "after upgradeResponse()") upgradeResponse(request, "foobar");
      if (when === "after reading the body") await request.body.bytes();
      throw cause;
    });
    await client.write(wire(`${POST}helloworldEARLY`));
    const early = when === "after a 103" ? "HTTP/1.1 103 Early Hints¶¶" : "";
    await expectText(client, early + FAILED);
    const rejected = await rejectedFor("canceled", upgraded);
    assertStrictEquals(rejected.cause, cause);
    assertEquals(rejected.status, 500);
    await client.closeWrite();
    assertEquals(await readAll(client), "");
    assertEquals(await connection.closed, { reason: "error", error: cause });
  });
}

test("serveConnection() hands nothing over when the peer resets under the last bytes of the 101", async () => {
  const { client, connection, upgraded } = await serverAt("the 101 is written");
  for (let i = 0; i < SWITCHED.length - 10; i++) await client.read();
  client.abort();
  const { cause } = await rejectedFor("canceled", upgraded);
  assert(cause instanceof TransportError);
  assertEquals((await connection.closed).reason, "error");
});

test("ServerConnection.abort() right when the transport has taken the 101 still comes first", async () => {
  let take!: () => void;
  let abortReason: unknown;
  const [client, end] = duplexPair();
  const io = {
    readable: end.readable,
    writable: end.writable,
    read: () => end.read(),
    write: () => new Promise<void>((resolve) => take = resolve),
    closeWrite: () => end.closeWrite(),
    abort: (reason: unknown) => {
      abortReason ??= reason;
      end.abort(reason);
    },
  };
  let upgraded!: Promise<Upgraded>;
  const connection = serveConnection(io, (request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return { status: 101 };
  }, { clock: new FakeClock() });
  await client.write(wire(UPGRADE));
  await turns();
  const reason = new Error("enough");
  take();
  connection.abort(reason);
  assertStrictEquals((await rejectedFor("canceled", upgraded)).cause, reason);
  assertEquals(await connection.closed, { reason: "error", error: reason });
  assertStrictEquals(abortReason, reason);
});

test("A peer that resets right behind the 101 is the new protocol's matter", async () => {
  const { client, connection } = serving((request) => upgradeResponse(request, "foobar").response);
  await client.write(wire(`${UPGRADE}EARLY`));
  await expectText(client, SWITCHED);
  client.abort();
  assertEquals(await connection.closed, { reason: "upgrade" });
});

/** How far a client got with a switch. */
const clientSteps = [
  "the request waits for the transport",
  "the body of the request is sent",
  "the answer is awaited",
  "half of the 101 has come",
  "the 101 came before the request was sent",
] as const;
type ClientStep = typeof clientSteps[number];

/** A client that stands still at a step of a switch. */
async function clientAt(step: ClientStep) {
  const clock = new FakeClock();
  const controller = new AbortController();
  const streams = step === "the body of the request is sent" || step === "the 101 came before the request was sent";
  let canceled: unknown = null;
  let source!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => void (source = given).enqueue(wire("x")),
    cancel: (reason) => void (canceled = reason),
  });
  const request: OutgoingRequest = streams ? { ...UPGRADE_REQUEST, method: "POST", body } : UPGRADE_REQUEST;
  const capacity = step === "the request waits for the transport" ? { capacityBytes: 1 } : {};
  const { sender, connection, server } = calling({ clock }, capacity);
  const sending = sender.send(request, { signal: controller.signal });
  sending.catch(() => {});
  if (step !== "the request waits for the transport") await readUntil(server, streams ? "1¶x¶" : "¶¶");
  if (step === "half of the 101 has come") await server.write(wire("HTTP/1.1 101 Sw"));
  if (step === "the 101 came before the request was sent") await server.write(wire(`${SWITCHED}EARLY`));
  await turns();
  assert(await isPending(sending));
  return { sending, connection, server, controller, clock, streams, source, canceled: () => canceled };
}

for (const step of clientSteps) {
  for (const how of ["its signal", "ClientConnection.abort()"] as const) {
    test(`Sender.send() rejects with the reason of ${how} while ${step}, and the connection ends`, async () => {
      const { sending, connection, server, controller, clock, streams, canceled } = await clientAt(step);
      const reason = new Error("enough");
      if (how === "its signal") controller.abort(reason);
      else connection.abort(reason);
      assertStrictEquals(await sending.catch((error) => error), reason);
      assertEquals(await connection.closed, { reason: "error", error: reason });
      await assertRejects(() => readAll(server));
      if (streams) assertStrictEquals(canceled(), reason);
      assertEquals(clock.pending, 0);
    });
  }

  test(`Sender.send() rejects when the server resets while ${step}`, async () => {
    const { sending, connection, server, clock, source } = await clientAt(step);
    server.abort();
    // Nobody reads behind a 101: only the next write can tell.
    if (step === "the 101 came before the request was sent") source.enqueue(wire("y"));
    const error = await sending.catch((reason) => reason);
    assert(error instanceof TransportError && error.code === "reset", String(error));
    assertEquals(await connection.closed, { reason: "error", error });
    assertEquals(clock.pending, 0);
  });

  if (step !== "the request waits for the transport" && step !== "the 101 came before the request was sent") {
    test(`Sender.send() rejects truncated when the server ends while ${step} (RFC 9112 §8)`, async () => {
      const { sending, connection, server, clock } = await clientAt(step);
      await server.closeWrite();
      const error = await sending.catch((reason) => reason);
      assert(error instanceof ProtocolError && error.code === "truncated", String(error));
      assertEquals(await connection.closed, { reason: "error", error });
      assertEquals(clock.pending, 0);
    });
  }
}

test("The signal of send() ends a refused upgrade whose body is still read [E15]", async () => {
  const { sender, server, connection } = calling();
  const controller = new AbortController();
  const sending = sender.send(UPGRADE_REQUEST, { signal: controller.signal });
  await readUntil(server, "¶¶");
  await server.write(wire("HTTP/1.1 200 OK¶Content-Length: 10¶¶hello"));
  const response = await sending;
  const reading = response.body.text();
  const reason = new Error("enough");
  controller.abort(reason);
  await assertRejects(() => reading);
  assertEquals(await connection.closed, { reason: "error", error: reason });
});

test("A body of the request that fails under an early 101 ends the connection, and nothing switches [E10]", async () => {
  const { sender, server, connection } = calling();
  const failure = new Error("disk");
  let fail!: () => void;
  const body = new ReadableStream<Uint8Array>({ start: (source) => void (fail = () => source.error(failure)) });
  const sending = sender.send({ ...UPGRADE_REQUEST, method: "POST", body });
  await readUntil(server, "¶¶");
  await server.write(wire(SWITCHED));
  assert(await isPending(sending));
  fail();
  assertStrictEquals(await sending.catch((error) => error), failure);
  assertEquals(await connection.closed, { reason: "error", error: failure });
  await assertRejects(() => readAll(server));
});
