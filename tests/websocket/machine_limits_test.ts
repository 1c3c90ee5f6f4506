import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { hex, machineOf, OPCODES, received, roles, toward } from "../support/frames.ts";
import { joined, pattern } from "../support/switching.ts";

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
    assert(allocated > 0 && allocated < 300_000, `${role} allocated ${allocated}`);
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
