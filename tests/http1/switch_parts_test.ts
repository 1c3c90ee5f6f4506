import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Parts } from "../../src/http1/parts.ts";
import { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readAll, readUntil, text, wire } from "../support/wire.ts";
import {
  CONNECT,
  CONNECT_REQUEST,
  CONNECTED,
  expectText,
  isPending,
  OK,
  rawEnd,
  rejectedFor,
  streamPair,
  SWITCHED,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

const kinds: readonly { over: string; open: () => [Duplex, Duplex] }[] = [
  { over: "channels", open: () => duplexPair() },
  { over: "streams", open: () => streamPair() },
];

/** The transport is not shut, its streams are free, and both directions go. */
async function assertUsable(io: Duplex, peer: Duplex): Promise<void> {
  assert(!io.readable.locked && !io.writable.locked);
  const ours = rawEnd(io);
  const theirs = rawEnd(peer);
  const written = ours.write(wire("foo=bar"));
  await expectText(theirs, "foo=bar");
  const answered = theirs.write(wire("bar=foo"));
  await expectText(ours, "bar=foo");
  await Promise.all([written, answered]);
  const ended = theirs.closeWrite();
  assertEquals(await readAll(ours), "");
  await ended;
}

for (const { over, open } of kinds) {
  for (const [how, request, answer] of [["upgrade", UPGRADE, SWITCHED], ["CONNECT", CONNECT, CONNECTED]] as const) {
    test(`ServerConnection.withoutShutdown() gives the very transport back after ${how}, over ${over} (hyper upgrades, http_connect) [U20]`, async () => {
      const [near, far] = open();
      let rejected!: Promise<unknown>;
      const connection = serveConnection(far, (incoming) => {
        rejected = rejectedFor("low-level", onUpgrade(incoming));
        if (how === "CONNECT") return { status: 200 };
        return { status: 101, fields: [["Connection", "upgrade"], ["Upgrade", "foobar"]] };
      }, { dateHeader: false, clock: new FakeClock() });
      const taking = connection.withoutShutdown();
      assertStrictEquals(connection.withoutShutdown(), taking);
      assertThrows(() => connection.intoParts(), StateError);
      const client = rawEnd(near);
      const written = client.write(wire(`${request}eagerly optimistic`));
      await expectText(client, answer);
      const { io, readBuf, ended } = await taking;
      await written;
      client.unlock?.();
      assertStrictEquals(io, far);
      assertEquals(text(readBuf), "eagerly optimistic");
      assertEquals(ended, false);
      assertStrictEquals(connection.intoParts(), await taking);
      assertEquals(await connection.closed, { reason: "upgrade" });
      await rejected;
      await assertUsable(io, near);
    });

    test(`ClientConnection.withoutShutdown() gives the very transport back after ${how}, over ${over} (hyper conn::upgrade, connect_method) [U20]`, async () => {
      const [near, far] = open();
      const { sender, connection } = handshake(near, { clock: new FakeClock() });
      const taking = connection.withoutShutdown();
      assertThrows(() => connection.intoParts(), StateError);
      const server = rawEnd(far);
      const sending = sender.send(how === "CONNECT" ? CONNECT_REQUEST : UPGRADE_REQUEST);
      await readUntil(server, "¶¶");
      const written = server.write(wire(`${answer}foobar=ready`));
      const response = await sending;
      const { io, readBuf, ended } = await taking;
      assertStrictEquals(connection.intoParts(), await taking);
      await written;
      server.unlock?.();
      assertStrictEquals(io, near);
      assertEquals(text(readBuf), "foobar=ready");
      assertEquals(ended, false);
      await rejectedFor("low-level", onUpgrade(response));
      assertEquals(await connection.closed, { reason: "upgrade" });
      await assertRejects(() => sender.ready(), StateError);
      await assertUsable(io, far);
    });
  }

  test(`Upgraded.intoParts() gives the very transport and the unread bytes, over ${over}`, async () => {
    const [near, far] = open();
    let upgraded!: Promise<Upgraded>;
    serveConnection(far, (request) => {
      const made = upgradeResponse(request, "foobar");
      upgraded = made.upgraded;
      return made.response;
    }, { dateHeader: false, clock: new FakeClock() });
    const client = rawEnd(near);
    const written = client.write(wire(`${UPGRADE}EARLY`));
    await expectText(client, SWITCHED);
    await written;
    client.unlock?.();
    const io = await upgraded;
    const parts = io.intoParts();
    assertStrictEquals(parts.io, far);
    assertEquals(text(parts.readBuf), "EARLY");
    assertEquals(parts.ended, false);
    await assertUsable(parts.io, near);
  });
}

test("ServerConnection.withoutShutdown() called while the handler runs takes the transport as well", async () => {
  const [near, far] = duplexPair();
  let taking!: Promise<Parts>;
  const connection = serveConnection(far, (request) => {
    taking = connection.withoutShutdown();
    return upgradeResponse(request, "foobar").response;
  }, { dateHeader: false, clock: new FakeClock() });
  await near.write(wire(`${UPGRADE}EARLY`));
  await expectText(near, SWITCHED);
  assertEquals(text((await taking).readBuf), "EARLY");
  assertStrictEquals(connection.intoParts().io, far);
});

test("ServerConnection.withoutShutdown() rejects after the transport went to the upgrade", async () => {
  const [near, far] = duplexPair();
  const connection = serveConnection(far, (request) => upgradeResponse(request, "foobar").response, {
    clock: new FakeClock(),
  });
  await near.write(wire(UPGRADE));
  assertEquals(await connection.closed, { reason: "upgrade" });
  await assertRejects(() => connection.withoutShutdown(), StateError);
  assertThrows(() => connection.intoParts(), StateError);
});

test("ClientConnection.withoutShutdown() rejects after the transport went to the upgrade", async () => {
  const [near, far] = duplexPair();
  const { sender, connection } = handshake(near, { clock: new FakeClock() });
  const sending = sender.send(UPGRADE_REQUEST);
  await readUntil(far, "¶¶");
  await far.write(wire(SWITCHED));
  const response = await sending;
  await assertRejects(() => connection.withoutShutdown(), StateError);
  const io = await onUpgrade(response);
  await io.write(wire("up"));
  await expectText(far, "up");
});

test("ServerConnection.withoutShutdown() gives the transport back after the last response, bytes and end included", async () => {
  for (const { open } of kinds) {
    const [near, far] = open();
    const connection = serveConnection(far, () => ({ status: 200, fields: { connection: "close" }, body: "ok" }), {
      dateHeader: false,
      clock: new FakeClock(),
    });
    const taking = connection.withoutShutdown();
    const client = rawEnd(near);
    const written = client.write(wire("GET / HTTP/1.1¶Host: a¶¶beyond HTTP"));
    await expectText(client, "HTTP/1.1 200 OK¶connection: close¶content-length: 2¶¶ok");
    const { io, readBuf } = await taking;
    await written;
    client.unlock?.();
    assertStrictEquals(io, far);
    assertEquals(text(readBuf), "beyond HTTP");
    assertEquals(await connection.closed, { reason: "shutdown" });
    await assertUsable(io, near);
  }
});

test("ServerConnection.withoutShutdown() says that the peer has ended: leftover and end travel together", async () => {
  const [near, far] = duplexPair();
  const connection = serveConnection(far, () => ({ status: 200 }), { clock: new FakeClock() });
  const taking = connection.withoutShutdown();
  await near.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
  await near.closeWrite();
  const { io, readBuf, ended } = await taking;
  assertEquals([readBuf.length, ended], [0, true]);
  await rawEnd(io).write(wire("still open"));
  await rawEnd(io).closeWrite();
  assertEquals((await readAll(near)).endsWith("still open"), true);
});

test("withoutShutdown() rejects with the error of a connection that failed, on both sides", async () => {
  const [near, far] = duplexPair();
  const serving = serveConnection(far, () => ({ status: 200 }), { clock: new FakeClock() });
  const { connection } = handshake(near, { clock: new FakeClock() });
  const [ours, theirs] = [connection.withoutShutdown(), serving.withoutShutdown()];
  const reason = new Error("enough");
  connection.abort(reason);
  assertStrictEquals(await ours.catch((error) => error), reason);
  await assertRejects(() => theirs);
});

test("withoutShutdown() that nobody awaits raises no unhandled rejection", async () => {
  const [near, far] = duplexPair();
  const serving = serveConnection(far, () => ({ status: 200 }), { clock: new FakeClock() });
  const { connection } = handshake(near, { clock: new FakeClock() });
  connection.withoutShutdown();
  serving.withoutShutdown();
  connection.abort(new Error("enough"));
  assertEquals((await serving.closed).reason, "error");
});

for (const call of ["intoParts", "downcast"] as const) {
  test(`Upgraded is of no use after ${call}(), and does the transport no harm`, async () => {
    const [near, far] = duplexPair();
    const io = new Upgraded(near, wire("EARLY"), { protocol: "x" });
    if (call === "intoParts") io.intoParts();
    else io.downcast((candidate): candidate is typeof near => candidate === near);
    assertThrows(() => io.intoParts(), StateError);
    assertThrows(() => io.downcast((candidate): candidate is typeof near => candidate === near), StateError);
    for (const misuse of [() => io.read(), () => io.write(wire("x")), () => io.closeWrite()]) {
      const error = await assertRejects(misuse, StateError);
      assert(error instanceof StateError && error.code === "already-taken");
    }
    await io.close();
    io.abort();
    await io[Symbol.asyncDispose]();
    await near.write(wire("alive"));
    await expectText(far, "alive");
  });
}

for (const { over, open } of kinds) {
  test(`Upgraded.intoParts() takes a pending read back and loses nothing that comes later, over ${over}`, async () => {
    const [near, far] = open();
    const peer = rawEnd(far);
    const io = new Upgraded(near, new Uint8Array(0), { protocol: "x" });
    const reading = io.read();
    reading.catch(() => {});
    assert(await isPending(reading));
    const parts = io.intoParts();
    const error = await assertRejects(() => reading, StateError);
    assert(error instanceof StateError && error.code === "canceled");
    const ours = rawEnd(parts.io);
    const written = peer.write(wire("for the new owner"));
    await expectText(ours, "for the new owner");
    await written;
  });
}

test("Upgraded.downcast() with the wrong guard leaves a pending read alone", async () => {
  const [near, far] = duplexPair();
  const io = new Upgraded(near, new Uint8Array(0), { protocol: "x" });
  const reading = io.read();
  assertStrictEquals(io.downcast((candidate): candidate is Map<1, 1> => candidate instanceof Map), io);
  await far.write(wire("hello"));
  assertEquals(text((await reading)!), "hello");
});

test("Upgraded.downcast() with the wrong guard gives itself, unharmed, leftover bytes first", async () => {
  const [near, far] = duplexPair();
  const io = new Upgraded(near, wire("EARLY"), { protocol: "x" });
  const candidates: object[] = [];
  const same = io.downcast((candidate): candidate is Map<string, string> => {
    candidates.push(candidate);
    return candidate instanceof Map;
  });
  assertStrictEquals(same, io);
  assertEquals(candidates, [near]);
  await expectText(io, "EARLY");
  await far.write(wire("more"));
  await expectText(io, "more");
  const parts = io.downcast((candidate): candidate is typeof near => candidate === near);
  assert(!(parts instanceof Upgraded));
  assertStrictEquals(parts.io, near);
  assertEquals(parts.readBuf.length, 0);
});

test("Upgraded.downcast() looks at the platform's object below a socket, and joins what both have read", () => {
  const [near] = duplexPair();
  class Native {}
  const native = new Native();
  let released = 0;
  const socket = Object.assign(near, {
    native,
    release: () => (released++, { native, readBuf: wire("second"), ended: true }),
  });
  const io = new Upgraded(socket, wire("first "), { protocol: "x" });
  assertStrictEquals(io.downcast((candidate): candidate is Map<string, string> => candidate instanceof Map), io);
  assertEquals(released, 0);
  const parts = io.downcast((candidate): candidate is Native => candidate instanceof Native);
  assert(!(parts instanceof Upgraded));
  assertStrictEquals(parts.io, native);
  assertEquals([text(parts.readBuf), parts.ended], ["first second", true]);
});

test("Upgraded.downcast() leaves itself unharmed when the socket cannot be released now", async () => {
  const [near, far] = duplexPair();
  class Native {}
  const busy = new StateError("busy", "Cannot release: a read is pending");
  const socket = Object.assign(near, {
    native: new Native(),
    release: () => {
      throw busy;
    },
  });
  const io = new Upgraded(socket, wire("EARLY"), { protocol: "x" });
  assertThrows(() => io.downcast((candidate): candidate is Native => candidate instanceof Native), StateError);
  await expectText(io, "EARLY");
  await io.write(wire("alive"));
  await expectText(far, "alive");
});

test("onUpgrade() after withoutShutdown() rejects low-level at once, asked for early or late [U20]", async () => {
  const [near, far] = duplexPair();
  let early!: Promise<unknown>;
  let request!: object;
  const connection = serveConnection(far, (incoming) => {
    request = incoming;
    early = rejectedFor("low-level", onUpgrade(incoming));
    return { status: 101 };
  }, { clock: new FakeClock() });
  connection.withoutShutdown();
  await near.write(wire(UPGRADE));
  await early;
  await rejectedFor("low-level", onUpgrade(request));
});

test("withoutShutdown() leaves refused upgrades to HTTP [U3, U20]", async () => {
  const [near, far] = duplexPair();
  let refused!: Promise<unknown>;
  let requests = 0;
  const connection = serveConnection(far, (request) => {
    if (++requests > 1) return { status: 101 };
    refused = rejectedFor("refused", onUpgrade(request));
    return { status: 200, body: "ok" };
  }, { dateHeader: false, clock: new FakeClock() });
  const taking = connection.withoutShutdown();
  await near.write(wire(UPGRADE));
  await expectText(near, OK);
  await refused;
  assert(await isPending(taking));
  await near.write(wire(`${UPGRADE}EARLY`));
  assertEquals(text((await taking).readBuf), "EARLY");
});
