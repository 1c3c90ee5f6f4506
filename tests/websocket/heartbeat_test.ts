import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { bothEnds, partWith, withPeer } from "../support/frame_peer.ts";
import { OPCODES, roles } from "../support/frames.ts";
import { isPending } from "../support/switching.ts";
import { turns } from "../support/wire.ts";

const { text, ping, pong } = OPCODES;

test("pingIntervalMs asks a silent peer, again and again while it answers (RFC 6455 §5.5.2) [W14]", async () => {
  for (const role of roles) {
    const both = withPeer(role, { pingIntervalMs: 100 });
    const { io, peer, clock } = both;
    await clock.advance(99);
    const next = peer.frame();
    assertStrictEquals(await isPending(next), true);
    await clock.advance(1);
    let asked = await next;
    for (let i = 0; i < 5; i++) {
      assertStrictEquals(asked?.opcode, ping);
      await peer.send({ opcode: pong, payload: asked!.payload });
      await turns();
      await clock.advance(100);
      asked = await peer.frame();
    }
    assertStrictEquals(io.state, "open");
    await partWith(both);
    assertEquals(clock.pending, 0);
  }
});

test("a peer that answers no Ping until the next one is due is taken for lost: 1006 (RFC 6455 §7.1.5)", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { pingIntervalMs: 100 });
    const reading = io.read();
    await clock.advance(100);
    assertStrictEquals((await peer.frame())?.opcode, ping);
    await clock.advance(99);
    assertStrictEquals(await isPending(io.closed), true);
    await clock.advance(1);
    const closed = await io.closed;
    assertEquals([closed.closeCode, closed.wasClean], [1006, false]);
    assert(closed.error instanceof TransportError && closed.error.code === "timeout", String(closed.error));
    await assertRejects(() => reading, TransportError);
    assertEquals(await peer.next(), "cut");
    assertEquals(clock.pending, 0);
  }
});

test("whatever a peer sends shows that it is there, not only a Pong", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { pingIntervalMs: 100 });
    for (let i = 0; i < 5; i++) {
      await clock.advance(100);
      await peer.text(`${i}`);
      assertEquals(await io.read(), `${i}`);
      void io.read().catch(() => {});
      await peer.text("again");
      await turns();
    }
    assertStrictEquals(io.state, "open");
    io.abort();
    assertEquals(clock.pending, 0);
  }
});

test("a peer is not taken for lost because nobody reads here, nor right after somebody reads again", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { pingIntervalMs: 100 });
    await clock.advance(10);
    // The second message pauses the reading; its Pong waits in the transport.
    await peer.send({ opcode: text, payload: "1" }, { opcode: text, payload: "2" });
    await turns();
    for (let i = 0; i < 5; i++) await clock.advance(100);
    assertStrictEquals(io.state, "open");
    await clock.advance(89);
    assertEquals([await io.read(), await io.read()], ["1", "2"]);
    await clock.advance(1);
    assertStrictEquals(io.state, "open");
    await clock.advance(100);
    await clock.advance(100);
    assertStrictEquals(io.state, "closed");
    assertEquals(clock.pending, 0);
  }
});

test("idleTimeoutMs closes with 1001 when the peer was silent for so long, Pongs not counted as silence (RFC 6455 §7.4.1)", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { idleTimeoutMs: 1000 });
    await clock.advance(900);
    await peer.send({ opcode: pong });
    await turns();
    await clock.advance(900);
    await peer.text("x");
    assertEquals(await io.read(), "x");
    await clock.advance(999);
    const next = peer.next();
    assertStrictEquals(await isPending(next), true);
    await clock.advance(1);
    assertEquals(await next, 'close 1001 "idle"');
    await peer.close(1001);
    await peer.end.closeWrite();
    assertEquals((await io.closed).wasClean, true);
    assertEquals(await peer.next(), "end");
    assertEquals(clock.pending, 0);
  }
});

test("idleTimeoutMs does not count while it is us who do not read", async () => {
  const { io, peer, clock } = withPeer("server", { idleTimeoutMs: 1000 });
  await peer.send({ opcode: text, payload: "1" }, { opcode: text, payload: "2" });
  await turns();
  for (let i = 0; i < 20; i++) await clock.advance(300);
  assertStrictEquals(io.state, "open");
  assertEquals([await io.read(), await io.read()], ["1", "2"]);
  await clock.advance(2000);
  assertEquals(await peer.next(), 'close 1001 "idle"');
  io.abort();
  assertEquals(clock.pending, 0);
});

test("two ends that ask one another stay open, and leave no timer when they close", async () => {
  const { client, server, clock } = bothEnds({ pingIntervalMs: 100, idleTimeoutMs: 350 });
  for (let i = 0; i < 50; i++) await clock.advance(100);
  assertEquals([client.state, server.state], ["open", "open"]);
  void client.close();
  assertEquals(await server.read(), null);
  assertEquals([(await client.closed).wasClean, (await server.closed).wasClean, clock.pending], [true, true, 0]);
});

test("nothing is asked, and no timer is set, unless that was wanted", async () => {
  const { clock, peer } = withPeer("client");
  assertEquals(clock.pending, 0);
  await clock.advance(10_000_000);
  assertStrictEquals(await isPending(peer.next()), true);
});

test("no Ping is sent once the WebSocket is closing", async () => {
  const { io, peer, clock } = withPeer("client", { pingIntervalMs: 100, closeTimeoutMs: 1000 });
  void io.close({ closeCode: 1000 });
  for (let i = 0; i < 5; i++) await clock.advance(100);
  await peer.close(1000);
  await peer.end.closeWrite();
  assertEquals(await peer.all(), ['close 1000 ""', "end"]);
  assertEquals([(await io.closed).wasClean, clock.pending], [true, 0]);
});
