/**
 * permessage-deflate on an open WebSocket: RFC 7692 §6 and §7.2, and what Autobahn asks in 12 and 13.
 */

import { test } from "node:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import type { DeflateOptions } from "../../src/websocket/machine/permessage_deflate.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { sameBytes } from "../support/bytes.ts";
import { allMessages, bothEnds, FramePeer, withPeer } from "../support/frame_peer.ts";
import { bytesOf, closePayload, hex, OPCODES, roles, toward, unhex } from "../support/frames.ts";
import { isPending, joined, pattern } from "../support/switching.ts";
import { FakeClock } from "../support/wire.ts";

const { continuation, text, binary, close, ping } = OPCODES;
const RSV1 = 4;
const PMD = "permessage-deflate";
const TAIL = unhex("00 00 ff ff");
const HELLO = unhex("f2 48 cd c9 c9 07 00");

/** Bytes that do not compress. */
function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** What a message is inflated to that refers to none before it. */
function inflateAlone(payload: Uint8Array): Uint8Array {
  return new Uint8Array(inflateRawSync(joined(payload, TAIL, unhex("03 00"))));
}

test("compressed messages are read in every form of RFC 7692 §7.2.3 [K4, K5, K7]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD });
    const forms: readonly (readonly [digits: string, message: string])[] = [
      ["f2 48 cd c9 c9 07 00", "Hello"],
      ["f2 00 11 00 00", "Hello"],
      ["00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello"],
      ["f3 48 cd c9 c9 07 00 00", "Hello"],
      ["f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello"],
      ["00", ""],
      ["02 00", ""],
      ["00 05 00 fa ff 48 65 6c 6c 6f 01", "Hello"],
      ["f2 48 cd c9 c9 07 00", "Hello"],
    ];
    for (const [digits, message] of forms) {
      await peer.send({ opcode: text, rsv: RSV1, payload: unhex(digits) });
      assertEquals(await io.read(), message, digits);
    }
    await peer.text("not compressed");
    assertEquals(await io.read(), "not compressed");
    const dynamic = deflateRawSync(noise(3000).map((byte) => 97 + byte % 7), { level: 9, finishFlush: 2 });
    await peer.send({ opcode: binary, rsv: RSV1, payload: new Uint8Array(dynamic).subarray(0, -4) });
    assertEquals(hex(await io.read() as Uint8Array), hex(noise(3000).map((byte) => 97 + byte % 7)));
  }
});

test("a compressed message may lie in any fragments, with control frames between them (RFC 7692 §6.1, §7.2.3.1) [K3]", async () => {
  for (const role of roles) {
    for (let cut = 0; cut <= HELLO.length; cut++) {
      const { io, peer } = withPeer(role, { extensions: PMD });
      await peer.send(
        { opcode: text, rsv: RSV1, fin: false, payload: HELLO.slice(0, cut) },
        { opcode: ping, payload: "p" },
        { opcode: continuation, fin: false },
        { opcode: continuation, payload: HELLO.slice(cut) },
      );
      assertEquals([await io.read(), await peer.next()], ["Hello", "pong 70"]);
    }
  }
});

test("RSV1 where it may not be closes with 1002 (RFC 7692 §6) [K3]", async () => {
  for (const role of roles) {
    for (
      const frames of [
        [{ opcode: ping, rsv: RSV1 }],
        [{ opcode: close, rsv: RSV1 }],
        [{ opcode: text, fin: false, payload: "a" }, { opcode: continuation, rsv: RSV1, payload: HELLO }],
        [{ opcode: text, rsv: RSV1, fin: false, payload: HELLO }, { opcode: continuation, rsv: RSV1 }],
        [{ opcode: text, rsv: 2 }],
        [{ opcode: text, rsv: 5, payload: HELLO }],
      ]
    ) {
      const { io, peer } = withPeer(role, { extensions: PMD });
      await peer.send(...frames);
      const error = await assertRejects(() => io.read(), WebSocketProtocolError);
      assertEquals([error.code, await peer.next()], ["reserved-bits", 'close 1002 ""']);
    }
    const { io, peer } = withPeer(role);
    await peer.send({ opcode: text, rsv: RSV1, payload: HELLO });
    await assertRejects(() => io.read(), WebSocketProtocolError);
    assertEquals(await peer.next(), 'close 1002 ""');
  }
});

test("what cannot be inflated, or is no UTF-8 then, closes with 1007 (RFC 7692 §7.2.2, RFC 6455 §8.1) [K6, W12]", async () => {
  const broken: readonly (readonly [payload: Uint8Array, code: string])[] = [
    [unhex("07 00"), "bad-compression"],
    [unhex("ff ff ff ff"), "bad-compression"],
    [unhex("00 05 00 fa fe 48 65 6c 6c 6f 00"), "bad-compression"],
    [unhex("f2 00 11 00 00"), "bad-compression"],
    [joined(HELLO, TAIL, unhex("07"), noise(200_000)), "bad-compression"],
    [new Uint8Array(deflateRawSync(unhex("61 ff 62"), { finishFlush: 2 })).subarray(0, -4), "bad-utf8"],
    [new Uint8Array(deflateRawSync(unhex("e2 82"), { finishFlush: 2 })).subarray(0, -4), "bad-utf8"],
    [new Uint8Array(deflateRawSync(unhex("ed a0 80"), { finishFlush: 2 })).subarray(0, -4), "bad-utf8"],
  ];
  for (const role of roles) {
    for (const [payload, code] of broken) {
      const { io, peer, clock } = withPeer(role, { extensions: PMD });
      await peer.send({ opcode: text, payload: "right" }, { opcode: text, rsv: RSV1, payload });
      assertEquals(await io.read(), "right");
      const error = await assertRejects(() => io.read(), WebSocketProtocolError);
      assertEquals([error.code, error.closeCode], [code as typeof error.code, 1007], hex(payload));
      assertEquals(await peer.next(), 'close 1007 ""');
      await peer.end.closeWrite();
      assertEquals(await peer.next(), "end");
      assertEquals([(await io.closed).closeCode, clock.pending], [1006, 0]);
    }
  }
});

test("a compressed message without a single byte is not what an empty one is compressed to: 1007 (RFC 7692 §7.2.3.6) [K7]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD });
    await peer.send({ opcode: text, rsv: RSV1 });
    const error = await assertRejects(() => io.read(), WebSocketProtocolError);
    assertEquals([error.code, await peer.next()], ["bad-compression", 'close 1007 ""']);
  }
});

test("a bomb closes with 1009 and is not inflated as a whole [K6]", async () => {
  const megabyte = deflateRawSync(new Uint8Array(1_048_576), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  for (const role of roles) {
    // 64 MiB, and what nobody could hold.
    for (const [megabytes, maxMessageBytes] of [[64, 100_000], [6000, 16_777_216]] as const) {
      const { io, peer } = withPeer(role, { extensions: PMD, maxMessageBytes }, { capacityBytes: 10_000_000 });
      const payload = joined(...Array<Uint8Array>(megabytes).fill(new Uint8Array(megabyte)), unhex("00"));
      await peer.send({ opcode: binary, rsv: RSV1, payload });
      const error = await assertRejects(() => io.read(), WebSocketProtocolError);
      assertEquals([error.code, error.closeCode], ["message-too-large", 1009]);
      assertEquals(await peer.next(), 'close 1009 ""');
    }
  }
});

test("maxMessageBytes holds for what a message is inflated to, to the byte [K6, W13]", async () => {
  for (const role of roles) {
    for (const [length, taken] of [[1000, true], [1001, false]] as const) {
      const { io, peer } = withPeer(role, { extensions: PMD, maxMessageBytes: 1000 });
      const payload = new Uint8Array(deflateRawSync(new Uint8Array(length), { finishFlush: 2 })).subarray(0, -4);
      await peer.send({ opcode: binary, rsv: RSV1, payload });
      if (taken) assertEquals((await io.read() as Uint8Array).length, 1000);
      else assertEquals((await assertRejects(() => io.read(), WebSocketProtocolError)).closeCode, 1009);
    }
  }
});

test("a message that compressing made longer may be as long as any other [K6, W13]", async () => {
  for (const maxMessageBytes of [1000, 150_000, 1_000_000]) {
    const { client, server } = bothEnds({ extensions: PMD, deflate: { thresholdBytes: 0 }, maxMessageBytes });
    for (const [from, to] of [[client, server], [server, client]] as const) {
      const message = noise(maxMessageBytes).map((byte) => byte | 0x90);
      const written = from.write(message);
      assertEquals(hex(await to.read() as Uint8Array), hex(message));
      await written;
      const parts = from.writeParts((async function* () {
        for (let at = 0; at < maxMessageBytes; at += maxMessageBytes / 20) {
          yield message.slice(at, at + maxMessageBytes / 20);
        }
      })());
      assertEquals(hex(await to.read() as Uint8Array), hex(message));
      await parts;
    }
    client.abort();
    server.abort();
  }
});

test("messages from thresholdBytes on are compressed, the tail cut off (RFC 7692 §7.2.1) [K3, K4]", async () => {
  for (const role of roles) {
    for (
      const [deflate, threshold] of [[{}, 1024], [{ thresholdBytes: 10 }, 10], [{ thresholdBytes: 0 }, 0]] as const
    ) {
      const { io, peer } = withPeer(role, {
        extensions: `${PMD}; client_no_context_takeover; server_no_context_takeover`,
        deflate,
      });
      for (const length of [0, 1, 9, 10, 11, 42, 341, 342, 1023, 1024, 2000, 100_000, 200_000]) {
        for (const message of ["x".repeat(length), "κ".repeat(length >> 1), noise(length)]) {
          const size = typeof message === "string" ? bytesOf(message).length : length;
          const sending = io.write(message);
          const frame = (await peer.frame())!;
          await sending;
          assertStrictEquals(frame.opcode, typeof message === "string" ? text : binary);
          assertStrictEquals(frame.rsv, size >= threshold ? RSV1 : 0, `${size} of ${threshold}`);
          const payload = frame.rsv === 0 ? frame.payload : inflateAlone(frame.payload);
          assertEquals(hex(payload), hex(bytesOf(message)));
          assert(frame.rsv === 0 || size === 0 || hex(frame.payload.subarray(-4)) !== "0000ffff");
        }
      }
    }
  }
});

test("an empty message is compressed to one byte, if it is compressed (RFC 7692 §7.2.3.6) [K7]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD, deflate: { thresholdBytes: 0 } });
    await io.write("");
    assertEquals(await peer.next(), "text rsv4 00");
    await io.write(new Uint8Array());
    assertEquals(await peer.next(), "binary rsv4 00");
  }
});

test("each end refers to its earlier messages unless it must not (RFC 7692 §7.1.1) [K2]", async () => {
  for (const role of roles) {
    for (const parameter of ["", "; server_no_context_takeover", "; client_no_context_takeover"]) {
      const { io, peer } = withPeer(role, { extensions: PMD + parameter, deflate: { thresholdBytes: 0 } });
      const sizes: number[] = [];
      for (let i = 0; i < 3; i++) {
        await io.write(noise(2000));
        sizes.push((await peer.frame())!.payload.length);
      }
      const forgets = parameter.includes(role);
      assertStrictEquals(sizes[1]! > 1500, forgets, `${role}${parameter}: ${sizes}`);
      assertStrictEquals(sizes[2]! > 1500, forgets);
    }
  }
});

test("a peer may keep or drop its context as it likes where nothing forbids it (RFC 7692 §7.1.1) [K2]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD });
    const payload = new Uint8Array(deflateRawSync(noise(500), { finishFlush: 2 })).subarray(0, -4);
    for (let i = 0; i < 3; i++) {
      await peer.send({ opcode: binary, rsv: RSV1, payload });
      assertEquals(hex(await io.read() as Uint8Array), hex(noise(500)));
      await peer.text("between");
      assertEquals(await io.read(), "between");
    }
  }
});

test("a window of 8 bits is kept to by not compressing, and is understood (RFC 7692 §7.1.2) [K2]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, {
      extensions: `${PMD}; server_max_window_bits=8; client_max_window_bits=8`,
      deflate: { thresholdBytes: 0 },
    });
    await io.write("x".repeat(5000));
    assertEquals([(await peer.frame())!.rsv], [0]);
    await io.writeParts((async function* () {
      yield "y".repeat(2000);
    })());
    assertEquals([(await peer.frame())!.rsv, (await peer.frame())!.rsv], [0, 0]);
    await peer.send({ opcode: text, rsv: RSV1, payload: HELLO });
    assertEquals(await io.read(), "Hello");
  }
});

for (let bits = 9; bits <= 15; bits++) {
  test(`windows of ${bits} bits in both directions carry everything (Autobahn 13) [K2, W17]`, async () => {
    const extensions = `${PMD}; server_max_window_bits=${bits}; client_max_window_bits=${bits}`;
    for (const parameter of ["", "; server_no_context_takeover; client_no_context_takeover"]) {
      await carriesEverything(extensions + parameter, {});
    }
  });
}

test("every level of compression carries everything, 0 too [K2]", async () => {
  for (let level = 0; level <= 9; level++) await carriesEverything(PMD, { level });
});

/** Messages of many sizes and kinds, both ways, all asked for at once. */
async function carriesEverything(extensions: string, deflate: DeflateOptions): Promise<void> {
  const { client, server, clock } = bothEnds({ extensions, deflate: { thresholdBytes: 0, ...deflate } });
  const sizes = [16, 0, 64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 140_000, 5, 1];
  for (const [from, to] of [[client, server], [server, client]] as const) {
    const messages = sizes.flatMap((size) => [noise(size, size), pattern(size), '{"key": "wert"}, '.repeat(size >> 4)]);
    const written = Promise.all(messages.map((message) => from.write(message)));
    for (const [i, message] of messages.entries()) {
      const received = await to.read();
      assertStrictEquals(typeof received, typeof message);
      assertEquals(hex(bytesOf(received!)), hex(bytesOf(message)), `${extensions} message ${i}`);
    }
    await written;
    assertEquals(from.bufferedAmount, 0);
  }
  void client.close();
  assertStrictEquals(await server.read(), null);
  assertEquals([(await client.closed).wasClean, (await server.closed).wasClean, clock.pending], [true, true, 0]);
}

test("messages keep their order while long ones are compressed elsewhere, and bufferedAmount counts them [L3]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD }, { capacityBytes: 10_000_000 });
    const sizes = [300_000, 3, 0, 200_000, 2000, 131_073, 1];
    const written = Promise.all(sizes.map((size) => io.write(noise(size))));
    const pinged = io.ping(unhex("aa"));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assertEquals(io.bufferedAmount, total);
    const seen: number[] = [];
    while (seen.length < sizes.length) {
      const frame = (await peer.frame())!;
      if (frame.opcode === ping) await peer.send({ opcode: OPCODES.pong, payload: frame.payload });
      else seen.push(frame.payload.length);
    }
    // Noise gets longer, by an eighth at most (RFC 1951 §3.2.6).
    assert(seen.every((size, i) => size >= sizes[i]! * 0.9 && size <= sizes[i]! * 1.13 + 200), `${seen}`);
    await Promise.all([written, pinged]);
    assertEquals([io.bufferedAmount, io.writtenBytes], [0, total]);
  }
});

test("close() waits for a long message that is being compressed, and nothing goes behind it [W16]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD }, { capacityBytes: 10_000_000 });
    const written = io.write(noise(400_000));
    void io.close({ closeCode: 1000 });
    assertEquals((await assertRejects(() => io.write("late"), StateError)).code, "closed");
    assertStrictEquals((await peer.frame())!.rsv, RSV1);
    await written;
    assertEquals(await peer.next(), 'close 1000 ""');
  }
});

test("a Close of the peer behind a long message waits until that is inflated [W16]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD }, { capacityBytes: 10_000_000 });
    const payload = new Uint8Array(deflateRawSync(noise(500_000), { finishFlush: 2 })).subarray(0, -4);
    await peer.send({ opcode: binary, rsv: RSV1, payload }, { opcode: text, rsv: RSV1, payload: HELLO }, {
      opcode: close,
      payload: closePayload(1000),
    });
    await peer.end.closeWrite();
    const messages = await allMessages(io);
    assertEquals(messages.map(({ length }) => length), [500_000, 5]);
    assertEquals(await peer.all(), ['close 1000 ""', "end"]);
    assertStrictEquals((await io.closed).wasClean, true);
  }
});

test("abort() in the middle of compressing and inflating leaves nobody waiting", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role, { extensions: PMD }, { capacityBytes: 10_000_000 });
    const payload = new Uint8Array(deflateRawSync(noise(500_000), { finishFlush: 2 })).subarray(0, -4);
    await peer.send({ opcode: binary, rsv: RSV1, payload });
    const reading = io.read();
    const written = [io.write(noise(1_000_000)), io.write("behind"), io.write(noise(300_000))];
    await isPending(reading);
    io.abort(new Error("enough"));
    await assertRejects(() => reading);
    for (const write of written) await assertRejects(() => write);
    assertEquals([(await io.closed).closeCode, clock.pending], [1006, 0]);
  }
});

test("a message in compressed parts is one message, its end one byte (RFC 7692 §7.2.3.6) [K4, K7]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD });
    await io.writeParts((async function* () {
      yield "Hel";
      yield "lo";
    })());
    const frames = [await peer.frame(), await peer.frame(), await peer.frame()];
    assertEquals(frames.map((frame) => [frame!.opcode, frame!.rsv, frame!.fin]), [
      [text, RSV1, false],
      [continuation, 0, false],
      [continuation, 0, true],
    ]);
    const payload = joined(...frames.map((frame) => frame!.payload));
    assertEquals(hex(frames[2]!.payload), "00");
    assertEquals(hex(inflateAlone(payload)), hex(bytesOf("Hello")));
  }
});

test("webSocketOver() reads what was agreed from the handshake's field, and refuses what it does not know [K1]", () => {
  const [near] = duplexPair();
  for (
    const extensions of [
      "foo",
      `${PMD}; foo`,
      `${PMD}; client_max_window_bits`,
      `${PMD}, ${PMD}`,
      "permessage-deflate;",
    ]
  ) {
    let error: unknown;
    try {
      webSocketOver(near, { role: "client", extensions });
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof WebSocketProtocolError, extensions);
  }
  const io = webSocketOver(near, { role: "client", extensions: PMD, clock: new FakeClock() });
  assertEquals([io.extensions, io.protocol], [PMD, ""]);
  io.abort();
});

test("early bytes may be compressed (RFC 7692 §6.2) [K4]", async () => {
  for (const role of roles) {
    const readBuf = toward(role, { opcode: text, rsv: RSV1, payload: HELLO });
    const [near, far] = duplexPair();
    const io = webSocketOver(near, { role, extensions: PMD, readBuf, clock: new FakeClock() });
    assertEquals(await io.read(), "Hello");
    await new FramePeer(far, role).close(1000);
    assertStrictEquals(await io.read(), null);
  }
});

interface Zlib {
  [name: string]: unknown;
}

test("nothing of zlib is left when it is over, however it ended", async () => {
  const { process } = globalThis as unknown as { process: { getBuiltinModule(name: string): Zlib } };
  const original = process.getBuiltinModule;
  let open = 0;
  const counted = (name: string) => (options: unknown) => {
    const stream = (original.call(process, "node:zlib")[name] as (options: unknown) => { close(): void })(options);
    const { close } = stream;
    open++;
    stream.close = (...args: []) => {
      open--;
      return close.apply(stream, args);
    };
    return stream;
  };
  process.getBuiltinModule = (name) => ({
    ...original.call(process, name),
    createDeflateRaw: counted("createDeflateRaw"),
    createInflateRaw: counted("createInflateRaw"),
  });
  try {
    for (const how of ["close", "abort", "abort while compressing"]) {
      const { client, server } = bothEnds({ extensions: PMD, deflate: { thresholdBytes: 1 } });
      for (const [from, to] of [[client, server], [server, client]] as const) {
        await from.write("hello");
        assertEquals(await to.read(), "hello");
      }
      assert(open >= 4, `${open} are open`);
      if (how === "abort while compressing") client.write(noise(2_000_000)).catch(() => {});
      if (how === "close") await Promise.all([client.close(), server.close()]);
      else client.abort();
      await Promise.all([client.closed, server.closed]);
      assertEquals(open, 0, how);
    }
  } finally {
    process.getBuiltinModule = original;
  }
});

test("connections that send and receive long compressed messages at once do not see one another's [L3]", async () => {
  const talks = Array.from({ length: 4 }, async (_, seed) => {
    const { client, server } = bothEnds({ extensions: PMD, deflate: { thresholdBytes: 0 } });
    const messages: (string | Uint8Array)[] = [];
    for (const length of [65_530, 65_536, 66_560, 70_000, 127_000, 128_000, 140_000]) {
      messages.push(noise(length, seed + 1), String.fromCharCode(97 + seed).repeat(length), "é".repeat(length - seed));
      messages.push(new Uint8Array(length * 3).fill(seed));
    }
    const received: (string | Uint8Array)[] = [];
    const answering = (async () => {
      for await (const message of server) await server.write(message);
    })();
    for (const message of messages) {
      await client.write(message);
      received.push((await client.read())!);
    }
    for (const [i, message] of messages.entries()) {
      const found = received[i]!;
      const same = typeof message === "string" ? found === message : sameBytes(found as Uint8Array, message);
      assert(same, `connection ${seed}, message ${i}`);
    }
    await client.close();
    await answering;
  });
  await Promise.all(talks);
});
