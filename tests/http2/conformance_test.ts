/**
 * The cases of h2spec, an outside suite of conformance, played on the machine of a server in memory: what they send, and what they
 * demand, but for those that differ in the form of a field only (`hpack_test.ts` has them all). `tests/examples/http2_server_test.ts`
 * runs the suite itself where it is installed. It is from the time of RFC 7540; RFC 9113 says the same in each case.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { concat } from "../../src/bytes/concat.ts";
import { HTTP2_ERROR_CODES } from "../../src/errors/http2_error.ts";
import { PREFACE } from "../../src/http2/machine/preface.ts";
import { Http2ServerMachine } from "../../src/http2/machine/server_machine.ts";
import { drain, frame, RawClient, setting, word } from "./machine/h2_talk.ts";

/** Bytes from the client, or what is done besides. */
type Step = Uint8Array | ((client: RawClient) => Uint8Array | void);

/** An id of h2spec, what is sent, and what comes of it last: an error, or what was found and sent. */
type Case = readonly [id: string, steps: readonly Step[], outcome: string];

const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;
const BOTH = END_STREAM | END_HEADERS;

/** `GET / http` and `:authority: a`, in a block that no table keeps. */
const BLOCK: readonly number[] = [0x82, 0x86, 0x84, 0x01, 0x01, 0x61];
const POST_BLOCK: readonly number[] = [0x83, ...BLOCK.slice(1)];

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];
const get = (id: number, flags = BOTH): Uint8Array => frame("headers", flags, id, BLOCK);
const data = (id: number, flags = 0, payload: Iterable<number> = bytes("test")): Uint8Array =>
  frame("data", flags, id, payload);
const settings = (id: number, value: number): Uint8Array => frame("settings", 0, 0, setting(id, value));
const update = (id: number, increment: number): Uint8Array => frame("window-update", 0, id, word(increment));
const priority = (id: number, on: number): Uint8Array => frame("priority", 0, id, [...word(on), 255]);
const reset = (id: number): Uint8Array => frame("rst-stream", 0, id, word(8));
const ping = (flags = 0): Uint8Array => frame("ping", flags, 0, bytes("h2spec\0\0"));
/** HEADERS whose lines stand as literals. */
const lines = (id: number, flags: number, ...all: string[]): Uint8Array =>
  frame("headers", flags, id, all.flatMap(literal));

function literal(line: string): number[] {
  const at = line.indexOf(": ");
  const [name, value] = [bytes(line.slice(0, at)), bytes(line.slice(at + 2))];
  return [0x00, name.length, ...name, value.length, ...value];
}

const CONTROL: readonly string[] = [":method: GET", ":scheme: http", ":path: /", ":authority: a"];
const POSTED: readonly string[] = [":method: POST", ...CONTROL.slice(1)];

/** The server answers a request whole. */
const answer = (id: number): Step => ({ server }) => {
  server.sendResponse(id, { status: 200, fields: [] }, false);
  server.sendData(id, new Uint8Array(4));
  server.sendEnd(id, null);
};
/** It answers with five bytes. */
const answerFive = (id: number): Step => ({ server }) => {
  server.sendResponse(id, { status: 200, fields: [] }, false);
  server.sendData(id, new Uint8Array(5));
  server.sendEnd(id, null);
};

const long = (count: number): Uint8Array[] =>
  Array.from(
    { length: count },
    (_, i) => frame("continuation", i === count - 1 ? END_HEADERS : 0, 1, literal("x-more: a")),
  );
const MAX = 2 ** 31 - 1;
const FOUND = "request 1 GET / end";
const protocol = "goaway protocol";
const size = "goaway frame-size";
const closed = "goaway stream-closed";
const flow = "goaway flow-control";
const broken = "goaway compression";

const cases: readonly Case[] = [
  // Generic: what must be taken.
  ["generic/2/1 a PRIORITY for a stream that is idle", [priority(1, 0), get(1)], FOUND],
  ["generic/2/2 WINDOW_UPDATE on a stream that is half closed", [get(1), update(1, 1)], FOUND],
  ["generic/2/3 PRIORITY on one that is half closed", [get(1), priority(1, 0)], FOUND],
  ["generic/2/4 RST_STREAM on one that is half closed", [get(1), reset(1)], `${FOUND}, reset 1 cancel peer`],
  ["generic/2/5 PRIORITY on one that is closed", [get(1), answer(1), priority(1, 0)], `${FOUND}, HEADERS 1, DATA 1`],
  [
    "generic/3.1/1 DATA",
    [frame("headers", END_HEADERS, 1, POST_BLOCK), data(1, END_STREAM)],
    "request 1 POST /, data 1 4, end 1",
  ],
  [
    "generic/3.1/2 several DATA",
    [frame("headers", END_HEADERS, 1, POST_BLOCK), data(1), data(1, END_STREAM)],
    "request 1 POST /, data 1 4, data 1 4, end 1",
  ],
  ["generic/3.1/3 DATA with padding", [
    frame("headers", END_HEADERS, 1, POST_BLOCK),
    data(1, END_STREAM | PADDED, [2, 1, 1, 0, 0]),
  ], "request 1 POST /, data 1 2, end 1"],
  ["generic/3.2/1 HEADERS", [get(1)], FOUND],
  ["generic/3.2/2 HEADERS with padding", [frame("headers", BOTH | PADDED, 1, [2, ...BLOCK, 0, 0])], FOUND],
  ["generic/3.2/3 HEADERS with priority", [frame("headers", BOTH | PRIORITY, 1, [...word(0), 255, ...BLOCK])], FOUND],
  ["generic/3.3/1 PRIORITY with priority 1", [priority(1, 0), get(1)], FOUND],
  ["generic/3.3/4 PRIORITY that is exclusive", [priority(1, 2 ** 31), get(1)], FOUND],
  ["generic/3.3/5 PRIORITY for a stream that is opened later", [priority(1, 3), get(1)], FOUND],
  ["generic/3.5/1 SETTINGS", [frame("settings", 0, 0, setting(3, 100))], "settings, SETTINGS ACK"],
  ["generic/3.7/1 PING", [ping()], "PING ACK"],
  ["generic/3.8/1 GOAWAY", [frame("goaway", 0, 0, [...word(0), ...word(0)])], "goaway 0 no-error"],
  ["generic/3.9/1 WINDOW_UPDATE of the connection", [update(0, 1), get(1)], FOUND],
  ["generic/3.9/2 WINDOW_UPDATE of a stream", [get(1), update(1, 1)], FOUND],
  ["generic/3.10/1 a CONTINUATION", [frame("headers", END_STREAM, 1, BLOCK), ...long(1)], FOUND],
  ["generic/3.10/2 several CONTINUATIONs", [frame("headers", END_STREAM, 1, BLOCK), ...long(3)], FOUND],
  ["generic/4/4 POST with trailers", [
    frame("headers", END_HEADERS, 1, POST_BLOCK),
    data(1),
    lines(1, BOTH, "x-test: ok"),
  ], "request 1 POST /, data 1 4, end 1"],
  [
    "generic/5/4 a literal with an indexed name that is kept",
    [frame("headers", BOTH, 1, [...BLOCK, 0x7a, 1, 0x61])],
    FOUND,
  ],
  ["generic/5/9 a literal that is never indexed", [frame("headers", BOTH, 1, [...BLOCK, 0x1f, 0x2b, 1, 0x61])], FOUND],
  ["generic/5/14 a size update", [frame("headers", BOTH, 1, [0x20, ...BLOCK])], FOUND],
  ["generic/5/15 two size updates", [frame("headers", BOTH, 1, [0x20, 0x3f, 0xe1, 0x1f, ...BLOCK])], FOUND],

  // Frames.
  ["http2/4.1/1 a frame of an unknown type", [frame(0xff, 0, 0, new Uint8Array(8)), ping()], "PING ACK"],
  ["http2/4.1/2 a frame with flags that are not defined", [ping(0x16)], "PING ACK"],
  ["http2/4.1/3 a frame with the reserved bit", [frame("ping", 0, 2 ** 31, bytes("h2spec\0\0"))], "PING ACK"],
  ["http2/4.2/1 DATA of 16,384 bytes", [
    frame("headers", END_HEADERS, 1, POST_BLOCK),
    data(1, END_STREAM, new Uint8Array(16_384)),
  ], "request 1 POST /, data 1 16384, end 1"],
  ["http2/4.2/2 DATA that is longer", [
    frame("headers", END_HEADERS, 1, POST_BLOCK),
    data(1, END_STREAM, new Uint8Array(16_385)),
  ], size],
  ["http2/4.2/3 HEADERS that are longer", [frame("headers", BOTH, 1, new Uint8Array(16_385))], size],
  ["http2/4.3/1 a block that cannot be read", [frame("headers", BOTH, 1, [0xff, 0xff, 0xff, 0xff, 0xff])], broken],
  ["http2/4.3/2 PRIORITY within a block", [frame("headers", 0, 1, BLOCK), priority(1, 0)], protocol],
  ["http2/4.3/3 HEADERS of another stream within a block", [frame("headers", 0, 1, BLOCK), get(3)], protocol],

  // Streams.
  ["http2/5.1/1 DATA on an idle stream", [data(1, END_STREAM)], protocol],
  ["http2/5.1/2 RST_STREAM on an idle stream", [reset(1)], protocol],
  ["http2/5.1/3 WINDOW_UPDATE on an idle stream", [update(1, 100)], protocol],
  ["http2/5.1/4 CONTINUATION on an idle stream", [frame("continuation", END_HEADERS, 1, BLOCK)], protocol],
  ["http2/5.1/5 DATA on a stream that is half closed", [get(1), data(1)], "reset 1 stream-closed"],
  ["http2/5.1/6 HEADERS on a stream that is half closed", [get(1), get(1)], "reset 1 stream-closed"],
  [
    "http2/5.1/7 CONTINUATION on a stream that is half closed",
    [get(1), frame("continuation", END_HEADERS, 1, BLOCK)],
    protocol,
  ],
  ["http2/5.1/8 DATA behind RST_STREAM", [get(1, END_HEADERS), reset(1), data(1)], "reset 1 stream-closed"],
  ["http2/5.1/9 HEADERS behind RST_STREAM", [get(1, END_HEADERS), reset(1), get(1)], "reset 1 stream-closed"],
  ["http2/5.1/10 CONTINUATION behind RST_STREAM", [
    get(1, END_HEADERS),
    reset(1),
    frame("continuation", END_HEADERS, 1, BLOCK),
  ], protocol],
  ["http2/5.1/11 DATA on a closed stream", [get(1), answer(1), data(1)], closed],
  ["http2/5.1/12 HEADERS on a closed stream", [get(1), answer(1), get(1)], closed],
  [
    "http2/5.1/13 CONTINUATION on a closed stream",
    [get(1), answer(1), frame("continuation", END_HEADERS, 1, BLOCK)],
    protocol,
  ],
  ["http2/5.1.1/1 an even number", [get(2)], protocol],
  ["http2/5.1.1/2 a lower number", [get(5), get(3)], protocol],
  [
    "http2/5.1.2/1 more streams than are allowed",
    Array.from({ length: 101 }, (_, i) => get(2 * i + 1)),
    "reset 201 refused-stream",
  ],
  ["http2/5.3.1/1 HEADERS that depend on their own stream", [
    frame("headers", BOTH | PRIORITY, 1, [...word(1), 255, ...BLOCK]),
  ], "reset 1 protocol"],
  ["http2/5.3.1/2 PRIORITY that depends on its own stream", [priority(2, 2)], protocol],
  ["http2/5.4.1/1 nothing but GOAWAY behind an error", [frame("ping", 0, 3, new Uint8Array(8)), ping()], protocol],
  ["http2/5.5/1 an unknown frame", [frame(0x16, 0, 0, bytes("h2spec")), ping()], "PING ACK"],
  [
    "http2/5.5/2 an unknown frame within a block",
    [frame("headers", END_STREAM, 1, BLOCK), frame(0x16, 0, 1)],
    protocol,
  ],

  // Types of frames.
  ["http2/6.1/1 DATA on stream 0", [data(0)], protocol],
  ["http2/6.1/2 DATA on a stream that is not open", [get(1), data(1)], "reset 1 stream-closed"],
  ["http2/6.1/3 DATA with too much padding", [
    frame("headers", END_HEADERS, 1, POST_BLOCK),
    data(1, PADDED | END_STREAM, [6, 0x54, 0x65, 0x73, 0x74]),
  ], protocol],
  [
    "http2/6.2/1 PRIORITY behind HEADERS without END_HEADERS",
    [frame("headers", 0, 1, BLOCK), priority(1, 0)],
    protocol,
  ],
  ["http2/6.2/2 HEADERS of another stream behind these", [frame("headers", 0, 1, BLOCK), get(3)], protocol],
  ["http2/6.2/3 HEADERS on stream 0", [get(0)], protocol],
  [
    "http2/6.2/4 HEADERS with too much padding",
    [frame("headers", BOTH | PADDED, 1, [BLOCK.length + 1, ...BLOCK])],
    protocol,
  ],
  ["http2/6.3/1 PRIORITY on stream 0", [priority(0, 1)], protocol],
  ["http2/6.3/2 PRIORITY of four bytes", [get(1, END_HEADERS), frame("priority", 0, 1, word(0))], "reset 1 frame-size"],
  ["http2/6.4/1 RST_STREAM on stream 0", [reset(0)], protocol],
  ["http2/6.4/2 RST_STREAM on an idle stream", [reset(1)], protocol],
  ["http2/6.4/3 RST_STREAM of three bytes", [get(1, END_HEADERS), frame("rst-stream", 0, 1, [0, 0, 0])], size],
  ["http2/6.5/1 an acknowledgement with settings", [frame("settings", 1, 0, setting(3, 1))], size],
  ["http2/6.5/2 SETTINGS on a stream", [frame("settings", 0, 1, setting(3, 1))], protocol],
  ["http2/6.5/3 SETTINGS of three bytes", [frame("settings", 0, 0, [0, 3, 0])], size],
  ["http2/6.5.2/1 ENABLE_PUSH of 2", [settings(2, 2)], protocol],
  ["http2/6.5.2/2 INITIAL_WINDOW_SIZE of 2^31", [settings(4, 2 ** 31)], flow],
  ["http2/6.5.2/3 MAX_FRAME_SIZE of 16,383", [settings(5, 16_383)], protocol],
  ["http2/6.5.2/4 MAX_FRAME_SIZE of 2^24", [settings(5, 2 ** 24)], protocol],
  ["http2/6.5.2/5 an unknown setting", [settings(0xff, 1)], "settings, SETTINGS ACK"],
  ["http2/6.5.3/1 the last of several values holds", [
    get(1),
    frame("settings", 0, 0, [...setting(4, 100), ...setting(4, 1)]),
    answerFive(1),
  ], `${FOUND}, settings, SETTINGS ACK, HEADERS 1, DATA 1`],
  ["http2/6.5.3/2 SETTINGS are acknowledged", [settings(3, 100)], "settings, SETTINGS ACK"],
  ["http2/6.7/1 PING", [ping()], "PING ACK"],
  ["http2/6.7/2 the answer to a PING", [ping(1), ping()], "pong, PING ACK"],
  ["http2/6.7/3 PING on a stream", [frame("ping", 0, 1, new Uint8Array(8))], protocol],
  ["http2/6.7/4 PING of six bytes", [frame("ping", 0, 0, bytes("h2spec"))], size],
  ["http2/6.8/1 GOAWAY on a stream", [frame("goaway", 0, 1, [...word(0), ...word(0)])], protocol],
  ["http2/6.9/1 WINDOW_UPDATE of nothing", [update(0, 0)], protocol],
  ["http2/6.9/2 WINDOW_UPDATE of nothing on a stream", [get(1, END_HEADERS), update(1, 0)], "reset 1 protocol"],
  ["http2/6.9/3 WINDOW_UPDATE of three bytes", [frame("window-update", 0, 0, [0, 0, 1])], size],
  [
    "http2/6.9.1/1 no more than the window allows",
    [settings(4, 1), get(1), answerFive(1)],
    `settings, ${FOUND}, SETTINGS ACK, HEADERS 1, DATA 1`,
  ],
  ["http2/6.9.1/2 a window of the connection above 2^31-1", [update(0, MAX), update(0, MAX)], flow],
  [
    "http2/6.9.1/3 a window of a stream above 2^31-1",
    [get(1, END_HEADERS), update(1, MAX), update(1, MAX)],
    "reset 1 flow-control",
  ],
  [
    "http2/6.9.2/1 a window that SETTINGS open",
    [settings(4, 0), get(1), answerFive(1), settings(4, 1)],
    `settings, ${FOUND}, settings, SETTINGS ACK, HEADERS 1, SETTINGS ACK, DATA 1`,
  ],
  [
    "http2/6.9.2/2 a window below 0",
    [settings(4, 3), get(1), answerFive(1), settings(4, 2), update(1, 2)],
    `settings, ${FOUND}, settings, SETTINGS ACK, HEADERS 1, DATA 1, SETTINGS ACK, DATA 1`,
  ],
  ["http2/6.9.2/3 INITIAL_WINDOW_SIZE above 2^31-1", [settings(4, 2 ** 31)], flow],
  ["http2/6.10/1 several CONTINUATIONs, and one on another stream", [
    frame("headers", END_STREAM, 1, BLOCK),
    frame("continuation", END_HEADERS, 3, BLOCK),
  ], protocol],
  ["http2/6.10/2 HEADERS behind a CONTINUATION without END_HEADERS", [
    frame("headers", END_STREAM, 1, BLOCK),
    frame("continuation", 0, 1, literal("x: a")),
    get(1),
  ], protocol],
  ["http2/6.10/3 CONTINUATION on stream 0", [
    frame("headers", END_STREAM, 1, BLOCK),
    frame("continuation", END_HEADERS, 0, literal("x: a")),
  ], protocol],
  ["http2/6.10/4 CONTINUATION behind HEADERS with END_HEADERS", [get(1, END_HEADERS), ...long(1)], protocol],
  ["http2/6.10/5 CONTINUATION behind one with END_HEADERS", [
    frame("headers", END_STREAM, 1, BLOCK),
    ...long(1),
    ...long(1),
  ], protocol],
  ["http2/6.10/6 CONTINUATION behind DATA", [get(1, END_HEADERS), data(1), ...long(1)], protocol],
  [
    "http2/7/1 GOAWAY with an unknown code",
    [frame("goaway", 0, 0, [...word(0), ...word(0xff)]), ping()],
    "goaway 0 internal, PING ACK",
  ],
  [
    "http2/7/2 RST_STREAM with an unknown code",
    [get(1, END_HEADERS), frame("rst-stream", 0, 1, word(0xff)), ping()],
    "request 1 GET /, reset 1 internal peer, PING ACK",
  ],

  // Messages.
  ["http2/8.1/1 trailers that do not end the stream", [
    frame("headers", END_HEADERS, 1, POST_BLOCK),
    data(1),
    lines(1, END_HEADERS, "x-test: ok"),
  ], "reset 1 protocol"],
  ["http2/8.1.2/1 a name with a capital letter", [lines(1, BOTH, ...CONTROL, "X-TEST: ok")], "reset 1 protocol"],
  ["http2/8.1.2.1/1 an unknown pseudo-field", [lines(1, BOTH, ...CONTROL, ":test: ok")], "reset 1 protocol"],
  ["http2/8.1.2.1/2 the pseudo-field of a response", [lines(1, BOTH, ...CONTROL, ":status: 200")], "reset 1 protocol"],
  ["http2/8.1.2.1/3 a pseudo-field in trailers", [
    frame("headers", END_HEADERS, 1, POST_BLOCK),
    lines(1, BOTH, ":method: GET"),
  ], "reset 1 protocol"],
  [
    "http2/8.1.2.1/4 a pseudo-field behind a field",
    [lines(1, BOTH, ...CONTROL.slice(1), "x: a", ":method: GET")],
    "reset 1 protocol",
  ],
  [
    "http2/8.1.2.2/1 a field of the connection",
    [lines(1, BOTH, ...CONTROL, "connection: keep-alive")],
    "reset 1 protocol",
  ],
  [
    "http2/8.1.2.2/2 TE of more than trailers",
    [lines(1, BOTH, ...CONTROL, "te: trailers, deflate")],
    "reset 1 protocol",
  ],
  [
    "http2/8.1.2.3/1 an empty :path",
    [lines(1, BOTH, ":method: GET", ":scheme: http", ":path: ", ":authority: a")],
    "reset 1 protocol",
  ],
  ["http2/8.1.2.3/2 no :method", [lines(1, BOTH, ...CONTROL.slice(1))], "reset 1 protocol"],
  ["http2/8.1.2.3/3 no :scheme", [lines(1, BOTH, CONTROL[0]!, ...CONTROL.slice(2))], "reset 1 protocol"],
  ["http2/8.1.2.3/4 no :path", [lines(1, BOTH, CONTROL[0]!, CONTROL[1]!, CONTROL[3]!)], "reset 1 protocol"],
  ["http2/8.1.2.3/5 :method twice", [lines(1, BOTH, ":method: GET", ...CONTROL)], "reset 1 protocol"],
  ["http2/8.1.2.3/6 :scheme twice", [lines(1, BOTH, ":scheme: http", ...CONTROL)], "reset 1 protocol"],
  ["http2/8.1.2.3/7 :path twice", [lines(1, BOTH, ":path: /", ...CONTROL)], "reset 1 protocol"],
  ["http2/8.1.2.6/1 a body of another length than announced", [
    lines(1, END_HEADERS, ...POSTED, "content-length: 1"),
    data(1, END_STREAM),
  ], "reset 1 protocol"],
  ["http2/8.1.2.6/2 the same in several frames", [
    lines(1, END_HEADERS, ...POSTED, "content-length: 5"),
    data(1),
    data(1, END_STREAM),
  ], "reset 1 protocol"],
  [
    "http2/8.2/1 PUSH_PROMISE",
    [get(1, END_HEADERS), frame("push-promise", END_HEADERS, 1, [...word(3), ...BLOCK])],
    protocol,
  ],

  // HPACK.
  ["hpack/2.3.3/1 an index that is not there", [frame("headers", BOTH, 1, [...BLOCK, 0xc6])], broken],
  [
    "hpack/2.3.3/2 a name by an index that is not there",
    [frame("headers", BOTH, 1, [...BLOCK, 0x7f, 7, 1, 0x61])],
    broken,
  ],
  ["hpack/4.2/1 a size update behind a field", [frame("headers", BOTH, 1, [...BLOCK, 0x20])], broken],
  ["hpack/5.2/1 padding of more than seven bits", [
    frame("headers", BOTH, 1, [...BLOCK, 0, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff]),
  ], broken],
  ["hpack/5.2/2 padding of zeros", [
    frame("headers", BOTH, 1, [...BLOCK, 0, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90]),
  ], broken],
  ["hpack/5.2/3 EOS", [
    frame("headers", BOTH, 1, [
      ...BLOCK,
      0,
      0x85,
      0xf2,
      0xb2,
      0x4a,
      0x84,
      0xff,
      0x87,
      0x49,
      0x51,
      0xff,
      0xff,
      0xff,
      0xfa,
      0x7f,
    ]),
  ], broken],
  ["hpack/6.1/1 index 0", [frame("headers", BOTH, 1, [...BLOCK, 0x80])], broken],
  ["hpack/6.3/1 a size update above the table's", [frame("headers", BOTH, 1, [0x3f, 0xe2, 0x1f, ...BLOCK])], broken],
];

const CODES: ReadonlyMap<number, string> = new Map(
  Object.entries(HTTP2_ERROR_CODES).map(([code, number]) => [number, code]),
);

function play(steps: readonly Step[]): string {
  const client = new RawClient();
  const found: string[] = [];
  const sent: string[] = [];
  let error: string | null = null;
  for (const step of steps) {
    const given = typeof step === "function" ? step(client) : step;
    if (given !== undefined) found.push(...client.send(given));
    for (const one of client.frames()) {
      if (error?.startsWith("goaway") === true) throw new Error(`Something follows GOAWAY: ${one.type}`);
      if (one.type === "goaway") error = `goaway ${CODES.get(one.errorCode)}`;
      else if (one.type === "rst-stream") error = `reset ${one.streamId} ${CODES.get(one.errorCode)}`;
      else if (one.type === "ping") sent.push("PING ACK");
      else if (one.type === "settings-ack") sent.push("SETTINGS ACK");
      else if ("streamId" in one) sent.push(`${one.type.toUpperCase()} ${one.streamId}`);
    }
  }
  return error ?? [...found, ...sent].join(", ");
}

for (const [id, steps, outcome] of cases) {
  test(`h2spec ${id}`, () => assertEquals(play(steps), outcome));
}

test("h2spec http2/3.5/1 and 2: the preface comes first, and then SETTINGS", () => {
  const server = new Http2ServerMachine();
  server.receive(concat([PREFACE, frame("settings", 0, 0)]));
  assertEquals(drain(server), ["settings"]);
  for (const wrong of [new TextEncoder().encode("INVALID CONNECTION PREFACE\r\n\r\n"), concat([PREFACE, ping()])]) {
    const machine = new Http2ServerMachine();
    machine.receive(wrong);
    assertEquals(drain(machine), ["error protocol", "closed"]);
  }
});
