import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { hex, machineOf, OPCODES, received, roles, toward } from "../../support/frames.ts";
import { joined, pattern } from "../../support/switching.ts";

const { continuation, text, binary, ping } = OPCODES;

test("maxMessageBytes holds for one frame, from its header on, before any payload (RFC 6455 §7.4.1, §10.4) [W13]", () => {
  for (const role of roles) {
    for (const opcode of [text, binary]) {
      const header = toward(role, { opcode, length: 11 });
      assertEquals(received(role, [header], { maxMessageBytes: 10 }), ["fail message-too-large 1009"]);
      const fits = toward(role, { opcode, payload: "x".repeat(10) });
      assertEquals(received(role, [fits], { maxMessageBytes: 10 }).at(-1), "need-data");
      const huge = toward(role, { opcode, lengthBytes: 8, length: 16_777_217 });
      assertEquals(received(role, [huge]), ["fail message-too-large 1009"]);
      assertEquals(received(role, [toward(role, { opcode, lengthBytes: 8, length: 16_777_216 })]), ["need-data"]);
    }
  }
});

test("maxMessageBytes holds over all fragments, from the header that goes too far (tungstenite#40) [W13]", () => {
  for (const role of roles) {
    const frames = [
      toward(role, { opcode: text, fin: false, payload: "Hello, " }),
      toward(role, { opcode: ping, payload: "y".repeat(125) }),
      toward(role, { opcode: continuation, length: 6 }),
    ];
    const pinged = `ping ${hex(new Uint8Array(125).fill(0x79))}`;
    assertEquals(received(role, frames, { maxMessageBytes: 12 }), [pinged, "fail message-too-large 1009"]);
    assertEquals(received(role, frames, { maxMessageBytes: 13 }), [pinged, "need-data"]);
    const next = [
      toward(role, { opcode: binary, payload: "1234" }),
      toward(role, { opcode: binary, fin: false, payload: "12" }),
      toward(role, { opcode: continuation, payload: "34" }),
      toward(role, { opcode: binary, payload: "1234" }),
    ];
    assertEquals(received(role, next, { maxMessageBytes: 4 }), [...Array(3).fill("binary 31323334"), "need-data"]);
  }
});

test("maxMessageBytes may be 0, Infinity, or what is left out; nothing else (RFC 6455 §10.4)", () => {
  for (const role of roles) {
    const empty = toward(role, { opcode: text });
    assertEquals(received(role, [empty, toward(role, { opcode: text, payload: "a" })], { maxMessageBytes: 0 }), [
      'text ""',
      "fail message-too-large 1009",
    ]);
    const enormous = toward(role, { opcode: binary, lengthBytes: 8, length: 1n << 52n });
    assertEquals(received(role, [enormous], { maxMessageBytes: Infinity }), ["need-data"]);
    for (const maxMessageBytes of [-1, NaN]) assertThrows(() => machineOf(role, { maxMessageBytes }), RangeError);
  }
});

test("WebSocketMachine allocates for what has come, not for what a header promises [W13]", () => {
  assert(allocatedBy(() => new Uint8Array(1)) > 0, "what is allocated is counted");
  for (const role of roles) {
    const header = toward(role, { opcode: binary, lengthBytes: 8, length: 16_777_216 });
    const fragment = toward(role, { opcode: binary, fin: false, payload: "begun" });
    const more = toward(role, { opcode: continuation, lengthBytes: 8, length: 16_000_000 });
    const byte = new Uint8Array(1);
    const allocated = allocatedBy(() => {
      for (const chunks of [[header, byte], [fragment, more, byte]]) {
        const machine = machineOf(role);
        for (const chunk of chunks) {
          machine.receive(chunk);
          machine.next();
        }
      }
    });
    assert(allocated < 300_000, `${role} allocated ${allocated}`);
  }
});

test("WebSocketMachine takes a message in frames of one byte in linear time (Autobahn 9.3, 9.4) [W17]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    const more = joined(
      ...Array.from({ length: 1024 }, () => toward(role, { opcode: continuation, fin: false, payload: "x" })),
    );
    const allocated = allocatedBy(() => {
      machine.receive(toward(role, { opcode: binary, fin: false, payload: "x" }));
      for (let i = 0; i < 256; i++) {
        machine.receive(more);
        assertEquals(machine.next().type, "need-data");
      }
      machine.receive(toward(role, { opcode: continuation, payload: "x" }));
      const event = machine.next();
      assertEquals(event.type === "binary" && event.bytes.length, 262_146);
    });
    assert(allocated > 262_146 && allocated < 3_000_000, `${role} allocated ${allocated}`);
  }
});

test("WebSocketMachine takes a long text in frames of one byte in linear time, also one that is read as a whole [W17]", () => {
  const long = new Uint8Array(1_100_000).fill(0x61);
  const decoder = new TextDecoder();
  const coders = { readText: (bytes: Uint8Array) => decoder.decode(bytes), isText: () => true };
  for (const role of roles) {
    for (const pieces of [{}, { textPieceBytes: 16_777_216 }, { wholeTextBytes: 1_000_000 }]) {
      const machine = machineOf(role, { codec: { ...coders, ...pieces } });
      const more = joined(
        ...Array.from({ length: 500 }, () => toward(role, { opcode: continuation, fin: false, payload: "b" })),
      );
      const frames = [toward(role, { opcode: text, fin: false, payload: long }), more];
      frames.push(toward(role, { opcode: continuation, payload: "c" }));
      let event: unknown;
      const allocated = allocatedBy(() => {
        for (const chunk of frames) {
          machine.receive(chunk);
          event = machine.next();
        }
      });
      assertEquals((event as { text: string }).text.slice(1_099_999), `a${"b".repeat(500)}c`);
      assert(allocated < 5_000_000, `${role} with ${JSON.stringify(pieces)} allocated ${allocated}`);
    }
  }
});

test("WebSocketMachine takes a message byte by byte in linear time (Autobahn 9.5) [W17]", () => {
  for (const role of roles) {
    const whole = toward(role, { opcode: binary, payload: "x".repeat(262_144) });
    const machine = machineOf(role);
    const allocated = allocatedBy(() => {
      for (let at = 0; at < whole.length; at++) {
        machine.receive(whole.subarray(at, at + 1));
        assert(machine.next().type === (at + 1 < whole.length ? "need-data" : "binary"));
      }
    });
    assert(allocated > 262_144 && allocated < 3_000_000, `${role} allocated ${allocated}`);
  }
});

test("WebSocketMachine takes 16 MiB in frames and chunks of all sizes (Autobahn 9.1, 9.2, 9.5, 9.6) [W17]", () => {
  const payload = pattern(16_777_216);
  for (const role of roles) {
    const machine = machineOf(role);
    const bytes = toward(role, { opcode: binary, payload });
    for (let at = 0; at < bytes.length; at += 65_536) {
      machine.receive(bytes.subarray(at, at + 65_536));
      const event = machine.next();
      if (at + 65_536 < bytes.length) assertEquals(event.type, "need-data");
      else assertEquals(event.type === "binary" && hex(event.bytes), hex(payload));
    }
  }
});

/** Sizes at which memory grows, and what is just beside them, by the chunks they come in. */
const SIZES: readonly (readonly [chunkBytes: number, sizes: readonly number[]])[] = [
  [1460, [70_000, 2 ** 18, 2 ** 20 + 1]],
  [16_384, [70_000, 2 ** 18 - 100, 2 ** 18, 2 ** 20]],
  [65_536, [70_000, 2 ** 18 - 100, 2 ** 18, 2 ** 18 + 1, 2 ** 20, 2 ** 22 - 100, 2 ** 22, 10_000_000, 2 ** 24]],
  [1_000_000, [2 ** 20, 10_000_000]],
];

test("WebSocketMachine allocates no more than 1.4 times what a frame has, whatever its size and its chunks [W13, W17]", () => {
  for (const role of roles) {
    for (const opcode of [binary, text]) {
      for (const [chunkBytes, sizes] of SIZES) {
        for (const size of sizes) {
          if (opcode === text && size <= 262_144) continue;
          const header = toward(role, { opcode, lengthBytes: 8, length: size });
          const chunk = new Uint8Array(chunkBytes).fill(0x37);
          const machine = machineOf(role, {
            maxMessageBytes: size,
            codec: { readText: () => "read", isText: () => true },
          });
          const allocated = allocatedBy(() => {
            machine.receive(header);
            for (let come = 0; come < size; come += chunkBytes) {
              assertEquals(machine.next().type, "need-data");
              machine.receive(chunk.subarray(0, Math.min(chunkBytes, size - come)));
            }
            const event = machine.next();
            if (event.type === "binary") {
              assertEquals([event.bytes.length, event.bytes.buffer.byteLength], [size, size]);
            } else assertEquals(event.type, "text");
          });
          const most = Math.max(size, 65_536) * 1.4;
          assert(allocated <= most, `${role}: ${size} bytes by ${chunkBytes}: ${(allocated / size).toFixed(2)} times`);
        }
      }
    }
  }
});

test("WebSocketMachine takes a long text in pieces wherever characters are cut (RFC 6455 §8.1) [W12]", () => {
  const words = "aé€💬".repeat(30_000);
  const whole = new TextEncoder().encode(words);
  for (const role of roles) {
    for (let before = 0; before < 10; before++) {
      const payload = joined(new Uint8Array(before).fill(0x61), whole);
      const expected = "a".repeat(before) + words;
      const bytes = toward(role, { opcode: text, payload });
      const cut = toward(role, { opcode: text, payload: payload.subarray(0, payload.length - 1) });
      for (const chunkBytes of [20_000, 65_536, 300_000]) {
        const last = (of: Uint8Array): unknown => {
          const machine = machineOf(role);
          let event: unknown;
          for (let at = 0; at < of.length; at += chunkBytes) {
            machine.receive(of.subarray(at, at + chunkBytes));
            event = machine.next();
          }
          return event;
        };
        assert((last(bytes) as { text: string }).text === expected, `${before} before it, chunks of ${chunkBytes}`);
        assertThrows(() => last(cut), Error, "not UTF-8");
      }
    }
  }
});

test("WebSocketMachine joins the frames of a message of any sizes [W17]", () => {
  const payload = pattern(1_400_000);
  for (const role of roles) {
    for (const sizes of [[1, 400_000, 0, 7, 999_992], [0, 0, 1_400_000], [700_000, 700_000], [1_399_999, 1, 0]]) {
      const machine = machineOf(role);
      let at = 0;
      const frames = sizes.map((size, i) => {
        const part = payload.subarray(at, at += size);
        const opcode = i === 0 ? binary : continuation;
        return toward(role, { opcode, fin: i === sizes.length - 1, payload: part });
      });
      const bytes = joined(...frames);
      for (let from = 0; from < bytes.length; from += 65_536) {
        machine.receive(bytes.subarray(from, from + 65_536));
        const event = machine.next();
        if (event.type === "need-data") continue;
        assertEquals(event.type === "binary" && hex(event.bytes), hex(payload.subarray(0, at)));
        assertEquals(event.type === "binary" && event.bytes.buffer.byteLength, at);
      }
    }
  }
});

/** How many bytes of memory are asked for meanwhile. */
function allocatedBy(act: () => void): number {
  const { Uint8Array: Original } = globalThis;
  let allocated = 0;
  globalThis.Uint8Array = new Proxy(Original, {
    construct(target, args, newTarget): Uint8Array {
      if (typeof args[0] === "number") allocated += args[0];
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    act();
  } finally {
    globalThis.Uint8Array = Original;
  }
  return allocated;
}

/** As long as strings can be here, nearly: of halves that the engine does not join. */
function longestString(): string {
  for (let text = "x";;) {
    try {
      text += text;
    } catch {
      return text;
    }
  }
}

test("a text that is longer than a string can be fails with 1009, whatever maxMessageBytes says (RFC 6455 §7.4.1) [W13]", () => {
  const piece = longestString();
  const options = { maxMessageBytes: Infinity, codec: { readText: () => piece } };
  for (const role of roles) {
    const frame = toward(role, { opcode: text, payload: "x".repeat(200_000) });
    assertEquals(received(role, [frame], options), ["fail message-too-large 1009"]);
  }
});
