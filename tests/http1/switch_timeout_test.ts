import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readUntil, turns, wire } from "../support/wire.ts";
import {
  calling,
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
