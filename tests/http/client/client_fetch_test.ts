import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import { StateError } from "../../../src/errors/state_error.ts";
import { Client } from "../../../src/http/client/client.ts";
import type { ClientBody } from "../../../src/http/client/options.ts";
import { answer, dialing, dialingServed, rejection } from "../../support/dialing.ts";
import { isAtLeast, runtimeName, skipUnless } from "../../support/runtime.ts";
import { isPending } from "../../support/switching.ts";
import { everyCut, readUntil, turns, wire } from "../../support/wire.ts";

const HELLO = "HTTP/1.1 200 OK¶Content-Type: text/plain¶Content-Length: 5¶¶hello";

test("fetch() sends a GET with Host first and gives the platform's Response", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://example.com:8080/a/b?c=d#e");
  const { address, far } = await connection(0);
  assertEquals(address, { hostname: "example.com", port: 8080 });
  const request = await answer(far, HELLO);
  assertEquals(request, "GET /a/b?c=d HTTP/1.1¶host: example.com:8080¶accept: */*¶user-agent: t¶¶");
  const response = await fetching;
  assertInstanceOf(response, Response);
  assertEquals(
    [response.status, response.statusText, response.ok, response.redirected, response.type],
    [200, "OK", true, false, "basic"],
  );
  assertEquals(response.url, "http://example.com:8080/a/b?c=d");
  assertEquals(response.headers.get("content-type"), "text/plain");
  assertEquals(response.head.fields.get("CONTENT-TYPE"), "text/plain");
  assertEquals(response.bodyUsed, false);
  assertEquals(await response.text(), "hello");
  assertEquals(response.bodyUsed, true);
  await client.close();
});

test("fetch() leaves the default port out of Host and dials it (RFC 9110 §7.2)", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://example.com/");
  const { address, far } = await connection(0);
  assertEquals(address, { hostname: "example.com", port: 80 });
  assert((await answer(far, HELLO)).includes("host: example.com¶"));
  await (await fetching).text();
  await client.close();
});

test("fetch() dials an IPv6 address without brackets and writes Host with them", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://[::1]:81/");
  const { address, far } = await connection(0);
  assertEquals(address, { hostname: "::1", port: 81 });
  assert((await answer(far, HELLO)).includes("host: [::1]:81¶"));
  await (await fetching).text();
  await client.close();
});

test("fetch() reads the same response whatever the cuts [H4]", async () => {
  const bytes = wire("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Trailer: X-Sum¶¶2¶he¶3¶llo¶0¶X-Sum: 9¶¶");
  for (const { how, chunks } of everyCut(bytes)) {
    const { client, connection } = dialing();
    const fetching = client.fetch("http://a/");
    const { far } = await connection(0);
    await readUntil(far, "¶¶");
    for (const chunk of chunks) await far.write(chunk);
    const response = await fetching;
    assertEquals(await response.text(), "hello", how);
    assertEquals((await response.trailers).get("x-sum"), "9", how);
    await client.close();
  }
});

const bodies: readonly { name: string; body: () => ClientBody; type: string; sent: string }[] = [
  { name: "a string", body: () => "hé", type: "text/plain;charset=UTF-8", sent: "length 3: hé" },
  { name: "bytes", body: () => Uint8Array.of(104, 105), type: "none", sent: "length 2: hi" },
  {
    name: "a view",
    body: () => new DataView(Uint8Array.of(0, 104, 105).buffer, 1),
    type: "none",
    sent: "length 2: hi",
  },
  { name: "an ArrayBuffer", body: () => Uint8Array.of(104, 105).buffer, type: "none", sent: "length 2: hi" },
  {
    name: "URLSearchParams",
    body: () => new URLSearchParams({ a: "b c" }),
    type: "application/x-www-form-urlencoded;charset=UTF-8",
    sent: "length 5: a=b+c",
  },
  { name: "a Blob", body: () => new Blob(["hi"], { type: "x/y" }), type: "x/y", sent: "length 2: hi" },
  { name: "a stream", body: () => new Blob(["hi"]).stream(), type: "none", sent: "chunked: hi" },
  {
    name: "an async iterable",
    body: async function* () {
      yield wire("h");
      yield wire("i");
    },
    type: "none",
    sent: "chunked: hi",
  } as unknown as { name: string; body: () => ClientBody; type: string; sent: string },
];

for (const { name, body, type, sent } of bodies) {
  test(`fetch() sends ${name} as a body [B13]`, async () => {
    const { client } = dialingServed(async ({ fields, body }) => {
      const length = fields.get("content-length");
      const framing = length === null ? fields.get("transfer-encoding") : `length ${length}`;
      return { status: 200, body: `${fields.get("content-type") ?? "none"}, ${framing}: ${await body.text()}` };
    });
    const response = await client.fetch("http://a/", { method: "post", body: body() });
    assertEquals(await response.text(), `${type}, ${sent}`);
    await client.close();
  });
}

for (const method of ["POST", "PUT", "PATCH"]) {
  test(`fetch() announces with ${method} that there is no body: RFC 9110 §8.6`, async () => {
    const { client, connection } = dialing();
    const fetching = client.fetch("http://a/", { method });
    const { far } = await connection(0);
    const bare = `${method} / HTTP/1.1¶host: a¶accept: */*¶user-agent: t¶content-length: 0¶¶`;
    assertEquals(await answer(far, HELLO), bare);
    assertEquals(await (await fetching).text(), "hello");
    const again = client.fetch("http://a/", { method, headers: { "content-length": "0" } });
    assertEquals(
      await answer(far, HELLO),
      `${method} / HTTP/1.1¶host: a¶content-length: 0¶accept: */*¶user-agent: t¶¶`,
    );
    assertEquals(await (await again).text(), "hello");
    await client.close();
  });
}

test("fetch() sends a FormData with its boundary and its length", async () => {
  const { client } = dialingServed(async ({ fields, body }) => {
    const type = fields.get("content-type") ?? "";
    const form = await new Response(await body.text(), { headers: { "content-type": type } }).formData();
    return { status: 200, body: `${fields.has("content-length")} ${form.get("a")}` };
  });
  const form = new FormData();
  form.set("a", "b");
  const response = await client.fetch("http://a/", { method: "POST", body: form });
  assertEquals(await response.text(), "true b");
  await client.close();
});

test("fetch() takes a Request, whose properties init overrides", async () => {
  const { client } = dialingServed(async ({ method, target, fields, body }) => ({
    status: 200,
    body: `${method} ${target} ${fields.get("x-a")} ${await body.text()}`,
  }));
  const request = () => new Request("http://a/b", { method: "PUT", headers: { "x-a": "1" }, body: "c" });
  assertEquals(await (await client.fetch(request())).text(), "PUT /b 1 c");
  assertEquals(
    await (await client.fetch(request(), { method: "POST", headers: { "x-a": "2" }, body: "d" })).text(),
    "POST /b 2 d",
  );
  await client.close();
});

test("fetch() takes credentials out of the URL", async () => {
  const { client } = dialingServed(({ fields }) => ({ status: 200, body: fields.get("authorization") ?? "" }));
  const response = await client.fetch("http://us%20er:p%C3%A9@a/b");
  assertEquals(await response.text(), `Basic ${btoa("us er:p\u00c3\u00a9")}`);
  assertEquals(response.url, "http://a/b");
  await client.close();
});

test("fetch() lets the caller say Host, Accept and User-Agent", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/", { headers: { Host: "b", Accept: "x/y", "User-Agent": "u" } });
  const { far } = await connection(0);
  const sent = await answer(far, HELLO);
  assertEquals(sent.match(/host|accept|user-agent/gi)?.length, 3, sent);
  assert(/host: b¶/i.test(sent) && /accept: x\/y¶/i.test(sent) && /user-agent: u¶/i.test(sent), sent);
  await (await fetching).text();
  await client.close();
});

test("fetch() takes numbers as the values of fields, as the platform's does", async () => {
  const { client } = dialingServed(({ fields }) => ({ status: 200, body: fields.get("x-n") ?? "none" }));
  const inits = [{ "x-n": 1 }, [["x-n", 1]]] as unknown as HeadersInit[];
  for (const headers of inits) assertEquals(await (await client.fetch("http://a/", { headers })).text(), "1");
  const own = dialingServed(({ fields }) => ({ status: 200, body: fields.get("x-n") ?? "none" }), {
    headers: inits[0],
  });
  assertEquals(await (await own.client.fetch("http://a/")).text(), "1");
  await client.close();
  await own.client.close();
});

test("Response.url has no fragment, not even an empty one", async () => {
  const { client } = dialingServed(() => ({ status: 200, body: "ok" }));
  for (const end of ["", "#", "#a", "?#", "?b#c"]) {
    const response = await client.fetch(`http://a/x${end}`);
    await response.text();
    assertEquals(response.url, `http://a/x${end.replace(/#.*/, "")}`);
  }
  await client.close();
});

test("fetch() rejects what cannot be fetched, before it dials", async () => {
  const { client, dialed } = dialing();
  await assertRejects(() => client.fetch("data:,x"), TypeError);
  await assertRejects(() => client.fetch("/relative"), TypeError);
  await assertRejects(() => client.fetch("http://a/", { method: "CONNECT" }), TypeError);
  await assertRejects(() => client.fetch("http://a/", { body: "x" }), TypeError);
  await assertRejects(() => client.fetch("http://a/", { signal: AbortSignal.abort(new Error("no")) }), Error, "no");
  assertEquals(dialed.length, 0);
  await client.close();
});

test("fetch() refuses CR, LF and NUL in fields and goes on with the connection [H1]", async () => {
  const { client, dialed } = dialingServed(() => ({ status: 200, body: "ok" }));
  for (const value of ["a\r\nb: c", "a\nb", "a\0"]) {
    const error = await rejection(client.fetch("http://a/", { headers: [["x", value]] }));
    assertInstanceOf(error, TypeError);
  }
  assertEquals(await (await client.fetch("http://a/")).text(), "ok");
  assertEquals(dialed.length, 1);
  await client.close();
});

test("Response.body streams without reading ahead of its reader", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/");
  const { far } = await connection(0);
  await answer(far, "HTTP/1.1 200 OK¶Content-Length: 6¶¶abc");
  const reader = (await fetching).body!.getReader();
  assertEquals((await reader.read()).value, wire("abc"));
  const next = reader.read();
  assert(await isPending(next));
  await far.write(wire("def"));
  assertEquals((await next).value, wire("def"));
  assertEquals((await reader.read()).done, true);
  await client.close();
});

test("Response.body is null for HEAD, 204, 205 and 304 [B6]", async () => {
  const { client } = dialingServed(({ target }) => ({ status: Number(target.slice(1)) }));
  for (const status of [204, 304]) assertEquals((await client.fetch(`http://a/${status}`)).body, null);
  const head = await client.fetch("http://a/200", { method: "HEAD" });
  assertEquals([head.body, await head.text()], [null, ""]);
  await client.close();
});

test("Response.body is null for a 205, however it is framed, and the connection goes on [B6]", async () => {
  const framings = ["Content-Length: 0¶¶", "Transfer-Encoding: chunked¶¶0¶¶", "Content-Length: 3¶¶abc"];
  for (const framing of framings) {
    const { client, connection, dialed } = dialing();
    for (let i = 0; i < 2; i++) {
      const fetching = client.fetch("http://a/");
      const { far } = await connection(0);
      await answer(far, `HTTP/1.1 205 Reset Content¶${framing}`);
      const response = await fetching;
      assertEquals([response.status, response.body, await response.text()], [205, null, ""]);
      await turns();
    }
    assertEquals(dialed.length, 1, framing);
    await client.close();
  }
});

test("Response: a body that is cut short fails and does not just end [B12, C9]", async () => {
  for (const head of ["Content-Length: 6¶¶abc", "Transfer-Encoding: chunked¶¶3¶abc¶"]) {
    const { client, connection } = dialing();
    const fetching = client.fetch("http://a/");
    const { far } = await connection(0);
    await answer(far, `HTTP/1.1 200 OK¶${head}`);
    await far.closeWrite();
    const error = await rejection((await fetching).text());
    assert(error instanceof ProtocolError && error.code === "truncated", `${error}`);
    await client.close();
  }
});

test("Response.blob() has the type of the response, as the platform spells it (Fetch §5.3)", async () => {
  const type = "application/json; charset=UTF-8";
  const { type: spelled } = await new Response("x", { headers: { "content-type": type } }).blob();
  for (const [fields, expected] of [[[["content-type", type]], spelled], [[], ""]] as const) {
    const { client } = dialingServed(() => ({ status: 200, body: "x", fields }));
    assertEquals((await (await client.fetch("http://a/")).blob()).type, expected);
    const cloned = await client.fetch("http://a/");
    assertEquals((await cloned.clone().text()) + (await cloned.blob()).type, `x${expected}`);
    await client.close();
  }
});

test("Response.json(), bytes(), arrayBuffer() and blob() read the body once", async () => {
  const { client } = dialingServed(() => ({ status: 200, body: "[1]", fields: [["content-type", "x/y"]] }));
  const get = () => client.fetch("http://a/");
  assertEquals(await (await get()).json(), [1]);
  assertEquals(await (await get()).bytes(), new Uint8Array([91, 49, 93]));
  assertEquals((await (await get()).arrayBuffer()).byteLength, 3);
  const blob = await (await get()).blob();
  assertEquals([blob.type, await blob.text()], ["x/y", "[1]"]);
  const used = await get();
  await used.text();
  await assertRejects(() => used.text(), TypeError);
  const locked = await get();
  locked.body!.getReader();
  await assertRejects(() => locked.text(), TypeError);
  await client.abort();
});

for (const decompress of [false, true]) {
  const fields = decompress ? [["content-encoding", "deflate"]] as const : [];
  const body = decompress ? deflateSync("body") : "body";

  const keepsLocks = skipUnless(
    runtimeName !== "bun" || isAtLeast("1.4.0"),
    "Bun before 1.4 lends a locked body again",
  );
  test(`Response.body is locked once text() has read ${decompress ? "and decoded " : ""}it`, keepsLocks, async () => {
    const { client } = dialingServed(() => ({ status: 200, body, fields }), { decompress });
    for (const before of [false, true]) {
      const response = await client.fetch("http://a/");
      const taken = before ? response.body : null;
      const reading = response.text();
      assertEquals([response.bodyUsed, response.body!.locked], [true, true]);
      assertEquals(await reading, "body");
      assertEquals([response.bodyUsed, response.body!.locked], [true, true]);
      assertEquals(taken ?? response.body, response.body);
      assertThrows(() => response.body!.getReader(), TypeError);
      await assertRejects(() => response.body!.cancel(), TypeError);
      for (const read of ["text", "json", "bytes", "arrayBuffer", "blob", "formData"] as const) {
        await assertRejects(() => response[read](), TypeError);
      }
      assertThrows(() => response.clone(), TypeError);
      assertThrows(() => new Response(response.body), TypeError);
    }
    await client.close();
  });

  test(`Response.text() refuses a ${decompress ? "coded " : ""}body whose stream is locked or was read`, async () => {
    const { client } = dialingServed(() => ({ status: 200, body, fields }), { decompress });
    const locked = await client.fetch("http://a/");
    const reader = locked.body!.getReader();
    assertEquals(locked.bodyUsed, false);
    await assertRejects(() => locked.text(), TypeError);
    reader.releaseLock();
    assertEquals(await locked.text(), "body");
    const read = await client.fetch("http://a/");
    for await (const _ of read.body!);
    assertEquals(read.bodyUsed, true);
    await assertRejects(() => read.text(), TypeError);
    const canceled = await client.fetch("http://a/");
    await canceled.body!.cancel();
    assertEquals(canceled.bodyUsed, true);
    await assertRejects(() => canceled.text(), TypeError);
    await client.close();
  });
}

test("Response.clone() gives a second body and the same head", async () => {
  const { client } = dialingServed(() => ({ status: 404, body: "gone" }));
  const response = await client.fetch("http://a/x");
  const clone = response.clone();
  assertEquals([clone.status, clone.ok, clone.url], [404, false, "http://a/x"]);
  assertEquals(await Promise.all([response.text(), clone.text()]), ["gone", "gone"]);
  await client.close();
});

test("fetch() reports 1xx before the final response [D4]", async () => {
  const { client, connection } = dialing();
  const seen: number[] = [];
  const fetching = client.fetch("http://a/", { onInformational: ({ status }) => seen.push(status) });
  const { far } = await connection(0);
  await answer(far, "HTTP/1.1 103 Early Hints¶Link: x¶¶HTTP/1.1 102 P¶¶" + HELLO);
  assertEquals(await (await fetching).text(), "hello");
  assertEquals(seen, [103, 102]);
  await client.close();
});

test("fetch() with expectContinueTimeoutMs holds back the body until the 100 [D5]", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/", { method: "POST", body: "hi", expectContinueTimeoutMs: 60_000 });
  const { far } = await connection(0);
  const head = await readUntil(far, "¶¶");
  assert(head.includes("expect: 100-continue¶"), head);
  await far.write(wire("HTTP/1.1 100 Continue¶¶"));
  assertEquals(await readUntil(far, "hi"), "hi");
  await far.write(wire(HELLO));
  assertEquals(await (await fetching).text(), "hello");
  await client.close();
});

test("fetch() repeats a request after 417 without the expectation (RFC 9110 §10.1.1) [D5]", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/", { method: "POST", body: "hi", expectContinueTimeoutMs: 60_000 });
  const first = await connection(0);
  await answer(first.far, "HTTP/1.1 417 Expectation Failed¶Content-Length: 0¶Connection: close¶¶");
  const second = await connection(1);
  const repeated = await readUntil(second.far, "hi");
  assert(!/expect/i.test(repeated), repeated);
  await second.far.write(wire(HELLO));
  assertEquals(await (await fetching).text(), "hello");
  await client.close();
});

const trailed: readonly { name: string; body: () => ClientBody | null }[] = [
  { name: "a stream", body: () => new Blob(["hi"]).stream() },
  { name: "a Blob", body: () => new Blob(["hi"]) },
  { name: "a string", body: () => "hi" },
  { name: "an empty string", body: () => "" },
  { name: "no body", body: () => null },
];

for (const { name, body } of trailed) {
  test(`fetch() sends announced trailers behind ${name} (RFC 9112 §7.1.2) [B11]`, async () => {
    const { client } = dialingServed(async ({ body }) => {
      await body.text();
      return { status: 200, body: (await body.trailers).get("x-sum") ?? "none" };
    });
    const trailers = () => [["x-sum", "9"]] as const;
    const init = { method: "POST", body: body(), headers: { trailer: "x-sum" }, trailers };
    assertEquals(await (await client.fetch("http://a/", init)).text(), "9");
    await client.close();
  });
}

test("fetch() refuses trailers with GET and HEAD, which have no body here", async () => {
  const { client, dialed } = dialing();
  for (const method of ["GET", "HEAD", "get"]) {
    const error = await rejection(client.fetch("http://a/", { method, trailers: { a: "b" } }));
    assert(error instanceof TypeError);
    assertEquals(error.message, `Cannot send trailers with ${method.toUpperCase()}`);
  }
  assertEquals(dialed.length, 0);
  await client.close();
});

test("fetch() of a closed client is a StateError", async () => {
  const client = new Client();
  await client.close();
  const error = await rejection(client.fetch("http://a/"));
  assert(error instanceof StateError && error.code === "closed");
});

test("fetch() gives a 101 that it asked for, and onUpgrade() the connection", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/", { headers: { connection: "upgrade", upgrade: "echo" } });
  const { far } = await connection(0);
  await answer(far, "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo¶¶early");
  const response = await fetching;
  assertEquals([response.status, response.body], [101, null]);
  const { onUpgrade } = await import("../../../src/http1/upgrade.ts");
  const io = await onUpgrade(response);
  assertEquals(await io.read(), wire("early"));
  await io.close();
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

test("fetch() fails on a 101 that was not asked for [E9]", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/");
  const { far, near } = await connection(0);
  await answer(far, "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo¶¶");
  const error = await rejection(fetching);
  assert(error instanceof ProtocolError && error.code === "unexpected-upgrade", `${error}`);
  await near.closed.catch(() => {});
  await client.close();
});
