import { test } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { concat } from "../../../src/bytes/concat.ts";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import { type Coding, decompress } from "../../../src/platform/decompress.ts";
import { dialing, dialingServed, rejection } from "../../support/dialing.ts";
import { everyCut, readUntil, turns, wire } from "../../support/wire.ts";

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
  for (
    const [coding, decompress] of [["zstd", true], ["gzip, zstd", true], ["constructor", true], [
      "gzip",
      false,
    ]] as const
  ) {
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

/** How a message says where its body ends. */
const framings: readonly (readonly [name: string, framed: (coding: string, body: Uint8Array) => Uint8Array])[] = [
  ["a length", (coding, body) => message(`${coding}¶Content-Length: ${body.length}`, body)],
  ["a last chunk", (coding, body) => {
    const chunks = [wire(`${body.length.toString(16)}¶`), body, wire("¶0¶¶")];
    return message(`${coding}¶Transfer-Encoding: chunked`, concat(chunks));
  }],
  ["the connection", (coding, body) => message(coding, body)],
];

function message(fields: string, body: Uint8Array): Uint8Array {
  return concat([wire(`HTTP/1.1 200 OK¶Content-Encoding: ${fields}¶¶`), body]);
}

/** What a client makes of a response: its text, or the code of its error. */
async function outcomeOf(response: Uint8Array): Promise<string> {
  const { client, connection } = dialing({ decompress: true });
  const fetching = client.fetch("http://a/");
  const { far } = await connection(0);
  await readUntil(far, "¶¶");
  await far.write(response);
  await far.closeWrite();
  const outcome = await (await fetching).text().catch((error) => {
    assertInstanceOf(error, ProtocolError);
    assertInstanceOf(error.cause, Error);
    return error.code;
  });
  await client.abort();
  return outcome;
}

/** Each format, and what it is called. */
const encoders: readonly (readonly [name: string, coding: string, encode: (text: string) => Uint8Array])[] = [
  ["gzip", "gzip", gzipSync],
  ["gzip of two members", "gzip", (text) => concat([gzipSync(text), gzipSync(" and more")])],
  ["gzip with all fields of its head", "gzip", fullGzip],
  ["deflate", "deflate", deflateSync],
  ["deflate without its wrapper", "deflate", deflateRawSync],
  ["br", "br", brotliCompressSync],
];

/** FEXTRA, FNAME, FCOMMENT and FHCRC (RFC 1952 §2.3). */
function fullGzip(text: string): Uint8Array {
  const plain = gzipSync(text);
  const fields = [2, 0, 9, 9, ...wire("name"), 0, ...wire("comment"), 0, 7, 7];
  return concat([
    plain.subarray(0, 3),
    Uint8Array.of(0x1e),
    plain.subarray(4, 10),
    Uint8Array.from(fields),
    plain.subarray(10),
  ]);
}

test("decompress() copies no more of gzip that comes byte by byte than there is, its extra field among it", async () => {
  const plain = gzipSync("hello");
  const head = [...plain.subarray(0, 3), 4, ...plain.subarray(4, 10), 0x00, 0x40];
  const whole = concat([Uint8Array.from(head), new Uint8Array(0x4000), plain.subarray(10)]);
  const source = ReadableStream.from(Array.from(whole, (byte) => Uint8Array.of(byte))) as ReadableStream<Uint8Array>;
  const arrays = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;
  const { set } = arrays;
  let copied = 0;
  arrays.set = function (this: Uint8Array, from: ArrayLike<number>, at?: number): void {
    copied += from.length;
    set.call(this, from, at);
  };
  const parts: Uint8Array[] = [];
  try {
    for await (const part of decompress(source, "gzip")) parts.push(part);
  } finally {
    arrays.set = set;
  }
  assertEquals(new TextDecoder().decode(concat(parts)), "hello");
  assert(copied <= 4 * whole.length, `${copied} of ${whole.length} bytes`);
});

for (const [name, coding, encode] of encoders) {
  const told = "hello world, ".repeat(9) + "0123456789abcdef";
  const whole = encode(told);
  const end = name === "gzip of two members" ? " and more" : "";

  for (const [last, framed] of framings) {
    test(`fetch() fails on ${name} that is cut at any byte, in a body that ends with ${last} (RFC 9110 §8.4)`, async () => {
      const silent: number[] = [];
      for (let cut = 1; cut < whole.length; cut++) {
        const outcome = await outcomeOf(framed(coding, whole.subarray(0, cut)));
        const member = end !== "" && outcome === told;
        if (outcome !== "bad-content-coding" && !member) silent.push(cut);
      }
      assertEquals(silent, []);
      assertEquals(await outcomeOf(framed(coding, whole)), told + end);
    });
  }

  test(`fetch() decodes ${name} whatever the cuts, and ignores what stands behind its end`, async () => {
    for (const behind of ["", "garbage", "\0\0\0\0", "\x1f", "x"]) {
      const body = concat([whole, wire(behind)]);
      for (const [, framed] of framings) assertEquals(await outcomeOf(framed(coding, body)), told + end);
      for (const { how, chunks } of everyCut(body)) {
        const source = ReadableStream.from(chunks.filter((chunk) => chunk.length > 0)) as ReadableStream<Uint8Array>;
        const parts: Uint8Array[] = [];
        for await (const part of decompress(source, coding as Coding)) parts.push(part);
        assertEquals(new TextDecoder().decode(concat(parts)), told + end, `${how}, then ${JSON.stringify(behind)}`);
      }
    }
  });
}

test("fetch() fails with bad-content-coding on coded bytes that are malformed, read as a stream as well", async () => {
  for (const coding of ["gzip", "deflate", "br"]) {
    const fields = [["content-encoding", coding]] as const;
    const body = wire("\xff\xffno coding at all");
    const { client } = dialingServed(() => ({ status: 200, body, fields }), { decompress: true });
    const response = await client.fetch("http://a/");
    const error = await rejection(response.text());
    assert(error instanceof ProtocolError && error.code === "bad-content-coding", `${coding}: ${error}`);
    const reader = (await client.fetch("http://a/")).body!.getReader();
    const other = await rejection((async () => {
      while (!(await reader.read()).done);
    })());
    assert(other instanceof ProtocolError && other.code === "bad-content-coding", `${coding}: ${other}`);
    await client.abort();
  }
});

test("fetch() fails on gzip whose checksum or length is wrong (RFC 1952 §2.3.1)", async () => {
  const whole = bytesOf(gzipSync(plain));
  for (const back of [1, 8]) {
    const broken = whole.slice();
    broken[whole.length - back]! ^= 1;
    assertEquals(await outcomeOf(framings[0]![1]("gzip", broken)), "bad-content-coding");
  }
});

test("fetch() of a coded body whose connection is cut fails with truncated", async () => {
  const whole = bytesOf(gzipSync(plain));
  const { client, connection } = dialing({ decompress: true });
  const fetching = client.fetch("http://a/");
  const { far } = await connection(0);
  await readUntil(far, "¶¶");
  await far.write(wire(`HTTP/1.1 200 OK¶Content-Encoding: gzip¶Content-Length: ${whole.length}¶¶`));
  await far.write(whole.subarray(0, 12));
  await far.closeWrite();
  const error = await rejection((await fetching).text());
  assert(error instanceof ProtocolError && error.code === "truncated", `${error}`);
  await client.abort();
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

for (const coding of ["gzip", "deflate", "gzip, gzip"]) {
  test(`fetch() aborted while ${coding} is decoded that has arrived decodes no more of it (CWE-409)`, async () => {
    const { client, connection } = dialing({ decompress: true });
    const controller = new AbortController();
    const fetching = client.fetch("http://a/", { signal: controller.signal });
    const { far } = await connection(0);
    await readUntil(far, "¶¶");
    const zeros = new Uint8Array(10_000_000);
    const packed = bytesOf(coding === "deflate" ? deflateSync(zeros) : gzipSync(zeros));
    await far.write(message(coding, coding === "gzip, gzip" ? bytesOf(gzipSync(packed)) : packed));
    const reader = (await fetching).body!.getReader();
    await reader.read();
    const reason = new Error("enough");
    controller.abort(reason);
    let more = 0;
    const reading = (async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) more += part.value.length;
    })();
    assertEquals(await rejection(reading), reason);
    assert(more <= 200_000, `${more} bytes`);
    await client.close();
  });
}

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
