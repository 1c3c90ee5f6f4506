import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { type Handler, serveConnection } from "../../src/http1/server_connection.ts";
import { listen } from "../../src/net/mod.ts";
import { curl, scratch, sha256, withCurl } from "../support/curl.ts";

interface Site {
  readonly url: string;
  /** How many connections were made. */
  connections(): number;
  close(): Promise<void>;
}

async function site(handler: Handler): Promise<Site> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const closed: Promise<unknown>[] = [];
  const accepting = (async () => {
    for await (const socket of listener) closed.push(serveConnection(socket, handler).closed);
  })();
  return {
    url: `http://127.0.0.1:${listener.address.port}`,
    connections: () => closed.length,
    async close() {
      await listener.close();
      await accepting;
      await Promise.all(closed);
    },
  };
}

/** 16 MiB that no two places of share for long, in chunks of many sizes: more than sockets and pipes hold, twice. */
const LARGE_BYTES = 16 * 1_048_576;

function* noise(): Generator<Uint8Array> {
  let state = 1;
  for (let left = LARGE_BYTES; left > 0;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const chunk = new Uint8Array(Math.min(left, 1 + state % 200_000));
    new Uint32Array(chunk.buffer, 0, chunk.length >> 2).forEach((_, i, words) => words[i] = state + i * 2_654_435_761);
    left -= chunk.length;
    yield chunk;
  }
}

async function* stream(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

test("curl: an upgrade to a protocol that curl does not know [E1]", withCurl, async () => {
  const { url, close } = await site((request) => {
    const { response, upgraded } = upgradeResponse(request, "foo");
    upgraded.then(async (io) => {
      await io.write(new TextEncoder().encode("from the other protocol\n"));
      await io.close();
    });
    return response;
  });
  const { code, stdout, stderr } = await curl(["-v", "-H", "Connection: Upgrade", "-H", "Upgrade: foo", `${url}/`]);
  assertEquals(code, 0, stderr);
  assertMatch(stderr, /< HTTP\/1\.1 101 Switching Protocols\r?\n< Connection: upgrade\r?\n< Upgrade: foo\r?\n/);
  assertEquals(stdout, "from the other protocol\n");
  await close();
});

test("curl: an upload with Expect: 100-continue is asked for when it is read [D1]", withCurl, async () => {
  const { url, close } = await site(async (request) => ({ status: 200, body: await request.body.text() }));
  const { code, stdout, stderr } = await curl(
    ["-v", "--expect100-timeout", "15", "-H", "Expect: 100-continue", "-d", "the body", `${url}/`],
  );
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "< HTTP/1.1 100 Continue");
  assertStringIncludes(stderr, "< HTTP/1.1 200 OK");
  assertEquals(stdout, "the body");
  await close();
});

test("curl: an upload with Expect: 100-continue that is refused is not sent [D1]", withCurl, async () => {
  const { url, close } = await site(() => ({ status: 413, body: "too large" }));
  const args = ["--expect100-timeout", "15", "-H", "Expect: 100-continue", "-d", "the body"];
  const { code, stdout } = await curl([...args, "-w", "|%{http_code} %{size_upload}", `${url}/`]);
  assertEquals(code, 0);
  assertEquals(stdout, "too large|413 0");
  await close();
});

test("curl: an upload from a pipe comes in chunks and is echoed while it comes", withCurl, async () => {
  const { url, close } = await site((request) => ({
    status: 200,
    fields: [["X-Framing", request.body.framing.type]],
    body: request.body,
  }));
  const stdin = "line\n".repeat(100_000);
  const { code, stdout, stderr } = await curl(["-v", "-H", "Expect:", "-T", "-", `${url}/`], { stdin });
  assertEquals(code, 0, stderr.slice(0, 2000));
  assertMatch(stderr, /< X-Framing: chunked/);
  assert(stdout === stdin, `${stdout.length} bytes came back`);
  await close();
});

test("curl --http1.0: delimited by the end of the connection [B14, C6]", withCurl, async () => {
  const { url, close, connections } = await site(() => ({
    status: 200,
    body: stream([new TextEncoder().encode("un"), new TextEncoder().encode("til the end")]),
  }));
  const { code, stdout, stderr } = await curl(["--http1.0", "-v", `${url}/`, `${url}/`]);
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "until the enduntil the end");
  assertEquals(/transfer-encoding/i.test(stderr), false);
  assertEquals(connections(), 2);
  await close();
});

test("curl --raw: the chunks as they are", withCurl, async () => {
  const parts = ["a".repeat(3), "b".repeat(17)].map((part) => new TextEncoder().encode(part));
  const { url, close } = await site(() => ({ status: 200, body: stream(parts) }));
  const { stdout } = await curl(["--raw", `${url}/`]);
  assertEquals(stdout, `3\r\naaa\r\n11\r\n${"b".repeat(17)}\r\n0\r\n\r\n`);
  await close();
});

test("curl: two URLs of one invocation share a connection", withCurl, async () => {
  const { url, close, connections } = await site((request) => ({ status: 200, body: `${request.target}\n` }));
  const { code, stdout, stderr } = await curl(["-v", `${url}/one`, `${url}/two`]);
  assertEquals({ code, stdout }, { code: 0, stdout: "/one\n/two\n" });
  assertMatch(stderr, /Re-using existing (?:connection|http: connection)/i);
  assertEquals(connections(), 1);
  await close();
});

test("curl -I: HEAD has the fields of GET and no body, and the connection goes on [B6]", withCurl, async () => {
  const { url, close, connections } = await site(() => ({ status: 200, body: "twelve bytes" }));
  const { code, stdout } = await curl(["-I", `${url}/one`, `${url}/two`]);
  assertEquals(code, 0);
  assertEquals(stdout.match(/^content-length: 12\r$/gm)?.length, 2);
  assertEquals(connections(), 1);
  await close();
});

for (const [how, length] of [["chunks", null], ["a length", LARGE_BYTES]] as const) {
  test(`curl: a download of 16 MiB with ${how}, unchanged`, withCurl, async () => {
    const hash = createHash("sha256");
    for (const chunk of noise()) hash.update(chunk);
    const { url, close } = await site(() => ({
      status: 200,
      fields: length === null ? [] : [["Content-Length", String(length)]],
      body: stream(noise()),
    }));
    const files = scratch();
    const file = files.file("download");
    const { code, stderr } = await curl(["-o", file, `${url}/`]);
    assertEquals(code, 0, stderr);
    assertEquals(await sha256(file), hash.digest("hex"));
    files.remove();
    await close();
  });
}

test("curl: an upload of 16 MiB, unchanged", withCurl, async () => {
  const { url, close } = await site(async (request) => {
    const hash = createHash("sha256");
    for await (const chunk of request.body) hash.update(chunk);
    return { status: 200, body: hash.digest("hex") };
  });
  const files = scratch();
  const file = files.file("upload", Buffer.concat([...noise()]));
  const { code, stdout, stderr } = await curl(["-T", file, `${url}/`]);
  assertEquals(code, 0, stderr);
  assertEquals(stdout, await sha256(file));
  files.remove();
  await close();
});

test("curl: a 413 to an upload that nobody reads arrives (RFC 9112 §9.6) [C7]", withCurl, async () => {
  const { url, close } = await site(() => ({ status: 413, body: "too large" }));
  const files = scratch();
  const file = files.file("upload", new Uint8Array(20_000_000));
  for (const args of [["-H", "Expect:"], ["-H", "Expect:", "-H", "Transfer-Encoding: chunked"]]) {
    const { code, stdout, stderr } = await curl([...args, "-T", file, "-w", "|%{http_code}", `${url}/`]);
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "too large|413", stderr: "" });
  }
  files.remove();
  await close();
});
