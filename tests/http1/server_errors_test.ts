import { test } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { chunksOf, converse, conversing, expectConversation, streamOf } from "../support/serving.ts";
import { OK, streamPair, transports } from "../support/switching.ts";
import { everyCut, readAll, readUntil, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const POST = "POST / HTTP/1.1¶Host: a¶Content-Length: 5¶¶hello";
const FAILED = "HTTP/1.1 500 Internal Server Error¶content-length: 0¶connection: close¶¶";
const ok: Handler = () => ({ status: 200, body: "ok" });

test("serveConnection() refuses a Response, whose headers would be lost, and says so", async () => {
  const handler = (() => new Response("hi", { headers: { "x-lost": "1" } })) as unknown as Handler;
  const told: unknown[] = [];
  const { output } = await converse([wire(GET)], handler, { onError: (error) => told.push(error) });
  assertEquals(output, FAILED);
  assertEquals(told.map(String), [
    "TypeError: what the handler returns must have fields, not headers: serve() takes a Response",
  ]);
});

/** What a handler that asks other servers may pass on. */
const UPSTREAM: readonly (readonly [Error, string])[] = [
  ...(["refused", "unreachable", "reset", "closed", "tls", "address"] as const).map((code) =>
    [new TransportError(code, "no"), "502 Bad Gateway"] as const
  ),
  [new TransportError("timeout", "no"), "504 Gateway Timeout"],
  [new DOMException("no", "TimeoutError"), "504 Gateway Timeout"],
  [new UpgradeRejected("refused", { status: 200, response: new Response() }), "502 Bad Gateway"],
  [new UpgradeRejected("proxy-refused", { status: 407, response: new Response(), proxy: "a:1" }), "502 Bad Gateway"],
];

/** Ways for a handler to fail. */
const failing: readonly { readonly how: string; make(error: unknown): Handler }[] = [
  {
    how: "throws",
    make: (error) => () => {
      throw error;
    },
  },
  { how: "rejects", make: (error) => () => Promise.reject(error) },
  {
    how: "rejects later",
    make: (error) => async () => {
      await turns();
      throw error;
    },
  },
];

for (const { how, make } of failing) {
  for (const request of [GET, POST]) {
    test(`serveConnection() answers 500 and closes when a handler ${how} (${request.slice(0, 4).trim()}) (RFC 9110 §15.6.1)`, async () => {
      const error = new Error("a bug");
      const told: unknown[] = [];
      await expectConversation({
        input: request + GET,
        output: FAILED,
        closed: "error",
        options: { onError: (failure) => told.push(failure) },
      }, () => make(error));
      assert(told.length > 0 && told.every((failure) => failure === error));
      const { closed } = await converse([wire(request)], make(error));
      assertEquals(closed, { reason: "error", error });
    });
  }

  test(`serveConnection() passes on the status of a ProtocolError when a handler ${how}`, async () => {
    for (const [status, line] of [[404, "404 Not Found"], [502, "502 Bad Gateway"], [599, "599 "]] as const) {
      const error = new ProtocolError("unexpected-message", "no", "RFC 9110 §15", status);
      const { output } = await converse([wire(GET)], make(error));
      assertEquals(output, `HTTP/1.1 ${line}¶content-length: 0¶connection: close¶¶`);
    }
  });

  test(`serveConnection() passes on the status of a ProtocolError of another copy of the package when a handler ${how}`, async () => {
    const error = Object.assign(new Error("no"), { name: "ProtocolError", code: "truncated", status: 502 });
    const { output } = await converse([wire(GET)], make(error));
    assertEquals(output, "HTTP/1.1 502 Bad Gateway¶content-length: 0¶connection: close¶¶");
  });

  test(`serveConnection() answers 500 to a ProtocolError whose status is no refusal when a handler ${how}`, async () => {
    for (const status of [101, 100, 200, 0, 1000, NaN]) {
      const error = new ProtocolError("unexpected-message", "no", "RFC 9110 §15", status);
      assertEquals((await converse([wire(GET)], make(error))).output, FAILED, `${status}`);
    }
  });

  test(`serveConnection() answers 502 or 504 for a server behind it when a handler ${how} (RFC 9110 §15.6.3, §15.6.5)`, async () => {
    for (const [error, line] of UPSTREAM) {
      const { output, closed } = await converse([wire(GET)], make(error));
      assertEquals(output, `HTTP/1.1 ${line}¶content-length: 0¶connection: close¶¶`);
      assertEquals(closed, { reason: "error", error });
    }
  });

  test(`serveConnection() takes anything that a handler ${how}`, async () => {
    for (const thrown of [undefined, null, 0, "", "text", { status: 200 }]) {
      const { output, closed } = await converse([wire(GET)], make(thrown));
      assertEquals([output, closed], [FAILED, { reason: "error", error: thrown }]);
    }
  });
}

test("serveConnection() answers 500 without a body to HEAD (RFC 9110 §9.3.2)", async () => {
  const { output } = await converse([wire("HEAD / HTTP/1.1¶Host: a¶¶")], () => {
    throw new Error("a bug");
  });
  assert(output.startsWith("HTTP/1.1 500 ") && output.endsWith("connection: close¶¶"));
});

test("serveConnection() answers what came before a failure (RFC 9112 §9.3.2)", () =>
  expectConversation({
    input: GET + GET + GET,
    output: OK + FAILED,
    closed: "error",
    options: { pipelineFlush: true },
  }, () => {
    let first = true;
    return () => {
      if (!first) throw new Error("a bug");
      first = false;
      return { status: 200, body: "ok" };
    };
  }));

test("serveConnection() closes gracefully when a handler fails while its read of the body is pending [C7]", async () => {
  for (const { over, open } of transports) {
    const { client, connection, clock } = conversing(
      ({ body }) => {
        body.read();
        throw new Error("a bug");
      },
      {},
      { open },
    );
    await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 5¶¶"));
    assertEquals(await readAll(client), FAILED, over);
    await client.write(wire("hello"));
    await client.closeWrite();
    assertEquals([(await connection.closed).reason, clock.pending], ["error", 0]);
  }
});

test("serveConnection() tells onResponse of every final head, refusals and 500s too, and answers although it throws", async () => {
  const told: [string | undefined, number][] = [];
  const errors: unknown[] = [];
  const failure = new Error("a bug in onResponse");
  const { output } = await converse([wire(GET + POST + "GE@")], async (request) => {
    await request.sendInformational(103);
    if (request.method === "POST") throw new Error("a bug");
    return { status: 200, body: "ok" };
  }, {
    onResponse(request, { status }) {
      told.push([request?.method, status]);
      throw failure;
    },
    onError: (error) => errors.push(error),
  });
  const hints = "HTTP/1.1 103 Early Hints¶¶";
  assertEquals(output, hints + OK + hints + FAILED);
  const refusal = await converse([wire("GE@")], ok, {
    onResponse: (request, { status }) => told.push([request?.method, status]),
  });
  assertEquals(refusal.output, "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  assertEquals(told, [["GET", 200], ["POST", 500], [undefined, 400]]);
  assertEquals(errors.filter((error) => error === failure).length, 2);
});

test("serveConnection() answers although onError throws", async () => {
  const onError = () => {
    throw new Error("another bug");
  };
  for (const { make } of failing) {
    assertEquals((await converse([wire(GET)], make(new Error("a bug")), { onError })).output, FAILED);
  }
  const { output, closed } = await converse(
    [wire(GET)],
    () => ({ status: 200, body: streamOf(["a"], new Error("a bug")) }),
    { onError },
  );
  assertEquals(output, "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶1¶a¶");
  assert(closed.reason === "error" && (closed.error as Error).message === "a bug");
});

/** What is refused before a handler is called, and how. */
const refused: readonly { readonly what: string; readonly input: string; readonly status: string }[] = [
  { what: "a method that is no token", input: "GE@T / HTTP/1.1¶Host: a¶¶", status: "400 Bad Request" },
  { what: "a space in the method", input: "GE T / HTTP/1.1¶¶", status: "400 Bad Request" },
  { what: "a version without a digit", input: "GET / HTTP/1.x¶Host: a¶¶", status: "400 Bad Request" },
  { what: "HTTP/1.2, which does not exist", input: "GET / HTTP/1.2¶Host: a¶¶", status: "400 Bad Request" },
  { what: "HTTP/3", input: "GET / HTTP/3.0¶Host: a¶¶", status: "505 HTTP Version Not Supported" },
  { what: "no Host", input: "GET / HTTP/1.1¶¶", status: "400 Bad Request" },
  { what: "two Host lines", input: "GET / HTTP/1.1¶Host: a¶Host: a¶¶", status: "400 Bad Request" },
  { what: "a lone LF", input: "GET / HTTP/1.1\nHost: a\n\n", status: "400 Bad Request" },
  { what: "two empty lines in front", input: `¶¶${GET}`, status: "400 Bad Request" },
  { what: "white space before the colon", input: "GET / HTTP/1.1¶Host : a¶¶", status: "400 Bad Request" },
  { what: "a folded line", input: "GET / HTTP/1.1¶Host: a¶A: b¶ c¶¶", status: "400 Bad Request" },
  { what: "NUL in a value", input: "GET / HTTP/1.1¶Host: a¶A: \0¶¶", status: "400 Bad Request" },
  {
    what: "a length with a sign",
    input: "POST / HTTP/1.1¶Host: a¶Content-Length: +5¶¶hello",
    status: "400 Bad Request",
  },
  { what: "a length of letters", input: "POST / HTTP/1.1¶Host: a¶Content-Length: foo¶¶", status: "400 Bad Request" },
  {
    what: "a length and a coding",
    input: "POST / HTTP/1.1¶Host: a¶Content-Length: 5¶Transfer-Encoding: chunked¶¶0¶¶",
    status: "400 Bad Request",
  },
  {
    what: "an unknown coding",
    input: "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: gzip, chunked¶¶0¶¶",
    status: "501 Not Implemented",
  },
  { what: "CONNECT without a port", input: "CONNECT a HTTP/1.1¶Host: a¶¶", status: "400 Bad Request" },
  { what: "* for GET", input: "GET * HTTP/1.1¶Host: a¶¶", status: "400 Bad Request" },
  { what: "TLS", input: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", status: "400 Bad Request" },
];

for (const { what, input, status } of refused) {
  test(`serveConnection() answers ${status} to ${what}, calls no handler and closes (RFC 9112 §2.2, §3, §5, §6)`, async () => {
    let called = false;
    const handler: Handler = () => {
      called = true;
      return { status: 200 };
    };
    const output = `HTTP/1.1 ${status}¶content-length: 0¶connection: close¶¶`;
    for (const { how, chunks } of everyCut(wire(input))) {
      const conversed = await converse(chunks, handler);
      assertEquals([conversed.output, conversed.closed.reason, conversed.timers], [output, "error", 0], how);
      assert(conversed.closed.reason === "error" && conversed.closed.error instanceof ProtocolError);
    }
    assertEquals(called, false);
  });
}

test("serveConnection() closes in silence when HTTP/2 speaks (RFC 9113 §3.4)", async () => {
  const input = "PRI * HTTP/2.0¶¶SM¶¶";
  for (const { how, chunks } of everyCut(wire(input))) {
    const { output, closed } = await converse(chunks, ok);
    assert(closed.reason === "error" && closed.error instanceof ProtocolError);
    assertEquals([output, closed.error.code], ["", "http2-preface"], how);
  }
});

test("serveConnection() answers a refusal at the byte that makes it, without waiting for the rest", async () => {
  const { client, connection, clock } = conversing(ok);
  await client.write(wire("GE@"));
  assertEquals(await readAll(client), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  await client.closeWrite();
  assertEquals([(await connection.closed).reason, clock.pending], ["error", 0]);
});

test("serveConnection() throws for a pair that somebody else holds", () => {
  const [near] = streamPair();
  const reader = near.readable.getReader();
  assertThrows(() => serveConnection(near, ok), TypeError);
  reader.releaseLock();
  const [client] = duplexPair();
  client.writable.getWriter();
  assertThrows(() => serveConnection({ readable: client.readable, writable: client.writable }, ok), TypeError);
});

test("serveConnection() says with what the transport failed", async () => {
  for (const { over, open } of transports) {
    const { client, connection, clock } = conversing(ok, {}, { open });
    await client.write(wire("GET"));
    await turns();
    client.abort(new Error("cut"));
    const closed = await connection.closed;
    assert(closed.reason === "error" && closed.error instanceof Error, over);
    assertEquals([closed.error.name, clock.pending], ["TransportError", 0]);
  }
});

test("serveConnection() fails when a transport gives something else than bytes", async () => {
  const readable = new ReadableStream({
    start(controller) {
      controller.enqueue("GET / HTTP/1.1\r\n\r\n");
    },
  }) as unknown as ReadableStream<Uint8Array>;
  let written = 0;
  const writable = new WritableStream<Uint8Array>({ write: () => void written++ });
  const closed = await serveConnection({ readable, writable }, ok).closed;
  assert(closed.reason === "error" && closed.error instanceof TypeError);
  assertEquals(written, 0);
});

test("promises that nobody waits for never end the process", async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", listener);
  try {
    const bodies = [() => streamOf(["a"], new Error("a bug")), () => chunksOf(["a"], new Error("a bug")), () => "a"];
    for (const body of bodies) {
      const { client, connection } = conversing(async (request) => {
        request.body.text();
        request.body.trailers;
        request.body.read();
        request.sendInformational(103);
        request.sendInformational(500);
        onUpgrade(request);
        await turns();
        request.sendInformational(103);
        return { status: 200, body: body() };
      });
      connection.withoutShutdown();
      const upgrade = "Connection: upgrade¶Upgrade: a¶";
      await client.write(wire(`POST / HTTP/1.1¶Host: a¶${upgrade}Transfer-Encoding: chunked¶¶5¶hello¶x`));
      await turns();
      await turns();
      client.abort();
      connection.gracefulShutdown();
      connection.abort();
      await connection.closed;
      connection.withoutShutdown();
      connection[Symbol.asyncDispose]();
    }
    const [near, far] = duplexPair();
    const late = serveConnection(far, ok);
    await near.close();
    await late.closed;
    late.withoutShutdown();
    await turns();
  } finally {
    process.off("unhandledRejection", listener);
  }
  assertEquals(unhandled, []);
});

test("the error of a body and that of its connection tell the same story", async () => {
  let failure: unknown;
  const { client, connection } = conversing(async ({ body }) => {
    failure = await assertRejects(() => body.text(), ProtocolError);
    return { status: 200 };
  });
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 5¶¶he"));
  await client.closeWrite();
  assertEquals(await readUntil(client, "¶¶"), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  assertEquals(await connection.closed, { reason: "error", error: failure });
});

for (const requestTimeoutMs of [0, 1000]) {
  for (const nothing of [null, undefined]) {
    test(`serveConnection() answers 500 when a handler resolves with ${nothing}, with a time limit of ${requestTimeoutMs} ms (RFC 9110 §15.6.1)`, async () => {
      await expectConversation(
        { input: GET, output: FAILED, closed: "error", options: { requestTimeoutMs } },
        () => () => Promise.resolve(nothing as unknown as OutgoingResponse),
      );
    });
  }
}
