/**
 * DATA that comes in pieces: RFC 9113 §6.1 and §6.9.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { ACK, END_STREAM } from "../../../src/http2/machine/frame.ts";
import { frame, RawClient } from "./h2_talk.ts";

const LENGTH = 4096;
const body = Uint8Array.from({ length: LENGTH }, (_, i) => i);

/** Where the payload begins. */
const HEADER = 9;

/** The WINDOW_UPDATEs and resets that a server has sent. */
function answers(client: RawClient): string[] {
  return client.frames().flatMap((sent) => {
    if (sent.type === "window-update") return [`${sent.type} ${sent.streamId} ${sent.increment}`];
    return sent.type === "rst-stream" ? [`${sent.type} ${sent.streamId}`] : [];
  });
}

test("a long DATA frame is given out as it comes, and ends the message with its last byte", () => {
  const client = new RawClient();
  client.send(client.request(1, false));
  const all = frame("data", END_STREAM, 1, body);
  assertEquals(client.send(all.subarray(0, HEADER + 2000)), ["data 1 2000"]);
  assertEquals(client.send(all.subarray(HEADER + 2000, HEADER + 4000)), ["data 1 2000"]);
  assertEquals(client.send(all.subarray(HEADER + 4000, HEADER + 4095)), [], "a short piece waits for what follows");
  assertEquals(client.send(all.subarray(HEADER + 4095)), ["data 1 96", "end 1"]);
});

test("a short piece of a DATA frame is given out behind others that came with it: to wait would be to move what follows", () => {
  const client = new RawClient();
  client.send(client.request(1, false));
  const all = frame("data", END_STREAM, 1, body);
  const before = frame("data", 0, 1, body.subarray(0, 2000));
  const both = new Uint8Array(before.length + HEADER + 100);
  both.set(before);
  both.set(all.subarray(0, HEADER + 100), before.length);
  assertEquals(client.send(both), ["data 1 2000", "data 1 100"]);
  assertEquals(client.send(all.subarray(HEADER + 100)), [`data 1 ${LENGTH - 100}`, "end 1"]);
});

test("all of a DATA frame counts against the windows as soon as its header has come (RFC 9113 §6.9.1)", () => {
  const client = new RawClient({ limits: { streamWindowBytes: 4000 } });
  client.send(frame("settings", ACK, 0), client.request(1, false));
  assertEquals(client.send(frame("data", 0, 1, body).subarray(0, HEADER + 2000)), ["reset 1 flow-control us"]);
});

test("a DATA frame that is longer than Content-Length says is refused with its first piece (RFC 9113 §8.1.1)", () => {
  const client = new RawClient();
  client.send(client.request(1, false, [["content-length", String(LENGTH - 1)]]));
  assertEquals(client.send(frame("data", 0, 1, body).subarray(0, HEADER + 2000)), ["reset 1 protocol us"]);
});

test("of a stream that is reset within a DATA frame, the rest is dropped and opens the connection's window", () => {
  const client = new RawClient({ limits: { connectionWindowBytes: 65_535, streamWindowBytes: 65_535 } });
  client.frames();
  for (let id = 1; id < 100; id += 2) {
    const all = frame("data", 0, id, body);
    client.send(client.request(id, false), all.subarray(0, HEADER + 2000));
    client.server.resetStream(id, "cancel");
    assertEquals(client.send(all.subarray(HEADER + 2000)), [], `stream ${id}`);
  }
  const opened = answers(client).filter((sent) => sent.startsWith("window-update 0"));
  const bytes = opened.reduce((sum, sent) => sum + Number(sent.split(" ")[2]), 0);
  assertEquals(bytes > 50 * LENGTH - 65_535, true, `${bytes} of ${50 * LENGTH} bytes were given back`);
});
