import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import { bothEnds, withPeer } from "../support/frame_peer.ts";
import { closePayload, OPCODES, roles, unhex } from "../support/frames.ts";
import { isPending, pattern } from "../support/switching.ts";
import { turns } from "../support/wire.ts";

const { text, binary, close } = OPCODES;

test("readable gives messages, and ends when the peer closes [L1]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    await peer.send({ opcode: text, payload: "a" }, { opcode: binary, payload: "b" }, {
      opcode: close,
      payload: closePayload(1000),
    });
    await peer.end.closeWrite();
    const received: unknown[] = [];
    for await (const message of io.readable) received.push(message);
    assertEquals(received, ["a", unhex("62")]);
    assertStrictEquals(io.readable, io.readable);
  }
});

test("readable fails as read() does: the connection lost, the protocol broken [L1]", async () => {
  for (const role of roles) {
    const lost = withPeer(role);
    const reader = lost.io.readable.getReader();
    await lost.peer.text("a");
    await lost.peer.end.closeWrite();
    assertEquals((await reader.read()).value, "a");
    await assertRejects(() => reader.read(), TransportError);
    await assertRejects(() => reader.closed, TransportError);

    const broken = withPeer(role);
    await broken.peer.send({ opcode: 7 });
    await assertRejects(() => broken.io.readable.getReader().read(), WebSocketProtocolError);
  }
});

test("canceling readable closes, with the code and reason of what it is given [L1]", async () => {
  for (const role of roles) {
    for (
      const [reason, told] of [
        [undefined, "close"],
        [new Error("enough"), "close"],
        [{ closeCode: 4001, reason: "enough" }, 'close 4001 "enough"'],
        [{ closeCode: 4001 }, 'close 4001 ""'],
      ] as const
    ) {
      const { io, peer } = withPeer(role);
      await io.readable.cancel(reason);
      assertEquals(await peer.next(), told);
      await peer.close(1000);
      await peer.end.closeWrite();
      await peer.all();
      assertStrictEquals((await io.closed).wasClean, true);
    }
  }
});

test("canceling readable with a code that may not be sent is refused", async () => {
  const { io } = withPeer("client");
  await assertRejects(() => io.readable.cancel({ closeCode: 1006 }), RangeError);
});

test("a canceled readable takes what the peer still sends, so that its Close is found", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { maxMessageBytes: 1000 });
    await io.readable.cancel();
    assertEquals(await peer.next(), "close");
    for (let i = 0; i < 100; i++) await peer.text("x".repeat(900));
    await peer.close(1000);
    await peer.end.closeWrite();
    assertEquals(await peer.all(), ["end"]);
    assertStrictEquals((await io.closed).wasClean, true);
  }
});

test("writable sends messages; closing it closes the WebSocket and waits for that [L1, L3]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const writer = io.writable.getWriter();
    await writer.write("a");
    await writer.write(unhex("0102"));
    assertEquals([await peer.next(), await peer.next()], ['text "a"', "binary 0102"]);
    const closing = writer.close();
    assertEquals(await peer.next(), "close");
    assertStrictEquals(await isPending(closing), true);
    await peer.close(1000);
    await peer.end.closeWrite();
    await peer.all();
    await closing;
    assertStrictEquals(io.state, "closed");
  }
});

test("aborting writable closes, with the code and reason of what it is given [L1]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const aborting = io.writable.abort({ closeCode: 4005, reason: "no more" });
    assertEquals(await peer.next(), 'close 4005 "no more"');
    await peer.close(1000);
    await peer.end.closeWrite();
    await peer.all();
    await aborting;
    assertStrictEquals((await io.closed).wasClean, true);
  }
});

test("aborting writable of a WebSocket that is over leaves no timer [L1]", async () => {
  for (const role of roles) {
    const { io, clock } = withPeer(role);
    const { writable } = io;
    io.abort();
    await writable.abort().catch(() => {});
    assertStrictEquals(clock.pending, 0);
  }
});

test("writer.write() and writer.ready wait for the transport (RFC 6455 has no other flow control) [L3]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {}, { capacityBytes: 50 });
    const writer = io.writable.getWriter();
    await writer.ready;
    const first = writer.write(pattern(100));
    const ready = writer.ready;
    assertStrictEquals(await isPending(ready), true);
    assertStrictEquals(await isPending(first), true);
    assertStrictEquals((await peer.frame())?.payload.length, 100);
    await first;
    await ready;
    assertStrictEquals(writer.desiredSize, 1);
  }
});

test("a writable of a lost connection fails [L3]", async () => {
  const { io, peer } = withPeer("client");
  const writer = io.writable.getWriter();
  writer.closed.catch(() => {});
  peer.end.abort();
  await io.closed;
  await assertRejects(() => writer.write("x"), TransportError);
});

test("an unread readable holds the peer up, through pipeTo() as well [L2]", async () => {
  const slow = withPeer("server", {}, { capacityBytes: 500 });
  let written = 0;
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const received: unknown[] = [];
  const piping = slow.io.readable.pipeTo(
    new WritableStream({
      write: async (message) => {
        await held;
        received.push(message);
      },
    }),
  );
  const flooding = (async () => {
    for (let i = 0; i < 200; i++) {
      await slow.peer.text("x".repeat(100));
      written++;
    }
    await slow.peer.close(1000);
    await slow.peer.end.closeWrite();
  })();
  await turns();
  await turns();
  assert(written < 20, `${written} messages were taken`);
  release();
  await Promise.all([flooding, piping]);
  assertStrictEquals(received.length, 200);
});

test("an echo through pipeTo() ends cleanly on both ends [L1]", async () => {
  const { client, server, clock } = bothEnds();
  const echoing = server.readable.pipeTo(server.writable);
  const writer = client.writable.getWriter();
  const reader = client.readable.getReader();
  for (const message of ["a", "κόσμε", ""]) {
    await writer.write(message);
    assertEquals((await reader.read()).value, message);
  }
  const closing = writer.close();
  assertEquals((await reader.read()).done, true);
  await Promise.all([closing, echoing]);
  assertEquals([(await client.closed).wasClean, (await server.closed).wasClean, clock.pending], [true, true, 0]);
});
