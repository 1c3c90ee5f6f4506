import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import type { OutgoingTrailers } from "../../src/http1/outgoing_body.ts";
import { Fields } from "../../src/semantics/fields.ts";
import { chunksOf, converse, conversing, expectConversation, streamOf } from "../support/serving.ts";
import { OK } from "../support/switching.ts";
import { readUntil, wire } from "../support/wire.ts";

const get = (fields: string) => `GET / HTTP/1.1¶Host: a¶${fields}¶`;
const TE = "TE: trailers¶";
const HEAD = "HTTP/1.1 200 OK¶Trailer: chunky-trailer¶transfer-encoding: chunked¶¶5¶hello¶0¶";

const hello = (trailers: OutgoingTrailers, announced = "chunky-trailer"): () => OutgoingResponse => () => ({
  status: 200,
  fields: [["Trailer", announced]],
  body: streamOf(["hello"]),
  trailers,
});

test("serveConnection() sends the trailers that are announced and may be trailers (RFC 9110 §6.5.1, §6.6.2)", () =>
  expectConversation({
    input: get(TE) + get(TE),
    output: `${HEAD}chunky-trailer: header data¶¶`.repeat(2),
  }, () => hello({ "chunky-trailer": "header data", "Host": "x", "foo": "y" })));

test("serveConnection() announces trailers in title case on demand", () =>
  expectConversation({
    input: get(TE),
    output: "HTTP/1.1 200 OK¶Trailer: chunky-trailer¶Transfer-Encoding: chunked¶¶5¶hello¶0¶Chunky-Trailer: a¶¶",
    options: { nameCase: "title" },
  }, () => hello({ "chunky-trailer": "a" })));

for (const te of ["TE: gzip, Trailers¶", "TE: gzip¶TE: trailers¶", "te:TRAILERS¶", "TE: gzip;q=0.5,\ttrailers ¶"]) {
  test(`serveConnection() takes ${JSON.stringify(te)} for trailers (RFC 9110 §10.1.4)`, () =>
    expectConversation({
      input: get(te),
      output: `${HEAD}chunky-trailer: a¶¶`,
    }, () => hello([["chunky-trailer", "a"]])));
}

for (const te of ["", "TE: gzip¶", "TE:¶", "TE: nottrailers¶", "X-TE: trailers¶"]) {
  test(`serveConnection() sends no trailers to ${JSON.stringify(te)} (RFC 9110 §6.5.1)`, () =>
    expectConversation({ input: get(te), output: `${HEAD}¶` }, () => hello({ "chunky-trailer": "a" })));
}

test("serveConnection() sends no trailers that are not announced (RFC 9110 §6.6.2)", () =>
  expectConversation({
    input: get(TE),
    output: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶5¶hello¶0¶¶",
  }, () => () => ({ status: 200, body: streamOf(["hello"]), trailers: { "chunky-trailer": "a" } })));

test("serveConnection() sends several trailers, announced over several lines, in any case, repeated ones too", () =>
  expectConversation({
    input: get(TE),
    output: "HTTP/1.1 200 OK¶Trailer: a, B¶trailer: C¶transfer-encoding: chunked¶¶0¶A: 1¶b: 2¶B: 3¶c: 4¶¶",
  }, () => () => ({
    status: 200,
    fields: [["Trailer", "a, B"], ["trailer", "C"]],
    body: streamOf([]),
    trailers: new Fields([["A", "1"], ["b", "2"], ["B", "3"], ["c", "4"], ["d", "5"]]),
  })));

/** What frames, routes or grants access: an intermediary that merges trailers would believe it. */
const forbidden = [
  "Authorization",
  "Cache-Control",
  "Content-Encoding",
  "Content-Length",
  "Content-Range",
  "Content-Type",
  "Host",
  "Max-Forwards",
  "Set-Cookie",
  "Trailer",
  "Transfer-Encoding",
  "TE",
];

test("serveConnection() sends none of the names that may not be trailers, announced or not (RFC 9110 §6.5.1) [B11]", () =>
  expectConversation({
    input: get(TE),
    output: `HTTP/1.1 200 OK¶Trailer: ${forbidden.join(", ")}, ok¶transfer-encoding: chunked¶¶5¶hello¶0¶ok: 1¶¶`,
  }, () => hello([...forbidden.map((name) => [name, "1"] as const), ["ok", "1"]], `${forbidden.join(", ")}, ok`)));

test("serveConnection() makes trailers when the body is over", () => {
  return expectConversation({ input: get(TE), output: `${HEAD}chunky-trailer: 5¶¶` }, () => () => {
    let bytes = 0;
    return {
      status: 200,
      fields: [["Trailer", "chunky-trailer"]],
      body: (async function* () {
        for await (const chunk of chunksOf(["hello"])) {
          bytes += chunk.length;
          yield chunk;
        }
      })(),
      trailers: async () => ({ "chunky-trailer": `${bytes}` }),
    };
  });
});

test("serveConnection() sends trailers behind a known body that its handler wants chunked", () =>
  expectConversation({
    input: get(TE),
    output: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Trailer: A¶¶5¶hello¶0¶A: b¶¶",
  }, () => () => ({
    status: 200,
    fields: [["Transfer-Encoding", "chunked"], ["Trailer", "A"]],
    body: "hello",
    trailers: { A: "b" },
  })));

test("serveConnection() sends no trailers, and no Trailer, with a body that is not chunked (RFC 9112 §7.1.2)", () =>
  expectConversation({
    input: get(TE) + `HEAD / HTTP/1.1¶Host: a¶${TE}¶` + get(TE),
    output: "HTTP/1.1 200 OK¶content-length: 5¶¶hello" + "HTTP/1.1 200 OK¶content-length: 5¶¶" +
      "HTTP/1.1 200 OK¶content-length: 5¶¶hello",
  }, () => () => ({ status: 200, fields: [["Trailer", "A"]], body: "hello", trailers: { A: "b" } })));

test("serveConnection() cuts a response whose trailers would split it [H1]", () =>
  expectConversation({
    input: get(TE) + get(TE),
    output: HEAD.slice(0, -"0¶".length),
    closed: "error",
  }, () => hello([["chunky-trailer", "a\r\nb: c"]])));

/** A body with trailers, as a request has it. */
const post = (trailers: string) => `POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶5¶hello¶0¶${trailers}¶`;

test("IncomingBody gives the trailers of a request, and the connection goes on (RFC 9112 §7.1.2)", async () => {
  let told: string[] = [];
  await expectConversation({
    input: post("chunky-trailer: header data¶CHUNKY-Trailer:2¶") + get(""),
    output: OK + OK,
  }, () => async ({ body }) => {
    const read = await body.text();
    const trailers = await body.trailers;
    if (read !== "") told = [read, ...trailers].map(String);
    return { status: 200, body: "ok" };
  });
  assertEquals(told, ["hello", "chunky-trailer,header data", "CHUNKY-Trailer,2"]);
});

test("IncomingBody.trailers waits for the reader, and is empty without trailers", async () => {
  const { client } = conversing(async ({ body }) => {
    const trailers = body.trailers;
    await body.text();
    return { status: 200, body: `${(await trailers).size}` };
  });
  for (const [request, size] of [[post("a: b¶"), 1], [post(""), 0], [get(""), 0]] as const) {
    await client.write(wire(request));
    assertEquals(await readUntil(client, `¶¶${size}`), `HTTP/1.1 200 OK¶content-length: 1¶¶${size}`);
  }
  await client.close();
});

test("IncomingBody drops trailers that frame, route or grant access (RFC 9110 §6.5.1) [B11]", async () => {
  let names: string[] = [];
  const trailers = forbidden.map((name) => `${name}: 1¶`).join("") + "Digest: 2¶";
  await converse([wire(post(trailers))], async ({ body, fields }) => {
    await body.text();
    names = [...await body.trailers].map(([name]) => name);
    names.push(`${fields.has("digest")}`);
    return { status: 200 };
  });
  assertEquals(names, ["Digest", "false"]);
});

test("IncomingBody.trailers rejects where the body is canceled or broken, and needs no handler", async () => {
  const errors: string[] = [];
  for (const request of [post("a: b¶"), post("a: b¶").slice(0, -4)]) {
    await converse([wire(request)], async ({ body }) => {
      const { trailers } = body;
      if (request.endsWith("¶¶")) body.cancel();
      else await body.text().catch(() => {});
      errors.push((await assertRejects(() => trailers, Error)).name);
      return { status: 200 };
    });
  }
  assertEquals(errors, ["StateError", "ProtocolError"]);
});

for (
  const { what, trailers, status } of [
    { what: "a malformed line", trailers: "bad¶", status: "400 Bad Request" },
    { what: "a bare CR", trailers: "a: b\rc¶", status: "400 Bad Request" },
    { what: "more lines than maxTrailers", trailers: "a: b¶".repeat(4), status: "431 Request Header Fields Too Large" },
    {
      what: "more bytes than maxTrailerBytes",
      trailers: `a: ${"x".repeat(100)}¶`,
      status: "431 Request Header Fields Too Large",
    },
  ]
) {
  test(`serveConnection() refuses a trailer section with ${what} (RFC 9112 §7.1.2)`, () =>
    expectConversation({
      input: post(trailers) + get(""),
      output: `HTTP/1.1 ${status}¶content-length: 0¶connection: close¶¶`,
      closed: "error",
      options: { limits: { maxTrailers: 3, maxTrailerBytes: 60 } },
    }, () => async ({ body }) => ({ status: 200, body: await body.text() })));
}
