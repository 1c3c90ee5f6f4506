import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { StateError } from "../../src/http1/errors.ts";
import { type OutgoingResponse, upgradeResponse, wantsUpgrade } from "../../src/connection/respond.ts";
import type { IncomingRequest } from "../../src/connection/incoming.ts";
import type { ServerConnectionOptions } from "../../src/connection/options.ts";
import { onUpgrade, type UpgradeRejected } from "../../src/connection/upgrade.ts";
import type { Upgraded } from "../../src/connection/upgraded.ts";
import { exchange, readAll, readUntil, text, turns, wire } from "../support/wire.ts";
import {
  CONNECT,
  expectText,
  FAILED,
  isPending,
  OK,
  rejectedFor,
  serving,
  SWITCHED,
  UPGRADE,
} from "../support/switching.ts";

const plain: OutgoingResponse = { status: 200, body: "ok" };

/** Answers every proposal with a 101 and keeps the upgrades. */
function accepting(upgrades: Upgraded[]): (request: IncomingRequest) => OutgoingResponse {
  return (request) => {
    if (!wantsUpgrade(request, "foobar")) return plain;
    const { response, upgraded } = upgradeResponse(request, "foobar");
    upgraded.then((io) => upgrades.push(io), () => {});
    return response;
  };
}

/** Serves one proposal, switches, and gives the wire's head and both ends. */
async function switched(request: string, respond: OutgoingResponse, options: ServerConnectionOptions = {}) {
  let upgraded!: Promise<Upgraded>;
  const { client, connection } = serving((incoming) => {
    upgraded = onUpgrade(incoming);
    return respond;
  }, options);
  await client.write(wire(request));
  const head = await readUntil(client, "¶¶");
  return { head, io: await upgraded, client, connection };
}

test("serveConnection() switches and reads the bytes behind the request first (RFC 9110 §7.8) [U1, E1, E7]", async () => {
  const { head, io, client, connection } = await switched(`${UPGRADE}EARLY`, {
    status: 101,
    fields: [["upgrade", "foobar"], ["connection", "upgrade"]],
  });
  assertEquals(head, "HTTP/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶¶");
  assertEquals(text((await io.read())!), "EARLY");
  assertEquals(io.protocol, "foobar");
  assertEquals(await connection.closed, { reason: "upgrade" });
  await io.write(wire("foo=bar"));
  await expectText(client, "foo=bar");
  await client.write(wire("bar=foo"));
  await expectText(io, "bar=foo");
});

test("serveConnection() adds Date to a 101 and nothing else (RFC 9110 §6.6.1) [U1]", async () => {
  const { head } = await switched(UPGRADE, {
    status: 101,
    fields: [["upgrade", "foobar"], ["connection", "upgrade"]],
  }, { dateHeader: true });
  assert(/^HTTP\/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶date: \w{3}, [^¶]+ GMT¶¶$/.test(head));
});

test("serveConnection() parses nothing behind a request that switches [U2, E11]", async () => {
  const upgrades: Upgraded[] = [];
  let requests = 0;
  const accept = accepting(upgrades);
  const { client, connection } = serving((request) => (requests++, accept(request)));
  await client.write(wire(`${UPGRADE}GET /2 HTTP/1.1¶Host: a¶¶`));
  await expectText(client, SWITCHED);
  assertEquals(await connection.closed, { reason: "upgrade" });
  await expectText(upgrades[0]!, "GET /2 HTTP/1.1¶Host: a¶¶");
  assertEquals(requests, 1);
});

test("serveConnection() answers what is pipelined in front of an Upgrade first (RFC 9110 §7.8) [E11]", async () => {
  const upgrades: Upgraded[] = [];
  const { client, connection } = serving(accepting(upgrades));
  await client.write(wire(`GET /1 HTTP/1.1¶Host: a¶¶GET /2 HTTP/1.1¶Host: a¶¶${UPGRADE}EARLY`));
  await expectText(client, OK + OK + SWITCHED);
  assertEquals(await connection.closed, { reason: "upgrade" });
  await expectText(upgrades[0]!, "EARLY");
});

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
  test(`serveConnection() never upgrades after a refusal: the end by ${how} [U4, D1, E12]`, async () => {
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

test("serveConnection() never upgrades a refused CONNECT that a GET follows [U4, D1]", async () => {
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

test("serveConnection() rejects a refused upgrade when the head is decided, not when the body ends [U3]", async () => {
  let upgraded!: Promise<Upgraded>;
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const { client } = serving((request) => {
    upgraded = onUpgrade(request);
    return { status: 200, body: body.readable };
  });
  await client.write(wire(UPGRADE));
  assertEquals((await rejectedFor("refused", upgraded)).status, 200);
  await expectText(client, "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶");
  await body.writable.close();
  await expectText(client, "0¶¶");
});

test("serveConnection() keeps each upgrade to its own exchange: refused, then accepted [U5, D12]", async () => {
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

test("serveConnection() ignores Upgrade from HTTP/1.0 (RFC 9110 §7.8) [U7, E3]", async () => {
  let rejected!: Promise<UpgradeRejected>;
  const { output } = await exchange("GET / HTTP/1.0¶Upgrade: foobar¶Connection: upgrade¶¶", (request) => {
    rejected = rejectedFor("http10", onUpgrade(request));
    return plain;
  });
  assertEquals(output, "HTTP/1.0 200 OK¶content-length: 2¶¶ok");
  await rejected;
});

test("onUpgrade() rejects for a request that proposes nothing [U8]", async () => {
  let rejected!: Promise<UpgradeRejected>;
  await exchange("GET / HTTP/1.1¶Host: a¶¶", (request) => {
    rejected = rejectedFor("not-requested", onUpgrade(request));
    return plain;
  });
  await rejected;
});

const unasked: readonly { what: string; request: string }[] = [
  { what: "a plain request [U8]", request: "GET / HTTP/1.1¶Host: a¶¶" },
  { what: "Upgrade without Connection: upgrade [U6]", request: "GET / HTTP/1.1¶Host: a¶Upgrade: foobar¶¶" },
  { what: "an empty Upgrade", request: "GET / HTTP/1.1¶Host: a¶Upgrade:¶Connection: upgrade¶¶" },
  { what: "a CONNECT [K6]", request: CONNECT },
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

test("serveConnection() adds to a bare 101 what it must have, if one protocol was offered [U9, E1]", async () => {
  const { head, io } = await switched(UPGRADE, { status: 101 });
  assertEquals(head, "HTTP/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶¶");
  assertEquals(io.protocol, "foobar");
});

test("serveConnection() takes a 101 that names several protocols that were offered, in layers (RFC 9110 §7.8) [E2]", async () => {
  const request = UPGRADE.replace("Upgrade: foobar", "Upgrade: TLS/1.2, foo, bar");
  const { head, io } = await switched(request, { status: 101, fields: [["Upgrade", "TLS/1.2, BAR"]] });
  assertEquals(head, "HTTP/1.1 101 Switching Protocols¶Upgrade: TLS/1.2, BAR¶connection: upgrade¶¶");
  assertEquals(io.protocol, "TLS/1.2");
});

test("serveConnection() adds Connection: upgrade to a 101 that lacks it (RFC 9110 §7.8) [U9, E1]", async () => {
  const { head } = await switched(UPGRADE, { status: 101, fields: [["Upgrade", "FooBar"]] });
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

for (
  const { kind, body, canceled } of [
    { kind: "text", body: () => "data" },
    { kind: "bytes", body: () => wire("data") },
    {
      kind: "a stream",
      body: (tell: (reason: unknown) => void) => new ReadableStream<Uint8Array>({ cancel: tell }),
      canceled: true,
    },
    {
      kind: "an iterable",
      body: (tell: (reason: unknown) => void) => ({
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: false as const, value: wire("data") }),
          return: () => (tell(null), Promise.resolve({ done: true as const, value: undefined })),
        }),
      }),
      canceled: true,
    },
  ]
) {
  test(`serveConnection() writes 500 instead of a 101 with a body: ${kind} [U10]`, async () => {
    let upgraded!: Promise<Upgraded>;
    let told = false;
    const { output, closed } = await exchange(UPGRADE, (request) => {
      const { response } = upgradeResponse(request, "foobar");
      upgraded = onUpgrade(request);
      return { ...response, body: body(() => told = true) };
    });
    assertEquals(output, FAILED);
    const { cause } = await rejectedFor("upgrade-body", upgraded);
    assert(cause instanceof StateError && cause.code === "upgrade-body");
    assertEquals(closed, { reason: "error", error: cause });
    assertEquals(told, canceled ?? false);
  });
}

for (const empty of ["", new Uint8Array(0), null]) {
  test(`serveConnection() takes a 101 whose body is ${empty === null ? "null" : `empty ${typeof empty}`} [U10]`, async () => {
    const { head, connection } = await switched(UPGRADE, { status: 101, body: empty });
    assertEquals(head, "HTTP/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶¶");
    assertEquals(await connection.closed, { reason: "upgrade" });
  });
}

for (const field of [["content-length", "5"], ["Content-Length", "0"], ["Transfer-Encoding", "chunked"], [
  "trailer",
  "x",
]] as const) {
  test(`serveConnection() leaves ${field[0]}: ${field[1]} out of a 101 (RFC 9110 §8.6, RFC 9112 §6.1) [U11, U12, B7]`, async () => {
    const { head } = await switched(UPGRADE, {
      status: 101,
      fields: [["Connection", "upgrade"], field, ["Upgrade", "foobar"], ["x-more", "1"]],
    });
    assertEquals(head, `${SWITCHED.slice(0, -1)}x-more: 1¶¶`);
  });
}

const disabled: readonly { how: string; request: string; options: ServerConnectionOptions; shutdown: boolean }[] = [
  { how: "keepAlive: false", request: UPGRADE, options: { keepAlive: false }, shutdown: false },
  { how: "Connection: close, upgrade", request: CLOSE_UPGRADE, options: {}, shutdown: false },
  {
    how: "Transfer-Encoding with Content-Length",
    request: UPGRADE.replace("¶¶", "¶Transfer-Encoding: chunked¶Content-Length: 3¶¶0¶¶"),
    options: { leniency: { lengthWithChunked: true } },
    shutdown: false,
  },
  { how: "gracefulShutdown() while the handler runs", request: UPGRADE, options: {}, shutdown: true },
];
for (const { how, request, options, shutdown } of disabled) {
  test(`serveConnection() never rewrites Connection on a 101: ${how} [U13, U19, D4]`, async () => {
    let answer!: (response: OutgoingResponse) => void;
    let upgraded!: Promise<Upgraded>;
    const { client, connection } = serving((incoming) => {
      upgraded = onUpgrade(incoming);
      return new Promise((resolve) => answer = resolve);
    }, options);
    await client.write(wire(`${request}EARLY`));
    await turns();
    if (shutdown) connection.gracefulShutdown();
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
    const { head, connection: server } = await switched(UPGRADE, {
      status: 101,
      fields: [["Connection", connection], ["Upgrade", "foobar"]],
    });
    assertEquals(head, `HTTP/1.1 101 Switching Protocols¶${expected}¶`);
    assertEquals(await server.closed, { reason: "upgrade" });
  });
}

test("serveConnection() writes reason and further fields of a 101 as given", async () => {
  const { head } = await switched(UPGRADE, {
    status: 101,
    reason: "Off we go",
    fields: [["CONNECTION", "Upgrade"], ["upgrade", "foobar"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]],
  });
  assertEquals(
    head,
    "HTTP/1.1 101 Off we go¶CONNECTION: Upgrade¶upgrade: foobar¶Set-Cookie: a=1¶Set-Cookie: b=2¶¶",
  );
});

test("serveConnection() finds the option upgrade in any Connection line and in any case (RFC 9110 §7.6.1)", async () => {
  const request = "GET / HTTP/1.1¶Host: a¶CONNECTION: keep-alive¶upgrade: FOOBAR¶connection: x, UpGrade¶¶EARLY";
  const { io } = await switched(request, { status: 101, fields: { upgrade: "foobar" } });
  assertEquals(io.protocol, "foobar");
  await expectText(io, "EARLY");
});

test("serveConnection() answers 400 to an Upgrade with Transfer-Encoding and Content-Length [U19]", async () => {
  const request = UPGRADE.replace("¶¶", "¶Transfer-Encoding: chunked¶Content-Length: 3¶¶0¶¶");
  let called = false;
  const { output } = await exchange(request, () => (called = true, plain));
  assertEquals(output, "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  assert(!called);
});

for (const async of [false, true]) {
  const how = async ? "rejects" : "throws";
  test(`serveConnection() answers 500 and rejects the upgrade when the handler ${how} [U21, E13]`, async () => {
    const cause = new Error("no");
    let upgraded!: Promise<Upgraded>;
    const { output, closed } = await exchange(`${UPGRADE}EARLY`, (request) => {
      upgraded = upgradeResponse(request, "foobar").upgraded;
      if (async) return Promise.reject(cause);
      throw cause;
    });
    assertEquals(output, FAILED);
    const rejected = await rejectedFor("canceled", upgraded);
    assertStrictEquals(rejected.cause, cause);
    assertEquals(rejected.status, 500);
    assertEquals(closed, { reason: "error", error: cause });
  });
}

for (const async of [false, true]) {
  test(`serveConnection() answers 500 to a 101 that cannot be written, ${async ? "later" : "at once"} [U21]`, async () => {
    let upgraded!: Promise<Upgraded>;
    const { output, closed } = await exchange(UPGRADE, (request) => {
      upgraded = onUpgrade(request);
      const response = { status: 101, fields: [["upgrade", "foobar"], ["x", "a\r\nb"]] as [string, string][] };
      return async ? Promise.resolve(response) : response;
    });
    assertEquals(output, FAILED);
    assert((await rejectedFor("canceled", upgraded)).cause instanceof TypeError);
    assertEquals(closed.reason, "error");
  });
}

test("serveConnection() withdraws the upgrade when another response is returned [U3]", async () => {
  let upgraded!: Promise<Upgraded>;
  const { output } = await exchange(UPGRADE, (request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return { status: 404 };
  });
  assertEquals(output, "HTTP/1.1 404 Not Found¶content-length: 0¶¶");
  assertEquals((await rejectedFor("refused", upgraded)).status, 404);
});

test("serveConnection() sends 103 and then 101 (RFC 9110 §15.2) [C4]", async () => {
  const { client, connection } = serving(async (request) => {
    await request.sendInformational(103, [["Link", "</a>"]]);
    return upgradeResponse(request, "foobar").response;
  });
  await client.write(wire(UPGRADE));
  await expectText(client, `HTTP/1.1 103 Early Hints¶Link: </a>¶¶${SWITCHED}`);
  assertEquals(await connection.closed, { reason: "upgrade" });
});

for (const status of [100, 102, 103, 199, 99, 1000, 200.5]) {
  test(`serveConnection() answers 500 to an upgrade when the handler returns ${status}, which is no final status`, async () => {
    let upgraded!: Promise<Upgraded>;
    const { output } = await exchange(UPGRADE, (request) => {
      upgraded = onUpgrade(request);
      return { status };
    });
    assertEquals(output, FAILED);
    await rejectedFor("canceled", upgraded);
  });
}

test("IncomingRequest.sendInformational() behind a switch is refused, and the new protocol does not see it", async () => {
  let request!: IncomingRequest;
  const { client } = serving((incoming) => {
    request = incoming;
    return upgradeResponse(incoming, "foobar").response;
  });
  await client.write(wire(UPGRADE));
  await expectText(client, SWITCHED);
  const error = await request.sendInformational(103).then(() => null, (reason) => reason);
  assert(error instanceof StateError);
  assert(!request.signal.aborted);
  await (await onUpgrade(request)).write(wire("clean"));
  await expectText(client, "clean");
});

test("serveConnection() with pipelineFlush sends the answers in front of the 101 before it hands over [E11]", async () => {
  const upgrades: Upgraded[] = [];
  const { client } = serving(accepting(upgrades), { pipelineFlush: true });
  await client.write(wire(`GET /1 HTTP/1.1¶Host: a¶¶GET /2 HTTP/1.1¶Host: a¶¶${UPGRADE}EARLY`));
  await expectText(client, OK + OK + SWITCHED);
  await expectText(upgrades[0]!, "EARLY");
});

test("serveConnection() upgrades a HEAD as it does a GET [C6]", async () => {
  const { head, io } = await switched(`${UPGRADE.replace("GET", "HEAD")}EARLY`, { status: 101 });
  assertEquals(head, "HTTP/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶¶");
  await expectText(io, "EARLY");
});

for (const nth of [2, 3]) {
  test(`serveConnection() upgrades as request ${nth} of a connection [3c]`, async () => {
    const upgrades: Upgraded[] = [];
    const { client, connection } = serving(accepting(upgrades));
    for (let i = 1; i < nth; i++) {
      await client.write(wire("GET /before HTTP/1.1¶Host: a¶¶"));
      await expectText(client, OK);
    }
    await client.write(wire(`${UPGRADE}EARLY`));
    await expectText(client, SWITCHED);
    assertEquals(await connection.closed, { reason: "upgrade" });
    await expectText(upgrades[0]!, "EARLY");
  });
}

test("ServerConnection.closed is upgrade, whatever is called afterwards (hyper http1_graceful_shutdown_after_upgrade)", async () => {
  const { io, client, connection } = await switched(UPGRADE, { status: 101 });
  assertEquals(await connection.gracefulShutdown(), { reason: "upgrade" });
  connection.abort(new Error("too late"));
  await connection[Symbol.asyncDispose]();
  assertEquals(await connection.closed, { reason: "upgrade" });
  await io.write(wire("still"));
  await expectText(client, "still");
  await client.write(wire("here"));
  await expectText(io, "here");
});

for (const call of ["gracefulShutdown", "abort", "dispose"] as const) {
  for (const later of [0, 1, 2, 3, 4, 5, 6]) {
    test(`ServerConnection: ${call}() ${later} ticks after the promise leaves the new protocol alone`, async () => {
      const { client, connection } = serving((request) => {
        const { response, upgraded } = upgradeResponse(request, "foobar");
        upgraded.then(async (io) => {
          for (let i = 0; i < later; i++) await null;
          if (call === "gracefulShutdown") connection.gracefulShutdown();
          else if (call === "abort") connection.abort();
          else connection[Symbol.asyncDispose]();
          await io.write(wire("alive"));
        });
        return response;
      });
      await client.write(wire(UPGRADE));
      await expectText(client, SWITCHED);
      await expectText(client, "alive");
      assertEquals(await connection.closed, { reason: "upgrade" });
    });
  }
}
