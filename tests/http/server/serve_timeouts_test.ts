import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import type { ServeHandler, ServeOptions } from "../../../src/http/server/serve_options.ts";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import type { Server } from "../../../src/http/server/serve_options.ts";
import type { Socket } from "../../../src/duplex/socket.ts";
import { serverCert, serverKey } from "../../support/certificates.ts";
import { rejection } from "../../support/dialing.ts";
import { dial, listening } from "../../support/http_server.ts";
import { FakeClock, readAll, readUntil, text, turns, wire } from "../../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶";
const CONNECT = "CONNECT b:1 HTTP/1.1¶Host: b:1¶¶";

/** A server whose time the test makes pass, and a connection to it. */
interface Timed extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly server: Server;
  readonly socket: Socket;
  /** Lets time pass up to the limit and makes sure that only the last millisecond counts. */
  passes(ms: number, early?: () => void): Promise<void>;
}

async function timed(handler: ServeHandler, options: ServeOptions = {}): Promise<Timed> {
  const clock = new FakeClock();
  const { server, port } = await listening(handler, { clock, ...options });
  const socket = dial(port);
  await socket.opened;
  await until(() => server.connections === 1);
  return {
    clock,
    server,
    socket,
    async passes(ms, early = () => {}) {
      await clock.advance(ms - 1);
      early();
      await clock.advance(1);
    },
    async [Symbol.asyncDispose]() {
      socket.abort();
      await server.shutdown({ upgraded: "close" });
    },
  };
}

/** Lets the event loop turn until something that does happen has happened. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await turns();
}

test("serve({ headTimeoutMs }) closes a connection on which nothing comes, without a word [C10]", async (t) => {
  const server = await timed(() => new Response(), { headTimeoutMs: 1000 });
  t.after(() => server[Symbol.asyncDispose]());
  await until(() => server.clock.pending > 0);
  await server.passes(1000, () => assertEquals(server.server.connections, 1));
  assertEquals(await readAll(server.socket), "");
  await server.socket.close();
  await until(() => server.server.connections === 0);
});

test("serve({ headTimeoutMs }) answers 408 to a head that does not go on [C10]", async (t) => {
  const seen: number[] = [];
  const server = await timed(() => new Response(), {
    headTimeoutMs: 1000,
    idleTimeoutMs: 0,
    onResponse: (_request, { status }) => void seen.push(status),
  });
  t.after(() => server[Symbol.asyncDispose]());
  await server.socket.write(wire(GET));
  await readUntil(server.socket, "¶¶");
  await server.clock.advance(100_000);
  assertEquals(server.clock.pending, 0);
  await server.socket.write(wire("GET / HTTP/1.1¶Ho"));
  await until(() => server.clock.pending > 0);
  await server.passes(1000, () => assertEquals(seen, [200]));
  assertMatch(await readAll(server.socket), /^HTTP\/1\.1 408 Request Timeout¶.*connection: close¶/s);
  assertEquals(seen, [200, 408]);
});

test("serve({ headTimeoutMs }) limits TLS handshakes as well [C10]", async (t) => {
  const server = await timed(() => new Response(), {
    headTimeoutMs: 1000,
    tls: { cert: serverCert, key: serverKey },
  });
  t.after(() => server[Symbol.asyncDispose]());
  await until(() => server.clock.pending > 0);
  await server.passes(1000, () => assertEquals(server.server.connections, 1));
  await until(() => server.server.connections === 0);
  assertEquals(server.clock.pending, 0);
  await readAll(server.socket).catch(() => "");
});

test("serve({ idleTimeoutMs }) closes a connection that waits for another request, and not one that works [C10]", async (t) => {
  let answer: ((response: Response) => void) | null = null;
  const server = await timed((request) => {
    return request.url.endsWith("/slow") ? new Promise((resolve) => answer = resolve) : LightResponse.of("x");
  }, { idleTimeoutMs: 1000 });
  t.after(() => server[Symbol.asyncDispose]());
  await server.socket.write(wire(GET.replace("/ ", "/slow ")));
  await until(() => answer !== null);
  await server.clock.advance(100_000);
  answer!(LightResponse.of("slow"));
  await readUntil(server.socket, "slow");
  await server.socket.write(wire(GET));
  await readUntil(server.socket, "x");
  await until(() => server.clock.pending > 0);
  await server.clock.advance(999);
  await server.socket.write(wire(GET));
  await readUntil(server.socket, "x");
  await turns();
  await server.clock.advance(1000);
  assertEquals(await readAll(server.socket), "");
  await server.socket.close();
  await until(() => server.server.connections === 0);
  assertEquals(server.clock.pending, 0);
});

test("serve({ bodyTimeoutMs }) answers 408 to a body that does not go on [C10]", async (t) => {
  let failed: Promise<unknown> | null = null;
  const server = await timed((request) => {
    failed = rejection(request.text());
    return failed.then(() => new Response("late"));
  }, { bodyTimeoutMs: 1000 });
  t.after(() => server[Symbol.asyncDispose]());
  await server.socket.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 9¶¶half"));
  await until(() => failed !== null);
  await turns();
  await server.clock.advance(1000);
  assertMatch(await readAll(server.socket), /^HTTP\/1\.1 408 /);
  await server.socket.close();
  assert(await failed! instanceof Error);
});

test("serve({ requestTimeoutMs }) answers 503 and closes, and leaves no timer behind a handler in time", async (t) => {
  const late = new Promise<Response>(() => {});
  const server = await timed((request) => {
    return request.url.endsWith("/late") ? late : Promise.resolve(LightResponse.of("x"));
  }, { requestTimeoutMs: 1000, idleTimeoutMs: 0, headTimeoutMs: 0, writeTimeoutMs: 0 });
  t.after(() => server[Symbol.asyncDispose]());
  await server.socket.write(wire(GET));
  await readUntil(server.socket, "x");
  await server.clock.advance(100_000);
  assertEquals([server.clock.pending, server.server.connections], [0, 1]);
  await server.socket.write(wire(GET.replace("/ ", "/late ")));
  await until(() => server.clock.pending > 0);
  await server.passes(1000, () => assertEquals(server.server.connections, 1));
  assertMatch(await readAll(server.socket), /^HTTP\/1\.1 503 .*connection: close¶/s);
});

test("serve({ upgradeTimeoutMs }) answers 503 where nobody decides about an upgrade or a tunnel", async (t) => {
  for (const head of [UPGRADE, CONNECT]) {
    let upgraded: Promise<unknown> | null = null;
    const undecided = (request: object): Promise<Response> => {
      upgraded = onUpgrade(request);
      return new Promise(() => {});
    };
    const server = await timed(undecided, { upgradeTimeoutMs: 1000, connect: undecided });
    t.after(() => server[Symbol.asyncDispose]());
    await server.socket.write(wire(head));
    await until(() => upgraded !== null);
    await server.passes(1000, () => assertEquals(server.server.connections, 1));
    assertMatch(await readAll(server.socket), /^HTTP\/1\.1 503 .*connection: close¶/s);
    const error = await rejection(upgraded!);
    assert(error instanceof UpgradeRejected && error.code === "timeout", `${error}`);
  }
});

test("serve({ unclaimedUpgradeTimeoutMs }) closes an upgrade, or a tunnel, that no handler has asked for", async (t) => {
  for (const head of [UPGRADE, CONNECT]) {
    const server = await timed((request) => upgradeResponse(request, "echo").response, {
      unclaimedUpgradeTimeoutMs: 1000,
      connect: (request) => connectResponse(request).response,
    });
    t.after(() => server[Symbol.asyncDispose]());
    await server.socket.write(wire(head));
    await readUntil(server.socket, "¶¶");
    await until(() => server.clock.pending > 0);
    await server.passes(1000, () => assertEquals(server.server.connections, 1));
    await server.socket.read().catch(() => null);
    await until(() => server.server.connections === 0);
    assertEquals(server.clock.pending, 0);
  }
});

test("serve() leaves an upgrade alone that was asked for, whichever way [E14]", async (t) => {
  const echo = async (io: Upgraded): Promise<void> => {
    for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
    await io.close();
  };
  const ways: readonly ServeHandler[] = [
    (request) => {
      const { response, upgraded } = upgradeResponse(request, "echo");
      upgraded.then(echo);
      return response;
    },
    (request) => upgradeResponse(request, "echo", {}, echo).response,
    (request) => {
      onUpgrade(request).then(echo);
      return upgradeResponse(request, "echo").response;
    },
    (request) => {
      const accepted = upgradeResponse(request, "echo");
      setTimeout(() => accepted.upgraded.then(echo), 1);
      return accepted.response;
    },
  ];
  for (const handler of ways) {
    const server = await timed(handler);
    t.after(() => server[Symbol.asyncDispose]());
    await server.socket.write(wire(UPGRADE + "x"));
    await readUntil(server.socket, "¶¶x");
    assertEquals(server.clock.pending, 0);
    await server.clock.advance(10_000_000);
    await server.socket.write(wire("y"));
    assertEquals(text((await server.socket.read())!), "y");
    await server.socket.close();
    await until(() => server.server.connections === 0);
  }
});
