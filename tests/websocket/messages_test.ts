import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { allMessages, bothEnds, FramePeer, partWith, withPeer } from "../support/frame_peer.ts";
import { closePayload, frame, frameText, hex, OPCODES, parseFrame, roles, toward, unhex } from "../support/frames.ts";
import { giveAway, shrinking } from "../support/memory.ts";
import { deflates } from "../support/runtime.ts";
import { isPending, joined, pattern, rawEnd, transports } from "../support/switching.ts";
import { FakeClock, turns } from "../support/wire.ts";

const { continuation, text, binary, close, ping, pong } = OPCODES;

for (const { over, bytewise, open } of transports) {
  test(`messages of every kind and length arrive in both directions over ${over} (RFC 6455 §5.6) [W17]`, async () => {
    const [near, far] = open();
    const clock = new FakeClock();
    const client = webSocketOver(near, { role: "client", clock });
    const server = webSocketOver(far, { role: "server", clock });
    const lengths = bytewise ? [0, 1, 125, 126, 300] : [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 1_000_000];
    const messages = lengths.flatMap((length) => ["κ".repeat(length >> 1) + "x".repeat(length & 1), pattern(length)]);
    const echoing = (async () => {
      for (let message = await server.read(); message !== null; message = await server.read()) {
        await server.write(message);
      }
    })();
    const receiving = allMessages(client);
    for (const message of messages) await client.write(message);
    void client.close({ closeCode: 1000 });
    const received = await receiving;
    assertEquals(received.length, messages.length);
    for (const [i, message] of received.entries()) {
      assertStrictEquals(typeof message, typeof messages[i]);
      if (typeof message === "string") assert(message === messages[i], `message ${i}`);
      else assertEquals(hex(message), hex(messages[i] as Uint8Array));
    }
    await echoing;
    assertEquals((await client.closed).wasClean, true);
    assertEquals((await server.closed).wasClean, true);
    assertEquals(clock.pending, 0);
  });
}

test("write() takes text, bytes, views of any kind and buffers, and nothing else", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const words = new Uint16Array([0x0201, 0x0403, 0x0605]);
    await io.write(words.subarray(1, 2));
    assertEquals(await peer.next(), "binary 0304");
    await io.write(words.buffer);
    assertEquals(await peer.next(), "binary 010203040506");
    await io.write(new DataView(words.buffer, 1, 2));
    assertEquals(await peer.next(), "binary 0203");
    await io.write("lone \ud800 surrogate");
    assertEquals(await peer.next(), 'text "lone \ufffd surrogate"');
    for (const wrong of [1, null, undefined, {}, [1], new Blob(["x"])]) {
      await assertRejects(() => io.write(wrong as unknown as string), TypeError);
    }
    await io.write("");
    assertEquals(await peer.next(), 'text ""');
    assertEquals(io.bufferedAmount, 0);
  }
});

test("write() refuses what is no message in its turn too, and bufferedAmount stays a number", async () => {
  const { io, peer } = withPeer("server");
  let go!: () => void;
  const parts = (async function* () {
    yield "a";
    await new Promise<void>((resolve) => go = resolve);
    yield "b";
  })();
  const sent = io.writeParts(parts);
  const wrong = io.write(42 as unknown as string);
  const right = io.write("next");
  await turns();
  assertEquals(io.bufferedAmount, 4);
  go();
  await sent;
  await assertRejects(() => wrong, TypeError);
  await right;
  assertEquals([await peer.next(), await peer.next(), await peer.next()], [
    'text+ "a"',
    "continuation+ 62",
    "continuation",
  ]);
  assertEquals([await peer.next(), io.bufferedAmount], ['text "next"', 0]);
});

test("read() gives bytes that are the reader's: nobody else writes to them or keeps them", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    await peer.send({ opcode: binary, payload: "abc" }, { opcode: binary, payload: "def" });
    const first = await io.read() as Uint8Array;
    const copy = first.slice();
    await peer.send({ opcode: binary, payload: "xyz".repeat(100) });
    const second = await io.read() as Uint8Array;
    first.fill(0);
    assertEquals([copy, second], [unhex("616263"), unhex("646566")]);
    assertEquals((await io.read() as Uint8Array).length, 300);
  }
});

test("read() waits for one caller at a time", async () => {
  const { io, peer } = withPeer("client");
  const first = io.read();
  assertEquals((await assertRejects(() => io.read(), StateError)).code, "busy");
  await peer.text("x");
  assertEquals(await first, "x");
});

test("bytes that came with the handshake are read first, however they are cut (tokio-tungstenite from_partially_read) [E8]", async () => {
  for (const role of roles) {
    const bytes = joined(
      toward(role, { opcode: text, payload: "early" }),
      toward(role, { opcode: ping, payload: "p" }),
      toward(role, { opcode: text, payload: "later" }),
    );
    for (let at = 0; at <= bytes.length; at++) {
      const { io, peer } = withPeer(role, { readBuf: bytes.slice(0, at) });
      if (at < bytes.length) await peer.end.write(bytes.slice(at));
      assertEquals([await io.read(), await io.read()], ["early", "later"], `${role} ${at}`);
      assertEquals(await peer.next(), "pong 70");
    }
  }
});

test("Pings are answered while nobody reads, and between the fragments of a message (RFC 6455 §5.5.2) [W14]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    await peer.send({ opcode: ping, payload: "1" });
    assertEquals(await peer.next(), "pong 31");
    await peer.send({ opcode: text, fin: false, payload: "a" }, { opcode: ping, payload: "2" });
    assertEquals(await peer.next(), "pong 32");
    await peer.send({ opcode: ping }, { opcode: continuation, payload: "b" }, { opcode: ping, payload: "3" });
    assertEquals(await peer.next(), "pong");
    assertEquals(await io.read(), "ab");
    assertEquals(await peer.next(), "pong 33");
    await peer.send({ opcode: pong, payload: "nobody asked" });
    await peer.text("after");
    assertEquals(await io.read(), "after");
  }
});

test("of the Pings that came while the transport was full, the newest 16 are answered (RFC 6455 §5.5.3) [W14]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {}, { capacityBytes: 20 });
    const written = io.write("x".repeat(50));
    for (let i = 0; i < 40; i++) await peer.send({ opcode: ping, payload: Uint8Array.of(i) });
    await turns();
    assertEquals(await peer.next(), `text "${"x".repeat(50)}"`);
    await written;
    for (let i = 24; i < 40; i++) assertEquals(await peer.next(), `pong ${i.toString(16)}`);
    await peer.text("x");
    assertEquals(await io.read(), "x");
    await peer.send({ opcode: ping, payload: "z" });
    assertEquals(await peer.next(), "pong 7a");
  }
});

test("ping() resolves with its Pong, or that of a later Ping (RFC 6455 §5.5.3) [W14]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const first = io.ping();
    const second = io.ping();
    const third = io.ping(unhex("aabb"));
    const payloads = [await peer.frame(), await peer.frame(), await peer.frame()].map((found) => found!.payload);
    assert(hex(payloads[0]!) !== hex(payloads[1]!));
    assertEquals(hex(payloads[2]!), "aabb");
    await peer.send({ opcode: pong, payload: "other" });
    assertStrictEquals(await isPending(first), true);
    await peer.send({ opcode: pong, payload: payloads[1]! });
    await Promise.all([first, second]);
    assertStrictEquals(await isPending(third), true);
    await peer.send({ opcode: pong, payload: payloads[0]! });
    assertStrictEquals(await isPending(third), true);
    await peer.send({ opcode: pong, payload: payloads[2]! });
    await third;
  }
});

test("ping() takes 125 bytes at most, a copy of them, and fails when the WebSocket ends (RFC 6455 §5.5) [W14]", async () => {
  for (const role of roles) {
    const both = withPeer(role);
    const { io, peer } = both;
    await assertRejects(() => io.ping(new Uint8Array(126)), RangeError);
    const payload = pattern(125);
    const answered = io.ping(payload);
    payload.fill(0);
    assertEquals(hex((await peer.frame())!.payload), hex(pattern(125)));
    await peer.send({ opcode: pong, payload: pattern(125) });
    await answered;
    const lost = io.ping();
    await partWith(both);
    await assertRejects(() => lost);
    await assertRejects(() => io.ping());
    const cut = withPeer(role);
    const never = cut.io.ping();
    cut.peer.end.abort();
    await assertRejects(() => never, TransportError);
    assertEquals((await assertRejects(() => cut.io.ping(), StateError)).code, "closed");
  }
});

test("a peer that is not read is held up after a bounded number of messages (undici#5503) [L2]", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, {}, { capacityBytes: 1000 });
    let written = 0;
    const flooding = (async () => {
      for (let i = 0; i < 1000; i++) {
        await peer.send({ opcode: text, payload: `${i} ${"x".repeat(95)}` });
        written++;
      }
    })();
    await turns();
    const heldAt = written;
    assert(heldAt < 30, `${heldAt} messages were taken`);
    await turns();
    await clock.advance(60_000);
    assertStrictEquals(written, heldAt);
    for (let i = 0; i < 1000; i++) assertEquals((await io.read() as string).split(" ")[0], `${i}`);
    await flooding;
  }
});

test("a peer that answers our Close with empty messages on and on is held up as well [L2]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {}, { capacityBytes: 1000 });
    void io.close({ closeCode: 1000 });
    await peer.next();
    const thousand = joined(...Array.from({ length: 1000 }, () => toward(role, { opcode: text })));
    let written = 0;
    const flooding = (async () => {
      for (; written < 2000; written++) await peer.end.write(thousand);
    })();
    for (let before = -1; before !== written;) {
      before = written;
      await turns();
    }
    assert(written < 1000, `${written} thousand messages were taken`);
    io.abort();
    await flooding.catch(() => {});
  }
});

test("one chunk of many small messages is given one by one, and the rest waits [L2]", async () => {
  const { io, peer } = withPeer("server", {}, { capacityBytes: 100 });
  const many = Array.from({ length: 500 }, (_, i) => toward("server", { opcode: text, payload: `${i}` }));
  const flooded = peer.end.write(joined(...many));
  const next = peer.text("500");
  for (let i = 0; i < 500; i++) assertEquals(await io.read(), `${i}`);
  await flooded;
  await next;
  assertEquals(await io.read(), "500");
});

test("write() resolves when the transport has room, and bufferedAmount tells what waits [L3]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {}, { capacityBytes: 50 });
    assertEquals(io.bufferedAmount, 0);
    await io.write("κ".repeat(10));
    assertEquals(io.bufferedAmount, 0);
    const first = io.write("κ".repeat(50));
    assertEquals(io.bufferedAmount, 100);
    const second = io.write(new Uint8Array(70_000));
    const third = io.write("abc");
    assertEquals(io.bufferedAmount, 70_103);
    assertStrictEquals(await isPending(first), true);
    assertEquals([await peer.next(), await peer.next()], [
      `text "${"κ".repeat(10)}"`,
      `text ${hex(new TextEncoder().encode("κ".repeat(50)))}`,
    ]);
    await first;
    assertEquals(io.bufferedAmount, 70_003);
    assertStrictEquals(await isPending(second), true);
    assertEquals((await peer.frame())?.payload.length, 70_000);
    assertEquals(await peer.next(), 'text "abc"');
    await Promise.all([second, third]);
    assertEquals([io.bufferedAmount, io.writtenBytes], [0, 20 + 100 + 70_003]);
  }
});

test("messages leave in the order of the calls, waited for or not [L3]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {}, { capacityBytes: 100 });
    const sizes = [1, 200, 3, 70_000, 0, 126, 65_536, 2];
    const written = Promise.all(sizes.map((size, i) => io.write(i % 2 ? "x".repeat(size) : new Uint8Array(size))));
    for (const [i, size] of sizes.entries()) {
      const found = await peer.frame();
      assertEquals([found?.opcode, found?.payload.length], [i % 2 ? text : binary, size]);
    }
    await written;
  }
});

test("close() sends what was written before it first, through a full transport [W16, L3]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {}, { capacityBytes: 10 });
    const written = Promise.all([io.write("x".repeat(60)), io.write("y"), io.ping().catch(() => {})].slice(0, 2));
    void io.close({ closeCode: 1000, reason: "end" });
    assertEquals(await peer.next(), `text "${"x".repeat(60)}"`);
    assertEquals(await peer.next(), 'text "y"');
    assert((await peer.next()).startsWith("ping"));
    assertEquals(await peer.next(), 'close 1000 "end"');
    await written;
  }
});

test("a write that waits fails when the connection is lost, and bytes were never sent twice", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {}, { capacityBytes: 10 });
    const written = [io.write("x".repeat(60)), io.write("y"), io.write(new Uint8Array(100))];
    peer.end.abort(new Error("unplugged"));
    for (const write of written) await assertRejects(() => write, TransportError);
    await assertRejects(() => io.write("z"), TransportError);
    assertStrictEquals((await io.closed).closeCode, 1006);
  }
});

test("a WebSocket runs inside a WebSocket's transport: a tunnel of its bytes", async () => {
  const { client, server, clock } = bothEnds();
  const inner = webSocketOver(bytesOfMessages(client), { role: "client", clock });
  const innerServer = webSocketOver(bytesOfMessages(server), { role: "server", clock });
  await inner.write("through");
  assertEquals(await innerServer.read(), "through");
  await innerServer.write(pattern(100_000));
  assertEquals(hex(await inner.read() as Uint8Array), hex(pattern(100_000)));
  inner.abort();
  innerServer.abort();
});

function bytesOfMessages(io: ReturnType<typeof webSocketOver>) {
  return {
    readable: io.readable as ReadableStream<Uint8Array>,
    writable: io.writable as WritableStream<Uint8Array>,
  };
}

test("webSocketOver() refuses options that make no sense, and locked streams", () => {
  const [near] = transports.find(({ over }) => over === "streams")!.open();
  for (
    const options of [{ maxMessageBytes: -1 }, { pingIntervalMs: NaN }, { idleTimeoutMs: -1 }, { closeTimeoutMs: -5 }]
  ) {
    assertThrows(() => webSocketOver(near, { role: "client", ...options }), RangeError);
  }
  assertThrows(() => webSocketOver(near, { role: "client", extensions: "foo" }));
  near.readable.getReader();
  assertThrows(() => webSocketOver(near, { role: "client" }), TypeError);
});

test("every masking key is another one (RFC 6455 §5.3, §10.3) [W5]", async () => {
  const { io, peer } = withPeer("client", {}, { capacityBytes: 1_000_000 });
  for (let i = 0; i < 5000; i++) void io.write("x");
  const keys = new Set<string>();
  for (let i = 0; i < 5000; i++) keys.add(String((await peer.frame())!.key));
  assert(keys.size > 4990, `${keys.size} of 5000 keys`);
});

test("frames arrive whole at a peer that reads one byte at a time, and from one that writes so", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {}, { readBytes: 1 });
    await peer.send({ opcode: text, payload: "κόσμε" }, { opcode: binary, payload: pattern(200) });
    assertEquals(await io.read(), "κόσμε");
    assertEquals(hex(await io.read() as Uint8Array), hex(pattern(200)));
    await io.write("κόσμε");
    assertEquals(await peer.next(), 'text "κόσμε"');
    await peer.send({ opcode: close, payload: closePayload(1000) });
    assertEquals(await io.read(), null);
    assertEquals(await peer.next(), 'close 1000 ""');
  }
});

test("webSocketOver() over plain streams writes one frame a message (no part is left behind)", async () => {
  const [near, far] = transports.find(({ over }) => over === "streams")!.open();
  const io = webSocketOver(near, { role: "server" });
  const peer = new FramePeer(rawEnd(far), "server");
  await Promise.all([io.write("a"), peer.next().then((found) => assertEquals(found, 'text "a"'))]);
  const parsed = parseFrame(frame({ opcode: text, payload: "b" }))!;
  assertEquals(frameText(parsed.frame), 'text "b"');
  io.abort();
});

test("a message in shared memory is refused: other threads could change it while it is sent", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const shared = new SharedArrayBuffer(100);
    for (const message of [shared, new Uint8Array(shared), new DataView(shared, 3)]) {
      await assertRejects(() => io.write(message as never), TypeError, "message must be in memory that is not shared");
    }
    await io.write("next");
    assertEquals(await peer.next(), 'text "next"');
  }
});

for (const length of [10, 100, 70_000]) {
  test(`a message of ${length} bytes that waits for another is sent as it was, though its memory becomes shorter meanwhile`, async () => {
    for (const role of roles) {
      const { io, peer } = withPeer(role);
      const { bytes, shrink } = shrinking(length);
      const parts = async function* (): AsyncGenerator<string> {
        yield "one";
        void io.write(bytes);
        shrink();
      };
      const sent = io.writeParts(parts());
      const frames = [await peer.frame(), await peer.frame(), await peer.frame()];
      await sent;
      assertEquals(hex(frames[2]!.payload), hex(pattern(length)));
      io.abort();
    }
  });
}

test("a long message is sent as it was, though its memory becomes shorter while the peer does not read", async () => {
  for (const extensions of deflates ? ["", "permessage-deflate"] : [""]) {
    const { client, server } = bothEnds({ extensions, deflate: {} });
    const { bytes, shrink } = shrinking(1_000_000);
    const sent = server.write(bytes);
    shrink();
    assert(hex(await client.read() as Uint8Array) === hex(pattern(1_000_000)));
    await sent;
    client.abort();
  }
});

test("a long message whose memory is given away while the peer does not read ends the connection: it cannot be completed", async () => {
  const { client, server } = bothEnds();
  const bytes = new Uint8Array(1_000_000);
  const sent = server.write(bytes);
  await turns();
  giveAway(bytes);
  await assertRejects(() => Promise.all([client.read(), sent]));
  assertEquals([(await client.closed).wasClean, (await server.closed).wasClean], [false, false]);
});
