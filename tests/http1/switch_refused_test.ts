import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { handshake } from "../../src/http1/client_connection.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { collectGarbage } from "../support/garbage.ts";
import { FakeClock, readAll, wire } from "../support/wire.ts";
import { expectText, OK, rejectedFor, serving, SWITCHED, UPGRADE, UPGRADE_REQUEST } from "../support/switching.ts";

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

test("serveConnection() refuses 3000 upgrades on one connection, and nothing grows", async () => {
  const clock = new FakeClock();
  const [near, far] = duplexPair();
  const rejections: Promise<UpgradeRejected>[] = [];
  let requests = 0;
  const connection = serveConnection(far, (request) => {
    if (++requests > 3000) {
      const { response, upgraded } = upgradeResponse(request, "foobar");
      upgraded.then((io) => io.close());
      return response;
    }
    const rejected = rejectedFor("refused", onUpgrade(request));
    if (requests <= 10) rejections.push(rejected);
    return requests % 2 === 0 ? { status: 200, body: "ok" } : Promise.resolve({ status: 200, body: "ok" });
  }, { dateHeader: false, clock });
  const { sender } = handshake(near, { clock });
  let after500 = 0;
  let timers = 0;
  for (let i = 1; i <= 3000; i++) {
    const response = await sender.send(UPGRADE_REQUEST);
    await rejectedFor("refused", onUpgrade(response));
    assertEquals(await response.body.text(), "ok");
    await sender.ready();
    if (i === 500) {
      after500 = heapUsed();
      timers = clock.pending;
    }
  }
  assert(clock.pending <= timers, `${clock.pending} timers after 3000 requests, ${timers} after 500`);
  const grown = heapUsed() - after500;
  assert(grown < 1_500_000, `${grown} bytes more after 2500 requests`);
  assertEquals((await Promise.all(rejections)).map(({ status }) => status), new Array(10).fill(200));
  const io = await onUpgrade(await sender.send(UPGRADE_REQUEST));
  assertEquals(io.protocol, "foobar");
  assertEquals(await connection.closed, { reason: "upgrade" });
  assertEquals(clock.pending, 0);
});

test("serveConnection() refuses 1000 upgrades that came in one go, in order (RFC 9112 §9.3.2) [C4, E4]", async () => {
  let requests = 0;
  const { client, connection } = serving(
    (request) => {
      if (request.target === "/last") return upgradeResponse(request, "foobar").response;
      requests++;
      return { status: 200, body: "ok" };
    },
    {},
    { capacityBytes: 1_000_000 },
  );
  await client.write(wire(UPGRADE.repeat(1000) + UPGRADE.replace("/", "/last") + "EARLY"));
  await expectText(client, OK.repeat(1000) + SWITCHED);
  assertEquals(requests, 1000);
  assertEquals(await connection.closed, { reason: "upgrade" });
});

test("Two requests with Upgrade on one connection are both answered (hyper upgrades_ignored, #2114)", async () => {
  const [near, far] = duplexPair();
  serveConnection(far, () => ({ status: 200, body: "ok" }), { clock: new FakeClock() });
  const { sender, connection } = handshake(near, { clock: new FakeClock() });
  for (let i = 0; i < 2; i++) {
    const response = await sender.send({
      method: "GET",
      target: "/",
      fields: [["Host", "a"], ["upgrade", "yolo"], ["connection", "upgrade"]],
    });
    assertEquals(response.status, 200);
    assertEquals(await response.body.text(), "ok");
    await sender.ready();
  }
  assertEquals(await connection.gracefulShutdown(), { reason: "shutdown" });
});

test("serveConnection() writes nothing behind the answer of a refused switch", async () => {
  let upgraded!: Promise<unknown>;
  const { client } = serving((request) => {
    assert(wantsUpgrade(request, "foobar"));
    const made = upgradeResponse(request, "foobar");
    upgraded = made.upgraded.then((io) => io.write(wire("foobar bytes")));
    upgraded.catch(() => {});
    return { status: 200, body: "ok" };
  });
  await client.write(wire(UPGRADE));
  await expectText(client, OK);
  await rejectedFor("refused", upgraded);
  await client.closeWrite();
  assertEquals(await readAll(client), "");
});

for (const status of [200, 204]) {
  test(`serveConnection() stays usable after a ${status} to an upgrade, and can still switch [E4, O4]`, async () => {
    let requests = 0;
    const { client, connection } = serving((request) => {
      return ++requests === 1 ? { status, reason: "No" } : upgradeResponse(request, "foobar").response;
    });
    const length = status === 204 ? "" : "content-length: 0¶";
    await client.write(wire(UPGRADE));
    await expectText(client, `HTTP/1.1 ${status} No¶${length}¶`);
    await client.write(wire(UPGRADE));
    await expectText(client, SWITCHED);
    assertEquals(await connection.closed, { reason: "upgrade" });
  });
}
