import { test } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { dialing, dialingServed, rejection } from "../support/dialing.ts";
import { everyCut, readUntil, turns, wire } from "../support/wire.ts";

const text = "hello, hello, hello ".repeat(500);
const plain = new TextEncoder().encode(text);
const bytesOf = (buffer: Uint8Array) => new Uint8Array(buffer);
const coded: Readonly<Record<string, Uint8Array>> = {
  "gzip": bytesOf(gzipSync(plain)),
  "x-gzip": bytesOf(gzipSync(plain)),
  "GZIP": bytesOf(gzipSync(plain)),
  "deflate": bytesOf(deflateSync(plain)),
  "br": bytesOf(brotliCompressSync(plain)),
  "gzip, br": bytesOf(brotliCompressSync(gzipSync(plain))),
};

for (const [coding, body] of Object.entries(coded)) {
  test(`fetch() decodes ${coding}`, async () => {
    const fields = [["content-encoding", coding]] as const;
    const { client, dialed } = dialingServed(() => ({ status: 200, body, fields }), { decompress: true });
    const response = await client.fetch("http://a/");
    assertEquals(await response.text(), text);
    assertEquals([response.headers.has("content-encoding"), response.headers.has("content-length")], [false, false]);
    assertEquals(response.head.fields.get("content-length"), String(body.length));
    let streamed = 0;
    const reader = (await client.fetch("http://a/")).body!.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) streamed += part.value.length;
    assertEquals(streamed, plain.length);
    assertEquals(dialed.length, 1);
    await client.close();
  });
}

test("fetch() decodes deflate without its wrapper, as some servers send it", async () => {
  const body = bytesOf(deflateRawSync(plain));
  const fields = [["content-encoding", "deflate"]] as const;
  const { client } = dialingServed(() => ({ status: 200, body, fields }), { decompress: true });
  assertEquals(await (await client.fetch("http://a/")).text(), text);
  await client.close();
});

test("fetch() decodes the same whatever the cuts [H4]", async () => {
  const body = bytesOf(gzipSync("hi"));
  for (const { how, chunks } of everyCut(body)) {
    const { client, connection } = dialing({ decompress: true });
    const fetching = client.fetch("http://a/");
    const { far } = await connection(0);
    await readUntil(far, "¶¶");
    await far.write(wire(`HTTP/1.1 200 OK¶Content-Encoding: gzip¶Content-Length: ${body.length}¶¶`));
    const reading = fetching.then((response) => response.text());
    for (const chunk of chunks) await far.write(chunk);
    assertEquals(await reading, "hi", how);
    await client.close();
  }
});

test("fetch() asks for what it can decode, unless told not to, asked otherwise, or for a range", async () => {
  const { client } = dialingServed(({ fields }) => ({ status: 200, body: fields.get("accept-encoding") ?? "none" }), {
    decompress: true,
  });
  const asked = async (init = {}) => await (await client.fetch("http://a/", init)).text();
  assertEquals(await asked(), "gzip, deflate, br");
  assertEquals(await asked({ decompress: false }), "none");
  assertEquals(await asked({ headers: { "accept-encoding": "x" } }), "x");
  assertEquals(await asked({ headers: { range: "bytes=0-1" } }), "identity");
  assertEquals(await asked({ headers: { range: "bytes=0-1", "accept-encoding": "gzip" } }), "gzip");
  await client.close();
});

test("Client with an Accept-Encoding of its own sends that, and no second one", async () => {
  const { client } = dialingServed(
    ({ fields }) => ({ status: 200, body: fields.getAll("accept-encoding").join("|") }),
    {
      decompress: true,
      headers: { "Accept-Encoding": "br" },
    },
  );
  assertEquals(await (await client.fetch("http://a/")).text(), "br");
  assertEquals(await (await client.fetch("http://a/", { headers: { range: "bytes=0-1" } })).text(), "br");
  await client.close();
});

test("fetch() leaves alone what it does not know, and what it is not to decode", async () => {
  for (const [coding, decompress] of [["zstd", true], ["gzip, zstd", true], ["gzip", false]] as const) {
    const fields = [["content-encoding", coding]] as const;
    const { client } = dialingServed(() => ({ status: 200, body: "raw", fields }), { decompress });
    const response = await client.fetch("http://a/");
    assertEquals([response.headers.get("content-encoding"), await response.text()], [coding, "raw"]);
    await client.close();
  }
});

test("fetch() takes an empty coded body, and one of HEAD and 304, for empty", async () => {
  const { client } = dialingServed(({ target }) => ({
    status: Number(target.slice(1)),
    fields: [["content-encoding", "gzip"]],
  }), { decompress: true });
  assertEquals(await (await client.fetch("http://a/200")).text(), "");
  assertEquals(await (await client.fetch("http://a/200", { method: "HEAD" })).text(), "");
  assertEquals(await (await client.fetch("http://a/304")).text(), "");
  await client.close();
});

test("fetch() fails on coded bytes that are malformed or end too early", async () => {
  const whole = bytesOf(gzipSync(plain));
  for (const body of [wire("no gzip at all"), whole.slice(0, -10)]) {
    const fields = [["content-encoding", "gzip"]] as const;
    const { client } = dialingServed(() => ({ status: 200, body, fields }), { decompress: true });
    const response = await client.fetch("http://a/");
    await assertRejects(() => response.text());
    const reader = (await client.fetch("http://a/")).body!.getReader();
    await assertRejects(async () => {
      while (!(await reader.read()).done);
    });
    await client.abort();
  }
});

test("fetch() decodes no faster than it is read, and lets go when canceled", async () => {
  const { client, connection } = dialing({ decompress: true });
  const fetching = client.fetch("http://a/");
  const { far, near } = await connection(0);
  await readUntil(far, "¶¶");
  await far.write(wire("HTTP/1.1 200 OK¶Content-Encoding: gzip¶Content-Length: 100000000¶¶"));
  const bomb = bytesOf(gzipSync(new Uint8Array(5_000_000)));
  await far.write(bomb);
  const response = await fetching;
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  assert(value!.length <= 1_000_000);
  await reader.cancel();
  await near.closed.catch(() => {});
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

test("fetch() aborted while a coded body is read fails with the reason", async () => {
  const { client, connection } = dialing({ decompress: true });
  const controller = new AbortController();
  const fetching = client.fetch("http://a/", { signal: controller.signal });
  const { far } = await connection(0);
  await readUntil(far, "¶¶");
  await far.write(wire("HTTP/1.1 200 OK¶Content-Encoding: br¶Content-Length: 100¶¶"));
  await far.write(bytesOf(brotliCompressSync(plain)).slice(0, 5));
  const reading = rejection((await fetching).text());
  await turns();
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await reading, reason);
  await client.close();
});
