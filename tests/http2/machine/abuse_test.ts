/**
 * What a peer can make a machine of HTTP/2 hold or do is bounded (RFC 9113 §10.5), for each way that became known.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { END_HEADERS, type Frame } from "../../../src/http2/machine/frame.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../src/http2/machine/limits.ts";
import type { Http2ServerMachineOptions } from "../../../src/http2/machine/server_machine.ts";
import { frame, RawClient, setting, word } from "./h2_talk.ts";

/** The turn at which the server has had enough; it says so, and nothing behind it is understood. */
function turnsUntilCalm(
  most: number,
  send: (client: RawClient, turn: number) => Uint8Array[],
  { reads = true, ...options }: Http2ServerMachineOptions & { readonly reads?: boolean } = {},
): number {
  const client = new RawClient(options);
  for (let turn = 1; turn <= most; turn++) {
    const found = client.send(...send(client, turn));
    if (!found.includes("closed")) {
      if (reads) client.frames();
      continue;
    }
    assertEquals(found.slice(-2), ["error enhance-your-calm", "closed"]);
    assertEquals(client.frames().at(-1)!.type, "goaway");
    assertEquals(client.send(client.request(2 * most + 1)), ["closed"]);
    return turn;
  }
  throw new Error(`It goes on after ${most} turns`);
}

const { maxResets, maxIdleFrames, maxUnsentAnswers, maxContinuations } = DEFAULT_HTTP2_LIMITS;
const id = (turn: number): number => 2 * turn - 1;

test("a client that resets each stream that it opens is stopped (rapid reset, CVE-2023-44487)", () => {
  const turns = turnsUntilCalm(
    1000,
    (client, turn) => [client.request(id(turn)), frame("rst-stream", 0, id(turn), word(8))],
  );
  assertEquals(turns, maxResets + 1);
});

test("a client that makes the server reset each stream is stopped (MadeYouReset, CVE-2025-8671)", () => {
  const ways: ((streamId: number) => Uint8Array[])[] = [
    (streamId) => [frame("window-update", 0, streamId, word(0))],
    (streamId) => [frame("window-update", 0, streamId, word(2 ** 31 - 1))],
    (streamId) => [frame("data", 0, streamId, [1])],
    (streamId) => [frame("priority", 0, streamId, [...word(streamId), 0])],
    (streamId) => [frame("priority", 0, streamId, [1])],
  ];
  for (const way of ways) {
    assertEquals(turnsUntilCalm(1000, (client, turn) => [client.request(id(turn)), ...way(id(turn))]), maxResets + 1);
  }
});

test("a client that opens more streams than are allowed, again and again, is stopped", () => {
  const turns = turnsUntilCalm(1000, (client, turn) => [client.request(id(turn))]);
  assertEquals(turns, DEFAULT_HTTP2_LIMITS.maxConcurrentStreams + maxResets + 1);
});

test("streams that end well, and forgive(), let a client reset as many more", () => {
  const client = new RawClient();
  for (let turn = 1; turn <= 2000; turn++) {
    const streamId = id(turn);
    client.send(client.request(streamId));
    if (turn % 2 === 0) {
      client.server.sendResponse(streamId, { status: 200, fields: [] }, true);
    } else {
      assertEquals(client.send(frame("rst-stream", 0, streamId, word(8))), [`reset ${streamId} cancel peer`]);
    }
    client.frames();
  }
  for (let turn = 2001; turn <= 4000; turn++) {
    client.server.forgive(1);
    client.send(client.request(id(turn)), frame("rst-stream", 0, id(turn), word(8)));
    client.frames();
  }
  assertEquals(client.send(client.request(id(4001))), [`request ${id(4001)} GET / end`]);
});

test("a block of too many CONTINUATIONs, or of too many bytes, ends the connection (CVE-2024-27316)", () => {
  const begin = (client: RawClient): Uint8Array => frame("headers", 0, 1, client.request(1).slice(9));
  const empty = turnsUntilCalm(1000, (client, turn) => [turn === 1 ? begin(client) : frame("continuation", 0, 1)]);
  assertEquals(empty, 1 + maxContinuations + 1);
  const long = new Uint8Array(16_000);
  assert(turnsUntilCalm(1000, (client, turn) => [turn === 1 ? begin(client) : frame("continuation", 0, 1, long)]) <= 6);
});

test("frames that bring nothing end the connection when there are too many: empty DATA, priorities, unknown types", () => {
  const ways: (readonly [name: string, bytes: (streamId: number) => Uint8Array])[] = [
    ["empty DATA", () => frame("data", 0, 1)],
    ["DATA of padding alone", () => frame("data", 0x8, 1, [3, 0, 0, 0])],
    ["PRIORITY", () => frame("priority", 0, 1, [...word(0), 0])],
    ["PRIORITY_UPDATE", (streamId) => frame("priority-update", 0, 0, [...word(streamId), 0x75, 0x3d, 0x31])],
    ["unknown", () => frame(0xee, 0, 0, [1, 2])],
    ["small WINDOW_UPDATE", () => frame("window-update", 0, 1, word(1))],
    ["PING answers", () => frame("ping", 1, 0, [1, 2, 3, 4, 5, 6, 7, 8])],
    ["RST_STREAM of what is closed", () => frame("rst-stream", 0, 3, word(8))],
    ["GOAWAY", () => frame("goaway", 0, 0, [...word(0), ...word(0)])],
  ];
  for (const [name, bytes] of ways) {
    const turns = turnsUntilCalm(
      2 * maxIdleFrames,
      (client, turn) =>
        turn === 1
          ? [client.request(1, false), client.request(3), frame("rst-stream", 0, 3, word(8))]
          : [bytes(id(turn))],
    );
    assertEquals([name, turns], [name, 1 + maxIdleFrames + 1]);
  }
});

test("a peer that makes the machine answer and does not read is stopped: SETTINGS, PING, resets", () => {
  const ways: (readonly [name: string, bytes: Uint8Array])[] = [
    ["SETTINGS", frame("settings", 0, 0, setting(4, 70_000))],
    ["PING", frame("ping", 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])],
  ];
  for (const [name, bytes] of ways) {
    const turns = turnsUntilCalm(2 * maxUnsentAnswers, () => [bytes], { reads: false });
    assertEquals([name, turns], [name, maxUnsentAnswers + 1]);
  }
});

test("one that reads the answers may ask as often as it likes", () => {
  const client = new RawClient();
  for (let turn = 0; turn < 3 * maxUnsentAnswers; turn++) {
    assertEquals(client.send(frame("ping", 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])), []);
    assertEquals(client.frames().map(({ type }) => type), ["ping"]);
  }
});

test("a block that unfolds to far more than was sent is read, not kept, and answered 431 (HPACK bomb)", () => {
  const client = new RawClient();
  const value = "v".repeat(3900);
  client.send(client.request(1, true, [["x-bomb", value]]));
  // One byte for each further line: the entry that the first request has left in the table.
  const bomb = [...client.request(3).slice(9), ...new Array(16_000).fill(0x80 | 62)];
  const found = client.send(frame("headers", END_HEADERS | 1, 3, bomb));
  assertEquals(found, []);
  const [answer] = client.frames();
  assertEquals([answer!.type, (answer as Extract<Frame, { type: "headers" }>).endStream], ["headers", true]);
  assertEquals(client.send(client.request(5)), ["request 5 GET / end"]);
});

test("streams that are opened and stall are as many as was told, and the next ones are refused", () => {
  const client = new RawClient({ limits: { maxConcurrentStreams: 3 } });
  for (const streamId of [1, 3, 5]) client.send(client.request(streamId, false));
  assertEquals(client.send(client.request(7, false), client.request(9, false)), []);
  assertEquals(client.frames().map((sent) => sent.type === "rst-stream" && [sent.streamId, sent.errorCode]), [[7, 7], [
    9,
    7,
  ]]);
  assertEquals(client.server.openStreams, 3);
});

test("a peer that never opens its window gets no more than it allows, and what waits is what the driver gave", () => {
  const client = new RawClient();
  client.send(frame("settings", 0, 0, setting(4, 10)), client.request(1), client.request(3));
  client.frames();
  for (const streamId of [1, 3]) {
    client.server.sendResponse(streamId, { status: 200, fields: [] }, false);
    assertEquals(client.server.sendData(streamId, new Uint8Array(100)), false);
  }
  const sent = client.frames().map((sent) => sent.type === "data" ? sent.payload.length : sent.type);
  assertEquals(sent, ["headers", 10, "headers", 10]);
  assertEquals(client.server.unsentBytes, 0);
  assertEquals(client.send(frame("window-update", 0, 3, word(90))), ["drained 3"]);
});
