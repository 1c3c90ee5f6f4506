import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import { mayBeSent } from "../../../src/websocket/machine/close_code.ts";
import { everyCut } from "../../support/bytes.ts";
import { bytesOf, closePayload, machineOf, OPCODES, received, roles, sent, toward } from "../../support/frames.ts";
import { joined } from "../../support/switching.ts";

const { continuation, text, binary, close, ping, pong } = OPCODES;

const ALLOWED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const REFUSED = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32_768, 65_535];

test("WebSocketMachine takes every close code that may be sent, and echoes it (RFC 6455 §5.5.1, §7.4) [W15, W16]", () => {
  for (const role of roles) {
    for (const code of ALLOWED) {
      for (const reason of ["", "a", "Hello World!", "κόσμε", "x".repeat(122), "x".repeat(123)]) {
        const machine = machineOf(role);
        machine.receive(toward(role, { opcode: close, payload: closePayload(code, reason) }));
        assertEquals(machine.next(), { type: "close", closeCode: code, reason });
        assertEquals(machine.next(), { type: "end" });
        assertEquals(sent(machine), [`close ${code} ""`]);
        assertEquals([machine.closeReceived, machine.closeSent], [true, true]);
      }
    }
  }
});

test("WebSocketMachine refuses every other close code with 1002 (RFC 6455 §7.4.1, §7.4.2) [W15]", () => {
  for (const role of roles) {
    for (const code of REFUSED) {
      const bytes = toward(role, { opcode: close, payload: closePayload(code, "x") });
      for (const { chunks } of everyCut(bytes)) {
        assertEquals(received(role, chunks), ["fail bad-close-code 1002"], `${code}`);
      }
    }
  }
});

test("mayBeSent() agrees with the registry for every number (RFC 6455 §7.4, IANA)", () => {
  for (let code = -1; code <= 70_000; code++) {
    const registered = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
    assertEquals(mayBeSent(code), registered || (code >= 3000 && code <= 4999), `${code}`);
  }
  assertEquals([1000.5, NaN, Infinity, -1000].map(mayBeSent), [false, false, false, false]);
});

test("WebSocketMachine answers an empty Close with an empty one (RFC 6455 §5.5.1, §7.1.5) [W16]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.receive(toward(role, { opcode: close }));
    assertEquals(machine.next(), { type: "close", closeCode: 1005, reason: "" });
    assertEquals(sent(machine), ["close"]);
  }
});

test("WebSocketMachine refuses a Close of one byte with 1002, and one of 126 (RFC 6455 §5.5.1) [W15]", () => {
  for (const role of roles) {
    for (const { chunks } of everyCut(toward(role, { opcode: close, payload: "a" }))) {
      assertEquals(received(role, chunks), ["fail bad-close-payload 1002"]);
    }
    const long = toward(role, { opcode: close, payload: closePayload(1000, "x".repeat(124)) });
    assertEquals(received(role, [long]), ["fail control-too-long 1002"]);
  }
});

test("WebSocketMachine ignores all that comes behind a Close (RFC 6455 §5.5.1) [W16]", () => {
  for (const role of roles) {
    const bytes = joined(
      toward(role, { opcode: text, payload: "before" }),
      toward(role, { opcode: close, payload: closePayload(1000, "bye") }),
      toward(role, { opcode: text, payload: "behind" }),
      toward(role, { opcode: ping, payload: "behind" }),
      toward(role, { opcode: close, payload: closePayload(1001) }),
      new Uint8Array([0xff, 0xff, 0xff]),
    );
    for (const { how, chunks } of everyCut(bytes)) {
      assertEquals(received(role, chunks), ['text "before"', 'close 1000 "bye"', "end"], how);
    }
    const machine = machineOf(role);
    machine.receive(bytes);
    while (machine.next().type !== "end");
    assertEquals(sent(machine), ['close 1000 ""']);
  }
});

test("WebSocketMachine takes a Close in the middle of a fragmented message (RFC 6455 §5.4) [W16]", () => {
  for (const role of roles) {
    const frames = [
      toward(role, { opcode: text, fin: false, payload: "frag" }),
      toward(role, { opcode: close, payload: closePayload(1001) }),
      toward(role, { opcode: continuation, payload: "ment" }),
    ];
    assertEquals(received(role, frames), ['close 1001 ""', "end"]);
  }
});

test("WebSocketMachine goes on to receive after its own Close, and answers no Ping then (RFC 6455 §5.5.1, §5.5.2) [W16]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.close(1000, "done");
    assertEquals(sent(machine), ['close 1000 "done"']);
    machine.receive(joined(
      toward(role, { opcode: text, payload: "late" }),
      toward(role, { opcode: ping, payload: "p" }),
      toward(role, { opcode: binary, fin: false, payload: "1" }),
      toward(role, { opcode: pong }),
      toward(role, { opcode: continuation, payload: "2" }),
      toward(role, { opcode: close, payload: closePayload(1000, "too") }),
    ));
    const types = ["text", "ping", "pong", "binary", "close", "end"];
    assertEquals(types.map(() => machine.next().type), types as ReturnType<typeof machine.next>["type"][]);
    assertEquals(sent(machine), []);
  }
});

test("WebSocketMachine sends one Close where both ends close at once (RFC 6455 §7.1.2) [W16]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.receive(toward(role, { opcode: close, payload: closePayload(4001, "mine") }));
    machine.close(4002, "yours");
    machine.close(4003);
    assertEquals(machine.next(), { type: "close", closeCode: 4001, reason: "mine" });
    machine.close(4004);
    assertEquals(sent(machine), ['close 4002 "yours"']);
  }
});

test("WebSocketMachine sends the Pong it owes before its own Close (RFC 6455 §5.5.2) [W14]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.receive(toward(role, { opcode: ping, payload: "p" }));
    machine.next();
    machine.close(1000);
    assertEquals(sent(machine), ["pong 70", 'close 1000 ""']);
  }
});

test("WebSocketMachine sends nothing after its Close (RFC 6455 §5.5.1) [W16]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.close(null);
    assertEquals(sent(machine), ["close"]);
    for (const act of [() => machine.send("x"), () => machine.send(new Uint8Array(1))]) {
      assertEquals(assertThrows(act, StateError).code, "closed");
    }
    assertEquals(assertThrows(() => machine.ping(new Uint8Array()), StateError).code, "closed");
    assertEquals(machine.take(), []);
  }
});

test("WebSocketMachine may close in the middle of its own message, and never goes on with it (RFC 6455 §5.4)", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    machine.send("a", { fin: false, compressed: false });
    machine.close(1011);
    assertThrows(() => machine.send("b", { fin: true, compressed: false }), StateError);
    assertEquals(sent(machine), ['text+ "a"', 'close 1011 ""']);
  }
});

test("close() of WebSocketMachine refuses what must not be sent, and has then sent nothing (RFC 6455 §5.5, §7.4) [W15]", () => {
  for (const role of roles) {
    const machine = machineOf(role);
    for (const code of [...REFUSED, -1, 1000.5, NaN, 70_000]) assertThrows(() => machine.close(code), RangeError);
    assertThrows(() => machine.close(null, "reason"), RangeError);
    assertThrows(() => machine.close(1000, "x".repeat(124)), RangeError);
    assertThrows(() => machine.close(1000, "€".repeat(41) + "x"), RangeError);
    assertEquals([machine.take(), machine.closeSent], [[], false]);
    machine.close(1000, "€".repeat(41));
    const [only] = sent(machine);
    assertEquals(only, `close 1000 ${JSON.stringify("€".repeat(41))}`);
    assertEquals(bytesOf("€".repeat(41)).length, 123);
  }
});

test("WebSocketMachine writes a Close for each code, masked by a client (RFC 6455 §5.1, §5.5.1)", () => {
  for (const role of roles) {
    for (const code of ALLOWED) {
      const machine = machineOf(role);
      machine.close(code, "κ");
      const [bytes] = machine.take();
      assertEquals((bytes![1]! & 0x80) !== 0, role === "client");
      assertEquals([bytes![0], bytes![1]! & 0x7f], [0x88, 4]);
    }
  }
});
