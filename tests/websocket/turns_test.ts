/**
 * A peer that sends much in little leaves the event loop to others (DESIGN, "Limits"). Counted in turns, not in time.
 */

import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { sameBytes } from "../support/bytes.ts";
import { withPeer } from "../support/frame_peer.ts";
import { bytesOf, closePayload, type FrameInit, OPCODES, roles, toward } from "../support/frames.ts";
import { RawClient } from "../support/h2_raw_peer.ts";
import { data, headers } from "../support/h2_wire.ts";
import { joined, pattern } from "../support/switching.ts";
import { nextImmediate, Turns, turnsDuring } from "../support/turns.ts";

const { text, binary, close, ping } = OPCODES;
const PMD = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

/** A message of these bytes, compressed by itself. */
function compressed(opcode: number, bytes: Uint8Array): FrameInit {
  const payload = new Uint8Array(deflateRawSync(bytes, { finishFlush: 2 })).subarray(0, -4);
  return { opcode, rsv: 4, payload };
}

test("what messages are inflated to is bounded for each turn of the event loop, however they come [K6]", async () => {
  for (const role of roles) {
    for (const [length, count] of [[1000, 3000], [65_536, 300], [250_000, 40], [2_000_000, 8]] as const) {
      const { io, peer } = withPeer(role, { extensions: PMD });
      const frames = Array<FrameInit>(count).fill(compressed(binary, new Uint8Array(length)));
      void peer.send(...frames, { opcode: text, payload: "behind them" });
      const turns = new Turns();
      for (let i = 0; i < count; i++) {
        const message = await io.read() as Uint8Array;
        assertEquals(message.length, length);
        turns.add(length);
      }
      assertEquals(await io.read(), "behind them");
      assert(turns.most <= Math.max(262_144, length) + length, `${turns.most} of ${length} each`);
    }
  }
});

test("how many messages are given out in one turn of the event loop is bounded, however short they are [W17]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const count = 20_000;
    void peer.send(...Array<FrameInit>(count).fill({ opcode: text, payload: "x" }), { opcode: text, payload: "last" });
    const turns = new Turns();
    for (let i = 0; i < count; i++) {
      assertEquals(await io.read(), "x");
      turns.add(1);
    }
    assertEquals(await io.read(), "last");
    assert(turns.most <= 2049, `${turns.most} in one turn`);
  }
});

test("how many Pings are answered in one turn of the event loop is bounded (RFC 6455 §5.5.3)", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    void peer.send(...Array<FrameInit>(3000).fill({ opcode: ping, payload: "p" }), { opcode: text, payload: "last" });
    const turns = new Turns();
    const pongs = (async () => {
      for (let frame = await peer.next(); frame === "pong 70"; frame = await peer.next()) turns.add(1);
    })();
    assertEquals(await io.read(), "last");
    await io.write("done");
    await pongs;
    // The peer counts a bit later: it may see two turns as one.
    assert(turns.most > 0 && turns.most <= 2 * 257, `${turns.most} in one turn`);
  }
});

test("how many Pings are answered in one turn of the event loop is bounded over HTTP/2, however they are cut into frames", async () => {
  let opened!: Promise<WebSocketConnection>;
  const client = new RawClient((request) => {
    const { response, socket } = upgradeWebSocket(request);
    opened = socket.opened;
    return response;
  }, { connectProtocol: true });
  await client.begins();
  const asking = [":method: CONNECT", ":protocol: websocket", ":scheme: http", ":authority: a", ":path: /"];
  await client.sends(headers(1, [...asking, "sec-websocket-version: 13"], "open"));
  const io = await opened;
  const pings = joined(...Array<Uint8Array>(200).fill(toward("server", { opcode: ping, payload: "p" })));
  const frames = Array<Uint8Array>(20).fill(data(1, pings));
  void client.end.write(joined(...frames, data(1, toward("server", { opcode: text, payload: "last" }))));
  const last = io.read();
  assert(await turnsDuring(last) > 10);
  assertEquals(await last, "last");
  await client.ends();
});

test("messages, Pings and the Close keep their order, however long it takes to inflate them (RFC 6455 §5.4, §5.5.1) [K3, W16]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD });
    const long = pattern(1_500_000);
    const words = "zweimal ä€💬 ".repeat(60_000);
    const parts: FrameInit[] = [
      compressed(text, bytesOf("short")),
      compressed(binary, long),
      { opcode: ping, payload: "a" },
      compressed(text, bytesOf(words)),
      { opcode: text, payload: "plain" },
      { opcode: ping, payload: "b" },
      { opcode: close, payload: closePayload(1000) },
    ];
    void peer.send(...parts);
    assertEquals(await io.read(), "short");
    const found = await io.read() as Uint8Array;
    assert(sameBytes(found, long), "other bytes");
    assertEquals(found.byteLength, found.buffer.byteLength);
    assert(await io.read() === words, "another text");
    assertEquals([await io.read(), await io.read()], ["plain", null]);
    assertEquals([await peer.next(), await peer.next(), await peer.next()], ["pong 61", "pong 62", 'close 1000 ""']);
  }
});

test("a text that takes several turns to inflate fails with its first wrong byte, or its last cut one (RFC 6455 §8.1) [W12]", async () => {
  for (const role of roles) {
    for (const [at, bytes] of [[100, [0xff]], [700_000, [0xff]], [799_999, [0xe2]], [262_143, [0xe2, 0x41]]] as const) {
      const { io, peer } = withPeer(role, { extensions: PMD });
      const wrong = new Uint8Array(800_000).fill(0x61);
      wrong.set(bytes, at);
      void peer.send(compressed(text, wrong));
      const error = await assertRejects(() => io.read(), WebSocketProtocolError);
      assertEquals([error.code, await peer.next()], ["bad-utf8", 'close 1007 ""'], `${at}`);
    }
  }
});

test("a message is inflated no further than maxMessageBytes, also in a later turn (RFC 6455 §7.4.1) [K6, W13]", async () => {
  for (const role of roles) {
    for (const maxMessageBytes of [0, 1000, 262_143, 262_144, 1_000_000, 1_499_999]) {
      const { io, peer } = withPeer(role, { extensions: PMD, maxMessageBytes });
      void peer.send(compressed(binary, new Uint8Array(1_500_000)));
      const error = await assertRejects(() => io.read(), WebSocketProtocolError);
      assertEquals([error.code, await peer.next()], ["message-too-large", 'close 1009 ""'], `${maxMessageBytes}`);
    }
    const { io, peer } = withPeer(role, { extensions: PMD, maxMessageBytes: 1_500_000 });
    void peer.send(compressed(binary, new Uint8Array(1_500_000)));
    assertEquals((await io.read())!.length, 1_500_000);
  }
});

test("a WebSocket that is aborted while it inflates ends there [K6]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD });
    void peer.send(compressed(binary, new Uint8Array(8_000_000)), { opcode: text, payload: "behind it" });
    const read = io.read();
    await nextImmediate();
    io.abort(new Error("enough"));
    await assertRejects(() => read, Error, "enough");
    await assertRejects(() => io.read(), Error, "enough");
  }
});
