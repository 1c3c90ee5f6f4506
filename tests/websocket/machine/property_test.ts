/**
 * Properties of the WebSocket machines, on messages and bytes that nobody chose: RFC 6455 §5.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { WebSocketProtocolError } from "../../../src/errors/web_socket_protocol_error.ts";
import { readExtensions, writeExtension } from "../../../src/websocket/machine/extensions.ts";
import { acceptDeflate, agreedDeflate } from "../../../src/websocket/machine/permessage_deflate.ts";
import { Utf8Validator } from "../../../src/websocket/machine/utf8.ts";
import { WebSocketMachine } from "../../../src/websocket/machine/web_socket_machine.ts";
import {
  bytesOf,
  closePayload,
  eventText,
  hex,
  machineOf,
  OPCODES,
  received,
  roles,
  toward,
} from "../../support/frames.ts";
import { timesAsLongAtOnce } from "../../support/growth.ts";
import { joined } from "../../support/switching.ts";
import { rounds } from "../../support/rounds.ts";

const runs = rounds(100);

/** Bytes, and the same in chunks. */
function chunksOf(bytes: Uint8Array): fc.Arbitrary<Uint8Array[]> {
  return fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }).map((cuts) => {
    const ends = [...new Set([...cuts, bytes.length])].filter((cut) => cut > 0).sort((a, b) => a - b);
    return ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end));
  });
}

const role = fc.constantFrom(...roles);
const word = fc.oneof(fc.string({ unit: "grapheme", maxLength: 40 }), fc.string({ unit: "binary", maxLength: 300 }));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(new Uint8Array(65_536).fill(7), new Uint8Array(126)),
);

/** What an end may be told to send. */
const action = fc.oneof(
  fc.record({ type: fc.constant("text" as const), text: word }),
  fc.record({ type: fc.constant("binary" as const), bytes }),
  fc.record({ type: fc.constant("parts" as const), parts: fc.array(word, { minLength: 1, maxLength: 4 }) }),
  fc.record({ type: fc.constant("ping" as const), payload: fc.uint8Array({ maxLength: 125 }) }),
);

test("any messages, parts and Pings arrive as they were sent, however they are cut (RFC 6455 §5) [W17]", () => {
  fc.assert(
    fc.property(
      role,
      fc.array(action, { maxLength: 12 }),
      fc.nat(),
      fc.infiniteStream(fc.nat()),
      (from, actions, key, cuts) => {
        const sender = from === "client"
          ? new WebSocketMachine({ role: "client", maskingKey: () => (key = Math.imul(key, 69_069) + 1 | 0) })
          : machineOf("server");
        const expected: string[] = [];
        for (const act of actions) {
          if (act.type === "text") {
            sender.send(act.text);
            expected.push(eventText({ type: "text", text: wellFormed(act.text) }));
          } else if (act.type === "binary") {
            sender.send(act.bytes);
            expected.push(eventText({ type: "binary", bytes: act.bytes }));
          } else if (act.type === "ping") {
            sender.ping(act.payload);
            expected.push(eventText({ type: "ping", payload: act.payload }));
          } else {
            for (const [i, part] of act.parts.entries()) {
              sender.send(part, { fin: i === act.parts.length - 1, compressed: false });
            }
            expected.push(eventText({ type: "text", text: act.parts.map(wellFormed).join("") }));
          }
        }
        sender.close(1000, "end");
        expected.push('close 1000 "end"', "end");
        const wire = joined(...sender.take());
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < wire.length;) {
          const size = 1 + cuts.next().value % (wire.length > 2000 ? 5000 : 50);
          chunks.push(wire.slice(at, at += size));
        }
        const to = from === "client" ? "server" : "client";
        assertEquals(received(to, chunks), expected);
        assertEquals(received(to, chunks, { lent: true }), expected);
      },
    ),
    runs,
  );
});

/** The text as UTF-8 can say it. */
function wellFormed(text: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytesOf(text));
}

/** Frames that are right, nearly right and wrong. */
const frameInit = fc.record({
  fin: fc.boolean(),
  rsv: fc.constantFrom(0, 0, 0, 0, 0, 4, 1),
  opcode: fc.constantFrom(0, 0, 1, 1, 2, 8, 9, 10, 3, 11),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.string({ unit: "grapheme", maxLength: 10 }).map(bytesOf),
    fc.integer({ min: 990, max: 1016 }).map((code) => closePayload(code, "x")),
    fc.constant(new Uint8Array(130)),
  ),
}, { requiredKeys: ["opcode", "payload"] });

const traffic = role.chain((role) =>
  fc.record({
    role: fc.constant(role),
    bytes: fc.oneof(
      fc.array(frameInit, { maxLength: 8 }).map((frames) => joined(...frames.map((init) => toward(role, init)))),
      fc.uint8Array({ maxLength: 60 }),
    ),
    options: fc.record({
      mayCompress: fc.boolean(),
      maxMessageBytes: fc.constantFrom(0, 5, 20, 1_000_000),
      eof: fc.boolean(),
    }),
  })
);

test("WebSocketMachine makes the same of any bytes however they are cut, and fails only as it may [W10, W13]", () => {
  fc.assert(
    fc.property(
      traffic.chain((given) => fc.record({ given: fc.constant(given), chunks: chunksOf(given.bytes) })),
      ({ given: { role, bytes, options }, chunks }) => {
        const whole = received(role, [bytes], options);
        assertEquals(received(role, chunks, options), whole);
        assertEquals(received(role, chunks, { ...options, lent: true }), whole);
        assertEquals(received(role, Array.from(bytes, (_, i) => bytes.slice(i, i + 1)), options), whole);
      },
    ),
    rounds(500),
  );
});

/** Right traffic, of which one byte was changed, added or taken. */
const mutants = role.chain((role) => {
  const right = joined(
    toward(role, { opcode: OPCODES.text, payload: "κόσμε" }),
    toward(role, { opcode: OPCODES.text, fin: false, payload: "be" }),
    toward(role, { opcode: OPCODES.ping, payload: "p" }),
    toward(role, { opcode: OPCODES.continuation, payload: "gun" }),
    toward(role, { opcode: OPCODES.binary, payload: new Uint8Array(130) }),
    toward(role, { opcode: OPCODES.close, payload: closePayload(1000, "bye") }),
  );
  return fc.record({
    role: fc.constant(role),
    at: fc.nat({ max: right.length - 1 }),
    byte: fc.nat({ max: 255 }),
    how: fc.constantFrom("change", "add", "take"),
  }).map(({ role, at, byte, how }) => ({
    role,
    bytes: joined(
      right.slice(0, at),
      how === "take" ? new Uint8Array() : new Uint8Array([byte]),
      right.slice(how === "add" ? at : at + 1),
    ),
  }));
});

test("traffic with one wrong byte gives messages, or fails as it may; never anything else [W10]", () => {
  fc.assert(
    fc.property(mutants, fc.boolean(), ({ role, bytes }, mayCompress) => {
      const whole = received(role, [bytes], { mayCompress, eof: true });
      assert(/^(?:end|fail [a-z0-9-]+ (?:1002|1007|1009))$/.test(whole.at(-1)!), whole.at(-1));
      assertEquals(
        received(role, Array.from(bytes, (_, i) => bytes.slice(i, i + 1)), { mayCompress, eof: true }),
        whole,
      );
    }),
    rounds(500),
  );
});

test("Utf8Validator agrees with the platform's decoder on any bytes, however they are cut (RFC 3629)", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const near = fc.array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 3 }).map(bytesOf),
      fc.constantFrom(0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xa0, 0xed, 0x9f, 0xf0, 0x90, 0xf4, 0x8f, 0xff, 0x41).map((byte) =>
        new Uint8Array([byte])
      ),
    ),
    { maxLength: 12 },
  ).map((parts) => joined(...parts));
  fc.assert(
    fc.property(near, fc.nat(), (bytes, cut) => {
      let right = true;
      try {
        decoder.decode(bytes);
      } catch {
        right = false;
      }
      const at = bytes.length === 0 ? 0 : cut % bytes.length;
      const validator = new Utf8Validator();
      const accepted = validator.accepts(bytes, 0, at) && validator.accepts(bytes, at, bytes.length);
      assertEquals(accepted && validator.complete, right, hex(bytes));
    }),
    rounds(750),
  );
});

const hostile = fc.string({
  unit: fc.constantFrom(
    "a",
    "b",
    "1",
    "0",
    ";",
    ",",
    "=",
    '"',
    "\\",
    " ",
    "\t",
    "é",
    "permessage-deflate",
    "server_max_window_bits",
    "client_no_context_takeover",
    "; ",
    "=10",
  ),
  maxLength: 30,
});

test("readExtensions() and what reads on from it take any text: null, or what can be written and read again [K1]", () => {
  fc.assert(
    fc.property(hostile, (value) => {
      const extensions = readExtensions(value);
      const accepted = acceptDeflate(value, {});
      if (extensions === null) assertEquals(accepted, null);
      else assertEquals(readExtensions(extensions.map(writeExtension).join(", ")), extensions);
      if (accepted !== null) assertEquals(agreedDeflate(accepted.field, {}), accepted.agreement);
      try {
        agreedDeflate(value, {});
      } catch (error) {
        assert(error instanceof WebSocketProtocolError && error.code === "handshake-extension");
      }
    }),
    rounds(750),
  );
});

test("readExtensions() takes linear time", () => {
  const units = [";", ",", " ", "\t", "a;", "a;b,", '"', 'a;b="', "\\", 'a;b="\\a', "a ", "a; ", "a=", "a;b=c;"];
  for (const unit of units) {
    const times = timesAsLongAtOnce((count) => {
      const value = `a;b${unit.repeat(count)}`;
      return [readExtensions(value), acceptDeflate(value, {})];
    }, 1000);
    assert(times < 8, `${JSON.stringify(unit)}: ${times} times as long at once as in parts`);
  }
});
