import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import { maskInto } from "../../../src/websocket/machine/mask.ts";
import { WebSocketMachine } from "../../../src/websocket/machine/web_socket_machine.ts";
import { everyCut } from "../../support/bytes.ts";
import { machineOf, OPCODES, parseFrames, received, roles, sent, toward, unhex } from "../../support/frames.ts";
import { joined, pattern } from "../../support/switching.ts";

const { continuation, text, binary, close, ping, pong } = OPCODES;
const RSV1 = 4;

test("WebSocketMachine gives compressed messages as they came, in any number of frames (RFC 7692 §6, §7.2.3) [K3]", () => {
  const compressed = unhex("f2 48 cd c9 c9 07 00");
  for (const role of roles) {
    for (const [kind, opcode] of [["text", text], ["binary", binary]] as const) {
      for (let cut = 0; cut <= compressed.length; cut++) {
        const bytes = joined(
          toward(role, { opcode, rsv: RSV1, fin: false, payload: compressed.slice(0, cut) }),
          toward(role, { opcode: ping }),
          toward(role, { opcode: continuation, payload: compressed.slice(cut) }),
          toward(role, { opcode: text, payload: "plain" }),
          toward(role, { opcode, rsv: RSV1, payload: compressed }),
        );
        const message = `compressed ${kind} f248cdc9c90700`;
        for (const { how, chunks } of everyCut(bytes)) {
          const events = received(role, chunks, { mayCompress: true });
          assertEquals(events, ["ping", message, 'text "plain"', message, "need-data"], `${role} ${cut} ${how}`);
        }
      }
    }
  }
});

test("WebSocketMachine does not look for UTF-8 in what is compressed, and does in what is not [K3]", () => {
  for (const role of roles) {
    const bad = unhex("ff fe");
    assertEquals(received(role, [toward(role, { opcode: text, rsv: RSV1, payload: bad })], { mayCompress: true }), [
      "compressed text fffe",
      "need-data",
    ]);
    assertEquals(received(role, [toward(role, { opcode: text, payload: bad })], { mayCompress: true }), [
      "fail bad-utf8 1007",
    ]);
  }
});

test("WebSocketMachine refuses RSV1 on continuations and control frames, RSV2 and RSV3 anywhere, with 1002 (RFC 7692 §6) [K3]", () => {
  for (const role of roles) {
    for (const opcode of [close, ping, pong]) {
      const bytes = toward(role, { opcode, rsv: RSV1 });
      assertEquals(received(role, [bytes], { mayCompress: true }), ["fail reserved-bits 1002"]);
    }
    const begun = toward(role, { opcode: text, rsv: RSV1, fin: false, payload: "a" });
    for (const fin of [true, false]) {
      const more = toward(role, { opcode: continuation, rsv: RSV1, fin, payload: "b" });
      assertEquals(received(role, [begun, more], { mayCompress: true }), ["fail reserved-bits 1002"]);
    }
    for (const opcode of Object.values(OPCODES)) {
      for (const rsv of [1, 2, 3, 5, 6, 7]) {
        const bytes = toward(role, { opcode, rsv });
        assertEquals(received(role, [bytes], { mayCompress: true }), ["fail reserved-bits 1002"]);
      }
    }
    assertEquals(received(role, [begun]), ["fail reserved-bits 1002"]);
  }
});

test("WebSocketMachine bounds a compressed message by what it may be inflated to, from its header on [K6]", () => {
  for (const role of roles) {
    const limits = { mayCompress: true, maxMessageBytes: 1000 };
    const fits = toward(role, { opcode: binary, rsv: RSV1, payload: pattern(1005) });
    assertEquals(received(role, [fits], limits).at(-1), "need-data");
    const header = toward(role, { opcode: binary, rsv: RSV1, length: 10_000 });
    assertEquals(received(role, [header], limits), ["fail message-too-large 1009"]);
    const fragments = [
      toward(role, { opcode: binary, rsv: RSV1, fin: false, payload: pattern(900) }),
      toward(role, { opcode: continuation, length: 9000 }),
    ];
    assertEquals(received(role, fragments, limits), ["fail message-too-large 1009"]);
  }
});

test("WebSocketMachine sends a message in parts, with control frames between them (RFC 6455 §5.4) [W11]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    const more = { fin: false, compressed: false };
    machine.send("a", more);
    assertEquals(machine.sending, true);
    machine.ping(unhex("01"));
    machine.send("", more);
    machine.receive(toward(role, { opcode: ping, payload: "p" }));
    machine.next();
    machine.send("b", { fin: true, compressed: false });
    assertEquals(machine.sending, false);
    machine.send(unhex("02"));
    const frames = ['text+ "a"', "ping 01", "continuation+", "pong 70", "continuation 62", "binary 02"];
    assertEquals(sent(machine), frames);
  }
});

test("WebSocketMachine sets RSV1 on the first frame of a compressed message only (RFC 7692 §6.1) [K3]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.send(unhex("01"), { kind: "text", fin: false, compressed: true });
    machine.send(unhex("02"), { kind: "text", fin: false, compressed: true });
    machine.send(unhex("03"), { kind: "text", fin: true, compressed: true });
    machine.send(unhex("04"), { kind: "binary", fin: true, compressed: true });
    machine.send("plain");
    const frames = ["text+ rsv4 01", "continuation+ 02", "continuation 03", "binary rsv4 04", 'text "plain"'];
    assertEquals(sent(machine), frames);
  }
});

test("WebSocketMachine mixes no kinds in a message (RFC 6455 §5.4)", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.send("a", { fin: false, compressed: false });
    assertEquals(assertThrows(() => machine.send(unhex("01")), StateError).code, "busy");
    machine.send("b");
    assertEquals(sent(machine), ['text+ "a"', "continuation 62"]);
  }
});

test("ping() of WebSocketMachine takes 125 bytes at most (RFC 6455 §5.5) [W14]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.ping(new Uint8Array(125));
    machine.ping(new Uint8Array(0));
    assertThrows(() => machine.ping(new Uint8Array(126)), RangeError);
    const frames = parseFrames(joined(...machine.take()));
    assertEquals(frames.map(({ opcode, payload }) => [opcode, payload.length]), [[9, 125], [9, 0]]);
  }
});

test("a client's WebSocketMachine asks for a new masking key for each frame, Pong and Close too (RFC 6455 §5.3) [W5]", () => {
  let keys = 0;
  const machine = new WebSocketMachine({ role: "client", maskingKey: () => ++keys * 0x01010101 });
  machine.send("a");
  machine.send(pattern(70_000));
  machine.ping(unhex("01"));
  machine.receive(toward("client", { opcode: ping }));
  machine.next();
  machine.close(1000);
  const frames = parseFrames(joined(...machine.take()));
  assertEquals(frames.map(({ key }) => key), [1, 2, 3, 4, 5].map((n) => [n, n, n, n]));
  assertEquals(frames[1]?.payload, pattern(70_000));
});

test("maskInto() masks at every phase and alignment, and twice undoes it (RFC 6455 §5.3)", () => {
  const key = 0x12_34_56_f8;
  const keyBytes = [0x12, 0x34, 0x56, 0xf8];
  for (const length of [0, 1, 3, 4, 95, 96, 97, 98, 99, 100, 257]) {
    for (let phase = 0; phase < 5; phase++) {
      for (let at = 0; at < 4; at++) {
        const source = pattern(length + 8);
        const target = new Uint8Array(length + 8).fill(0xaa);
        maskInto(target, at, source, 2, length, key, phase);
        const expected = source.slice(2, 2 + length).map((byte, i) => byte ^ keyBytes[(phase + i) % 4]!);
        assertEquals(target.subarray(at, at + length), expected, `${length} ${phase} ${at}`);
        assertEquals([...target.subarray(0, at), ...target.subarray(at + length)], Array(8).fill(0xaa));
        maskInto(target, at, target, at, length, key, phase);
        assertEquals(target.subarray(at, at + length), source.subarray(2, 2 + length));
      }
    }
  }
});

test("WebSocketMachine keeps bytes apart that were taken and those that were added later", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.send("first");
    const first = machine.take();
    machine.send("second");
    const second = machine.take();
    const texts = [first, second].map((parts) =>
      parseFrames(joined(...parts)).map(({ payload }) => String.fromCharCode(...payload))
    );
    assertEquals(texts, [["first"], ["second"]]);
    machine.recycle();
    machine.send("third");
    assertEquals(sent(machine), ['text "third"']);
  }
});

test("WebSocketMachine gives an empty message in memory of its own: its receiver may transfer it", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    for (const _ of [1, 2]) {
      machine.receive(toward(role, { opcode: binary }));
      const event = machine.next();
      if (event.type !== "binary") throw new Error(event.type);
      const { buffer } = event.bytes;
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    }
  }
});
