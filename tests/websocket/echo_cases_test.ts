/**
 * What an echo answers, frame by frame: the cases of Autobahn 1–5, 7 and 10 once more, written from RFC 6455.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { connect, listen } from "../../src/net/mod.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { FramePeer, withPeer } from "../support/frame_peer.ts";
import { bytesOf, closePayload, type FrameInit, hex, OPCODES, roles, toward, unhex } from "../support/frames.ts";
import { joined, pattern } from "../support/switching.ts";
import { turns } from "../support/wire.ts";

const { continuation, text, binary, close, ping, pong } = OPCODES;

interface Case {
  readonly name: string;
  readonly frames: readonly FrameInit[];
  /** All that comes back, up to the Close. A case that does not close is closed with 1000 by the test. */
  readonly back: readonly string[];
}

const ascii = (length: number): string => "*".repeat(length);
const echoed = (payload: string): string =>
  `text ${payload.length > 80 ? hex(bytesOf(payload)) : JSON.stringify(payload)}`;
const CLOSED = 'close 1000 ""';
const FAILED = 'close 1002 ""';

const cases: Case[] = [];

function add(name: string, frames: readonly FrameInit[], back: readonly string[]): void {
  cases.push({ name, frames, back });
}

for (const length of [0, 125, 126, 127, 128, 65_535, 65_536]) {
  add(`1.1 text of ${length}`, [{ opcode: text, payload: ascii(length) }], [echoed(ascii(length)), CLOSED]);
  const payload = pattern(length);
  add(`1.2 bytes of ${length}`, [{ opcode: binary, payload }], [`binary ${hex(payload)}`.trimEnd(), CLOSED]);
}

add("2.1 empty Ping", [{ opcode: ping }], ["pong", CLOSED]);
add("2.2 Ping of text", [{ opcode: ping, payload: "Hello" }], ["pong 48656c6c6f", CLOSED]);
add("2.3 Ping of bytes", [{ opcode: ping, payload: unhex("00 ff fe fd fc fb 00 ff") }], [
  "pong 00fffefdfcfb00ff",
  CLOSED,
]);
add("2.4 Ping of 125", [{ opcode: ping, payload: pattern(125) }], [`pong ${hex(pattern(125))}`, CLOSED]);
add("2.5 Ping of 126", [{ opcode: ping, payload: pattern(126) }], [FAILED]);
add("2.7 empty Pong", [{ opcode: pong }], [CLOSED]);
add("2.8 Pong", [{ opcode: pong, payload: "unsolicited" }], [CLOSED]);
add("2.9 Pong, Ping", [{ opcode: pong, payload: "u" }, { opcode: ping, payload: "p" }], ["pong 70", CLOSED]);
add(
  "2.10 ten Pings",
  Array.from({ length: 10 }, (_, i) => ({ opcode: ping, payload: `${i}` })),
  [...Array.from({ length: 10 }, (_, i) => `pong 3${i}`), CLOSED],
);

const HELLO: FrameInit = { opcode: text, payload: "Hello" };
const PING: FrameInit = { opcode: ping };

for (let rsv = 1; rsv < 8; rsv++) {
  for (const [name, opcode] of Object.entries(OPCODES)) {
    add(`3 RSV ${rsv} on ${name}`, [{ opcode, rsv, payload: opcode === close ? closePayload(1000) : "x" }], [FAILED]);
  }
  add(`3.2 Hello, RSV ${rsv}, Ping`, [HELLO, { ...HELLO, rsv }, PING], [echoed("Hello"), FAILED]);
}

for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  add(`4 opcode ${opcode}`, [{ opcode }], [FAILED]);
  add(`4 opcode ${opcode} with payload`, [{ opcode, payload: "x" }], [FAILED]);
  add(`4 Hello, opcode ${opcode}, Ping`, [HELLO, { opcode, payload: "x" }, PING], [echoed("Hello"), FAILED]);
}

const FIRST: FrameInit = { opcode: text, fin: false, payload: "fragment1" };
const MORE: FrameInit = { opcode: continuation, fin: false, payload: "fragment2" };
const LAST: FrameInit = { opcode: continuation, payload: "fragment2" };
const BOTH = echoed("fragment1fragment2");

add("5.1 fragmented Ping", [{ opcode: ping, fin: false, payload: "a" }, { opcode: continuation, payload: "b" }], [
  FAILED,
]);
add("5.2 fragmented Pong", [{ opcode: pong, fin: false, payload: "a" }, { opcode: continuation, payload: "b" }], [
  FAILED,
]);
add("5.3 two fragments", [FIRST, LAST], [BOTH, CLOSED]);
add("5.6 Ping between", [FIRST, { opcode: ping, payload: "p" }, LAST], ["pong 70", BOTH, CLOSED]);
add("5.9 nothing to go on with", [{ opcode: continuation, payload: "x" }, HELLO], [FAILED]);
add("5.12 nothing to go on with, not the last", [{ opcode: continuation, fin: false, payload: "x" }, HELLO], [FAILED]);
add("5.15 a continuation too many", [FIRST, LAST, MORE, HELLO], [BOTH, FAILED]);
add("5.18 a text in a text", [FIRST, { opcode: text, payload: "fragment2" }], [FAILED]);
add(
  "5.19 five fragments, Pings between",
  [FIRST, MORE, { opcode: ping, payload: "1" }, MORE, MORE, { opcode: ping, payload: "2" }, LAST],
  ["pong 31", "pong 32", echoed("fragment1fragment2fragment2fragment2fragment2"), CLOSED],
);

const BYE: FrameInit = { opcode: close, payload: closePayload(1000, "bye") };

add("7.1.1 Hello, Close", [HELLO, BYE], [echoed("Hello"), CLOSED]);
add("7.1.2 two Closes", [BYE, BYE], [CLOSED]);
add("7.1.3 Close, Ping", [BYE, PING], [CLOSED]);
add("7.1.4 Close, Hello", [BYE, HELLO], [CLOSED]);
add("7.1.5 Close in a message", [FIRST, BYE, LAST], [CLOSED]);
add("7.1.6 256 KiB, Hello, Close, Ping", [{ opcode: text, payload: ascii(262_144) }, HELLO, BYE, PING], [
  echoed(ascii(262_144)),
  echoed("Hello"),
  CLOSED,
]);
add("7.3.1 empty Close", [{ opcode: close }], ["close"]);
add("7.3.2 Close of one byte", [{ opcode: close, payload: "a" }], [FAILED]);
add("7.3.3 Close with a code", [{ opcode: close, payload: closePayload(1000) }], [CLOSED]);
add("7.3.5 longest reason", [{ opcode: close, payload: closePayload(1000, ascii(123)) }], [CLOSED]);
add("7.3.6 reason too long", [{ opcode: close, payload: closePayload(1000, ascii(124)) }], [FAILED]);
add("7.5.1 reason is no UTF-8", [{ opcode: close, payload: closePayload(1000, unhex("ce ba ed a0 80")) }], [
  'close 1007 ""',
]);
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
  add(`7.7 code ${code}`, [{ opcode: close, payload: closePayload(code) }], [`close ${code} ""`]);
}
for (const code of [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535]) {
  add(`7.9 code ${code}`, [{ opcode: close, payload: closePayload(code) }], [FAILED]);
}

const LONG = ascii(65_536);
add(
  "10.1.1 64 KiB in fragments of 1300",
  Array.from({ length: 51 }, (_, i) => ({
    opcode: i === 0 ? text : continuation,
    fin: i === 50,
    payload: LONG.slice(i * 1300, (i + 1) * 1300),
  })),
  [echoed(LONG), CLOSED],
);

const echoes: readonly (readonly [name: string, echo: (io: WebSocketConnection) => Promise<unknown>])[] = [
  ["a loop", async (io) => {
    for (let message = await io.read(); message !== null; message = await io.read()) await io.write(message);
  }],
  ["pipeTo()", (io) => io.readable.pipeTo(io.writable)],
];

/** Whole, frame by frame, and in pieces that have nothing to do with frames. */
function* deliveries(frames: readonly Uint8Array[]): Generator<readonly [how: string, chunks: readonly Uint8Array[]]> {
  const bytes = joined(...frames);
  yield ["whole", [bytes]];
  yield ["frame by frame", frames];
  const size = bytes.length < 400 ? 1 : 997;
  yield [
    `in pieces of ${size}`,
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size)),
  ];
}

for (const role of roles) {
  for (const [through, echo] of echoes) {
    test(`an echo of a ${role} through ${through} answers the ${cases.length} cases as it must [W17]`, async () => {
      for (const { name, frames, back } of cases) {
        const closes = frames.some(({ opcode }) => opcode === close);
        const all = closes || back.at(-1) === FAILED ? frames : [...frames, BYE];
        for (const [how, chunks] of deliveries(all.map((init) => toward(role, init)))) {
          const { io, peer, clock } = withPeer(role, {}, { capacityBytes: 1_000_000 });
          const echoing = echo(io).then(() => {}, () => {});
          for (const chunk of chunks) {
            await peer.end.write(chunk).catch(() => {});
            if (how === "frame by frame") await turns();
          }
          await peer.end.closeWrite();
          assertEquals(await peer.all(), [...back, "end"], `${name}, ${how}`);
          await echoing;
          await io.closed;
          assertEquals(clock.pending, 0, name);
        }
      }
    });
  }
}

for (const role of roles) {
  test(`an echo of a ${role} over TCP answers the same [W17]`, async () => {
    const listener = await listen({ hostname: "127.0.0.1" });
    for (const { name, frames, back } of cases) {
      const closes = frames.some(({ opcode }) => opcode === close);
      const all = closes || back.at(-1) === FAILED ? frames : [...frames, BYE];
      const far = connect(listener.address);
      const io = webSocketOver((await listener.accept())!, { role });
      const [, echo] = echoes[0]!;
      const echoing = echo(io).then(() => {}, () => {});
      const peer = new FramePeer(far, role);
      const answers = peer.all();
      await far.write(joined(...all.map((init) => toward(role, init))));
      await far.closeWrite();
      assertEquals(await answers, [...back, "end"], name);
      await far.close();
      await echoing;
      await io.closed;
    }
    await listener.close();
  });
}
