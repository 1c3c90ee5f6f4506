/**
 * What becomes of a request that is still being sent when the body of its response is canceled: the Fetch standard aborts the fetch
 * then ("HTTP-network fetch", `cancelAlgorithm`).
 */

import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { ClientOptions } from "../../../src/http/client/options.ts";
import { manualStream, Recorder } from "../../support/client.ts";
import { answer, dialing, rejection } from "../../support/dialing.ts";
import { data, headers } from "../../support/h2_wire.ts";
import { playing } from "../../support/http2_dialing.ts";
import { readUntil, turns, wire } from "../../support/wire.ts";

const OPEN = "HTTP/1.1 200 OK¶Content-Length: 9¶¶some";
const reason = new Error("enough");

/** A stream that is being uploaded, and the client's connections. */
function uploading(options: ClientOptions = {}) {
  const dialed = dialing(options);
  const upload = manualStream();
  return { ...dialed, upload, fetching: dialed.client.fetch("http://a/", { method: "POST", body: upload.stream }) };
}

/** The same over HTTP/2, and its server. */
async function uploadingOverHttp2() {
  const { client, peer } = playing();
  const upload = manualStream();
  const fetching = client.fetch("http://a/", { method: "POST", body: upload.stream });
  return { client, upload, fetching, server: await peer(0) };
}

/** How a reader gives up. */
const ways: readonly (readonly [how: string, giveUp: (body: ReadableStream<Uint8Array>) => Promise<void>])[] = [
  ["body.cancel()", (body) => body.cancel(reason)],
  ["reader.cancel()", (body) => body.getReader().cancel(reason)],
  ["reader.cancel() behind a chunk", async (body) => {
    const reader = body.getReader();
    await reader.read();
    await reader.cancel(reason);
  }],
];

for (const [how, giveUp] of ways) {
  test(`${how} of a response ends the upload that is still under way, and its connection (Fetch standard)`, async () => {
    const { client, connection, upload, fetching } = uploading();
    const { far, near } = await connection(0);
    upload.controller.enqueue(wire("first"));
    await readUntil(far, "first¶");
    await far.write(wire(OPEN));
    await giveUp((await fetching).body!);
    assertStrictEquals(await upload.canceled, reason);
    await near.closed.catch(() => {});
    await turns();
    assertEquals(client.connections, 0);
    await client.abort();
  });

  test(`${how} of a response resets its stream with the upload on it, over HTTP/2 (Fetch standard)`, async () => {
    const { client, server, upload, fetching } = await uploadingOverHttp2();
    upload.controller.enqueue(wire("first"));
    await server.until("DATA 1 first");
    await server.send(headers(1, [":status: 200"], "open"), data(1, "some"));
    await giveUp((await fetching).body!);
    assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
    assertStrictEquals(await upload.canceled, reason);
    await client.abort();
  });
}

test("cancel() of a response that has come completely ends the upload as well, over HTTP/2 (Fetch standard)", async () => {
  const { client, server, upload, fetching } = await uploadingOverHttp2();
  await server.until("HEADERS 1");
  await server.send(headers(1, [":status: 200"], "open"), data(1, "some", true));
  const { body } = await fetching;
  await turns();
  await body!.cancel(reason);
  assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
  assertStrictEquals(await upload.canceled, reason);
  await client.abort();
});

test("cancel() without a reason tells the source of an upload why it ends", async () => {
  const { client, connection, upload, fetching } = uploading();
  await answer((await connection(0)).far, OPEN);
  await (await fetching).body!.cancel();
  assertEquals(`${await upload.canceled}`, "StateError: The body of the response was canceled");
  await client.abort();
});

test("cancel() of a response that is decoded ends the upload as well", async () => {
  const { client, connection, upload, fetching } = uploading({ decompress: true });
  await answer((await connection(0)).far, "HTTP/1.1 200 OK¶Content-Encoding: gzip¶Content-Length: 9¶¶");
  await (await fetching).body!.cancel(reason);
  assertStrictEquals(await upload.canceled, reason);
  await client.abort();
});

test("a response that cannot be decoded ends the upload of its request", async () => {
  const { client, connection, upload, fetching } = uploading({ decompress: true });
  const response = "HTTP/1.1 200 OK¶Content-Encoding: gzip¶Content-Length: 9¶¶not gzip!";
  await answer((await connection(0)).far, response);
  const error = await rejection((await fetching).text());
  assertStrictEquals(await upload.canceled, (error as Error).cause);
  await client.abort();
});

test("cancel() of a response ends an upload of bytes that the server does not take", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/", { method: "POST", body: new Uint8Array(1_000_000) });
  const { far, near } = await connection(0);
  await answer(far, OPEN);
  await (await fetching).body!.cancel();
  await near.closed.catch(() => {});
  await turns();
  assertEquals(client.connections, 0);
  await client.abort();
});

test("cancel() of a response ends an upload of bytes for which the server opens no window (RFC 9113 §6.9)", async () => {
  const { client, peer } = playing();
  const fetching = client.fetch("http://a/", { method: "POST", body: new Uint8Array(1_000_000) });
  const server = await peer(0);
  await server.until("DATA 1");
  await server.send(headers(1, [":status: 200"], "open"), data(1, "some", true));
  await (await fetching).body!.cancel();
  assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
  await client.abort();
});

test("cancel() of a response whose request was sent completely leaves its connection to the next request", async () => {
  const { client, connection, dialed } = dialing();
  const first = client.fetch("http://a/", { method: "POST", body: "hello" });
  const { far } = await connection(0);
  await readUntil(far, "hello");
  await far.write(wire(OPEN));
  await (await first).body!.cancel(reason);
  await far.write(wire(" more"));
  await turns();
  const second = client.fetch("http://a/");
  await answer(far, "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok");
  assertEquals([await (await second).text(), dialed.length], ["ok", 1]);
  await client.abort();
});

test("cancel() of a response without content leaves the upload alone: its body has ended before", async () => {
  const { client, connection, dialed } = dialing();
  const upload = manualStream();
  const first = client.fetch("http://a/", { method: "POST", body: upload.stream });
  const { far } = await connection(0);
  const recorder = new Recorder(far);
  await recorder.until("¶¶");
  await far.write(wire("HTTP/1.1 200 OK¶Content-Length: 0¶¶"));
  await (await first).body!.cancel(reason);
  upload.controller.enqueue(wire("more"));
  upload.controller.close();
  await recorder.until("¶4¶more¶0¶¶");
  await turns();
  const second = client.fetch("http://a/");
  await recorder.until((soFar) => soFar.includes("GET / "));
  await far.write(wire("HTTP/1.1 204 No Content¶¶"));
  assertEquals([(await second).status, dialed.length], [204, 1]);
  await client.abort();
});

test("cancel() of a response without content leaves the upload alone over HTTP/2", async () => {
  const { client, server, upload, fetching } = await uploadingOverHttp2();
  await server.until("HEADERS 1");
  await server.send(headers(1, [":status: 200"]));
  await (await fetching).body!.cancel(reason);
  upload.controller.enqueue(wire("more"));
  upload.controller.close();
  assert((await server.until("DATA 1 END")).startsWith("DATA 1 END"));
  await client.abort();
});

const complete = [`${OPEN} more`, "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶9¶some more¶0¶¶"];

for (const response of complete) {
  const framing = response.split("¶")[1];
  test(`reader.cancel() behind the last byte of a response leaves the upload alone: ${framing}`, async () => {
    const { client, connection, upload, fetching } = uploading();
    const { far } = await connection(0);
    const recorder = new Recorder(far);
    await recorder.until("¶¶");
    await far.write(wire(response));
    const reader = (await fetching).body!.getReader();
    assertEquals((await reader.read()).value, wire("some more"));
    await reader.cancel(reason);
    upload.controller.enqueue(wire("more"));
    upload.controller.close();
    await recorder.until("¶4¶more¶0¶¶");
    await client.abort();
  });
}

test("reader.cancel() behind the last byte of a response leaves the upload alone over HTTP/2", async () => {
  const { client, server, upload, fetching } = await uploadingOverHttp2();
  await server.until("HEADERS 1");
  await server.send(headers(1, [":status: 200"], "open"), data(1, "some", true));
  const reader = (await fetching).body!.getReader();
  assertEquals((await reader.read()).value, wire("some"));
  await reader.cancel(reason);
  upload.controller.enqueue(wire("more"));
  upload.controller.close();
  assert((await server.until("DATA 1 END")).startsWith("DATA 1 END"));
  await client.abort();
});

test("cancel() of a response that is decoded ends the upload also while a read is under way", async () => {
  const { client, connection, upload, fetching } = uploading({ decompress: true });
  await answer((await connection(0)).far, "HTTP/1.1 200 OK¶Content-Encoding: gzip¶Content-Length: 9¶¶");
  const reader = (await fetching).body!.getReader();
  const reading = reader.read();
  await turns();
  await reader.cancel(reason);
  assertStrictEquals(await upload.canceled, reason);
  assertEquals((await reading).done, true);
  await client.abort();
});

test("a response that was read to its end leaves the upload alone", async () => {
  const { client, connection, upload, fetching } = uploading();
  const { far } = await connection(0);
  const recorder = new Recorder(far);
  await recorder.until("¶¶");
  await far.write(wire(`${OPEN} more`));
  assertEquals(await (await fetching).text(), "some more");
  upload.controller.enqueue(wire("more"));
  upload.controller.close();
  await recorder.until("¶4¶more¶0¶¶");
  await client.abort();
});
