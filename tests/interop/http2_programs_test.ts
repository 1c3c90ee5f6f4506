import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Handler } from "../../src/http1/server_exchange.ts";
import { curl, scratch, sha256, withCurl } from "../support/curl.ts";
import { http2Site } from "../support/http2_site.ts";
import { listening } from "../support/http_server.ts";
import { type Finished, skipUnless, spawn, unlessTlsIsRefused, which } from "../support/runtime.ts";
import { turns } from "../support/wire.ts";

const nghttp = which("nghttp");
const h2load = which("h2load");
const withNghttp = { ...skipUnless(nghttp !== undefined, "nghttp is not installed"), timeout: 30_000 };
const withH2load = { ...skipUnless(h2load !== undefined, "h2load is not installed"), timeout: 30_000 };
const curlSpeaksHttp2 = withCurl.skip === false && (await curl(["--version"])).stdout.includes("HTTP2");
const withCurlHttp2 = { ...withCurl, ...(withCurl.skip ? {} : skipUnless(curlSpeaksHttp2, "this curl has no HTTP/2")) };

/** What is skipped without the program, or without TLS. */
function over(transport: "tcp" | "tls", needed: { readonly skip: string | false; readonly timeout: number }) {
  return transport === "tls" && unlessTlsIsRefused.skip !== false ? { ...needed, ...unlessTlsIsRefused } : needed;
}

function run(program: string | undefined, args: readonly string[]): Promise<Finished> {
  return spawn(program!, args, { timeoutMs: 20_000 });
}

/** Two lines for GET, what came for others. */
const handler: Handler = async (request) => {
  const { method, target: path } = request;
  if (method !== "GET") return { status: 200, body: request.body };
  if (path !== "/inform") return { status: 200, fields: { "content-type": "text/plain" }, body: `one ${path}\ntwo\n` };
  await request.sendInformational(103, { link: "</style>; rel=preload" });
  return { status: 200, body: "behind 103\n", trailers: { "x-sum": "7" } };
};

test("nghttp: GET, many on one connection, with windows of its own", withNghttp, async () => {
  const site = await http2Site("tcp", handler);
  assertEquals((await run(nghttp, [`${site.origin}/a`])).stdout, "one /a\ntwo\n");
  const { stdout, stderr } = await run(nghttp, ["-m", "90", "-w", "6", "-W", "16", `${site.origin}/b`]);
  assertEquals([stdout, stderr], ["one /b\ntwo\n".repeat(90), ""]);
  assertEquals(site.connections, 2);
  await site.close();
});

test("nghttp: an upload of 3 MB comes back, in frames that are padded", withNghttp, async () => {
  const files = scratch();
  const body = randomBytes(3_000_000).toString("hex").slice(0, 3_000_000);
  const site = await http2Site("tcp", handler);
  const { stdout } = await run(nghttp, ["-d", files.file("body", body), "-b", "200", `${site.origin}/`]);
  assert(stdout === body);
  files.remove();
  await site.close();
});

test("nghttp: CONTINUATION, informational responses, trailers of both sides", withNghttp, async () => {
  const files = scratch();
  const site = await http2Site("tcp", async (request) => {
    if (request.method === "GET") return await handler(request);
    const body = await request.body.text();
    const sum = (await request.body.trailers).get("x-sum");
    return { status: 200, body: `${body} ${request.fields.get("continuation-test-3")?.length} ${sum}\n` };
  });
  const informed = await run(nghttp, ["-v", `${site.origin}/inform`]);
  assertMatch(informed.stdout, /:status: 103[^]*link: <\/style>; rel=preload[^]*:status: 200[^]*x-sum: 7/);
  const body = files.file("body", "some text");
  const { stdout } = await run(nghttp, ["--continuation", "-d", body, "--trailer=x-sum: 12", `${site.origin}/`]);
  assertMatch(stdout, /^some text \d+ 12\n$/);
  files.remove();
  await site.close();
});

test("nghttp over TLS: ALPN agrees on h2", over("tls", withNghttp), async () => {
  const site = await http2Site("tls", handler);
  const { stdout } = await run(nghttp, ["-v", `${site.origin}/a`]);
  assertMatch(stdout, /negotiated protocol: h2/);
  assertMatch(stdout, /one \/a\ntwo\n/);
  await site.close();
});

for (const transport of ["tcp", "tls"] as const) {
  test(
    `h2load over ${transport}: 2,000 requests, 20 at a time on each of 5 connections`,
    over(transport, withH2load),
    async () => {
      const site = await http2Site(transport, handler);
      const { stdout } = await run(h2load, ["-n", "2000", "-c", "5", "-m", "20", `${site.origin}/load`]);
      assertMatch(stdout, /2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout/);
      assertMatch(stdout, /status codes: 2000 2xx/);
      assertEquals(site.connections, 5);
      await site.close();
    },
  );
}

test("h2load: uploads that come back, through small windows", withH2load, async () => {
  const files = scratch();
  const site = await http2Site("tcp", handler, {
    limits: { streamWindowBytes: 20_000, connectionWindowBytes: 65_535 },
  });
  const body = files.file("body", randomBytes(50_000));
  const args = ["-n", "200", "-c", "4", "-m", "10", "-w", "14", "-W", "16", "-d", body, `${site.origin}/`];
  const { stdout } = await run(h2load, args);
  assertMatch(stdout, /200 succeeded, 0 failed, 0 errored, 0 timeout/);
  assertMatch(stdout, /\(10000000\) data/);
  files.remove();
  await site.close();
});

for (const after of [1, 100, 1000, 3000]) {
  test(`h2load: serve() that shuts down at request ${after} answers all that it has taken`, withH2load, async () => {
    let taken = 0;
    let finished: Promise<void> | null = null;
    const { server, origin } = await listening(async () => {
      const number = ++taken;
      if (number === after) finished = server.shutdown();
      if (number % 3 === 0) await turns();
      return new Response("x".repeat(number % 5 === 0 ? 50_000 : 10));
    }, { http2: { h2c: true } });
    const { stdout } = await run(h2load, ["-n", "20000", "-c", "8", "-m", "20", `${origin}/`]);
    await finished;
    const [, succeeded] = /(\d+) succeeded/.exec(stdout) ?? [];
    assertEquals([succeeded, server.connections], [`${taken}`, 0]);
    assert(taken >= after && taken < 20_000, `${taken}`);
  });
}

for (const transport of ["tcp", "tls"] as const) {
  const how = transport === "tcp" ? "--http2-prior-knowledge" : "--http2";
  test(`curl ${how}: an upload of 16 MiB comes back`, over(transport, withCurlHttp2), async () => {
    const files = scratch();
    const site = await http2Site(transport, handler);
    const body = files.file("body", randomBytes(16_777_216));
    const back = files.file("back");
    const format = "%{http_version} %{http_code} %{size_download}";
    const args = [how, "-k", "-T", body, "-o", back, "-w", format, `${site.origin}/`];
    assertEquals((await curl(args)).stdout, "2 200 16777216");
    assertEquals(await sha256(back), await sha256(body));
    files.remove();
    await site.close();
  });
}

// With prior knowledge curl 7.88 cannot use a connection twice; it fails so with node:http2 as well.
test("curl --http2: 60 requests at a time on one connection", over("tls", withCurlHttp2), async () => {
  const files = scratch();
  const site = await http2Site("tls", handler);
  const urls = Array.from({ length: 60 }, (_, i) => ["-o", files.file(`${i}`), `${site.origin}/${i}`]).flat();
  const { code, stderr } = await curl(["--http2", "-k", "-Z", "--no-progress-meter", ...urls]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  for (let i = 0; i < 60; i++) assertEquals(readFileSync(files.file(`${i}`), "utf8"), `one /${i}\ntwo\n`);
  assert(site.connections <= 2, `${site.connections}`); // curl opens another one if the first is slow to agree
  files.remove();
  await site.close();
});

test("curl: HEAD, 103, and trailers", withCurlHttp2, async () => {
  const site = await http2Site("tcp", handler);
  const head = await curl(["--http2-prior-knowledge", "-I", `${site.origin}/`]);
  assertMatch(head.stdout, /^HTTP\/2 200 \r\n/);
  const informed = await curl(["--http2-prior-knowledge", "-i", `${site.origin}/inform`]);
  assertMatch(informed.stdout, /^HTTP\/2 103 \r\nlink: [^]*HTTP\/2 200 \r\n[^]*behind 103\n/);
  await site.close();
});
