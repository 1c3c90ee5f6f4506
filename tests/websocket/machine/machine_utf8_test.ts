import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { WebSocketProtocolError } from "../../../src/errors/web_socket_protocol_error.ts";
import type { Role } from "../../../src/websocket/machine/frame.ts";
import { isUtf8, readUtf8, utf8Length, Utf8Validator, writeUtf8 } from "../../../src/websocket/machine/utf8.ts";
import { canBeRead, codec, isText, textLength } from "../../../src/websocket/coding.ts";
import { everyCut, sameBytes } from "../../support/bytes.ts";
import {
  bytesOf,
  closePayload,
  eventText,
  hex,
  machineOf,
  OPCODES,
  parseFrame,
  parseFrames,
  received as receivedBy,
  roles,
  toward,
  unhex,
} from "../../support/frames.ts";
import { joined } from "../../support/switching.ts";

const { continuation, text, close, ping } = OPCODES;

/** The coders of the platform, instead of the plain ones. */
const platform = { codec };

/** What a machine makes of these chunks: the same with the platform's coders, and with chunks that are lent. */
function received(role: Role, chunks: readonly Uint8Array[]): string[] {
  const events = receivedBy(role, chunks);
  assertEquals(receivedBy(role, chunks, { ...platform, lent: true }), events, "by the platform's coders");
  return events;
}

/** Texts on every boundary of RFC 3629 §4. */
const VALID: readonly string[] = [
  "",
  "\0",
  "Hello-µ@ßöäüàá-UTF-8!!",
  "κόσμε",
  "\u007f\u0080\u07ff\u0800\u0fff\u1000\ucfff\ud000\ud7ff\ue000\uffff",
  "\u{10000}\u{3ffff}\u{40000}\u{fffff}\u{100000}\u{10ffff}",
  "\ufeffwith a byte order mark\ufeff",
  "\ufffe\uffff\u{1fffe}\u{1ffff}\u{10fffe}",
  "\ufffd replacement",
  "x".repeat(64) + "é" + "x".repeat(64) + "\u{1f600}",
];

/** What is not UTF-8, with the index of the first byte at which that is certain. */
const INVALID: readonly (readonly [bytes: string, at: number])[] = [
  // Continuation bytes without a beginning.
  ["80", 0],
  ["bf", 0],
  ["61 80", 1],
  ["c2 80 80", 2],
  // Bytes that never occur.
  ["c0 af", 0],
  ["c1 bf", 0],
  ["f5 80 80 80", 0],
  ["f8 88 80 80 80", 0],
  ["fc 84 80 80 80 80", 0],
  ["fe", 0],
  ["ff", 0],
  // Overlong forms.
  ["e0 80 af", 1],
  ["e0 9f bf", 1],
  ["f0 80 80 af", 1],
  ["f0 8f bf bf", 1],
  // Surrogates.
  ["ed a0 80", 1],
  ["ed ad bf", 1],
  ["ed af bf", 1],
  ["ed bf bf", 1],
  ["ed a0 80 ed b0 80", 1],
  // Above U+10FFFF.
  ["f4 90 80 80", 1],
  ["f7 bf bf bf", 0],
  // Sequences that break off.
  ["c2 41", 1],
  ["c3 28", 1],
  ["e2 28 a1", 1],
  ["e2 82 28", 2],
  ["f0 28 8c bc", 1],
  ["f0 90 28 bc", 2],
  ["f0 90 8c 28", 3],
  ["c2 c2", 1],
  ["e1 80 e2 f0 91 92 f1 bf 41", 2],
  // Of Autobahn's 6.3 and 6.4.
  ["ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64", 12],
  ["ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65 64 69 74 65 64", 12],
];

/** Texts that end in the middle of a character. */
const TRUNCATED = [
  "c2",
  "df",
  "e1 80",
  "e0",
  "e0 a0",
  "f0",
  "f0 90",
  "f0 90 80",
  "f4 8f bf",
  "61 e2 82",
  "ce ba e1 bd",
];

test("WebSocketMachine takes every text, cut at every byte, whole or in fragments (RFC 6455 §8.1) [W12]", () => {
  for (const role of roles) {
    for (const message of VALID) {
      const payload = bytesOf(message);
      const expected = [`text ${JSON.stringify(message)}`, "need-data"];
      for (const { how, chunks } of everyCut(toward(role, { opcode: text, payload }))) {
        assertEquals(received(role, chunks), expected, `${JSON.stringify(message)} ${how}`);
      }
      for (let at = 0; at <= payload.length; at++) {
        const frames = [
          toward(role, { opcode: text, fin: false, payload: payload.slice(0, at) }),
          toward(role, { opcode: ping }),
          toward(role, { opcode: continuation, payload: payload.slice(at) }),
        ];
        assertEquals(received(role, frames), ["ping", ...expected], `${JSON.stringify(message)} fragments at ${at}`);
      }
    }
  }
});

test("WebSocketMachine refuses what is not UTF-8 with 1007, however it is cut (RFC 6455 §8.1) [W12]", () => {
  for (const role of roles) {
    for (const [digits] of INVALID) {
      const payload = unhex(digits);
      for (const { how, chunks } of everyCut(toward(role, { opcode: text, payload }))) {
        assertEquals(received(role, chunks), ["fail bad-utf8 1007"], `${digits} ${how}`);
      }
      for (let at = 0; at <= payload.length; at++) {
        const frames = [
          toward(role, { opcode: text, fin: false, payload: payload.slice(0, at) }),
          toward(role, { opcode: continuation, payload: payload.slice(at) }),
        ];
        assertEquals(received(role, frames), ["fail bad-utf8 1007"], `${digits} in fragments at ${at}`);
      }
    }
  }
});

test("WebSocketMachine finds the first bad byte at once, in a frame that is not complete (RFC 6455 §8.1) [W12]", () => {
  for (const role of roles) {
    for (const [digits, at] of INVALID) {
      for (const before of ["", "x".repeat(10), "€".repeat(50), "y".repeat(70_000)]) {
        const bad = unhex(digits);
        const payload = joined(bytesOf(before), bad, bytesOf("z".repeat(100)));
        const bytes = toward(role, { opcode: text, payload });
        const last = bytes.length - 100 - bad.length + at;
        assertEquals(received(role, [bytes.slice(0, last)]), ["need-data"], `${digits} up to ${at}`);
        assertEquals(received(role, [bytes.slice(0, last + 1)]), ["fail bad-utf8 1007"], `${digits} at ${at}`);
        assertEquals(received(role, [bytes.slice(0, last), bytes.slice(last, last + 1)]), ["fail bad-utf8 1007"]);
      }
    }
  }
});

test("WebSocketMachine finds the first bad byte in a fragment before the message ends (RFC 6455 §8.1) [W12]", () => {
  for (const role of roles) {
    for (const [digits, at] of INVALID) {
      const bytes = unhex(digits);
      for (let cut = 0; cut < bytes.length; cut++) {
        const fragments = [bytes.slice(0, cut), bytes.slice(cut)].map((payload, i) =>
          toward(role, { opcode: i === 0 ? text : continuation, fin: false, payload })
        );
        const first = cut > at ? [fragments[0]!] : fragments;
        assertEquals(received(role, first), ["fail bad-utf8 1007"], `${digits} cut at ${cut}`);
        if (cut <= at) assertEquals(received(role, [fragments[0]!]), ["need-data"]);
      }
    }
  }
});

test("WebSocketMachine refuses a text that ends in the middle of a character with 1007 (RFC 6455 §8.1) [W12]", () => {
  for (const role of roles) {
    for (const digits of TRUNCATED) {
      const payload = unhex(digits);
      for (const { how, chunks } of everyCut(toward(role, { opcode: text, payload }))) {
        assertEquals(received(role, chunks), ["fail bad-utf8 1007"], `${digits} ${how}`);
      }
      const frames = [
        toward(role, { opcode: text, fin: false, payload }),
        toward(role, { opcode: continuation, fin: false }),
      ];
      assertEquals(received(role, frames), ["need-data"], digits);
      assertEquals(received(role, [...frames, toward(role, { opcode: continuation })]), ["fail bad-utf8 1007"], digits);
    }
  }
});

test("WebSocketMachine does not let one text's state reach the next one, nor bytes that are no text [W12]", () => {
  for (const role of roles) {
    const frames = [
      toward(role, { opcode: OPCODES.binary, fin: false, payload: unhex("c2") }),
      toward(role, { opcode: continuation, payload: unhex("ff") }),
      toward(role, { opcode: text, fin: false, payload: unhex("c3") }),
      toward(role, { opcode: ping, payload: unhex("ff") }),
      toward(role, { opcode: continuation, payload: unhex("a9") }),
      toward(role, { opcode: text, fin: false, payload: "a" }),
      toward(role, { opcode: continuation, payload: "b" }),
    ];
    assertEquals(received(role, frames), ["binary c2ff", "ping ff", 'text "é"', 'text "ab"', "need-data"]);
  }
});

test("WebSocketMachine refuses a Close reason that is not UTF-8 with 1007 (RFC 6455 §5.5.1) [W12]", () => {
  for (const role of roles) {
    for (const [digits] of INVALID) {
      const bytes = toward(role, { opcode: close, payload: closePayload(1000, unhex(digits)) });
      assertEquals(received(role, [bytes]), ["fail bad-utf8 1007"], digits);
    }
    for (const digits of TRUNCATED) {
      const bytes = toward(role, { opcode: close, payload: closePayload(1000, unhex(digits)) });
      assertEquals(received(role, [bytes]), ["fail bad-utf8 1007"], digits);
    }
    for (const reason of VALID.filter((reason) => bytesOf(reason).length <= 123)) {
      const bytes = toward(role, { opcode: close, payload: closePayload(1000, reason) });
      assertEquals(received(role, [bytes]), [`close 1000 ${JSON.stringify(reason)}`, "end"]);
    }
  }
});

test("Utf8Validator and readUtf8() agree with the platform's decoder on all short sequences (RFC 3629 §4)", () => {
  // Puts U+FFFD in the place of what is wrong, which no sequence below stands for: an exception for each takes long.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const interesting = unhex(
    "00 41 7f 80 8f 90 9f a0 af bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 f7 f8 fe ff",
  );
  const validator = new Utf8Validator();
  const compare = (bytes: Uint8Array): void => {
    const decoded = decoder.decode(bytes);
    const expected = decoded.includes("\ufffd") ? null : decoded;
    if (readUtf8(bytes) !== expected) throw new Error(`readUtf8() differs for ${bytes}`);
    validator.reset();
    let accepted = true;
    for (let i = 0; accepted && i < bytes.length; i++) accepted = validator.accepts(bytes, i, i + 1);
    if ((accepted && validator.complete) !== (expected !== null)) throw new Error(`Utf8Validator differs for ${bytes}`);
  };
  for (const a of interesting) {
    compare(new Uint8Array([a]));
    for (const b of interesting) {
      compare(new Uint8Array([a, b]));
      for (const c of interesting) {
        compare(new Uint8Array([a, b, c]));
        if (a >= 0xf0) { for (const d of interesting) compare(new Uint8Array([a, b, c, d])); }
      }
    }
  }
});

test("Utf8Validator skips ASCII by words without missing what follows, at every alignment", () => {
  const memory = new Uint8Array(400).fill(0x61);
  for (let start = 0; start < 8; start++) {
    for (let bad = start; bad < start + 140; bad++) {
      memory[bad] = 0xff;
      const validator = new Utf8Validator();
      assert(!validator.accepts(memory, start, 300), `${start} ${bad}`);
      memory[bad] = 0x61;
    }
    assert(new Utf8Validator().accepts(memory, start, 300));
  }
});

test("utf8Length() and writeUtf8() agree with the platform's encoder, lone surrogates included", () => {
  const encoder = new TextEncoder();
  const lone = ["\ud800", "\udc00", "a\ud800b", "\ud800\ud800\udc00", "\udc00\ud800", "\udfff\u{10ffff}\ud83d"];
  for (const message of [...VALID, ...lone]) {
    const expected = encoder.encode(message);
    assertEquals(utf8Length(message), expected.length, JSON.stringify(message));
    const target = new Uint8Array(expected.length + 6).fill(0xee);
    writeUtf8(target, 3, message);
    assertEquals(target.subarray(3, -3), expected);
    assertEquals([...target.subarray(0, 3), ...target.subarray(-3)], [0xee, 0xee, 0xee, 0xee, 0xee, 0xee]);
  }
});

test("a character that is cut waits for its rest while other machines read theirs (RFC 6455 §5.4)", () => {
  for (const role of roles) {
    const machines = Array.from({ length: 3 }, () => machineOf(role));
    const halves = ["a€", "b💬", "cé"].map((whole) => bytesOf(whole));
    for (const [i, half] of halves.entries()) {
      machines[i]!.receive(toward(role, { opcode: text, fin: false, payload: half.subarray(0, half.length - 1) }));
      assertEquals(machines[i]!.next().type, "need-data");
    }
    for (const [i, half] of halves.entries()) {
      machines[i]!.receive(toward(role, { opcode: continuation, payload: half.subarray(half.length - 1) }));
    }
    assertEquals(machines.map((machine) => eventText(machine.next())), ['text "a€"', 'text "b💬"', 'text "cé"']);
  }
});

test("a text that a frame announces as long is read as a whole, whatever comes before and behind it (RFC 6455 §8.1)", () => {
  const shorter = { ...codec, wholeTextBytes: 70_000 };
  for (const [bytes, units, codecs] of [[90_000, "aé€💬\ufffd", [shorter, {}]], [1_050_000, "a€", [codec]]] as const) {
    for (const unit of units) {
      const role: Role = "server";
      const long = bytesOf(unit.repeat(bytes / bytesOf(unit).length));
      const frames = [
        toward(role, { opcode: text, fin: false, payload: long.subarray(0, 80_001) }),
        toward(role, { opcode: continuation, fin: false, payload: long.subarray(80_001) }),
        toward(role, { opcode: continuation, payload: unit }),
        toward(role, { opcode: text, payload: long }),
        toward(role, { opcode: text, payload: joined(long, unhex("c2")) }),
      ];
      const sent = joined(...frames);
      const chunks = Array.from({ length: Math.ceil(sent.length / 65_521) }, (_, at) => {
        return sent.subarray(at * 65_521, (at + 1) * 65_521);
      });
      for (const given of codecs) {
        const machine = machineOf(role, { codec: given });
        const texts: string[] = [];
        for (const chunk of chunks.slice(0, -1)) {
          machine.receive(chunk);
          for (let event = machine.next(); event.type !== "need-data"; event = machine.next()) {
            assert(event.type === "text");
            texts.push(event.text);
          }
        }
        assertEquals(texts.length, 2);
        assert(texts[1] === unit.repeat(texts[1]!.length / unit.length) && bytesOf(texts[1]!).length === long.length);
        assert(texts[0] === texts[1] + unit);
        machine.receive(chunks.at(-1)!);
        assertThrows(() => machine.next(), WebSocketProtocolError, "not UTF-8");
      }
    }
  }
});

test("WebSocketMachine sends text of any length with as short a header as there is (RFC 6455 §5.2) [W2]", () => {
  const lengths = [0, 1, 16, 41, 42, 43, 47, 48, 49, 62, 63, 125, 126, 127, 1000, 4095, 4096, 4097, 21_845, 21_846];
  lengths.push(4098, 4101, 32_767, 32_768, 65_535, 65_536, 70_000);
  for (const role of roles) {
    for (const coding of [{}, platform]) {
      const machine = machineOf(role, coding);
      for (const unit of ["a", "é", "€", "😀", "\ud800", "ab\udc00", "𘬰ч"]) {
        for (const length of lengths) {
          const message = unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
          const payload = bytesOf(message);
          assertEquals(machine.send(message), payload.length);
          const sent = joined(...machine.take());
          const { frame, rest } = parseFrame(sent)!;
          const header = 2 + (payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8) + (role === "client" ? 4 : 0);
          assertEquals([sent.length - payload.length, rest.length], [header, 0], `${JSON.stringify(unit)} ${length}`);
          assert(sameBytes(frame.payload, payload), `${JSON.stringify(unit)} ${length}`);
        }
      }
    }
  }
});

test("a text that is measured wrongly is sent whole, and nothing besides (RFC 6455 §5.2) [W2]", () => {
  const message = "é€\ud800".repeat(2000);
  const payload = bytesOf(message);
  for (const error of [-payload.length, -5000, -7, -4, -3, -1, 1, 3, 70_000]) {
    for (const role of roles) {
      const machine = machineOf(role, { codec: { ...codec, textLength: () => payload.length + error } });
      assertEquals(machine.send(message), payload.length);
      machine.send("next");
      const frames = parseFrames(joined(...machine.take()));
      assertEquals(frames.map((frame) => hex(frame.payload)), [hex(payload), "6e657874"], `${role} ${error}`);
    }
  }
});

test("textLength() measures as it is encoded, lone surrogates too (Encoding standard §8.2)", () => {
  for (const message of [...VALID, "\ud800".repeat(5000), "a\udc00é".repeat(3000), "\ud800"]) {
    assertEquals(textLength(message), bytesOf(message).length);
  }
});

test("isUtf8(), isText() and canBeRead() agree on every text and on what is none (RFC 3629 §4)", () => {
  const valid = VALID.map(bytesOf);
  const invalid = [...INVALID.map(([digits]) => digits), ...TRUNCATED].map(unhex);
  for (const check of [isUtf8, isText, canBeRead]) {
    assertEquals(valid.map(check), valid.map(() => true));
    assertEquals(invalid.map(check), invalid.map(() => false));
  }
});

test("WebSocketMachine reads a text of up to 64 KiB once, whatever pieces it comes in, and checks each as it comes (RFC 6455 §8.1)", () => {
  const size = 65_536;
  for (const role of ["client", "server"] as const) {
    for (const pieceBytes of [1460, 16_384, 40_000, size + 14]) {
      const read: number[] = [];
      let checkedBytes = 0;
      const machine = machineOf(role, {
        codec: {
          readText: (bytes: Uint8Array) => {
            read.push(bytes.length);
            return "read";
          },
          isText: (bytes: Uint8Array) => {
            checkedBytes += bytes.length;
            return true;
          },
        },
      });
      const frame = toward(role, { opcode: text, payload: "x".repeat(size) });
      for (let at = 0; at < frame.length; at += pieceBytes) {
        assertEquals(machine.next().type, "need-data");
        machine.receive(frame.subarray(at, at + pieceBytes));
        const come = at + pieceBytes;
        if (come < frame.length) {
          assertEquals(machine.next().type, "need-data");
          assert(checkedBytes >= come - 14, `${checkedBytes} of ${come} bytes are checked`);
        }
      }
      assertEquals(machine.next(), { type: "text", text: "read" });
      assertEquals(read, [size]);
    }
  }
});
