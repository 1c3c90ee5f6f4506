import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import { duplexPair } from "../../../src/duplex/pair.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { Client } from "../../../src/http/client/client.ts";
import { answer, dialing, rejection } from "../../support/dialing.ts";
import { FakeClock, readUntil, turns, wire } from "../../support/wire.ts";

const reason = new Error("changed my mind");

test("fetch() aborted while dialing rejects at once and cuts the connection that comes too late", async () => {
  const [near, far] = duplexPair();
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  const client = new Client({ dial: () => gate.then(() => near) });
  const controller = new AbortController();
  const fetching = rejection(client.fetch("http://a/", { signal: controller.signal }));
  await turns();
  controller.abort(reason);
  assertEquals(await fetching, reason);
  open();
  await near.closed.catch(() => {});
  await rejection(far.read());
  assertEquals(client.connections, 0);
  await client.close();
});

test("fetch() aborted while what dial has given is opening cuts it", async () => {
  const [near, far] = duplexPair();
  const controller = new AbortController();
  const dial = () => Object.assign(near, { opened: new Promise(() => {}) });
  const client = new Client({ dial });
  const fetching = rejection(client.fetch("http://a/", { signal: controller.signal }));
  await turns();
  controller.abort(reason);
  assertEquals(await fetching, reason);
  const failures: unknown[] = [];
  far.read().catch((error) => failures.push(error));
  await turns();
  assertEquals(failures.length, 1);
  await client.close();
});

test("fetch() gives up after connectTimeoutMs, and leaves no timer", async () => {
  const clock = new FakeClock();
  const client = new Client({ dial: () => new Promise(() => {}), connectTimeoutMs: 100, clock });
  const fetching = rejection(client.fetch("http://a/"));
  await turns();
  await clock.advance(100);
  const error = await fetching;
  assert(error instanceof TransportError && error.code === "timeout", `${error}`);
  assertEquals(error.message, "Cannot connect to a:80: no connection within 100 ms");
  assertEquals(clock.pending, 0);
  await client.close();
});

test("fetch() leaves no timer of the connection attempt behind", async () => {
  const clock = new FakeClock();
  const { client, connection } = dialing({ clock });
  const fetching = client.fetch("http://a/");
  await readUntil((await connection(0)).far, "¶¶");
  assertEquals(clock.pending, 0);
  (await connection(0)).far.abort();
  await rejection(fetching);
  await client.close();
});

test("fetch() aborted before the response rejects with the reason and cuts the connection", async () => {
  const { client, connection } = dialing();
  const controller = new AbortController();
  const fetching = rejection(client.fetch("http://a/", { signal: controller.signal }));
  const { far, near } = await connection(0);
  await readUntil(far, "¶¶");
  controller.abort(reason);
  assertEquals(await fetching, reason);
  await near.closed.catch(() => {});
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

for (const how of ["text()", "body"] as const) {
  test(`fetch() aborted while the response is read fails ${how} with the reason`, async () => {
    const { client, connection } = dialing();
    const controller = new AbortController();
    const fetching = client.fetch("http://a/", { signal: controller.signal });
    const { far, near } = await connection(0);
    await answer(far, "HTTP/1.1 200 OK¶Content-Length: 5¶¶ab");
    const response = await fetching;
    const reader = how === "body" ? response.body!.getReader() : null;
    if (reader !== null) await reader.read();
    const reading = rejection(reader === null ? response.text() : reader.read());
    await turns();
    controller.abort(reason);
    assertEquals(await reading, reason);
    await near.closed.catch(() => {});
    await turns();
    assertEquals(client.connections, 0);
    await client.close();
  });
}

for (const coding of ["identity", "gzip"]) {
  test(`fetch() aborted behind the whole of a body in ${coding} that is not read fails text() with the reason`, async () => {
    const { client, connection } = dialing({ decompress: true });
    const controller = new AbortController();
    const fetching = client.fetch("http://a/", { signal: controller.signal });
    const { far } = await connection(0);
    const payload = coding === "gzip" ? gzipSync("hello") : wire("hello");
    await answer(far, `HTTP/1.1 200 OK¶Content-Encoding: ${coding}¶Content-Length: ${payload.length}¶¶`);
    await far.write(new Uint8Array(payload));
    const response = await fetching;
    await turns();
    controller.abort(reason);
    assertEquals(await rejection(response.text()), reason);
    await client.close();
  });
}

test("fetch() aborted while the request body is sent cancels its stream", async () => {
  const { client, connection } = dialing();
  const controller = new AbortController();
  let canceled: unknown = null;
  const body = new ReadableStream<Uint8Array>({
    pull: (stream) => stream.enqueue(new Uint8Array(65_536)),
    cancel: (why) => {
      canceled = why;
    },
  });
  const fetching = rejection(client.fetch("http://a/", { method: "POST", body, signal: controller.signal }));
  await readUntil((await connection(0)).far, (soFar) => soFar.includes("¶¶"));
  controller.abort(reason);
  assertEquals(await fetching, reason);
  await turns();
  assertEquals(canceled, reason);
  await client.close();
});

for (const when of ["before", "while dialing"] as const) {
  for (const how of ["fetch", "upgrade"] as const) {
    test(`${how}() aborted ${when} cancels the stream of its body (Fetch standard, "abort a fetch() call")`, async () => {
      const client = new Client({ dial: () => new Promise(() => {}) });
      const controller = new AbortController();
      const canceled: unknown[] = [];
      const body = new ReadableStream<Uint8Array>({ cancel: (why) => void canceled.push(why) });
      const init = { method: "POST", body, signal: controller.signal };
      if (when === "before") controller.abort(reason);
      const asking = how === "fetch"
        ? client.fetch("http://a/", init)
        : client.upgrade("http://a/", { ...init, protocol: "p" });
      const failed = rejection(asking);
      await turns();
      controller.abort(reason);
      assertEquals(await failed, reason);
      await turns();
      assertEquals(canceled, [reason]);
      await client.close();
    });
  }
}

test("a stream whose request could not be sent is left to its caller, who may send it again", async () => {
  const failure = new Error("no way");
  const client = new Client({
    dial: () => {
      throw failure;
    },
  });
  const body = new ReadableStream<Uint8Array>({
    start: (stream) => {
      stream.enqueue(wire("x"));
      stream.close();
    },
  });
  assertEquals(await rejection(client.fetch("http://a/", { method: "POST", body })), failure);
  assertEquals(await new Response(body).text(), "x");
  await client.close();
});

test("a signal that aborts after the body was read does no harm to the connection", async () => {
  const { client, connection, dialed } = dialing();
  const controller = new AbortController();
  const fetching = client.fetch("http://a/", { signal: controller.signal });
  const { far } = await connection(0);
  await answer(far, "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok");
  await (await fetching).text();
  await turns();
  controller.abort(reason);
  const again = client.fetch("http://a/");
  await answer(far, "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok");
  assertEquals(await (await again).text(), "ok");
  assertEquals(dialed.length, 1);
  await client.close();
});

test("fetch() whose body stream fails rejects with that error and cuts the connection", async () => {
  const { client, connection } = dialing();
  const body = new ReadableStream<Uint8Array>({
    start: (stream) => stream.enqueue(wire("abc")),
    pull: () => Promise.reject(reason),
  });
  const error = await rejection(client.fetch("http://a/", { method: "POST", body }));
  assertEquals(error, reason);
  await (await connection(0)).near.closed.catch(() => {});
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

test("fetch() whose dial fails rejects with that error", async () => {
  const client = new Client({ dial: () => Promise.reject(reason) });
  assertEquals(await rejection(client.fetch("http://a/")), reason);
  const throwing = new Client({
    dial: () => {
      throw reason;
    },
  });
  assertEquals(await rejection(throwing.fetch("http://a/")), reason);
  assertEquals(client.connections, 0);
  await client.close();
});
