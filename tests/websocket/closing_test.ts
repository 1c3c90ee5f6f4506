import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { allMessages, bothEnds, withPeer } from "../support/frame_peer.ts";
import { closePayload, OPCODES, roles, toward, unhex } from "../support/frames.ts";
import { isPending, joined } from "../support/switching.ts";
import { turns } from "../support/wire.ts";

const { continuation, text, binary, close, ping } = OPCODES;

test("close() sends a Close, and both ends agree on how it ended (RFC 6455 §7.1) [W16]", async () => {
  for (
    const [options, code, reason] of [
      [{}, 1005, ""],
      [{ reason: "because" }, 1000, "because"],
      [{ closeCode: 4000 }, 4000, ""],
      [{ closeCode: 3999, reason: "κ".repeat(61) + "x" }, 3999, "κ".repeat(61) + "x"],
    ] as const
  ) {
    for (const who of ["client", "server"] as const) {
      const { clock, ...ends } = bothEnds();
      const other = ends[who === "client" ? "server" : "client"];
      const closing = ends[who].close(options);
      assertStrictEquals(ends[who].state, "closing");
      assertStrictEquals(await other.read(), null);
      assertStrictEquals(await ends[who].read(), null);
      assertEquals(await other.closed, { closeCode: code, reason, wasClean: true });
      // The answer holds the code, not the reason.
      assertEquals(await closing, { closeCode: code, reason: "", wasClean: true });
      assertEquals([ends.client.state, ends.server.state, clock.pending], ["closed", "closed", 0]);
    }
  }
});

test("a Close of the peer is answered and ends read() (RFC 6455 §5.5.1) [W16]", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role);
    const reading = allMessages(io);
    await peer.text("last");
    await peer.close(4321, "why");
    assertEquals(await peer.next(), 'close 4321 ""');
    assertEquals(await reading, ["last"]);
    assertStrictEquals(await io.read(), null);
    await peer.end.closeWrite();
    assertEquals(await io.closed, { closeCode: 4321, reason: "why", wasClean: true });
    assertEquals(await peer.next(), "end");
    assertEquals(clock.pending, 0);
  }
});

test("a server ends the connection first, a client waits for that up to 2 s (RFC 6455 §7.1.1) [W16]", async () => {
  for (const closer of ["peer", "io"]) {
    const server = withPeer("server");
    if (closer === "io") void server.io.close();
    else await server.peer.close(1000);
    if (closer === "io") await server.peer.send({ opcode: close });
    assertEquals((await server.peer.all()).at(-1), "end");
    assertStrictEquals(await isPending(server.io.closed), true);
    await server.peer.end.closeWrite();
    assertStrictEquals((await server.io.closed).wasClean, true);
    assertStrictEquals(server.clock.pending, 0);

    const client = withPeer("client");
    if (closer === "io") void client.io.close();
    else await client.peer.close(1000);
    if (closer === "io") await client.peer.send({ opcode: close });
    await client.peer.next();
    const ended = client.peer.next();
    assertStrictEquals(await isPending(ended), true);
    await client.clock.advance(1999);
    assertStrictEquals(await isPending(ended), true);
    await client.clock.advance(1);
    assertEquals(await ended, "end");
    await client.clock.advance(2000);
    assertStrictEquals((await client.io.closed).wasClean, true);
    assertStrictEquals(client.clock.pending, 0);
  }
});

test("what the peer sends after our Close is still delivered, also if nobody reads meanwhile (fastwebsockets loses it) [W16]", async () => {
  for (const role of roles) {
    for (const early of [true, false]) {
      const { io, peer } = withPeer(role);
      void io.close({ closeCode: 1000 });
      assertEquals(await peer.next(), 'close 1000 ""');
      const messages = early ? allMessages(io) : null;
      for (let i = 0; i < 5; i++) await peer.text(`late ${i}`);
      await peer.send({ opcode: binary, fin: false, payload: "fr" }, { opcode: ping }, {
        opcode: continuation,
        payload: "ag",
      });
      await peer.close(1000);
      await peer.end.closeWrite();
      assertEquals((await io.closed).wasClean, true);
      const late = ["late 0", "late 1", "late 2", "late 3", "late 4", unhex("66726167")];
      assertEquals(await (messages ?? allMessages(io)), late);
      assertEquals(await peer.next(), "end");
    }
  }
});

test("both ends may close at once (RFC 6455 §7.1.2) [W16]", async () => {
  const { client, server, clock } = bothEnds();
  const [atClient, atServer] = await Promise.all([
    client.close({ closeCode: 4001, reason: "c" }),
    server.close({ closeCode: 4002, reason: "s" }),
  ]);
  assertEquals(atClient, { closeCode: 4002, reason: "s", wasClean: true });
  assertEquals(atServer, { closeCode: 4001, reason: "c", wasClean: true });
  assertEquals(clock.pending, 0);
});

test("close() right after the message before the peer's Close was read is a clean end [W16]", async () => {
  for (const role of roles) {
    for (const messages of [1, 2]) {
      const { io, peer, clock } = withPeer(role);
      const frames = [...Array(messages).fill({ opcode: text, payload: "m" }), {
        opcode: close,
        payload: closePayload(4000),
      }];
      await peer.send(...frames);
      await peer.end.closeWrite();
      for (let i = 0; i < messages; i++) assertEquals(await io.read(), "m");
      const closing = io.close({ closeCode: 1000 });
      assertEquals(await peer.all(), ['close 4000 ""', "end"]);
      assertEquals(await closing, { closeCode: 4000, reason: "", wasClean: true }, `${role} ${messages}`);
      assertEquals(clock.pending, 0);
    }
  }
});

test("a Close that is held, or waits behind a message in parts, is answered when that is sent (RFC 6455 §5.5.1) [W16]", async () => {
  for (const role of roles) {
    for (const reader of ["read", "cancel"]) {
      const { io, peer, clock } = withPeer(role);
      let finish: () => void = () => {};
      const finished = new Promise<void>((resolve) => finish = resolve);
      const sent = io.writeParts((async function* () {
        yield "begun";
        await finished;
        yield "ended";
      })());
      assertEquals(await peer.next(), 'text+ "begun"');
      await peer.send({ opcode: text, payload: "m" }, { opcode: close, payload: closePayload(4000, "bye") });
      await peer.end.closeWrite();
      const messages = io.readable.getReader();
      assertEquals((await messages.read()).value, "m");
      if (reader === "cancel") await messages.cancel();
      else assertStrictEquals((await messages.read()).done, true);
      assertStrictEquals(io.state, "closing");
      const rest = peer.all();
      finish();
      await sent;
      const [more, end, ...closing] = await rest;
      assertEquals([more, end, closing.length, closing[1]], ["continuation+ 656e646564", "continuation", 2, "end"]);
      assert(closing[0]!.startsWith("close"), closing[0]);
      assertEquals(await io.closed, { closeCode: 4000, reason: "bye", wasClean: true });
      assertEquals(clock.pending, 0);
    }
  }
});

test("a Close behind which the answer never ends is given up after closeTimeoutMs [W16]", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { closeTimeoutMs: 500 });
    const sent = io.writeParts((async function* () {
      yield "begun";
      await new Promise(() => {});
    })());
    assertEquals(await peer.next(), 'text+ "begun"');
    await peer.close(1000, "bye");
    assertStrictEquals(await io.read(), null);
    await clock.advance(499);
    assertStrictEquals(await isPending(io.closed), true);
    await clock.advance(1);
    assertEquals(await io.closed, { closeCode: 1000, reason: "bye", wasClean: false });
    await assertRejects(() => sent);
    assertEquals([await peer.next(), clock.pending], ["cut", 0]);
  }
});

test("close() has no effect the second time, and write() fails after it (RFC 6455 §5.5.1) [W16]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    void io.close({ closeCode: 4000, reason: "first" });
    void io.close({ closeCode: 4001, reason: "second" });
    for (const message of ["text", new Uint8Array(3), new Uint8Array(300_000)]) {
      const error = await assertRejects(() => io.write(message), StateError);
      assertEquals(error.code, "closed");
    }
    await assertRejects(() => io.ping(), StateError);
    await assertRejects(() => io.writeParts(one("x")), StateError);
    await peer.close(1000);
    await peer.end.closeWrite();
    assertEquals(await peer.all(), ['close 4000 "first"', "end"]);
    await assertRejects(() => io.write("x"));
  }
});

async function* one(part: string): AsyncGenerator<string> {
  yield part;
}

test("close() refuses at once what must not be sent, and the WebSocket stays open (RFC 6455 §7.4) [W15]", async () => {
  const { io, peer } = withPeer("client");
  for (const closeCode of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5]) {
    assertThrows(() => io.close({ closeCode }), RangeError);
  }
  assertThrows(() => io.close({ closeCode: 1000, reason: "x".repeat(124) }), RangeError);
  assertThrows(() => io.close({ reason: "€".repeat(42) }), RangeError);
  assertStrictEquals(io.state, "open");
  await io.write("still open");
  assertEquals(await peer.next(), 'text "still open"');
});

test("closeTimeoutMs bounds how long the peer may take to answer a Close [W16]", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { closeTimeoutMs: 500 });
    const closing = io.close({ closeCode: 1000 });
    await peer.next();
    await clock.advance(499);
    await peer.text("still talking");
    assertStrictEquals(await isPending(closing), true);
    await clock.advance(1);
    const { error, ...outcome } = await closing;
    assertEquals(outcome, { closeCode: 1006, reason: "", wasClean: false });
    assert(error instanceof TransportError && error.code === "timeout", String(error));
    assertEquals([await io.read(), io.state, clock.pending], ["still talking", "closed", 0]);
    await assertRejects(() => io.read(), TransportError);
    assertEquals(await peer.next(), "cut");
  }
});

test("closeTimeoutMs is 10 s by default, and 0 means never [W16]", async () => {
  const usual = withPeer("client");
  void usual.io.close();
  await usual.clock.advance(9999);
  assertStrictEquals(await isPending(usual.io.closed), true);
  await usual.clock.advance(1);
  assertStrictEquals((await usual.io.closed).wasClean, false);
  const patient = withPeer("client", { closeTimeoutMs: 0 });
  void patient.io.close();
  await patient.clock.advance(10_000_000);
  assertStrictEquals(await isPending(patient.io.closed), true);
  patient.io.abort();
  assertEquals(patient.clock.pending, 0);
});

test("closeTimeoutMs bounds the Close of a peer that takes nothing more [W16]", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { closeTimeoutMs: 500 }, { capacityBytes: 10 });
    const written = io.write("x".repeat(100));
    await peer.close(1000, "bye");
    await turns();
    await clock.advance(500);
    const { closeCode, reason } = await io.closed;
    assertEquals([closeCode, reason], [1000, "bye"]);
    await assertRejects(() => written);
    assertEquals(clock.pending, 0);
  }
});

test("a peer that leaves without a Close makes 1006 and fails read() after what came (RFC 6455 §7.1.5) [W16]", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role);
    await peer.text("last");
    await peer.end.closeWrite();
    assertEquals(await io.read(), "last");
    const error = await assertRejects(() => io.read(), TransportError);
    assertEquals(error.code, "reset");
    const closed = await io.closed;
    assertEquals([closed.closeCode, closed.reason, closed.wasClean, closed.error], [1006, "", false, error]);
    await assertRejects(() => io.read(), TransportError);
    await assertRejects(() => io.write("x"), TransportError);
    assertEquals(clock.pending, 0);
  }
});

test("a peer that leaves in the middle of a frame, or of the close handshake, makes 1006 (RFC 6455 §7.1.5) [W16]", async () => {
  for (const role of roles) {
    const half = withPeer(role);
    await half.peer.end.write(toward(role, { opcode: text, payload: "whole" }).subarray(0, 5));
    await half.peer.end.closeWrite();
    await assertRejects(() => half.io.read(), TransportError);
    assertStrictEquals((await half.io.closed).closeCode, 1006);

    const closing = withPeer(role);
    void closing.io.close({ closeCode: 1000 });
    await closing.peer.next();
    await closing.peer.end.closeWrite();
    const closed = await closing.io.closed;
    assertEquals([closed.closeCode, closed.wasClean], [1006, false]);
    assertEquals(closing.clock.pending, 0);
  }
});

test("a connection that is cut makes 1006, with the reason (RFC 6455 §7.1.7)", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role);
    const reading = io.read();
    peer.end.abort(new Error("unplugged"));
    const error = await assertRejects(() => reading, TransportError);
    assertStrictEquals(error.code, "reset");
    const closed = await io.closed;
    assertEquals([closed.closeCode, closed.wasClean, closed.error], [1006, false, error]);
    await assertRejects(() => io.write("x"), TransportError);
    assertEquals(clock.pending, 0);
  }
});

test("abort() ends both directions at once, without a Close frame", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role);
    const reading = io.read();
    const reason = new Error("enough");
    io.abort(reason);
    io.abort(new Error("more than enough"));
    assertStrictEquals(await assertRejects(() => reading), reason);
    assertEquals(await io.closed, { closeCode: 1006, reason: "", wasClean: false, error: reason });
    assertEquals(await peer.next(), "cut");
    await assertRejects(() => io.write("x"));
    await assertRejects(() => io.read());
    assertEquals([io.state, clock.pending], ["closed", 0]);

    const plain = withPeer(role);
    plain.io.abort();
    assertInstanceOf((await plain.io.closed).error, TransportError);
  }
});

test("a peer that breaks the protocol is told why, and read() fails (RFC 6455 §7.1.7) [W10, W12, W13]", async () => {
  const cases: readonly (readonly [frames: readonly Parameters<typeof toward>[1][], told: number, code: string])[] = [
    [[{ opcode: 3 }], 1002, "reserved-opcode"],
    [[{ opcode: text, rsv: 4 }], 1002, "reserved-bits"],
    [[{ opcode: continuation }], 1002, "unexpected-continuation"],
    [[{ opcode: ping, fin: false }], 1002, "fragmented-control"],
    [[{ opcode: text, payload: unhex("ff") }], 1007, "bad-utf8"],
    [[{ opcode: close, payload: unhex("03") }], 1002, "bad-close-payload"],
    [[{ opcode: close, payload: closePayload(1005) }], 1002, "bad-close-code"],
    [[{ opcode: close, payload: closePayload(1000, unhex("ff")) }], 1007, "bad-utf8"],
    [[{ opcode: binary, length: 101 }], 1009, "message-too-large"],
  ];
  for (const role of roles) {
    for (const [frames, told, code] of cases) {
      const { io, peer, clock } = withPeer(role, { maxMessageBytes: 100 });
      await peer.send({ opcode: text, payload: "right" }, ...frames, { opcode: text, payload: "never seen" });
      assertEquals(await io.read(), "right");
      const error = await assertRejects(() => io.read(), WebSocketProtocolError);
      assertEquals([error.code, error.closeCode], [code as typeof error.code, told]);
      assertEquals(await peer.next(), `close ${told} ""`);
      assertEquals(await peer.next(), "end");
      await peer.end.closeWrite();
      assertEquals(await io.closed, { closeCode: 1006, reason: "", wasClean: false, error });
      await assertRejects(() => io.read(), WebSocketProtocolError);
      await assertRejects(() => io.write("x"), StateError);
      assertEquals([io.state, clock.pending], ["closed", 0]);
    }
  }
});

test("a peer that breaks the protocol after our Close, or sends on and on after its fault, is left anyway", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role);
    void io.close({ closeCode: 1000 });
    assertEquals(await peer.next(), 'close 1000 ""');
    await peer.send({ opcode: 5 });
    assertEquals(await peer.next(), "end");
    await peer.end.closeWrite();
    const closed = await io.closed;
    assertEquals([closed.closeCode, closed.wasClean, clock.pending], [1006, false, 0]);

    const endless = withPeer(role);
    await endless.peer.send({ opcode: 5 });
    assertEquals(await endless.peer.next(), 'close 1002 ""');
    void (async () => {
      for (let i = 0; i < 100; i++) await endless.peer.end.write(new Uint8Array(50_000));
    })().catch(() => {});
    await endless.clock.advance(2000);
    await endless.clock.advance(10_000);
    assertStrictEquals((await endless.io.closed).closeCode, 1006);
    assertEquals(endless.clock.pending, 0);
  }
});

test("a Ping of the peer behind its fault or its Close is not answered (RFC 6455 §5.5.1)", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    await peer.send({ opcode: close }, { opcode: ping, payload: "x" }, { opcode: text, payload: "y" });
    await peer.end.closeWrite();
    assertStrictEquals(await io.read(), null);
    assertEquals(await peer.all(), ["close", "end"]);
  }
});

test("a Close that the peer sends in pieces, or in the middle of a message, is a Close (RFC 6455 §5.4) [W16]", async () => {
  for (const role of roles) {
    const bytes = joined(
      toward(role, { opcode: text, fin: false, payload: "begun" }),
      toward(role, { opcode: close, payload: closePayload(1001, "leaving") }),
    );
    for (let at = 1; at < bytes.length; at++) {
      const { io, peer } = withPeer(role);
      await peer.end.write(bytes.slice(0, at));
      await turns();
      await peer.end.write(bytes.slice(at));
      await peer.end.closeWrite();
      assertStrictEquals(await io.read(), null);
      assertEquals(await peer.all(), ['close 1001 ""', "end"]);
      assertEquals(await io.closed, { closeCode: 1001, reason: "leaving", wasClean: true });
    }
  }
});

test("a WebSocket that is disposed of is closed", async () => {
  const { client, server } = bothEnds();
  const disposing = server[Symbol.asyncDispose]();
  assertStrictEquals(await client.read(), null);
  assertEquals(await client.closed, { closeCode: 1005, reason: "", wasClean: true });
  await disposing;
  assertStrictEquals(server.state, "closed");
});

test("abort() between the last message and the Close behind it stays the end [W16]", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role);
    const reading = io.read();
    await peer.send({ opcode: text, payload: "last" }, { opcode: close, payload: closePayload(1000) });
    assertEquals(await reading, "last");
    io.abort(new Error("enough"));
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals([(await io.closed).closeCode, io.state, clock.pending], [1006, "closed", 0]);
  }
});

test("a peer that breaks the protocol and reads nothing is waited for no longer than closeTimeoutMs (RFC 6455 §7.1.7)", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { closeTimeoutMs: 3000 }, { capacityBytes: 1 });
    void io.write("stuck").catch(() => {});
    void peer.send({ opcode: 7 }).catch(() => {});
    await turns();
    await clock.advance(2999);
    assertStrictEquals(io.state, "closing");
    await clock.advance(1);
    assertStrictEquals(io.state, "closed");
    assertInstanceOf((await io.closed).error, WebSocketProtocolError);
    for (let i = 0; i < 3; i++) await clock.advance(3000);
    assertStrictEquals(clock.pending, 0);
  }
});

test("a transport that takes nothing more ends the WebSocket, even if reading goes on [L1]", async () => {
  const lost = new TransportError("reset", "The peer reads nothing more");
  const transport = {
    get readable(): ReadableStream<Uint8Array> {
      return new ReadableStream<Uint8Array>();
    },
    get writable(): WritableStream<Uint8Array> {
      return new WritableStream<Uint8Array>({ write: () => Promise.reject(lost) });
    },
  };
  const io = webSocketOver(transport, { role: "client" });
  await assertRejects(() => io.write("x"), TransportError);
  const { closeCode, wasClean, error } = await io.closed;
  assertEquals([closeCode, wasClean, (error as TransportError).code], [1006, false, "reset"]);
});
