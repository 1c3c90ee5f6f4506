import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { handshake } from "../../src/http1/client_connection.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import type { ClientConnectionOptions } from "../../src/http1/options.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { Fields } from "../../src/semantics/fields.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { giveAway, shrinking } from "../support/memory.ts";
import { joined, pattern } from "../support/switching.ts";
import { text, turns, wire } from "../support/wire.ts";
import {
  dialing,
  EMPTY,
  exchanged,
  failing,
  GET_WIRE,
  manualStream,
  Recorder,
  rejection,
  streamOf,
  wireOf,
} from "../support/client.ts";

/** What stands on the wire behind `<method> / HTTP/1.1¶`. */
interface FramingCase {
  readonly what: string;
  readonly method?: string;
  readonly fields?: [string, string][];
  readonly body?: () => OutgoingRequest["body"];
  readonly sent: string;
}

const hello = () => streamOf("foo ", "bar", "", " baz");

const framings: readonly FramingCase[] = [
  { what: "adds nothing to a GET without a body", sent: "¶" },
  { what: "adds nothing to a POST without a body", method: "POST", sent: "¶" },
  { what: "adds nothing to a GET with an empty text", body: () => "", sent: "¶" },
  { what: "announces an empty text of a POST", method: "POST", body: () => "", sent: "content-length: 0¶¶" },
  { what: "announces an empty text of a PUT", method: "PUT", body: () => "", sent: "content-length: 0¶¶" },
  { what: "announces an empty text of a PATCH", method: "PATCH", body: () => "", sent: "content-length: 0¶¶" },
  {
    what: "keeps Content-Length: 0 without a body",
    method: "POST",
    fields: [["Content-Length", "0"]],
    sent: "Content-Length: 0¶¶",
  },
  {
    what: "announces the length of bytes",
    method: "POST",
    body: () => wire("foo bar"),
    sent: "content-length: 7¶¶foo bar",
  },
  {
    what: "announces the length of a text in UTF-8",
    method: "POST",
    body: () => "é☃",
    sent: "content-length: 5¶¶Ã©â\x98\x83",
  },
  { what: "sends bytes with a GET", body: () => "foo bar", sent: "content-length: 7¶¶foo bar" },
  { what: "sends bytes with a HEAD", method: "HEAD", body: () => "foo", sent: "content-length: 3¶¶foo" },
  {
    what: "keeps the caller's Content-Length with bytes",
    method: "POST",
    fields: [["CONTENT-length", "7"], ["X", "y"]],
    body: () => "foo bar",
    sent: "CONTENT-length: 7¶X: y¶¶foo bar",
  },
  {
    what: "keeps the caller's Content-Length with a stream",
    fields: [["Content-Length", "11"]],
    body: hello,
    sent: "Content-Length: 11¶¶foo bar baz",
  },
  {
    what: "sends a stream in chunks, none of them empty",
    method: "POST",
    body: hello,
    sent: "transfer-encoding: chunked¶¶4¶foo ¶3¶bar¶4¶ baz¶0¶¶",
  },
  {
    what: "sends a stream with a GET if its coding is given",
    fields: [["Transfer-Encoding", "chunked"]],
    body: hello,
    sent: "Transfer-Encoding: chunked¶¶4¶foo ¶3¶bar¶4¶ baz¶0¶¶",
  },
  {
    what: "sends bytes in one chunk if the coding is given",
    method: "POST",
    fields: [["Transfer-Encoding", "CHUNKED"]],
    body: () => "foo bar baz",
    sent: "Transfer-Encoding: CHUNKED¶¶B¶foo bar baz¶0¶¶",
  },
  {
    what: "sends an empty stream as a last chunk",
    method: "POST",
    body: () => streamOf(),
    sent: "transfer-encoding: chunked¶¶0¶¶",
  },
  {
    what: "drops Content-Length beside Transfer-Encoding",
    method: "POST",
    fields: [["Content-Length", "3"], ["Transfer-Encoding", "chunked"]],
    body: () => "foo",
    sent: "Transfer-Encoding: chunked¶¶3¶foo¶0¶¶",
  },
  {
    what: "appends chunked to another coding",
    method: "POST",
    fields: [["Transfer-Encoding", "foo"]],
    body: () => streamOf("hello"),
    sent: "transfer-encoding: foo, chunked¶¶5¶hello¶0¶¶",
  },
  {
    what: "drops Transfer-Encoding without a body",
    method: "POST",
    fields: [["Transfer-Encoding", "chunked"], ["X", "y"]],
    sent: "X: y¶¶",
  },
  {
    what: "sends an async generator in chunks",
    method: "POST",
    body: async function* () {
      yield wire("foo");
      yield wire("");
      yield wire("bar");
    },
    sent: "transfer-encoding: chunked¶¶3¶foo¶3¶bar¶0¶¶",
  },
];

for (const { what, method = "GET", fields = [], body, sent } of framings) {
  test(`send() ${what} (RFC 9112 §6) [B13]`, async () => {
    const start = `${method} / HTTP/1.1¶`;
    assertEquals(await wireOf({ method, target: "/", fields, body: body?.() }), start + sent);
  });
}

interface Refusal {
  readonly what: string;
  readonly request: OutgoingRequest;
}

const refused: readonly Refusal[] = [
  { what: "a stream with GET", request: { method: "GET", target: "/", body: hello() } },
  { what: "a stream with HEAD", request: { method: "HEAD", target: "/", body: hello() } },
  { what: "trailers with GET", request: { method: "GET", target: "/", trailers: { a: "b" } } },
  { what: "trailers with HEAD", request: { method: "HEAD", target: "/", trailers: { a: "b" } } },
  { what: "trailers with HTTP/1.0", request: { method: "POST", target: "/", version: "1.0", trailers: { a: "b" } } },
  { what: "a stream with HTTP/1.0", request: { method: "POST", target: "/", version: "1.0", body: hello() } },
  {
    what: "a stream with HTTP/1.0 and a coding",
    request: { method: "POST", target: "/", version: "1.0", fields: [["Transfer-Encoding", "chunked"]], body: hello() },
  },
  {
    what: "bytes that are fewer than announced",
    request: { method: "POST", target: "/", fields: [["Content-Length", "8"]], body: "foo bar" },
  },
  {
    what: "bytes that are more than announced",
    request: { method: "POST", target: "/", fields: [["Content-Length", "6"]], body: "foo bar" },
  },
  { what: "a length without a body", request: { method: "POST", target: "/", fields: [["Content-Length", "5"]] } },
  ...["foo", "+5", "-5", "5.0", "", "0x5", "5, 5", "9007199254740993"].map((length) => ({
    what: `Content-Length: ${length}`,
    request: { method: "POST", target: "/", fields: [["Content-Length", length]] as [string, string][], body: hello() },
  })),
  {
    what: "two lengths",
    request: { method: "POST", target: "/", fields: [["Content-Length", "5"], ["Content-Length", "5"]], body: hello() },
  },
];

for (const { what, request } of refused) {
  test(`send() refuses ${what} before it writes or reads anything (RFC 9112 §6.2) [B4, B13]`, async () => {
    const dialed = dialing();
    const error = await rejection(dialed.sender.send(request));
    assertInstanceOf(error, StateError);
    assertEquals(error.code, "body-length");
    if (request.body instanceof ReadableStream) {
      assert(!request.body.locked);
      assertEquals(await new Response(request.body).text(), "foo bar baz");
    }
    assertEquals((await exchanged(dialed)).sent, GET_WIRE);
  });
}

test("send() writes HTTP/1.0 without Transfer-Encoding and with a length (RFC 9112 §6.1) [B13]", async () => {
  const { sender, connection, server } = dialing();
  const recorder = new Recorder(server);
  const response = sender.send({
    method: "POST",
    target: "/",
    version: "1.0",
    fields: [["Transfer-Encoding", "chunked"], ["X", "y"]],
    body: "hello",
  });
  await recorder.until("hello");
  await server.write(wire("HTTP/1.0 200 OK¶¶"));
  await server.closeWrite();
  await (await response).body.text();
  await connection.closed;
  assertEquals(await recorder.ended, "POST / HTTP/1.0¶X: y¶content-length: 5¶¶hello");
});

test("send() sends no chunks to a server that is known to speak HTTP/1.0 (RFC 9112 §6.1) [B13]", async () => {
  const old = "HTTP/1.0 200 OK¶Connection: keep-alive¶Content-Length: 0¶¶";
  const dialed = dialing();
  await exchanged(dialed, old);
  const error = await rejection(dialed.sender.send({ method: "POST", target: "/", body: hello() }));
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "body-length");
  const recorder = new Recorder(dialed.server);
  const requests: readonly (readonly [OutgoingRequest, string])[] = [
    [
      { method: "POST", target: "/", fields: [["Content-Length", "11"]], body: hello() },
      "Content-Length: 11¶¶foo bar baz",
    ],
    [
      { method: "POST", target: "/", fields: [["Transfer-Encoding", "chunked"]], body: "foo" },
      "content-length: 3¶¶foo",
    ],
  ];
  for (const [request, sent] of requests) {
    const sending = dialed.sender.send(request);
    await recorder.until(`POST / HTTP/1.1¶${sent}`);
    await dialed.server.write(wire(old));
    await sending;
    await dialed.sender.ready();
  }
});

test("send() refuses a stream longer than announced, sends none of the excess and cuts the connection (RFC 9110 §8.6)", async () => {
  const { error, sent, closed } = await failing({
    method: "POST",
    target: "/",
    fields: [["Content-Length", "8"]],
    body: streamOf("foo bar", "baz"),
  });
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "body-length");
  assertEquals(sent, "POST / HTTP/1.1¶Content-Length: 8¶¶foo bar");
  assertEquals(closed, { reason: "error", error });
});

test("send() refuses a stream shorter than announced and cuts the connection (RFC 9110 §8.6)", async () => {
  const { error, sent } = await failing({
    method: "POST",
    target: "/",
    fields: [["Content-Length", "8"]],
    body: streamOf("foo bar"),
  });
  assertInstanceOf(error, StateError);
  assertEquals(error.code, "body-length");
  assertEquals(sent, "POST / HTTP/1.1¶Content-Length: 8¶¶foo bar");
});

test("send() rejects with what the body fails with, and the last chunk never comes (RFC 9112 §8)", async () => {
  for (const reason of [new Error("disk on fire"), "a text", null, undefined]) {
    const { stream, controller } = manualStream();
    const { sender, connection, server } = dialing();
    const recorder = new Recorder(server);
    const outcome = rejection(sender.send({ method: "POST", target: "/", body: stream }));
    controller.enqueue(wire("hello"));
    await recorder.until("hello¶");
    controller.error(reason);
    assertStrictEquals(await outcome, reason);
    assertEquals(await connection.closed, { reason: "error", error: reason });
    assertEquals(await recorder.ended, "POST / HTTP/1.1¶transfer-encoding: chunked¶¶5¶hello¶");
    assert(recorder.cut !== null, "the connection ended as if the message were complete");
  }
});

test("send() rejects with what a generator throws", async () => {
  const reason = new Error("no more");
  const { error, sent } = await failing({
    method: "POST",
    target: "/",
    body: (async function* () {
      yield wire("hello");
      throw reason;
    })(),
  });
  assertStrictEquals(error, reason);
  assertEquals(sent, "POST / HTTP/1.1¶transfer-encoding: chunked¶¶5¶hello¶");
});

test("send() refuses a chunk that is no Uint8Array and cancels its stream", async () => {
  for (const chunk of ["text", new ArrayBuffer(3), [1, 2], new Uint16Array(2), null]) {
    const { stream, controller, canceled } = manualStream();
    controller.enqueue(chunk as unknown as Uint8Array);
    const { error, sent } = await failing({ method: "POST", target: "/", body: stream });
    assertInstanceOf(error, TypeError);
    assertStrictEquals(await canceled, error);
    assertEquals(sent, "");
  }
});

test("send() ends a generator whose chunk it cannot send", async () => {
  let ended = false;
  const body = (async function* () {
    try {
      yield "text" as unknown as Uint8Array;
    } finally {
      ended = true;
    }
  })();
  assertInstanceOf((await failing({ method: "POST", target: "/", body })).error, TypeError);
  await turns();
  assert(ended);
});

test("send() gives the lock on a stream back", async () => {
  const body = streamOf("hello");
  await wireOf({ method: "POST", target: "/", body });
  assert(!body.locked);
});

test("send() passes on the body of a message that was received", async () => {
  const inner = dialing();
  const { response } = await exchanged(inner, "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶6¶ world¶0¶¶");
  assertEquals(
    await wireOf({ method: "POST", target: "/", body: response.body }),
    "POST / HTTP/1.1¶transfer-encoding: chunked¶¶5¶hello¶6¶ world¶0¶¶",
  );
  assert(inner.sender.isReady);
});

const CHUNKED = "POST / HTTP/1.1¶Trailer: chunky-trailer¶transfer-encoding: chunked¶¶5¶hello¶0¶";

function withTrailers(
  trailers: OutgoingRequest["trailers"],
  announced: [string, string][] = [["Trailer", "chunky-trailer"]],
  options: ClientConnectionOptions = {},
): Promise<string> {
  return wireOf({ method: "POST", target: "/", fields: announced, body: streamOf("hello"), trailers }, options);
}

test("send() writes trailers behind the last chunk (RFC 9112 §7.1.2) [B11]", async () => {
  assertEquals(await withTrailers([["chunky-trailer", "header data"]]), `${CHUNKED}chunky-trailer: header data¶¶`);
  assertEquals(await withTrailers({ "Chunky-Trailer": "x" }), `${CHUNKED}Chunky-Trailer: x¶¶`);
  assertEquals(await withTrailers(new Fields([["chunky-trailer", "x"]])), `${CHUNKED}chunky-trailer: x¶¶`);
});

test("send() writes only trailers that were announced and may stand there (RFC 9110 §6.5.1) [B11]", async () => {
  const trailers: [string, string][] = [
    ["chunky-trailer", "a"],
    ["Host", "b"],
    ["foo", "c"],
    ["content-length", "d"],
    ["CHUNKY-trailer", "e"],
  ];
  const announced: [string, string][] = [["Trailer", "chunky-trailer"], ["trailer", "host , Content-Length"]];
  assertEquals(
    await withTrailers(trailers, announced),
    "POST / HTTP/1.1¶Trailer: chunky-trailer¶trailer: host , Content-Length¶transfer-encoding: chunked¶¶" +
      "5¶hello¶0¶chunky-trailer: a¶CHUNKY-trailer: e¶¶",
  );
});

test("send() writes no trailers that nobody announced", async () => {
  assertEquals(
    await withTrailers([["chunky-trailer", "a"]], []),
    "POST / HTTP/1.1¶transfer-encoding: chunked¶¶5¶hello¶0¶¶",
  );
  assertEquals(await withTrailers(undefined), `${CHUNKED}¶`);
  assertEquals(await withTrailers([]), `${CHUNKED}¶`);
});

const wholes = [["no body", null, ""], ["an empty text", "", ""], ["a text", "hello", "5¶hello¶"]] as const;

for (const method of ["POST", "DELETE"]) {
  for (const [what, body, chunk] of wholes) {
    test(`send() writes trailers behind ${what} of a ${method}, in chunks (RFC 9112 §7.1.2) [B11]`, async () => {
      const request = { method, target: "/", fields: { Trailer: "t" }, body, trailers: { t: "1" } };
      const head = `${method} / HTTP/1.1¶Trailer: t¶transfer-encoding: chunked¶¶`;
      assertEquals(await wireOf(request), `${head}${chunk}0¶t: 1¶¶`);
      const coded = { ...request, fields: { Trailer: "t", "Transfer-Encoding": "chunked" } };
      assertEquals(await wireOf(coded), `${head.replace("transfer-encoding", "Transfer-Encoding")}${chunk}0¶t: 1¶¶`);
    });
  }
}

test("send() keeps a Content-Length that is given, which leaves no place for trailers (RFC 9112 §6.2)", async () => {
  for (const body of ["", "hello"]) {
    const fields = { Trailer: "t", "Content-Length": `${body.length}` };
    const head = `POST / HTTP/1.1¶Trailer: t¶Content-Length: ${body.length}¶¶`;
    assertEquals(await wireOf({ method: "POST", target: "/", fields, body, trailers: { t: "1" } }), head + body);
  }
});

test("send() writes trailers in title case if asked to", async () => {
  assertEquals(
    await withTrailers([["chunky-trailer", "a"]], [["trailer", "chunky-trailer"]], { nameCase: "title" }),
    "POST / HTTP/1.1¶Trailer: chunky-trailer¶Transfer-Encoding: chunked¶¶5¶hello¶0¶Chunky-Trailer: a¶¶",
  );
});

test("send() asks for trailers when the body is over", async () => {
  let sent = 0;
  const request: OutgoingRequest = {
    method: "POST",
    target: "/",
    fields: [["Trailer", "count"]],
    body: (async function* () {
      for (const chunk of ["foo", "bar"]) {
        sent += chunk.length;
        yield wire(chunk);
      }
    })(),
    trailers: async () => [["count", `${sent}`]],
  };
  assertEquals(
    await wireOf(request),
    "POST / HTTP/1.1¶Trailer: count¶transfer-encoding: chunked¶¶3¶foo¶3¶bar¶0¶count: 6¶¶",
  );
});

test("send() writes trailers behind bytes whose coding is given", async () => {
  assertEquals(
    await wireOf({
      method: "POST",
      target: "/",
      fields: [["Trailer", "t"], ["Transfer-Encoding", "chunked"]],
      body: "foo",
      trailers: [["t", "1"]],
    }),
    "POST / HTTP/1.1¶Trailer: t¶Transfer-Encoding: chunked¶¶3¶foo¶0¶t: 1¶¶",
  );
});

test("send() rejects with what the trailers fail with, and the last chunk never comes", async () => {
  const reason = new Error("no checksum");
  const failures: readonly [OutgoingRequest["trailers"], (error: unknown) => boolean][] = [
    [() => Promise.reject(reason), (error) => error === reason],
    [() => {
      throw reason;
    }, (error) => error === reason],
    [[["chunky-trailer", "a\r\nb: c"]], (error) => error instanceof TypeError],
    [() => [["no token", "a"]], (error) => error instanceof TypeError],
  ];
  for (const [trailers, expected] of failures) {
    const { error, sent } = await failing({
      method: "POST",
      target: "/",
      fields: [["Trailer", "chunky-trailer"]],
      body: streamOf("hello"),
      trailers,
    });
    assert(expected(error), `unexpected ${error}`);
    assertEquals(sent, "POST / HTTP/1.1¶Trailer: chunky-trailer¶transfer-encoding: chunked¶¶5¶hello¶");
  }
});

test("send() and serveConnection() carry trailers both ways [B11]", async () => {
  const [near, far] = duplexPair();
  serveConnection(far, async (request) => {
    const body = await request.body.text();
    const sum = (await request.body.trailers).get("sum");
    return {
      status: 200,
      fields: [["Trailer", "echo"]],
      body: streamOf(body),
      trailers: [["echo", sum ?? "none"]],
    };
  });
  const { sender, connection } = handshake(near);
  const response = await sender.send({
    method: "POST",
    target: "/",
    fields: [["Host", "a"], ["TE", "trailers"], ["Connection", "TE"], ["Trailer", "sum"]],
    body: streamOf("hello"),
    trailers: [["sum", "42"]],
  });
  assertEquals(await response.body.text(), "hello");
  assertEquals([...await response.body.trailers], [["echo", "42"]]);
  await connection.gracefulShutdown();
});

test("send() sends a long body as it was, though its memory becomes shorter while the server does not read", async () => {
  const { sender, server } = dialing();
  const { bytes, shrink } = shrinking(1_000_000);
  const sending = sender.send({ method: "POST", target: "/", fields: [["Host", "a"]], body: bytes });
  shrink();
  const head = wire("POST / HTTP/1.1¶Host: a¶content-length: 1000000¶¶");
  const chunks: Uint8Array[] = [];
  for (let left = head.length + 1_000_000; left > 0; left -= chunks.at(-1)!.length) chunks.push((await server.read())!);
  assert(text(joined(...chunks)) === text(joined(head, pattern(1_000_000))));
  await server.write(wire(EMPTY));
  assertEquals((await sending).status, 200);
});

test("send() cuts the connection where the memory of a body is given away: nothing else may come in its place", async () => {
  const { sender, connection, server } = dialing();
  const bytes = new Uint8Array(1_000_000);
  const failed = rejection(sender.send({ method: "POST", target: "/", fields: [["Host", "a"]], body: bytes }));
  await turns();
  giveAway(bytes);
  const recorder = new Recorder(server);
  await recorder.ended;
  assert(recorder.cut !== null && recorder.received.length < 1_000_000);
  assertInstanceOf(await failed, TypeError);
  assertEquals((await connection.closed).reason, "error");
});
