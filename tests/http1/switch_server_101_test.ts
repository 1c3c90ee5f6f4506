import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { exchange, turns, wire } from "../support/wire.ts";
import { expectText, FAILED, rejectedFor, serving, SWITCHED, switchedServer, UPGRADE } from "../support/switching.ts";

const CLOSE_UPGRADE = UPGRADE.replace("Connection: upgrade", "Connection: close, upgrade");

test("serveConnection() adds to a bare 101 what it must have, if one protocol was offered [U9, E1]", async () => {
  const { head, io } = await switchedServer(UPGRADE, { status: 101 });
  assertEquals(head, "HTTP/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶¶");
  assertEquals(io.protocol, "foobar");
});

test("serveConnection() takes a 101 that names several protocols that were offered, in layers (RFC 9110 §7.8) [E2]", async () => {
  const request = UPGRADE.replace("Upgrade: foobar", "Upgrade: TLS/1.2, foo, bar");
  const { head, io } = await switchedServer(request, { status: 101, fields: [["Upgrade", "TLS/1.2, BAR"]] });
  assertEquals(head, "HTTP/1.1 101 Switching Protocols¶Upgrade: TLS/1.2, BAR¶connection: upgrade¶¶");
  assertEquals(io.protocol, "TLS/1.2");
});

test("serveConnection() adds Connection: upgrade to a 101 that lacks it (RFC 9110 §7.8) [U9, E1]", async () => {
  const { head } = await switchedServer(UPGRADE, { status: 101, fields: [["Upgrade", "FooBar"]] });
  assertEquals(head, "HTTP/1.1 101 Switching Protocols¶Upgrade: FooBar¶connection: upgrade¶¶");
});

for (
  const { what, fields } of [
    { what: "names no protocol although several were offered", fields: {} },
    { what: "names a protocol that was not offered", fields: { upgrade: "baz" } },
    { what: "names an offered protocol behind another", fields: { upgrade: "baz, foo" } },
    { what: "names another protocol behind an offered one", fields: { upgrade: "foo, baz" } },
  ]
) {
  test(`serveConnection() refuses a 101 that ${what} (RFC 9110 §7.8) [U9, E2]`, async () => {
    let upgraded!: Promise<Upgraded>;
    const request = UPGRADE.replace("Upgrade: foobar", "Upgrade: foo, bar");
    const { output } = await exchange(request, (incoming) => {
      upgraded = onUpgrade(incoming);
      return { status: 101, fields };
    });
    assertEquals(output, FAILED);
    const { status, cause } = await rejectedFor("canceled", upgraded);
    assertEquals(status, 500);
    assert(cause instanceof StateError && cause.code === "no-switch");
  });
}

for (const empty of ["", new Uint8Array(0), null]) {
  test(`serveConnection() takes a 101 whose body is ${empty === null ? "null" : `empty ${typeof empty}`} [U10]`, async () => {
    const { head, connection } = await switchedServer(UPGRADE, { status: 101, body: empty });
    assertEquals(head, "HTTP/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶¶");
    assertEquals(await connection.closed, { reason: "upgrade" });
  });
}

const disabled: readonly { how: string; request: string; options: ServerConnectionOptions }[] = [
  { how: "keepAlive: false", request: UPGRADE, options: { keepAlive: false } },
  { how: "Connection: close, upgrade", request: CLOSE_UPGRADE, options: {} },
  {
    how: "Transfer-Encoding with Content-Length",
    request: UPGRADE.replace("¶¶", "¶Transfer-Encoding: chunked¶Content-Length: 3¶¶0¶¶"),
    options: { leniency: { lengthWithChunked: true } },
  },
];

for (const { how, request, options } of disabled) {
  test(`serveConnection() never rewrites Connection on a 101: ${how} [U13, U19]`, async () => {
    let answer!: (response: OutgoingResponse) => void;
    let upgraded!: Promise<Upgraded>;
    const { client, connection } = serving((incoming) => {
      upgraded = onUpgrade(incoming);
      return new Promise((resolve) => answer = resolve);
    }, options);
    await client.write(wire(`${request}EARLY`));
    await turns();
    answer({ status: 101, fields: [["Connection", "upgrade"], ["Upgrade", "foobar"]] });
    await expectText(client, SWITCHED);
    assertEquals(await connection.closed, { reason: "upgrade" });
    const io = await upgraded;
    await expectText(io, "EARLY");
    await client.write(wire("more"));
    await expectText(io, "more");
  });
}

for (
  const { connection, expected } of [
    { connection: "Upgrade, foo", expected: "Connection: Upgrade, foo¶Upgrade: foobar¶" },
    { connection: "foo", expected: "Connection: foo¶Upgrade: foobar¶connection: upgrade¶" },
    { connection: "close, upgrade", expected: "Connection: close, upgrade¶Upgrade: foobar¶" },
    { connection: "keep-alive,UPGRADE", expected: "Connection: keep-alive,UPGRADE¶Upgrade: foobar¶" },
  ]
) {
  test(`serveConnection() keeps the caller's Connection: ${connection} on a 101 (RFC 9110 §7.6.1) [U13]`, async () => {
    const { head, connection: server } = await switchedServer(UPGRADE, {
      status: 101,
      fields: [["Connection", connection], ["Upgrade", "foobar"]],
    });
    assertEquals(head, `HTTP/1.1 101 Switching Protocols¶${expected}¶`);
    assertEquals(await server.closed, { reason: "upgrade" });
  });
}

test("serveConnection() writes reason and further fields of a 101 as given", async () => {
  const { head } = await switchedServer(UPGRADE, {
    status: 101,
    reason: "Off we go",
    fields: [["CONNECTION", "Upgrade"], ["upgrade", "foobar"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]],
  });
  assertEquals(
    head,
    "HTTP/1.1 101 Off we go¶CONNECTION: Upgrade¶upgrade: foobar¶Set-Cookie: a=1¶Set-Cookie: b=2¶¶",
  );
});

test("serveConnection() adds Date to a 101 and nothing else (RFC 9110 §6.6.1) [U1]", async () => {
  const { head } = await switchedServer(UPGRADE, {
    status: 101,
    fields: [["upgrade", "foobar"], ["connection", "upgrade"]],
  }, { dateHeader: true });
  assert(/^HTTP\/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶date: \w{3}, [^¶]+ GMT¶¶$/.test(head));
});
