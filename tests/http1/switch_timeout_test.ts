import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readAll, readUntil, turns, wire } from "../support/wire.ts";
import {
  calling,
  CONNECT,
  CONNECTED,
  expectText,
  isPending,
  rejectedFor,
  serving,
  SWITCHED,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

const UNAVAILABLE = "HTTP/1.1 503 Service Unavailable¶content-length: 0¶connection: close¶¶";

/** A server whose handler waits for the test. */
function waiting(options = {}) {
  const clock = new FakeClock();
  let upgraded!: Promise<Upgraded>;
  let answer!: (response: OutgoingResponse) => void;
  let fail!: (error: unknown) => void;
  const errors: unknown[] = [];
  const served = serving((request) => {
    upgraded = onUpgrade(request);
    return new Promise<OutgoingResponse>((resolve, reject) => {
      answer = resolve;
      fail = reject;
    });
  }, { clock, onError: (error) => errors.push(error), ...options });
  return {
    ...served,
    clock,
    errors,
    upgraded: () => upgraded,
    answer: (response: OutgoingResponse) => answer(response),
    fail: (error: unknown) => fail(error),
  };
}

for (const [what, request] of [["an upgrade", UPGRADE], ["a CONNECT", CONNECT]] as const) {
  test(`upgradeTimeoutMs: ${what} that is not answered for 60 s gets 503 and is rejected`, async () => {
    const { client, connection, clock, upgraded } = waiting();
    await client.write(wire(request));
    await turns();
    await clock.advance(59_999);
    assert(await isPending(upgraded()));
    await clock.advance(1);
    assertEquals((await rejectedFor("timeout", upgraded())).status, 503);
    await client.closeWrite();
    assertEquals(await readAll(client), UNAVAILABLE);
    assertEquals((await connection.closed).reason, "shutdown");
    assertEquals(clock.pending, 0);
  });
}

for (const late of ["a 101", "a 200 with a body", "an error"] as const) {
  test(`upgradeTimeoutMs: ${late} that comes too late is discarded`, async () => {
    const { client, connection, clock, upgraded, answer, fail, errors } = waiting({ upgradeTimeoutMs: 100 });
    await client.write(wire(UPGRADE));
    await turns();
    await clock.advance(100);
    let canceled = late !== "a 200 with a body";
    if (late === "a 101") answer({ status: 101 });
    else if (late === "an error") fail(new Error("late"));
    else answer({ status: 200, body: new ReadableStream<Uint8Array>({ cancel: () => void (canceled = true) }) });
    await client.closeWrite();
    assertEquals(await readAll(client), UNAVAILABLE);
    await rejectedFor("timeout", upgraded());
    assertEquals((await connection.closed).reason, "shutdown");
    assert(canceled);
    assertEquals(errors, []);
  });
}

test("upgradeTimeoutMs: an answer in time stops the clock, also when it refuses", async () => {
  for (const status of [101, 200]) {
    const { client, clock, upgraded, answer } = waiting({ upgradeTimeoutMs: 100 });
    await client.write(wire(UPGRADE));
    await turns();
    await clock.advance(99);
    answer({ status });
    await readUntil(client, "¶¶");
    const outcome = upgraded().then(() => "upgraded", ({ reason }) => reason);
    await clock.advance(10_000);
    assertEquals(await outcome, status === 101 ? "upgraded" : "refused");
    await client.write(wire("x")).catch(() => {});
  }
});

test("upgradeTimeoutMs: 0 waits without end", async () => {
  const { client, clock, upgraded, answer } = waiting({ upgradeTimeoutMs: 0 });
  await client.write(wire(UPGRADE));
  await turns();
  await clock.advance(1_000_000_000);
  assert(await isPending(upgraded()));
  answer({ status: 101, fields: [["Connection", "upgrade"], ["Upgrade", "foobar"]] });
  await expectText(client, SWITCHED);
  assertEquals(clock.pending, 0);
});

test("upgradeTimeoutMs does not count for requests that propose nothing", async () => {
  const { client, clock, answer } = waiting({ upgradeTimeoutMs: 100 });
  await client.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
  await turns();
  await clock.advance(1000);
  answer({ status: 204 });
  await expectText(client, "HTTP/1.1 204 No Content¶¶");
});

test("upgradeTimeoutMs counts anew for each exchange", async () => {
  let upgraded!: Promise<Upgraded>;
  const answers: ((response: OutgoingResponse) => void)[] = [];
  const clock = new FakeClock();
  const { client } = serving((request) => {
    upgraded = onUpgrade(request);
    return new Promise<OutgoingResponse>((resolve) => answers.push(resolve));
  }, { clock, upgradeTimeoutMs: 100 });
  for (const nth of [0, 1]) {
    await client.write(wire(UPGRADE));
    await turns();
    await clock.advance(99);
    if (nth === 0) {
      answers[0]!({ status: 204 });
      await expectText(client, "HTTP/1.1 204 No Content¶¶");
    }
  }
  assert(await isPending(upgraded));
  await clock.advance(1);
  await rejectedFor("timeout", upgraded);
});

test("upgradeTimeoutMs: the 503 goes out although the handler still reads the body", async () => {
  const clock = new FakeClock();
  let upgraded!: Promise<Upgraded>;
  let read!: Promise<unknown>;
  const { client, connection } = serving(async (request) => {
    upgraded = onUpgrade(request);
    await (read = request.body.bytes());
    return { status: 101 };
  }, { clock, upgradeTimeoutMs: 100, drainTimeoutMs: 1000 });
  await client.write(wire(UPGRADE.replace("GET", "POST").replace("¶¶", "¶Content-Length: 10¶¶hello")));
  await turns();
  await clock.advance(100);
  await expectText(client, UNAVAILABLE);
  await rejectedFor("timeout", upgraded);
  await clock.advance(100_000);
  await read.catch(() => {});
  await connection.closed;
  assertEquals(clock.pending, 0);
});

test("writeTimeoutMs: a peer that does not take the 101 ends the switch", async () => {
  const clock = new FakeClock();
  let upgraded!: Promise<Upgraded>;
  const { client, connection } = serving(
    (request) => {
      ({ upgraded } = upgradeResponse(request, "foobar"));
      return { status: 101 };
    },
    { clock, writeTimeoutMs: 100 },
    { capacityBytes: 1 },
  );
  client.write(wire(UPGRADE)).catch(() => {});
  await turns();
  await clock.advance(99);
  assert(await isPending(upgraded));
  await clock.advance(1);
  const { cause } = await rejectedFor("canceled", upgraded);
  assert(cause instanceof TransportError && cause.code === "timeout");
  assertEquals(await connection.closed, { reason: "error", error: cause });
  assertEquals(clock.pending, 0);
});

test("No time limit of HTTP applies behind a switch on a server [E14]", async () => {
  const clock = new FakeClock();
  let upgraded!: Promise<Upgraded>;
  const { client, connection } = serving((request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return upgradeResponse(request, "foobar").response;
  }, {
    clock,
    headTimeoutMs: 10,
    idleTimeoutMs: 10,
    bodyTimeoutMs: 10,
    drainTimeoutMs: 10,
    upgradeTimeoutMs: 10,
    writeTimeoutMs: 10,
    closeTimeoutMs: 10,
    unclaimedUpgradeTimeoutMs: 10,
    keepAlive: false,
  }, { capacityBytes: 16 });
  client.write(wire(UPGRADE.replace("GET", "POST").replace("¶¶", "¶Content-Length: 5¶¶hello")));
  await expectText(client, SWITCHED);
  const io = await upgraded;
  await connection.closed;
  assertEquals(clock.pending, 0);
  const writing = io.write(wire("more than the sixteen bytes that fit"));
  await clock.advance(1_000_000_000);
  await expectText(client, "more than the sixteen bytes that fit");
  await writing;
  const reading = io.read();
  await clock.advance(1_000_000_000);
  await client.write(wire("late"));
  assertEquals((await reading)!.length, 4);
});

test("No time limit of HTTP applies behind a tunnel on a client [E14]", async () => {
  const clock = new FakeClock();
  const { sender, server } = calling({
    clock,
    continueTimeoutMs: 10,
    closeTimeoutMs: 10,
    writeTimeoutMs: 10,
    unclaimedUpgradeTimeoutMs: 10,
  }, { capacityBytes: 16 });
  const sending = sender.send({ method: "CONNECT", target: "a:443", fields: { host: "a:443" } });
  await readUntil(server, "¶¶");
  server.write(wire(CONNECTED));
  const io = await onUpgrade(await sending);
  assertEquals(clock.pending, 0);
  const writing = io.write(wire("more than the sixteen bytes that fit"));
  await clock.advance(1_000_000_000);
  await expectText(server, "more than the sixteen bytes that fit");
  await writing;
});

test("The time that a held back body waits for does not outlive an early 101 [E14]", async () => {
  const clock = new FakeClock();
  const { sender, server } = calling({ clock });
  const fields: [string, string][] = [
    ["Host", "a"],
    ["Upgrade", "foobar"],
    ["Connection", "upgrade"],
    ["Expect", "100-continue"],
  ];
  const sending = sender.send({ ...UPGRADE_REQUEST, method: "POST", fields, body: "hello" });
  await readUntil(server, "¶¶");
  await server.write(wire(SWITCHED));
  await onUpgrade(await sending);
  assertEquals(clock.pending, 0);
});
