import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { exchange, readAll, wire } from "../support/wire.ts";
import {
  CONNECT,
  expectText,
  FAILED,
  isPending,
  OK,
  rejectedFor,
  serving,
  SWITCHED,
  switchedServer,
  UPGRADE,
} from "../support/switching.ts";

const plain: OutgoingResponse = { status: 200, body: "ok" };

test("serveConnection() goes on after a refused upgrade and rejects it at once (RFC 9110 §7.8) [U3, E4, O4]", async () => {
  const rejections: Promise<UpgradeRejected>[] = [];
  const { client, connection } = serving((request) => {
    if (request.target === "/") rejections.push(rejectedFor("refused", onUpgrade(request)));
    return plain;
  });
  await client.write(wire(`${UPGRADE}GET /2 HTTP/1.1¶Host: a¶¶`));
  await expectText(client, OK + OK);
  assertEquals((await rejections[0]!).status, 200);
  assert(await isPending(connection.closed));
  await client.closeWrite();
  assertEquals(await connection.closed, { reason: "eof" });
});

const CLOSE_UPGRADE = UPGRADE.replace("Connection: upgrade", "Connection: close, upgrade");

const endings: readonly { how: string; request: string; respond: OutgoingResponse; fin: boolean; output: string }[] = [
  { how: "the client's FIN", request: UPGRADE, respond: plain, fin: true, output: OK },
  {
    how: "close in the request",
    request: CLOSE_UPGRADE,
    respond: plain,
    fin: false,
    output: "HTTP/1.1 200 OK¶content-length: 2¶connection: close¶¶ok",
  },
  {
    how: "close in the response",
    request: UPGRADE,
    respond: { status: 200, fields: [["connection", "close"]], body: "ok" },
    fin: false,
    output: "HTTP/1.1 200 OK¶connection: close¶content-length: 2¶¶ok",
  },
  {
    how: "a 426 and FIN",
    request: UPGRADE,
    respond: { status: 426, fields: [["Upgrade", "other"], ["Connection", "upgrade"]] },
    fin: true,
    output: "HTTP/1.1 426 Upgrade Required¶Upgrade: other¶Connection: upgrade¶content-length: 0¶¶",
  },
];

for (const { how, request, respond, fin, output } of endings) {
  test(`serveConnection() never upgrades after a refusal: the end by ${how} [U4, E12]`, async () => {
    let upgraded!: Promise<Upgraded>;
    const { client, connection } = serving((incoming) => {
      upgraded = onUpgrade(incoming);
      return respond;
    });
    await client.write(wire(request));
    const all = readAll(client);
    const { status } = await rejectedFor("refused", upgraded);
    assertEquals(status, respond.status);
    if (fin) await client.closeWrite();
    else await client.closeWrite().catch(() => {});
    assertEquals((await connection.closed).reason, fin ? "eof" : "shutdown");
    assertEquals(await all, output);
  });
}

test("serveConnection() never upgrades a refused CONNECT that a GET follows [U4]", async () => {
  let upgraded!: Promise<Upgraded>;
  const { client, connection } = serving((request) => {
    if (request.method !== "CONNECT") return plain;
    upgraded = onUpgrade(request);
    return { status: 403, body: "no" };
  }, { leniency: { keepAfterRefusedConnect: true } });
  await client.write(wire(`${CONNECT}GET /2 HTTP/1.1¶Host: a¶¶`));
  await expectText(client, `HTTP/1.1 403 Forbidden¶content-length: 2¶¶no${OK}`);
  assertEquals((await rejectedFor("refused", upgraded)).status, 403);
  await client.closeWrite();
  assertEquals(await readAll(client), "");
  assertEquals(await connection.closed, { reason: "eof" });
});

test("serveConnection() keeps each upgrade to its own exchange: refused, then accepted [U5]", async () => {
  const proposals: Promise<Upgraded>[] = [];
  const { client, connection } = serving((request) => {
    proposals.push(onUpgrade(request));
    return proposals.length === 1 ? plain : upgradeResponse(request, "foobar").response;
  });
  await client.write(wire(`${UPGRADE}${UPGRADE}EARLY`));
  await expectText(client, OK + SWITCHED);
  assertEquals((await rejectedFor("refused", proposals[0]!)).status, 200);
  await expectText(await proposals[1]!, "EARLY");
  assertEquals(await connection.closed, { reason: "upgrade" });
});

test("serveConnection() ignores Upgrade without the option in Connection (RFC 9110 §7.8) [U6, E3]", async () => {
  let rejected!: Promise<UpgradeRejected>;
  const { output, closed } = await exchange("GET / HTTP/1.1¶Host: a¶Upgrade: foobar¶¶", (request) => {
    assert(!wantsUpgrade(request));
    rejected = rejectedFor("no-connection-token", onUpgrade(request));
    return plain;
  });
  assertEquals(output, OK);
  assertEquals(closed, { reason: "eof" });
  assertEquals((await rejected).status, undefined);
});

for (const options of [{ compat: "hyper" }, { leniency: { upgradeWithoutConnection: true } }] as const) {
  test(`serveConnection() takes Upgrade without the option in Connection with ${JSON.stringify(options)} [U6]`, async () => {
    const request = "GET / HTTP/1.1¶Host: a¶Upgrade: foobar¶¶EARLY";
    const { head, io } = await switchedServer(request, { status: 101 }, options);
    assertEquals(head, "HTTP/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶¶");
    await expectText(io, "EARLY");
  });
}

test("serveConnection() ignores Upgrade from HTTP/1.0 (RFC 9110 §7.8) [U7, E3]", async () => {
  let rejected!: Promise<UpgradeRejected>;
  const { output } = await exchange("GET / HTTP/1.0¶Upgrade: foobar¶Connection: upgrade¶¶", (request) => {
    rejected = rejectedFor("http10", onUpgrade(request));
    return plain;
  });
  assertEquals(output, "HTTP/1.0 200 OK¶content-length: 2¶¶ok");
  await rejected;
});

const unasked: readonly { what: string; request: string }[] = [
  { what: "Upgrade without Connection: upgrade [U6]", request: "GET / HTTP/1.1¶Host: a¶Upgrade: foobar¶¶" },
  { what: "an empty Upgrade", request: "GET / HTTP/1.1¶Host: a¶Upgrade:¶Connection: upgrade¶¶" },
];

for (const { what, request } of unasked) {
  test(`serveConnection() writes 500 instead of a 101 to ${what} (RFC 9110 §7.8)`, async () => {
    const errors: unknown[] = [];
    const respond = { status: 101, fields: { upgrade: "foobar", connection: "upgrade" } };
    const { output, closed } = await exchange(request, () => respond, { onError: (error) => errors.push(error) });
    assertEquals(output, FAILED);
    assert(errors[0] instanceof StateError && errors[0].code === "no-switch");
    assertEquals(closed, { reason: "error", error: errors[0] });
  });
}

test("serveConnection() writes 500 instead of a 101 to HTTP/1.0 (RFC 9110 §7.8) [U7]", async () => {
  const request = "GET / HTTP/1.0¶Upgrade: foobar¶Connection: upgrade¶¶";
  const { output } = await exchange(request, () => ({ status: 101, fields: { upgrade: "foobar" } }));
  assertEquals(output, "HTTP/1.0 500 Internal Server Error¶content-length: 0¶¶");
});

test("serveConnection() answers 400 to an Upgrade with Transfer-Encoding and Content-Length [U19]", async () => {
  const request = UPGRADE.replace("¶¶", "¶Transfer-Encoding: chunked¶Content-Length: 3¶¶0¶¶");
  let called = false;
  const { output } = await exchange(request, () => (called = true, plain));
  assertEquals(output, "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  assert(!called);
});

test("serveConnection() answers 500 and rejects the upgrade when the handler throws [U21, E13]", async () => {
  const cause = new Error("no");
  let upgraded!: Promise<Upgraded>;
  const { output, closed } = await exchange(`${UPGRADE}EARLY`, (request) => {
    upgraded = upgradeResponse(request, "foobar").upgraded;
    throw cause;
  });
  assertEquals(output, FAILED);
  const rejected = await rejectedFor("canceled", upgraded);
  assertStrictEquals(rejected.cause, cause);
  assertEquals(rejected.status, 500);
  assertEquals(closed, { reason: "error", error: cause });
});

test("serveConnection() answers 500 to a 101 that cannot be written, at once [U21]", async () => {
  let upgraded!: Promise<Upgraded>;
  const { output, closed } = await exchange(UPGRADE, (request) => {
    upgraded = onUpgrade(request);
    return { status: 101, fields: [["upgrade", "foobar"], ["x", "a\r\nb"]] };
  });
  assertEquals(output, FAILED);
  assert((await rejectedFor("canceled", upgraded)).cause instanceof TypeError);
  assertEquals(closed.reason, "error");
});
