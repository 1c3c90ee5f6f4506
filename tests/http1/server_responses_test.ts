import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { Fields } from "../../src/semantics/fields.ts";
import { chunksOf, converse, conversing, expectConversation, streamOf } from "../support/serving.ts";
import { readUntil, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const HEAD = "HEAD / HTTP/1.1¶Host: a¶¶";
const GET10 = "GET / HTTP/1.0¶Host: a¶¶";

/** What a handler returns, and what the client gets; a second request tells whether the connection goes on. */
interface Case {
  readonly name: string;
  readonly request?: string;
  readonly response: () => OutgoingResponse;
  readonly output: string;
  readonly closes?: boolean;
  readonly options?: ServerConnectionOptions;
}

const chunked = (fields: OutgoingResponse["fields"] = []) => ({ status: 200, fields });

const cases: readonly Case[] = [
  {
    name: "Content-Length as given for a body of that length (RFC 9112 §6.2)",
    response: () => ({ status: 200, fields: [["Content-Length", "11"]], body: "foo bar baz" }),
    output: "HTTP/1.1 200 OK¶Content-Length: 11¶¶foo bar baz",
  },
  {
    name: "Content-Length as given for a stream of that length (RFC 9112 §6.2)",
    response: () => ({ status: 200, fields: [["content-length", "11"]], body: streamOf(["foo", " bar baz"]) }),
    output: "HTTP/1.1 200 OK¶content-length: 11¶¶foo bar baz",
  },
  {
    name: "Content-Length: 0 as given",
    response: () => ({ status: 200, fields: [["Content-Length", "0"]], body: "" }),
    output: "HTTP/1.1 200 OK¶Content-Length: 0¶¶",
  },
  {
    name: "Transfer-Encoding: chunked as given for a known body (RFC 9112 §7.1)",
    response: () => ({ ...chunked([["Transfer-Encoding", "chunked"]]), body: "foo bar baz" }),
    output: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶B¶foo bar baz¶0¶¶",
  },
  {
    name: "the last chunk only for an empty body (RFC 9112 §7.1)",
    response: () => ({ ...chunked([["Transfer-Encoding", "chunked"]]), body: "" }),
    output: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶0¶¶",
  },
  {
    name: "each part of a stream as a chunk (RFC 9112 §7.1)",
    response: () => ({ ...chunked([["Transfer-Encoding", "chunked"]]), body: chunksOf(["foo ", "bar baz"]) }),
    output: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶4¶foo ¶7¶bar baz¶0¶¶",
  },
  {
    name: "chunked behind another transfer coding, which would not end otherwise (RFC 9112 §6.1)",
    response: () => ({ ...chunked([["Transfer-Encoding", "gzip"]]), body: streamOf(["foo"]) }),
    output: "HTTP/1.1 200 OK¶transfer-encoding: gzip, chunked¶¶3¶foo¶0¶¶",
  },
  {
    name: "chunks for a stream (RFC 9112 §6.1) [B13]",
    response: () => ({ status: 200, body: streamOf(["foo bar baz"]) }),
    output: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶B¶foo bar baz¶0¶¶",
  },
  {
    name: "no chunk for an empty part of a stream (RFC 9112 §7.1)",
    response: () => ({ status: 200, body: streamOf(["", "a", "", "b", ""]) }),
    output: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶1¶a¶1¶b¶0¶¶",
  },
  {
    name: "the length of a known body [B13]",
    response: () => ({ status: 200, body: wire("foo bar baz") }),
    output: "HTTP/1.1 200 OK¶content-length: 11¶¶foo bar baz",
  },
  {
    name: "the length of a text in UTF-8",
    response: () => ({ status: 200, body: "¡a!" }),
    output: "HTTP/1.1 200 OK¶content-length: 4¶¶\u00c2\u00a1a!",
  },
  {
    name: "Content-Length: 0 where there is no body (RFC 9110 §8.6)",
    response: () => ({ status: 200 }),
    output: "HTTP/1.1 200 OK¶content-length: 0¶¶",
  },
  {
    name: "Content-Length: 0 for a body of null",
    response: () => ({ status: 404, body: null }),
    output: "HTTP/1.1 404 Not Found¶content-length: 0¶¶",
  },
  {
    name: "a reason phrase of its own (RFC 9112 §4)",
    response: () => ({ status: 200, reason: "Cool" }),
    output: "HTTP/1.1 200 Cool¶content-length: 0¶¶",
  },
  {
    name: "the space behind the status without a reason (RFC 9112 §4) [A13]",
    response: () => ({ status: 299, reason: "" }),
    output: "HTTP/1.1 299 ¶content-length: 0¶¶",
  },
  {
    name: "fields in their order and spelling, repeated ones too",
    response: () => ({ status: 200, fields: [["X-b", "1"], ["x-A", ""], ["X-B", "\u00ff"]], body: "a" }),
    output: "HTTP/1.1 200 OK¶X-b: 1¶x-A:¶X-B: \u00ff¶content-length: 1¶¶a",
  },
  {
    name: "the fields of a Fields",
    response: () => ({ status: 200, fields: new Fields([["A", "1"]]) }),
    output: "HTTP/1.1 200 OK¶A: 1¶content-length: 0¶¶",
  },
  {
    name: "the fields of the platform's Headers",
    response: () => ({ status: 200, fields: new Headers([["Set-Cookie", "a"], ["Set-Cookie", "b"]]) }),
    output: "HTTP/1.1 200 OK¶set-cookie: a¶set-cookie: b¶content-length: 0¶¶",
  },
  {
    name: "field names in title case on demand",
    response: () => ({ status: 200, fields: { "x-request-id": "1", "weird--name": "2" }, body: "a" }),
    output: "HTTP/1.1 200 OK¶X-Request-Id: 1¶Weird--Name: 2¶Content-Length: 1¶¶a",
    options: { nameCase: "title" },
  },
  {
    name: "no body to HEAD, with the length that GET would have (RFC 9110 §9.3.2) [B6]",
    request: HEAD,
    response: () => ({ status: 200, body: "foo bar baz" }),
    output: "HTTP/1.1 200 OK¶content-length: 11¶¶",
  },
  {
    name: "the Content-Length of a handler to HEAD",
    request: HEAD,
    response: () => ({ status: 200, fields: [["Content-Length", "1024"]] }),
    output: "HTTP/1.1 200 OK¶Content-Length: 1024¶¶",
  },
  {
    name: "no length to HEAD where the handler has none (RFC 9110 §8.6)",
    request: HEAD,
    response: () => ({ status: 200 }),
    output: "HTTP/1.1 200 OK¶¶",
  },
  {
    name: "no stream to HEAD [B6]",
    request: HEAD,
    response: () => ({ status: 200, body: streamOf(["foo"]) }),
    output: "HTTP/1.1 200 OK¶¶",
  },
  {
    name: "nothing of a body with 204 (RFC 9110 §8.6) [B6, B7]",
    response: () => ({ status: 204, fields: [["Content-Length", "3"], ["Transfer-Encoding", "chunked"]], body: "foo" }),
    output: "HTTP/1.1 204 No Content¶¶",
  },
  {
    name: "nothing of a body with 304, no length made up (RFC 9110 §15.4.5) [B6]",
    response: () => ({ status: 304, body: "foo" }),
    output: "HTTP/1.1 304 Not Modified¶¶",
  },
  {
    name: "no Transfer-Encoding with 304 (RFC 9112 §6.1)",
    response: () => ({ status: 304, fields: [["Transfer-Encoding", "chunked"]], body: streamOf(["foo"]) }),
    output: "HTTP/1.1 304 Not Modified¶¶",
  },
  {
    name: "no coding to HTTP/1.0: a stream ends with the connection (RFC 9112 §6.1) [B14]",
    request: GET10,
    response: () => ({ status: 200, body: streamOf(["foo", "bar"]) }),
    output: "HTTP/1.0 200 OK¶¶foobar",
    closes: true,
  },
  {
    name: "no coding to HTTP/1.0 although the handler gave one (RFC 9112 §6.1) [B14]",
    request: GET10,
    response: () => ({ status: 200, fields: [["Transfer-Encoding", "chunked"]], body: streamOf(["foo", "bar"]) }),
    output: "HTTP/1.0 200 OK¶¶foobar",
    closes: true,
  },
];

for (const { name, request = GET, response, output, closes = false, options = {} } of cases) {
  test(`serveConnection() writes ${name}`, async () => {
    let first = true;
    const last = `HTTP/1.1 200 OK¶${options.nameCase === "title" ? "Content-Length" : "content-length"}: 0¶¶`;
    await expectConversation({
      input: request + GET,
      output: closes ? output : output + last,
      closed: closes ? "shutdown" : "eof",
      options,
    }, () => {
      first = true;
      return () => {
        if (!first) return { status: 200 };
        first = false;
        return response();
      };
    });
  });
}

test("serveConnection() writes 100 parts of 1000 bytes", async () => {
  const part = "x".repeat(1000);
  const { output } = await converse([wire(GET)], () => ({ status: 200, body: chunksOf(Array(100).fill(part)) }));
  assertEquals(output, `HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶${`3E8¶${part}¶`.repeat(100)}0¶¶`);
});

for (const size of [4095, 4096, 65_535, 65_536, 65_537, 1_000_000]) {
  test(`serveConnection() writes a body of ${size} bytes whole, chunked and as it is`, async () => {
    const body = new Uint8Array(size);
    for (let i = 0; i < size; i++) body[i] = 97 + i % 26;
    const spelled = new TextDecoder().decode(body);
    const handler = ({ target }: { readonly target: string }) => ({
      status: 200,
      body: target === "/whole" ? body : (async function* () {
        yield body;
      })(),
    });
    const get = (target: string) => wire(`GET ${target} HTTP/1.1¶Host: a¶¶`);
    assertEquals(
      (await converse([get("/whole"), get("/stream")], handler)).output,
      `HTTP/1.1 200 OK¶content-length: ${size}¶¶${spelled}` +
        `HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶${size.toString(16).toUpperCase()}¶${spelled}¶0¶¶`,
    );
  });
}

test("serveConnection() adds Date, made once a second, unless the handler has one (RFC 9110 §6.6.1)", async () => {
  const { client, clock } = conversing(
    ({ target }) => ({ status: 204, fields: target === "/own" ? [["Date", "today"]] : [] }),
    { dateHeader: true },
  );
  const ask = async (target: string): Promise<string> => {
    await client.write(wire(`GET ${target} HTTP/1.1¶Host: a¶¶`));
    return await readUntil(client, "¶¶");
  };
  const head = (date: string) => `HTTP/1.1 204 No Content¶${date}¶¶`;
  assertEquals(await ask("/"), head("date: Tue, 14 Nov 2023 22:13:20 GMT"));
  await clock.advance(999);
  assertEquals(await ask("/"), head("date: Tue, 14 Nov 2023 22:13:20 GMT"));
  await clock.advance(1);
  assertEquals(await ask("/"), head("date: Tue, 14 Nov 2023 22:13:21 GMT"));
  assertEquals(await ask("/own"), head("Date: today"));
  await client.close();
});

test("serveConnection() adds Date to its own refusals (RFC 9110 §6.6.1)", async () => {
  const { output } = await converse([wire("GET /\n")], () => ({ status: 200 }), { dateHeader: true });
  assertEquals(
    output,
    "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶date: Tue, 14 Nov 2023 22:13:20 GMT¶¶",
  );
});

/** Responses that cannot be sent: the client is told 500 and nothing else. */
const unsendable: readonly { readonly what: string; readonly response: () => unknown }[] = [
  { what: "a field value that splits the head", response: () => ({ status: 200, fields: [["A", "b\r\nC: d"]] }) },
  { what: "a field value with NUL", response: () => ({ status: 200, fields: [["A", "b\0"]] }) },
  { what: "a field value beyond U+00FF", response: () => ({ status: 200, fields: [["A", "€"]] }) },
  { what: "a field name that is no token", response: () => ({ status: 200, fields: [["A b", "c"]] }) },
  { what: "a field name that splits the head", response: () => ({ status: 200, fields: [["A: b\r\nC", "d"]] }) },
  { what: "an empty field name", response: () => ({ status: 200, fields: [["", "d"]] }) },
  { what: "a bad field behind good ones", response: () => ({ status: 200, fields: [["X", "y"], ["A", "\n"]] }) },
  { what: "a reason that splits the head", response: () => ({ status: 200, reason: "OK\r\nA: b" }) },
  { what: "a status of 99", response: () => ({ status: 99 }) },
  { what: "a status of 1000", response: () => ({ status: 1000 }) },
  { what: "a status that is no number", response: () => ({ status: "200" }) },
  { what: "a status of NaN", response: () => ({ status: NaN }) },
  { what: "100, which is not final", response: () => ({ status: 100 }) },
  { what: "103, which is not final", response: () => ({ status: 103 }) },
  { what: "101 to a request that proposes nothing", response: () => ({ status: 101, fields: [["Upgrade", "a"]] }) },
  { what: "a Content-Length above that of the body", response: () => ({ ...length("4"), body: "foo" }) },
  { what: "a Content-Length below that of the body", response: () => ({ ...length("2"), body: "foo" }) },
  { what: "a Content-Length without a body", response: () => length("2") },
  { what: "a Content-Length that is no length", response: () => ({ ...length("+3"), body: "foo" }) },
  { what: "a Content-Length of two values", response: () => ({ ...length("3, 3"), body: "foo" }) },
  { what: "a body that is a number", response: () => ({ status: 200, body: 1 }) },
  { what: "a body that is an array buffer", response: () => ({ status: 200, body: new ArrayBuffer(1) }) },
  { what: "a body whose stream is locked", response: () => ({ status: 200, body: locked() }) },
  { what: "nothing", response: () => undefined },
  { what: "null", response: () => null },
];

function length(value: string): OutgoingResponse {
  return { status: 200, fields: [["Content-Length", value]] };
}

function locked(): ReadableStream<Uint8Array> {
  const stream = streamOf(["a"]);
  stream.getReader();
  return stream;
}

for (const { what, response } of unsendable) {
  for (const when of ["at once", "later"]) {
    test(`serveConnection() answers 500 and closes when a handler returns ${when} ${what} (RFC 9112 §11.1) [H1]`, async () => {
      const errors: unknown[] = [];
      await expectConversation({
        input: GET + GET,
        output: "HTTP/1.1 500 Internal Server Error¶content-length: 0¶connection: close¶¶",
        closed: "error",
        options: { onError: (error) => errors.push(error) },
      }, () => () => {
        const returned = response() as OutgoingResponse;
        return when === "at once" ? returned : Promise.resolve(returned);
      });
      assert(errors.length > 0 && errors.every((error) => error instanceof Error));
    });
  }
}

test("serveConnection() cancels the stream of a response that cannot be sent, or that has no place for it", async () => {
  const refused: readonly { readonly request: string; readonly init: OutgoingResponse }[] = [
    { request: GET, init: { status: 200, fields: [["A", "\n"]] } },
    { request: GET, init: { status: 103 } },
    { request: GET, init: { status: 204 } },
    { request: GET, init: { status: 304 } },
    { request: HEAD, init: { status: 200 } },
  ];
  for (const { request, init } of refused) {
    for (const kind of ["stream", "iterable"]) {
      let canceled = 0;
      const stream = new ReadableStream<Uint8Array>({ cancel: () => void canceled++ }, { highWaterMark: 0 });
      const iterable = {
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise<IteratorResult<Uint8Array>>(() => {}),
          return: () => Promise.resolve({ done: true as const, value: void canceled++ }),
        }),
      };
      await converse([wire(request)], () => ({ ...init, body: kind === "stream" ? stream : iterable }));
      assertEquals(canceled, 1, `${request} ${init.status} ${kind}`);
    }
  }
});

/** Bodies that cannot be completed, and what the client has by then. */
const cut: readonly {
  readonly what: string;
  readonly request?: string;
  readonly response: () => OutgoingResponse;
  readonly output: string;
}[] = [
  {
    what: "a stream that fails",
    response: () => ({ status: 200, body: streamOf(["foo"], new Error("no more")) }),
    output: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶3¶foo¶",
  },
  {
    what: "an iterable that fails",
    response: () => ({ status: 200, body: chunksOf(["foo"], new Error("no more")) }),
    output: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶3¶foo¶",
  },
  {
    what: "a stream that fails at once",
    response: () => ({ status: 200, body: streamOf([], new Error("no more")) }),
    output: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶",
  },
  {
    what: "a stream of something else than bytes",
    response: () => ({ status: 200, body: iterating("foo", 1 as unknown as string) }),
    output: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶3¶foo¶",
  },
  {
    what: "a stream that is shorter than Content-Length (RFC 9110 §8.6)",
    response: () => ({ ...length("11"), body: streamOf(["foo bar"]) }),
    output: "HTTP/1.1 200 OK¶Content-Length: 11¶¶foo bar",
  },
  {
    what: "a stream that is longer than Content-Length (RFC 9110 §8.6)",
    response: () => ({ ...length("8"), body: streamOf(["foo bar", "baz"]) }),
    output: "HTTP/1.1 200 OK¶Content-Length: 8¶¶foo bar",
  },
  {
    what: "a stream that fails within Content-Length",
    response: () => ({ ...length("8"), body: streamOf(["foo"], new Error("no more")) }),
    output: "HTTP/1.1 200 OK¶Content-Length: 8¶¶foo",
  },
  {
    what: "trailers that fail",
    response: () => ({ status: 200, body: "foo", trailers: () => Promise.reject(new Error("no more")), ...te() }),
    output: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶3¶foo¶",
  },
];

function te(): Pick<OutgoingResponse, "fields"> {
  return { fields: [["Transfer-Encoding", "chunked"]] };
}

async function* iterating(...parts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? wire(part) : part as Uint8Array;
}

for (const { what, response, output } of cut) {
  test(`serveConnection() never makes ${what} look complete: no last chunk, and the end (RFC 9112 §8)`, async () => {
    const errors: unknown[] = [];
    const options = { onError: (error: unknown) => errors.push(error) };
    await expectConversation({ input: GET + GET, output, closed: "error", options }, () => response);
    assert(errors.length > 0 && errors.every((error) => error instanceof Error));
  });
}

test("serveConnection() resets a connection whose end would make a cut body look complete (RFC 9112 §8)", async () => {
  const conversed = await converse(
    [wire(GET10)],
    () => ({ status: 200, body: streamOf(["foo"], new Error("no more")) }),
  );
  assertEquals(conversed.output, "failed: TransportError: The peer aborted the connection");
  assertEquals([conversed.closed.reason, conversed.timers], ["error", 0]);
});

test("serveConnection() cancels a stream whose client is gone, silent ones on abort()", async () => {
  let reason: unknown;
  const silent = new ReadableStream<Uint8Array>({ cancel: (why) => void (reason = why) });
  const { client, connection, clock } = conversing(() => ({ status: 200, body: silent }));
  await client.write(wire(GET));
  await readUntil(client, "¶¶");
  const why = new Error("enough");
  connection.abort(why);
  assertEquals(await connection.closed, { reason: "error", error: why });
  await turns();
  assertEquals([reason, clock.pending], [why, 0]);

  let pulls = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulls++;
      controller.enqueue(new Uint8Array(1000));
    },
    cancel: (why) => void (reason = why),
  }, { highWaterMark: 0 });
  const other = conversing(() => ({ status: 200, body: endless }));
  await other.client.write(wire(GET));
  await readUntil(other.client, (soFar) => soFar.length > 5000);
  other.client.abort();
  const closed = await other.connection.closed;
  await turns();
  assert(closed.reason === "error" && reason === closed.error);
  const before = pulls;
  await turns();
  assertEquals([pulls, other.clock.pending], [before, 0]);
});

test("serveConnection() sends the body of a request back as the body of its response", () =>
  expectConversation({
    input: "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶5¶hello¶6¶ world¶0¶¶" + GET,
    output: "HTTP/1.1 200 OK¶content-length: 11¶¶hello world" +
      "HTTP/1.1 200 OK¶content-length: 0¶¶",
  }, () => ({ body, method }) =>
    method === "GET" ? { status: 200, body: body.stream, fields: [["content-length", "0"]] } : {
      status: 200,
      fields: [["content-length", "11"]],
      body,
    }));
