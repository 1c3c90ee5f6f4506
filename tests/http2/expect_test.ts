/**
 * `send()` over HTTP/2 with `Expect: 100-continue`, and servers that the test plays.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { manualStream, rejection } from "../support/client.ts";
import { RawServer } from "../support/h2_raw_peer.ts";
import { data, headers, rstStream } from "../support/h2_wire.ts";
import { wire } from "../support/wire.ts";

const HTTP_1_1_REQUIRED = 13;

/** A stream that is not read before the server's word. */
function expecting() {
  const manual = manualStream();
  manual.controller.enqueue(wire("hello"));
  manual.controller.close();
  const request: OutgoingRequest = {
    method: "POST",
    target: "/",
    fields: [["host", "a"], ["expect", "100-continue"]],
    body: manual.stream,
  };
  return { ...manual, request };
}

/** What goes out but for the beginning of the connection. */
function onStreams(frames: readonly string[]): string[] {
  return frames.filter((frame) => !/^(?:PREFACE|SETTINGS|WINDOW_UPDATE)/.test(frame));
}

for (const status of ["200", "401", "417"]) {
  test(`send() over HTTP/2 does not send a body after a final ${status} instead of the 100, and resets the stream behind the answer (RFC 9110 §10.1.1)`, async () => {
    const server = new RawServer();
    await server.begins();
    const { request, stream, canceled } = expecting();
    const sent = server.connection.send(request);
    assertEquals(onStreams(await server.sends()).length, 1);
    assertEquals(onStreams(await server.sends(headers(1, [`:status: ${status}`], "open"), data(1, "n"))), []);
    const response = await sent;
    assertEquals(onStreams(await server.sends(data(1, "o", true))), ["RST_STREAM 1 CANCEL"]);
    assertEquals([response.status, await response.body.text()], [Number(status), "no"]);
    if (status === "417") assertEquals(await new Response(stream).text(), "hello");
    else await canceled;
    assertEquals(server.connection.openStreams, 0);
    await server.ends();
  });
}

test("send() over HTTP/2 leaves a body untouched that waits for a 100 when the server wants HTTP/1.1 (RFC 9113 §7)", async () => {
  const server = new RawServer();
  await server.begins();
  const { request, stream } = expecting();
  const failed = rejection(server.connection.send(request));
  await server.sends();
  await server.sends(rstStream(1, HTTP_1_1_REQUIRED));
  const error = await failed;
  assert(error instanceof UnsentError && !error.bodyUsed, `${error}`);
  assertEquals(await new Response(stream).text(), "hello");
  await server.ends();
});

test("send() over HTTP/2 sends a body after a 100, also where the answer follows at once (RFC 9110 §10.1.1)", async () => {
  const server = new RawServer();
  await server.begins();
  const sent = server.connection.send(expecting().request);
  await server.sends();
  const frames = await server.sends(headers(1, [":status: 100"], "open"), headers(1, [":status: 200"]));
  assertEquals(frames, ["DATA 1 END hello"]);
  assertEquals((await sent).status, 200);
  await server.ends();
});

test("send() over HTTP/2 goes on without a 100 when time is up (RFC 9110 §10.1.1)", async () => {
  const server = new RawServer();
  await server.begins();
  const sent = server.connection.send(expecting().request, { continueTimeoutMs: 100 });
  assertEquals(onStreams(await server.passes(99)).slice(1), []);
  const frames = await server.passes(1);
  assertEquals(frames, ["DATA 1 END hello"]);
  await server.sends(headers(1, [":status: 200"]));
  assertEquals((await sent).status, 200);
  await server.ends();
});
