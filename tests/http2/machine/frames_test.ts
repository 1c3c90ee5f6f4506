/**
 * Frames of HTTP/2: RFC 9113 §4 and §6, written and read, whole and cut at every point.
 */

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat } from "../../../src/bytes/concat.ts";
import { Http2Error } from "../../../src/errors/http2_error.ts";
import type { Frame } from "../../../src/http2/machine/frame.ts";
import { FrameReader } from "../../../src/http2/machine/frame_reader.ts";
import { FrameWriter } from "../../../src/http2/machine/frame_writer.ts";
import { everyCut } from "../../support/bytes.ts";
import { unhex } from "../../support/frames.ts";
import { rounds } from "../../support/rounds.ts";

const MAX = 16_384;

function written(write: (writer: FrameWriter) => void): Uint8Array {
  const writer = new FrameWriter();
  write(writer);
  return concat(writer.take());
}

function framesIn(chunks: readonly Uint8Array[], maxFrameBytes = MAX): Frame[] {
  const reader = new FrameReader(maxFrameBytes);
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    reader.in.push(chunk.slice());
    for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(structuredClone(frame));
  }
  return frames;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("what FrameWriter writes FrameReader reads, whole, byte by byte and cut at every point", () => {
  const all = written((writer) => {
    writer.settings([[3, 100], [4, 65_535]]);
    writer.settingsAck();
    writer.headers(1, bytes("0123456789"), false, 4);
    writer.data(1, bytes("hello"), false);
    writer.data(1, bytes(""), true);
    writer.ping(bytes("01234567"), false);
    writer.ping(bytes("01234567"), true);
    writer.windowUpdate(0, 1);
    writer.windowUpdate(1, 2 ** 31 - 1);
    writer.rstStream(1, "cancel");
    writer.goaway(2 ** 31 - 1, "no-error");
  });
  const expected: Frame[] = [
    { type: "settings", settings: [[3, 100], [4, 65_535]] },
    { type: "settings-ack" },
    { type: "headers", streamId: 1, fragment: bytes("0123"), endStream: false, endHeaders: false, dependsOn: null },
    { type: "continuation", streamId: 1, fragment: bytes("4567"), endHeaders: false },
    { type: "continuation", streamId: 1, fragment: bytes("89"), endHeaders: true },
    { type: "data", streamId: 1, payload: bytes("hello"), flowBytes: 5, endStream: false },
    { type: "data", streamId: 1, payload: bytes(""), flowBytes: 0, endStream: true },
    { type: "ping", payload: bytes("01234567"), ack: false },
    { type: "ping", payload: bytes("01234567"), ack: true },
    { type: "window-update", streamId: 0, increment: 1 },
    { type: "window-update", streamId: 1, increment: 2 ** 31 - 1 },
    { type: "rst-stream", streamId: 1, errorCode: 8 },
    { type: "goaway", lastStreamId: 2 ** 31 - 1, errorCode: 0, debug: bytes("") },
  ];
  for (const { how, chunks } of everyCut(all)) assertEquals(framesIn(chunks), expected, how);
});

test("an empty block is one HEADERS, and a block of one whole frame needs no CONTINUATION", () => {
  for (const length of [0, 4]) {
    const [frame, ...more] = framesIn([written((writer) => writer.headers(1, new Uint8Array(length), true, 4))]);
    assertEquals([frame?.type, more.length], ["headers", 0]);
    assert(frame?.type === "headers" && frame.endHeaders && frame.endStream);
  }
});

const readable: Readonly<Record<string, readonly [wire: string, frame: Frame]>> = {
  "DATA with padding, which counts for the windows [§6.1, §6.9.1]": [
    "00 00 06 00 09 00 00 00 03 02 61 62 63 00 00",
    { type: "data", streamId: 3, payload: bytes("abc"), flowBytes: 6, endStream: true },
  ],
  "DATA that is nothing but padding": [
    "00 00 03 00 08 00 00 00 03 02 00 00",
    { type: "data", streamId: 3, payload: bytes(""), flowBytes: 3, endStream: false },
  ],
  "HEADERS with padding and priority, which is only told [§6.2, §5.3.2]": [
    "00 00 08 01 2c 00 00 00 03 01 80 00 00 05 10 82 00",
    {
      type: "headers",
      streamId: 3,
      fragment: new Uint8Array([0x82]),
      endStream: false,
      endHeaders: true,
      dependsOn: 5,
    },
  ],
  "PRIORITY [§6.3]": ["00 00 05 02 00 00 00 00 03 80 00 00 0b 07", { type: "priority", streamId: 3, dependsOn: 11 }],
  "a reserved bit in a stream's number, which is ignored [§4.1]": [
    "00 00 00 00 01 80 00 00 01",
    { type: "data", streamId: 1, payload: bytes(""), flowBytes: 0, endStream: true },
  ],
  "flags that have no meaning, which are ignored [§4.1]": [
    "00 00 04 08 ff 00 00 00 00 80 00 00 07",
    { type: "window-update", streamId: 0, increment: 7 },
  ],
  "a type that has no meaning [§5.5]": ["00 00 02 2a ff 00 00 00 05 01 02", { type: "unknown", streamId: 5 }],
  "GOAWAY with debug data [§6.8]": [
    "00 00 0a 07 00 00 00 00 00 00 00 00 05 00 00 00 0b 68 69",
    { type: "goaway", lastStreamId: 5, errorCode: 11, debug: bytes("hi") },
  ],
  "PRIORITY_UPDATE [RFC 9218 §7.1]": [
    "00 00 07 10 00 00 00 00 00 00 00 00 05 75 3d 31",
    { type: "priority-update", streamId: 5, value: bytes("u=1") },
  ],
};

for (const [what, [wire, frame]] of Object.entries(readable)) {
  test(`FrameReader reads ${what}`, () => {
    for (const { how, chunks } of everyCut(unhex(wire))) assertEquals(framesIn(chunks), [frame], how);
  });
}

const refused: Readonly<Record<string, readonly [wire: string, code: string, streamId?: number]>> = {
  "a frame above SETTINGS_MAX_FRAME_SIZE [§4.2]": ["00 40 01 00 00 00 00 00 01", "frame-size"],
  "DATA on stream 0 [§6.1]": ["00 00 00 00 00 00 00 00 00", "protocol"],
  "DATA with more padding than payload [§6.1]": ["00 00 02 00 08 00 00 00 01 02 00", "protocol"],
  "DATA without the length of its padding [§6.1]": ["00 00 00 00 08 00 00 00 01", "frame-size"],
  "HEADERS on stream 0 [§6.2]": ["00 00 00 01 04 00 00 00 00", "protocol"],
  "HEADERS with more padding than payload [§6.2]": ["00 00 01 01 0c 00 00 00 01 01", "protocol"],
  "HEADERS that end within their priority [§6.2]": ["00 00 04 01 24 00 00 00 01 00 00 00 00", "frame-size"],
  "PRIORITY on stream 0 [§6.3]": ["00 00 05 02 00 00 00 00 00 00 00 00 00 00", "protocol"],
  "PRIORITY of another length, an error of the stream [§6.3]": [
    "00 00 04 02 00 00 00 00 01 00 00 00 00",
    "frame-size",
    1,
  ],
  "RST_STREAM on stream 0 [§6.4]": ["00 00 04 03 00 00 00 00 00 00 00 00 00", "protocol"],
  "RST_STREAM of another length [§6.4]": ["00 00 03 03 00 00 00 00 01 00 00 00", "frame-size"],
  "SETTINGS on a stream [§6.5]": ["00 00 00 04 00 00 00 00 01", "protocol"],
  "SETTINGS that are not whole [§6.5]": ["00 00 05 04 00 00 00 00 00 00 00 00 00 00", "frame-size"],
  "an acknowledgement with settings [§6.5]": ["00 00 06 04 01 00 00 00 00 00 03 00 00 00 64", "frame-size"],
  "PUSH_PROMISE on stream 0 [§6.6]": ["00 00 04 05 04 00 00 00 00 00 00 00 02", "protocol"],
  "PING on a stream [§6.7]": ["00 00 08 06 00 00 00 00 01 00 00 00 00 00 00 00 00", "protocol"],
  "PING of another length [§6.7]": ["00 00 06 06 00 00 00 00 00 00 00 00 00 00 00", "frame-size"],
  "GOAWAY on a stream [§6.8]": ["00 00 08 07 00 00 00 00 01 00 00 00 00 00 00 00 00", "protocol"],
  "GOAWAY that is too short [§6.8]": ["00 00 07 07 00 00 00 00 00 00 00 00 00 00 00 00", "frame-size"],
  "WINDOW_UPDATE of another length [§6.9]": ["00 00 03 08 00 00 00 00 00 00 00 01", "frame-size"],
  "CONTINUATION on stream 0 [§6.10]": ["00 00 00 09 04 00 00 00 00", "protocol"],
};

for (const [what, [wire, code, streamId = 0]] of Object.entries(refused)) {
  test(`FrameReader refuses ${what}, as soon as it can be known`, () => {
    for (const { how, chunks } of everyCut(unhex(wire))) {
      const error = assertThrows(() => framesIn(chunks), Http2Error, undefined, how);
      assertEquals([error.code, error.streamId], [code, streamId], how);
    }
  });
}

test("behind an error of a stream the next frame is read", () => {
  const reader = new FrameReader(MAX);
  reader.in.push(unhex("00 00 04 02 00 00 00 00 01 00 00 00 00 00 00 04 08 00 00 00 00 00 00 00 00 07"));
  assertThrows(() => reader.next(), Http2Error);
  assertEquals(reader.next(), { type: "window-update", streamId: 0, increment: 7 });
});

test("a length that cannot be is refused before its payload has come", () => {
  assertThrows(() => framesIn([unhex("ff ff ff 00 00 00 00 00 01")]), Http2Error);
  assertThrows(() => framesIn([unhex("00 00 09 06 00 00 00 00 00")]), Http2Error);
});

test("any bytes are frames or an Http2Error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(16), (payload, type) => {
      const frame = concat([new Uint8Array([0, 0, payload.length, type, payload[0] ?? 0, 0, 0, 0, type & 1]), payload]);
      try {
        framesIn([frame]);
      } catch (error) {
        assert(error instanceof Http2Error, String(error));
      }
    }),
    rounds(500),
  );
});

test("FrameWriter.endStream() makes the last frame the end of its stream, if that is DATA of it and was not taken", () => {
  const end = (write: (writer: FrameWriter) => void): [ended: boolean, frames: string[]] => {
    const writer = new FrameWriter();
    const taken: Uint8Array[] = [];
    write(writer);
    if (writer.length > 200) taken.push(...writer.take().map((chunk) => chunk.slice()));
    const ended = writer.endStream(3);
    const spelled = framesIn([...taken, ...writer.take()], 2 ** 24 - 1)
      .map((frame) => `${frame.type}${"endStream" in frame && frame.endStream ? " end" : ""}`);
    return [ended, spelled];
  };
  const last = (writer: FrameWriter) => {
    writer.data(3, bytes("abc"), false);
    writer.data(3, bytes("def"), false);
  };
  assertEquals(end(last), [true, ["data", "data end"]]);
  const behindMuch: typeof last = (writer) => {
    writer.data(1, new Uint8Array(100), false); // the slab moves
    for (let i = 0; i < 3; i++) writer.data(3, new Uint8Array(20), false);
  };
  assertEquals(end(behindMuch), [true, ["data", "data", "data", "data end"]]);
  assertEquals(end((writer) => writer.data(1, bytes("abc"), false)), [false, ["data"]]);
  assertEquals(end((writer) => (last(writer), writer.ping(bytes("01234567"), true))), [false, [
    "data",
    "data",
    "ping",
  ]]);
  assertEquals(end((writer) => writer.headers(3, bytes("0"), false, MAX)), [false, ["headers"]]);
  assertEquals(end((writer) => writer.data(3, new Uint8Array(300), false)), [false, ["data"]]); // taken
  assertEquals(end((writer) => writer.data(3, new Uint8Array(100_000), false)), [false, ["data"]]); // taken, in parts
});
