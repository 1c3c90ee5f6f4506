import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { WebSocketProtocolError } from "../../../src/errors/web_socket_protocol_error.ts";
import { everyCut } from "../../support/bytes.ts";
import {
  bytesOf,
  frame,
  hex,
  KEY,
  machineOf,
  OPCODES,
  received,
  roles,
  sent,
  toward,
  unhex,
} from "../../support/frames.ts";
import { joined, pattern } from "../../support/switching.ts";

const { continuation, text, binary, close, ping, pong } = OPCODES;
const LENGTHS = [0, 1, 2, 3, 4, 5, 95, 96, 97, 124, 125, 126, 127, 128, 1000, 65_535, 65_536, 65_537, 200_000];

/** Some ways to cut what is too long for all of them. */
function* someCuts(bytes: Uint8Array): Generator<{ readonly how: string; readonly chunks: Uint8Array[] }> {
  if (bytes.length <= 200) return yield* everyCut(bytes);
  yield { how: "whole", chunks: [bytes] };
  for (const size of [997, 4096, 65_536]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
    yield { how: `chunks of ${size}`, chunks };
  }
  for (const at of [1, 2, 3, 4, 6, 10, 13, 14, 15, bytes.length - 1]) {
    yield { how: `cut at ${at}`, chunks: [bytes.slice(0, at), bytes.slice(at)] };
  }
}

test("WebSocketMachine takes messages of every length, cut in any way (RFC 6455 §5.2) [W13]", () => {
  for (const role of roles) {
    for (const length of LENGTHS) {
      const payload = pattern(length);
      const ascii = payload.map((byte) => 0x20 + byte % 0x5f);
      for (const { how, chunks } of someCuts(toward(role, { opcode: binary, payload }))) {
        const expected = [`binary ${hex(payload)}`.trimEnd(), "need-data"];
        assertEquals(received(role, chunks), expected, `${role} ${length} ${how}`);
      }
      for (const { how, chunks } of someCuts(toward(role, { opcode: text, payload: ascii }))) {
        const [first, ...rest] = received(role, chunks);
        const decoded = new TextDecoder().decode(ascii);
        assertEquals(first, `text ${length > 200 ? hex(ascii) : JSON.stringify(decoded)}`, `${role} ${length} ${how}`);
        assertEquals(rest, ["need-data"]);
      }
    }
  }
});

test("WebSocketMachine sends every length as short as it can be, masked only by clients (RFC 6455 §5.1, §5.2) [W9]", () => {
  for (const role of roles) {
    for (const length of LENGTHS) {
      const machine = machineOf(role);
      const payload = pattern(length);
      const key = role === "client" ? KEY : null;
      assertStrictEquals(machine.send(payload), length);
      assertEquals(hex(joined(...machine.take())), hex(frame({ opcode: binary, payload, key })));
      machine.recycle();
      const message = "x".repeat(length);
      assertStrictEquals(machine.send(message), length);
      assertEquals(hex(joined(...machine.take())), hex(frame({ opcode: text, payload: message, key })));
      assertEquals(machine.take(), []);
    }
  }
});

test("WebSocketMachine does not change what it is given to send, nor what it receives", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    for (const length of [5, 200, 70_000]) {
      const payload = pattern(length);
      const given = payload.slice();
      machine.send(given);
      machine.take();
      assertEquals(hex(given), hex(payload));
      const chunk = toward(role, { opcode: binary, payload });
      const copy = chunk.slice();
      machine.receive(chunk);
      machine.next();
      assertEquals(hex(chunk), hex(copy));
    }
  }
});

test("WebSocketMachine reads the examples of RFC 6455 §5.7", () => {
  const examples: readonly (readonly [role: "server" | "client", bytes: string, events: readonly string[]])[] = [
    ["client", "81 05 48 65 6c 6c 6f", ['text "Hello"']],
    ["server", "81 85 37 fa 21 3d 7f 9f 4d 51 58", ['text "Hello"']],
    ["client", "01 03 48 65 6c  80 02 6c 6f", ['text "Hello"']],
    ["client", "89 05 48 65 6c 6c 6f", ["ping 48656c6c6f"]],
    ["server", "8a 85 37 fa 21 3d 7f 9f 4d 51 58", ["pong 48656c6c6f"]],
    [
      "client",
      "89 02 01 02  8a 01 03  01 07 48 65 6c 6c 6f 2c 20  80 06 57 6f 72 6c 64 21  82 03 01 02 03",
      ["ping 0102", "pong 03", 'text "Hello, World!"', "binary 010203"],
    ],
  ];
  for (const [role, digits, events] of examples) {
    for (const { how, chunks } of everyCut(unhex(digits))) {
      assertEquals(received(role, chunks), [...events, "need-data"], `${digits} ${how}`);
    }
  }
  const long = pattern(256);
  assertEquals(received("client", [joined(unhex("82 7e 01 00"), long)]), [`binary ${hex(long)}`, "need-data"]);
  const longer = pattern(65_536);
  assertEquals(received("client", [joined(unhex("82 7f 00 00 00 00 00 01 00 00"), longer)]), [
    `binary ${hex(longer)}`,
    "need-data",
  ]);
});

test("WebSocketMachine answers a Ping with its payload, and ignores a Pong nobody asked for (RFC 6455 §5.5.2, §5.5.3) [W14]", () => {
  for (const role of roles) {
    for (const length of [0, 1, 5, 124, 125]) {
      const payload = pattern(length);
      for (const { chunks } of someCuts(toward(role, { opcode: ping, payload }))) {
        const machine = machineOf(role);
        for (const chunk of chunks) {
          machine.receive(chunk);
          machine.next();
        }
        assertEquals(sent(machine), [`pong ${hex(payload)}`.trimEnd()]);
      }
    }
    const machine = machineOf(role);
    machine.receive(toward(role, { opcode: pong, payload: "unasked" }));
    machine.receive(toward(role, { opcode: pong }));
    assertEquals([machine.next().type, machine.next().type, machine.next().type], ["pong", "pong", "need-data"]);
    assertEquals(sent(machine), []);
  }
});

test("WebSocketMachine answers of many Pings that it could not answer meanwhile the newest 16 (RFC 6455 §5.5.3) [W14]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    for (let i = 0; i < 40; i++) machine.receive(toward(role, { opcode: ping, payload: Uint8Array.of(i) }));
    for (let i = 0; i < 40; i++) machine.next();
    assertEquals(sent(machine), Array.from({ length: 16 }, (_, i) => `pong ${(24 + i).toString(16)}`));
    assertEquals(sent(machine), []);
  }
});

test("WebSocketMachine takes control frames between fragments, and nothing else (RFC 6455 §5.4) [W11]", () => {
  for (const role of roles) {
    const bytes = joined(
      toward(role, { opcode: text, fin: false, payload: "fragment1" }),
      toward(role, { opcode: ping, payload: "a" }),
      toward(role, { opcode: continuation, fin: false, payload: "" }),
      toward(role, { opcode: pong, payload: "b" }),
      toward(role, { opcode: continuation, fin: false, payload: "fragment2" }),
      toward(role, { opcode: ping, payload: "" }),
      toward(role, { opcode: continuation, payload: "" }),
      toward(role, { opcode: binary, payload: "x" }),
    );
    for (const { how, chunks } of everyCut(bytes)) {
      const events = ["ping 61", "pong 62", "ping", 'text "fragment1fragment2"', "binary 78", "need-data"];
      assertEquals(received(role, chunks), events, `${role} ${how}`);
    }
  }
});

test("WebSocketMachine takes a message in any number of fragments (RFC 6455 §5.4) [W11]", () => {
  for (const role of roles) {
    const payload = pattern(300);
    for (const [kind, opcode] of [["binary", binary], ["text", text]] as const) {
      const content = kind === "text" ? payload.map((byte) => 0x20 + byte % 0x5f) : payload;
      for (const size of [1, 2, 7, 150, 299, 300]) {
        const frames: Uint8Array[] = [];
        for (let at = 0; at < content.length; at += size) {
          const fin = at + size >= content.length;
          const part = content.slice(at, at + size);
          frames.push(toward(role, { opcode: at === 0 ? opcode : continuation, fin, payload: part }));
        }
        assertEquals(received(role, [joined(...frames)]), [`${kind} ${hex(content)}`, "need-data"]);
        assertEquals(received(role, frames), [`${kind} ${hex(content)}`, "need-data"]);
      }
    }
    const empty = [
      toward(role, { opcode: text, fin: false }),
      toward(role, { opcode: continuation, fin: false }),
      toward(role, { opcode: continuation }),
    ];
    assertEquals(received(role, empty), ['text ""', "need-data"]);
    assertEquals(
      received(role, [toward(role, { opcode: binary, fin: false }), toward(role, { opcode: continuation })]),
      [
        "binary",
        "need-data",
      ],
    );
  }
});

test("WebSocketMachine refuses fragments out of order with 1002 (RFC 6455 §5.4) [W11]", () => {
  for (const role of roles) {
    const begun = toward(role, { opcode: text, fin: false, payload: "a" });
    const ended = toward(role, { opcode: continuation, payload: "b" });
    const cases: readonly (readonly [frames: readonly Uint8Array[], events: readonly string[]])[] = [
      [[ended], ["fail unexpected-continuation 1002"]],
      [[toward(role, { opcode: continuation, fin: false })], ["fail unexpected-continuation 1002"]],
      [[begun, ended, ended], ['text "ab"', "fail unexpected-continuation 1002"]],
      [[begun, toward(role, { opcode: text, payload: "c" })], ["fail unfinished-message 1002"]],
      [[begun, toward(role, { opcode: text, fin: false, payload: "c" })], ["fail unfinished-message 1002"]],
      [[begun, toward(role, { opcode: binary, payload: "c" })], ["fail unfinished-message 1002"]],
      [[begun, toward(role, { opcode: ping }), begun], ["ping", "fail unfinished-message 1002"]],
    ];
    for (const [frames, events] of cases) {
      for (const { how, chunks } of everyCut(joined(...frames))) {
        assertEquals(received(role, chunks), events, `${role} ${how}`);
      }
    }
  }
});

test("WebSocketMachine refuses reserved bits and opcodes with 1002, at the second byte (RFC 6455 §5.2) [W10]", () => {
  for (const role of roles) {
    const mask = role === "server" ? 0x80 : 0;
    for (const opcode of Object.values(OPCODES)) {
      for (let rsv = 1; rsv < 8; rsv++) {
        const events = received(role, [new Uint8Array([0x80 | rsv << 4 | opcode, mask | 5])]);
        assertEquals(events, ["fail reserved-bits 1002"], `${role} rsv ${rsv} opcode ${opcode}`);
      }
    }
    for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
      for (const length of [0, 5, 126, 127]) {
        const bytes = new Uint8Array([0x80 | opcode, mask | length]);
        assertEquals(received(role, [bytes]), ["fail reserved-opcode 1002"], `${role} opcode ${opcode}`);
      }
    }
    assertEquals(received(role, [new Uint8Array([0xf3])]), ["need-data"]);
  }
});

test("WebSocketMachine refuses control frames that are long or fragmented with 1002, at the second byte (RFC 6455 §5.5) [W10]", () => {
  for (const role of roles) {
    const mask = role === "server" ? 0x80 : 0;
    for (const opcode of [close, ping, pong]) {
      for (const length of [126, 127]) {
        const events = received(role, [new Uint8Array([0x80 | opcode, mask | length])]);
        assertEquals(events, ["fail control-too-long 1002"], `${role} ${opcode} ${length}`);
      }
      for (const length of [0, 125]) {
        const events = received(role, [new Uint8Array([opcode, mask | length])]);
        assertEquals(events, ["fail fragmented-control 1002"], `${role} ${opcode} ${length}`);
      }
    }
  }
});

test("WebSocketMachine refuses an unmasked frame of a client and a masked one of a server with 1002 (RFC 6455 §5.1) [W9]", () => {
  for (const opcode of Object.values(OPCODES)) {
    assertEquals(received("server", [frame({ opcode })]), ["fail unmasked-frame 1002"]);
    assertEquals(received("client", [frame({ opcode, key: KEY })]), ["fail masked-frame 1002"]);
    assertEquals(received("client", [frame({ opcode, key: [0, 0, 0, 0] })]), ["fail masked-frame 1002"]);
  }
  assertEquals(received("server", [frame({ opcode: text, key: [0, 0, 0, 0], payload: "a" })]), [
    'text "a"',
    "need-data",
  ]);
});

test("WebSocketMachine undoes every mask, wherever the payload is cut (RFC 6455 §5.3)", () => {
  const payload = pattern(131);
  for (const key of [[0, 0, 0, 1], [1, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0x80, 0, 0x7f, 1], KEY] as const) {
    for (const { how, chunks } of everyCut(frame({ opcode: binary, payload, key }))) {
      assertEquals(received("server", chunks), [`binary ${hex(payload)}`, "need-data"], `${key} ${how}`);
    }
    const words = bytesOf("€".repeat(40));
    for (const { how, chunks } of everyCut(frame({ opcode: text, payload: words, key }))) {
      assertEquals(received("server", chunks), [`text ${JSON.stringify("€".repeat(40))}`, "need-data"], how);
    }
  }
});

test("WebSocketMachine refuses lengths that are not minimal, or of 64 bits (RFC 6455 §5.2) [W13]", () => {
  for (const role of roles) {
    const refused: readonly (readonly [lengthBytes: 2 | 8, length: bigint])[] = [
      [2, 0n],
      [2, 125n],
      [8, 0n],
      [8, 125n],
      [8, 126n],
      [8, 65_535n],
      [8, 1n << 63n],
      [8, (1n << 64n) - 1n],
    ];
    for (const [lengthBytes, length] of refused) {
      const bytes = toward(role, { opcode: binary, lengthBytes, length });
      assertEquals(received(role, [bytes]), ["fail bad-length 1002"], `${role} ${lengthBytes} ${length}`);
    }
    for (const length of [(1n << 63n) - 1n, 1n << 53n, 1n << 32n, 1n << 31n]) {
      const bytes = toward(role, { opcode: binary, lengthBytes: 8, length });
      assertEquals(received(role, [bytes]), ["fail message-too-large 1009"], `${role} ${length}`);
    }
  }
});

test("WebSocketMachine throws the same error again once it has failed", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.receive(toward(role, { opcode: 3 }));
    const first = assertThrows(() => machine.next(), WebSocketProtocolError);
    machine.receive(toward(role, { opcode: text, payload: "x" }));
    assertStrictEquals(assertThrows(() => machine.next(), WebSocketProtocolError), first);
    assertEquals([first.name, first.code, first.closeCode], ["WebSocketProtocolError", "reserved-opcode", 1002]);
    assert(first.message.includes("RFC 6455 §5.2"));
  }
});

test("WebSocketMachine ends with `end` when the peer leaves, wherever that is", () => {
  for (const role of roles) {
    const bytes = joined(
      toward(role, { opcode: text, payload: "ab" }),
      toward(role, { opcode: text, fin: false, payload: "c" }),
    );
    for (let at = 0; at <= bytes.length; at++) {
      const events = received(role, [bytes.slice(0, at)], { eof: true });
      const whole = at >= toward(role, { opcode: text, payload: "ab" }).length;
      assertEquals(events, whole ? ['text "ab"', "end"] : ["end"], `${role} ${at}`);
    }
  }
});
