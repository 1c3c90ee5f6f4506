/**
 * Properties of the machines of HTTP/2 on frames that follow no rule: only typed errors, the same events for every cut, and an end
 * behind an error of the connection. RFC 9113 §5.4.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { concat } from "../../../src/bytes/concat.ts";
import { Http2ClientMachine } from "../../../src/http2/machine/client_machine.ts";
import { PREFACE } from "../../../src/http2/machine/preface.ts";
import { Http2ServerMachine } from "../../../src/http2/machine/server_machine.ts";
import { rounds } from "../../support/rounds.ts";
import { drain, frame, RawClient } from "./h2_talk.ts";

/** Blocks that mean something now and then. */
const block = fc.oneof(
  fc.constantFrom(
    [...new RawClient().request(1).slice(9)],
    [0x88],
    [0x82, 0x86, 0x84, 0x41, 1, 0x61],
    [0x3f, 0xe1, 0x1f],
    [0x82, 0x87, 0x85],
  ),
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 20 }),
);

const anyFrame = fc.record({
  type: fc.oneof(fc.integer({ min: 0, max: 17 }), fc.constantFrom(0, 1, 3, 8, 9)),
  flags: fc.oneof(fc.constantFrom(0, 1, 4, 5), fc.integer({ min: 0, max: 255 })),
  streamId: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(2 ** 31 - 1, 2 ** 31)),
  payload: fc.oneof(
    block,
    fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 12 }),
    fc.constantFrom([0, 0, 0, 1]),
  ),
}).map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload));

const talk = fc.record({
  frames: fc.array(anyFrame, { maxLength: 30 }),
  noise: fc.uint8Array({ maxLength: 40 }),
  pieceBytes: fc.constantFrom(1, 2, 3, 9, 17, 64),
});

const SETTINGS = frame("settings", 0, 0);

function serverSays(bytes: Uint8Array, pieceBytes: number): string[] {
  const machine = new Http2ServerMachine({ connectProtocol: true, limits: { maxConcurrentStreams: 3 } });
  return says(machine, concat([PREFACE, SETTINGS, bytes]), pieceBytes);
}

function clientSays(bytes: Uint8Array, pieceBytes: number): string[] {
  const machine = new Http2ClientMachine();
  const control = { method: "GET", scheme: "http", authority: "a", path: "/", protocol: null };
  for (let i = 0; i < 3; i++) machine.sendRequest({ ...control, fields: [] }, i > 0);
  return says(machine, concat([SETTINGS, bytes]), pieceBytes);
}

/** What a machine finds in bytes that come in pieces; data of one stream joined, as a cut cannot split a frame's. */
function says(machine: Http2ClientMachine | Http2ServerMachine, bytes: Uint8Array, pieceBytes: number): string[] {
  const said: string[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    machine.receive(bytes.slice(at, at + pieceBytes));
    said.push(...drain(machine));
    if (said.at(-1) === "closed") return said;
  }
  machine.receiveEof();
  said.push(...drain(machine));
  assertEquals(said.at(-1), "closed");
  assert(machine.unsentBytes < 100_000);
  return said;
}

for (const [role, of] of [["server", serverSays], ["client", clientSays]] as const) {
  test(`a ${role}'s machine finds the same in any frames, whole and cut, and throws Http2Error alone`, () => {
    fc.assert(
      fc.property(talk, ({ frames, noise, pieceBytes }) => {
        const bytes = concat([...frames, noise]);
        assertEquals(of(bytes, pieceBytes), of(bytes, Infinity));
      }),
      rounds(200),
    );
  });
}
