import { test } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import type { FetchInit } from "../../../src/http/client/options.ts";
import { redirected } from "../../../src/http/client/redirect.ts";
import { manualStream } from "../../support/client.ts";
import { dialingServed } from "../../support/dialing.ts";
import { sharing } from "../../support/http2_dialing.ts";
import { wire } from "../../support/wire.ts";
import type { IncomingRequest } from "../../../src/http1/incoming.ts";

/** Redirects `/<status>/…` to what follows `?`, and tells what came elsewhere. */
async function redirecting(request: IncomingRequest) {
  const [, status, location] = /^\/(3\d\d)\?(.*)$/.exec(request.target) ?? [];
  if (status !== undefined) {
    return { status: Number(status), fields: [["location", location!]] as const, body: "moved" };
  }
  const names = ["authorization", "content-type", "content-length", "cookie", "x-a", "proxy-authorization"];
  const told = names.filter((name) => request.fields.has(name)).join(" ");
  return {
    status: 200,
    body: `${request.method} ${request.authority}${request.target} [${told}] ${await request.body.text()}`,
  };
}

const cases: readonly (readonly [method: string, status: number, result: string])[] = [
  ["GET", 301, "GET a/x [x-a] "],
  ["GET", 302, "GET a/x [x-a] "],
  ["GET", 303, "GET a/x [x-a] "],
  ["GET", 307, "GET a/x [x-a] "],
  ["GET", 308, "GET a/x [x-a] "],
  ["POST", 301, "GET a/x [x-a] "],
  ["POST", 302, "GET a/x [x-a] "],
  ["POST", 303, "GET a/x [x-a] "],
  ["POST", 307, "POST a/x [content-type content-length x-a] body"],
  ["POST", 308, "POST a/x [content-type content-length x-a] body"],
  ["PUT", 301, "PUT a/x [content-type content-length x-a] body"],
  ["PUT", 303, "GET a/x [x-a] "],
];

for (const [method, status, result] of cases) {
  test(`fetch() follows ${status} to ${method} as the Fetch standard says, on the same connection`, async () => {
    const { client, dialed } = dialingServed(redirecting);
    const body = method === "GET" ? null : "body";
    const response = await client.fetch(`http://a/${status}?x`, { method, body, headers: { "x-a": "1" } });
    assertEquals(await response.text(), result);
    assertEquals([response.redirected, response.url, dialed.length], [true, "http://a/x", 1]);
    await client.close();
  });
}

test("fetch() keeps HEAD over 303", async () => {
  const { client } = dialingServed(redirecting);
  const response = await client.fetch("http://a/303?x", { method: "HEAD" });
  assertEquals([response.status, response.url], [200, "http://a/x"]);
  await client.close();
});

test("fetch() strips credentials when a redirect leaves the origin, and only then", async () => {
  const { client } = dialingServed(redirecting);
  const headers = { authorization: "a", cookie: "b", "proxy-authorization": "c", "x-a": "d" };
  const elsewhere = ["http://b/x", "http://a:81/x", "//b/x"];
  for (const location of elsewhere) {
    const text = await (await client.fetch(`http://a/302?${location}`, { headers })).text();
    assertEquals(text.replace(/^[^[]*/, ""), "[x-a] ", location);
  }
  const same = await (await client.fetch("http://a/302?/x", { headers })).text();
  assertEquals(same, "GET a/x [authorization cookie x-a proxy-authorization] ");
  const chain = await (await client.fetch("http://a/302?http://b/302?http://a/x", { headers })).text();
  assertEquals(chain, "GET a/x [x-a] ");
  await client.close();
});

test("fetch() strips the client's own credentials as it strips those of the request", async () => {
  const headers = { Authorization: "a", cookie: "b", "proxy-authorization": "c", "x-a": "d" };
  const { client } = dialingServed(redirecting, { headers });
  const fetched = async (path: string, init: FetchInit = {}) => {
    const text = await (await client.fetch(`http://a${path}`, init)).text();
    return text.replace(/^[^[]*/, "");
  };
  for (const location of ["http://b/x", "http://a:81/x", "//b/x", "http://b/302?http://a/x", "/302?http://b/x"]) {
    assertEquals(await fetched(`/302?${location}`), "[x-a] ", location);
    assertEquals(await fetched(`/302?${location}`, { headers: { authorization: "own" } }), "[x-a] ", location);
  }
  assertEquals(await fetched("/302?/x"), "[authorization cookie x-a proxy-authorization] ");
  assertEquals(await fetched("/x"), "[authorization cookie x-a proxy-authorization] ");
  await client.close();
});

test("redirected() takes another scheme, host or port for another origin", () => {
  const fields = [["Authorization", "a"], ["host", "virtual"], ["x-a", "d"]] as const;
  const rest = { method: "GET", fields, body: null, signal: undefined };
  for (const location of ["http://a/x", "https://b/x", "https://a:444/x", "//a:80/x"]) {
    const request = { url: new URL("https://a/"), ...rest };
    assertEquals(redirected(request, 302, [location]).fields, [["x-a", "d"]], location);
  }
  for (const location of ["/x", "https://a:443/x", "?y", "https://A/"]) {
    const request = { url: new URL("https://a/"), ...rest };
    assertEquals(redirected(request, 302, [location]).fields, fields, location);
  }
});

test("Client asks a function for its fields at each URL, those of redirects among them", async () => {
  const asked: string[] = [];
  const { client } = dialingServed(redirecting, {
    headers: (url) => {
      asked.push(url.href);
      return url.hostname === "a" || url.hostname === "b" ? { authorization: url.hostname } : { cookie: "x" };
    },
  });
  const fetched = async (path: string, init: FetchInit = {}) =>
    await (await client.fetch(`http://a${path}`, init)).text();
  assertEquals(await fetched("/302?http://b/x"), "GET b/x [authorization] ");
  assertEquals(asked, ["http://a/302?http://b/x", "http://b/x"]);
  assertEquals(
    await fetched("/302?http://c/x", { headers: { authorization: "own", "x-a": "1" } }),
    "GET c/x [cookie x-a] ",
  );
  await client.close();
});

test("Client refuses what a function returns that are no headers", async () => {
  const { client, dialed } = dialingServed(redirecting, { headers: () => "nothing" as unknown as HeadersInit });
  await assertRejects(() => client.fetch("http://a/"), TypeError, "headers");
  assertEquals(dialed.length, 0);
  await client.close();
});

test("Client with a Host of its own sends one Host line, and none of it to another origin", async () => {
  const { client } = dialingServed((request) => {
    const hosts = request.fields.getAll("host").join(" ");
    return request.target === "/"
      ? { status: 302, fields: [["location", "http://b/x"], ["x-host", hosts]], body: "" }
      : { status: 200, body: hosts };
  }, { headers: { Host: "virtual" } });
  const manual = await client.fetch("http://a/", { redirect: "manual" });
  assertEquals(manual.headers.get("x-host"), "virtual");
  assertEquals(await (await client.fetch("http://a/")).text(), "b");
  assertEquals(await (await client.fetch("http://a/x", { headers: { host: "own" } })).text(), "own");
  await client.close();
});

test("fetch() takes equal Location lines for one, and does not choose among others", async () => {
  const { client } = dialingServed(({ target }) => {
    const fields = target === "/same"
      ? [["location", "/x"], ["Location", "/x"]] as const
      : [["location", "/x"], ["location", "/y"]] as const;
    return target === "/x" ? { status: 200, body: "x" } : { status: 302, fields, body: "" };
  });
  assertEquals(await (await client.fetch("http://a/same")).text(), "x");
  await assertRejects(() => client.fetch("http://a/other"), TypeError, "several");
  await client.close();
});

test("fetch() drops a Host of the caller's when a redirect leaves the origin", async () => {
  const { client } = dialingServed(redirecting);
  const response = await client.fetch("http://a/302?http://b/x", { headers: { host: "virtual" } });
  assertEquals(await response.text(), "GET b/x [] ");
  await client.close();
});

test("fetch() never sends credentials that stand in a Location", async () => {
  const { client } = dialingServed(redirecting);
  const response = await client.fetch("http://a/302?http://user:pw@b/x");
  assertEquals([await response.text(), response.url], ["GET b/x [] ", "http://b/x"]);
  await client.close();
});

test("fetch() reads a Location as UTF-8 where it is not ASCII", async () => {
  const { client } = dialingServed((request) =>
    request.target === "/"
      ? { status: 302, fields: [["location", "/\u00c3\u00a9"]] }
      : { status: 200, body: request.target }
  );
  assertEquals(await (await client.fetch("http://a/")).text(), "/%C3%A9");
  await client.close();
});

test("fetch() with redirect: manual gives the redirect, with error it rejects", async () => {
  const { client } = dialingServed(redirecting);
  const response = await client.fetch("http://a/302?x", { redirect: "manual" });
  assertEquals([response.status, response.headers.get("location"), await response.text()], [302, "x", "moved"]);
  await assertRejects(() => client.fetch("http://a/302?x", { redirect: "error" }), TypeError);
  const asked = new Request("http://a/302?x", { redirect: "manual" });
  assertEquals((await client.fetch(asked)).status, 302);
  await client.abort();
});

test("fetch() gives a redirect without Location, and 304 and 300, as they are", async () => {
  const { client } = dialingServed(({ target }) => ({ status: Number(target.slice(1)) }));
  for (const status of [300, 301, 304]) assertEquals((await client.fetch(`http://a/${status}`)).status, status);
  await client.close();
});

test("fetch() gives up after maxRedirects, 20 by default", async () => {
  let count = 0;
  const loop = () => {
    count++;
    return { status: 302, fields: [["location", "/"]] as const };
  };
  const { client } = dialingServed(loop);
  await assertRejects(() => client.fetch("http://a/"), TypeError);
  assertEquals(count, 21);
  await client.close();
  count = 0;
  const { client: other } = dialingServed(loop, { maxRedirects: 0 });
  await assertRejects(() => other.fetch("http://a/"), TypeError);
  assertEquals(count, 1);
  await other.close();
});

test("fetch() does not follow to other schemes, nor with a stream that was sent", async () => {
  const { client } = dialingServed(redirecting);
  for (const location of ["data:,x", "file:///etc/passwd", "http://"]) {
    await assertRejects(() => client.fetch(`http://a/302?${location}`), TypeError);
  }
  const body = () => new Blob(["x"]).stream();
  await assertRejects(() => client.fetch("http://a/307?x", { method: "POST", body: body() }), TypeError);
  const text = await (await client.fetch("http://a/303?x", { method: "POST", body: body() })).text();
  assertEquals(text, "GET a/x [] ");
  await client.close();
});

for (const [version, serve] of [["HTTP/1.1", dialingServed], ["HTTP/2", sharing]] as const) {
  test(`fetch() gives up the rest of a body when a redirect comes before its end, over ${version}`, async () => {
    const { client } = serve(({ method, target, body }) => {
      if (method === "GET") return { status: 200, body: "there" };
      body.bytes();
      return { status: Number(target.slice(1)), fields: [["location", "/x"]] };
    });
    const ask = (status: number, body: ReadableStream<Uint8Array>, init: FetchInit = {}) => {
      return client.fetch(`http://a/${status}`, { method: "POST", body, ...init });
    };
    for (const status of [302, 303]) {
      const { stream, controller, canceled } = manualStream();
      controller.enqueue(wire("some"));
      assertEquals(await (await ask(status, stream)).text(), "there");
      assertInstanceOf(await canceled, StateError);
    }
    for (const [status, init] of [[307, {}], [303, { redirect: "error" }]] as const) {
      const { stream, controller, canceled } = manualStream();
      controller.enqueue(wire("some"));
      await assertRejects(() => ask(status, stream, init), TypeError);
      assertInstanceOf(await canceled, StateError);
    }
    await client.close();
  });
}
