import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import type { IncomingResponse } from "../../src/http1/incoming.ts";
import type { ClientConnectionOptions, Closed } from "../../src/http1/options.ts";
import type { ProtocolErrorCode } from "../../src/errors/protocol_error.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { everyCut, turns, wire } from "../support/wire.ts";
import { transports } from "../support/switching.ts";
import { answer, dialing, exchanged, GET, GET_WIRE, HELLO, Recorder, rejection } from "../support/client.ts";

/** What a client makes of a response. */
interface Outcome {
  readonly status: number;
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
  /** Whether another request may follow. */
  readonly reusable: boolean;
}

async function outcomeOf(response: IncomingResponse): Promise<Omit<Outcome, "reusable">> {
  const bytes = await response.body.bytes();
  let body = "";
  for (const byte of bytes) body += String.fromCharCode(byte);
  return { status: response.status, body, trailers: [...await response.body.trailers] };
}

/** Answers one request with chunks, and ends the server's side if asked to. */
async function receive(
  chunks: readonly Uint8Array[],
  { request = GET, fin = false, options = {} }: {
    readonly request?: OutgoingRequest;
    readonly fin?: boolean;
    readonly options?: ClientConnectionOptions;
  } = {},
): Promise<Outcome & { readonly closed: Closed | null }> {
  const { sender, connection, server } = dialing(options);
  const recorder = new Recorder(server);
  const sending = sender.send(request);
  await recorder.until((soFar) => soFar.includes("¶¶"));
  const writing = (async () => {
    for (const chunk of chunks) await server.write(chunk).catch(() => {});
    if (fin) await server.closeWrite();
  })();
  const outcome = await outcomeOf(await sending);
  await writing;
  await turns();
  const reusable = sender.isReady;
  const closed = sender.isClosed ? await connection.closed : null;
  await connection.gracefulShutdown();
  return { ...outcome, reusable, closed };
}

interface ResponseCase {
  readonly what: string;
  readonly method?: string;
  readonly response: string;
  readonly fin?: boolean;
  readonly status?: number;
  readonly body?: string;
  readonly trailers?: readonly (readonly [string, string])[];
  readonly reusable: boolean;
}

const chunked = "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶";

const responses: readonly ResponseCase[] = [
  { what: "a body of a given length", response: HELLO, body: "hello", reusable: true },
  { what: "an empty body", response: "HTTP/1.1 200 OK¶Content-Length: 0¶¶", reusable: true },
  { what: "a chunked body", response: `${chunked}5¶hello¶6¶ world¶0¶¶`, body: "hello world", reusable: true },
  { what: "an empty chunked body", response: `${chunked}0¶¶`, reusable: true },
  {
    what: "chunk sizes in any spelling, with extensions (RFC 9112 §7.1.1) [B9]",
    response: `${chunked}0000A;a=b;c="d"¶0123456789¶b;x¶hello world¶000¶¶`,
    body: "0123456789hello world",
    reusable: true,
  },
  {
    what: "trailers, apart from the fields (RFC 9110 §6.5) [B11]",
    response: `${chunked}5¶hello¶0¶Chunky-Trailer: header data¶x: y¶X: z¶¶`,
    body: "hello",
    trailers: [["Chunky-Trailer", "header data"], ["x", "y"], ["X", "z"]],
    reusable: true,
  },
  {
    what: "trailers without those for framing, routing or access (RFC 9110 §6.5.1) [B11]",
    response:
      `${chunked}5¶hello¶0¶a: 1¶Transfer-Encoding: chunked¶content-length: 5¶Trailer: b¶Host: c¶set-cookie: d¶b: 2¶¶`,
    body: "hello",
    trailers: [["a", "1"], ["b", "2"]],
    reusable: true,
  },
  {
    what: "a body until the end of the connection (RFC 9112 §6.3)",
    response: "HTTP/1.1 200 OK¶¶hello",
    fin: true,
    body: "hello",
    reusable: false,
  },
  {
    what: "an empty body until the end of the connection",
    response: "HTTP/1.1 404 Not Found¶¶",
    fin: true,
    status: 404,
    reusable: false,
  },
  {
    what: "a coding that is not chunked, until the end of the connection (RFC 9112 §6.3)",
    response: "HTTP/1.1 200 OK¶Transfer-Encoding: yolo¶¶hallo",
    fin: true,
    body: "hallo",
    reusable: false,
  },
  {
    what: "a coding under chunked, undecoded",
    response: "HTTP/1.1 200 OK¶Transfer-Encoding: gzip, chunked¶¶5¶hello¶0¶¶",
    body: "hello",
    reusable: true,
  },
  {
    what: "no body of a response to HEAD, whatever its length says (RFC 9112 §6.3) [B6]",
    method: "HEAD",
    response: "HTTP/1.1 200 OK¶Content-Length: 11¶¶",
    reusable: true,
  },
  {
    what: "no body of a response to HEAD that is chunked (RFC 9112 §6.3) [B6]",
    method: "HEAD",
    response: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶",
    reusable: true,
  },
  {
    what: "no body of a response to HEAD without framing (RFC 9112 §6.3) [B6]",
    method: "HEAD",
    response: "HTTP/1.1 200 OK¶¶",
    reusable: true,
  },
  {
    what: "no body of a 204 (RFC 9112 §6.3) [B6]",
    response: "HTTP/1.1 204 No Content¶Content-Length: 11¶¶",
    status: 204,
    reusable: true,
  },
  {
    what: "no body of a 204 that is chunked (RFC 9112 §6.3) [B6]",
    response: "HTTP/1.1 204 No Content¶Transfer-Encoding: chunked¶¶",
    status: 204,
    reusable: true,
  },
  {
    what: "no body of a 304 (RFC 9112 §6.3) [B6]",
    response: "HTTP/1.1 304 Not Modified¶Content-Length: 11¶¶",
    status: 304,
    reusable: true,
  },
  {
    what: "equal lengths in a list (RFC 9110 §8.6)",
    response: "HTTP/1.1 200 OK¶Content-Length: 3,3¶Content-Length: 3, 3¶¶abc",
    body: "abc",
    reusable: true,
  },
  {
    what: "chunks over a length, and nothing after them (RFC 9112 §6.3) [B1]",
    response: "HTTP/1.1 200 OK¶Content-Length: 3¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶",
    body: "hello",
    reusable: false,
  },
  {
    what: "a last response of HTTP/1.0 (RFC 9112 §9.3)",
    response: "HTTP/1.0 200 OK¶Content-Length: 5¶¶hello",
    body: "hello",
    reusable: false,
  },
  {
    what: "a response of HTTP/1.0 that goes on (RFC 9112 §9.3)",
    response: "HTTP/1.0 200 OK¶Connection: foo, Keep-Alive¶Content-Length: 5¶¶hello",
    body: "hello",
    reusable: true,
  },
  {
    what: "a last response (RFC 9112 §9.3) [C2]",
    response: "HTTP/1.1 200 OK¶Connection: foo, Close, bar¶Content-Length: 5¶¶hello",
    body: "hello",
    reusable: false,
  },
  {
    what: "informational responses before it (RFC 9110 §15.2) [C5, D4]",
    response: `HTTP/1.1 100 Continue¶¶HTTP/1.1 103 Early Hints¶Link: </a>¶¶${HELLO}`,
    body: "hello",
    reusable: true,
  },
];

for (
  const { what, method = "GET", response, fin = false, status = 200, body = "", trailers = [], reusable } of responses
) {
  test(`send() receives ${what}, however it is cut [H4]`, async () => {
    for (const { how, chunks } of everyCut(wire(response))) {
      const outcome = await receive(chunks, { request: { ...GET, method }, fin });
      assertEquals(
        { ...outcome, closed: null },
        { status, body, trailers, reusable, closed: null },
        `${how}: ${JSON.stringify(outcome)}`,
      );
      const expected: Closed | null = reusable ? null : fin ? { reason: "eof" } : { reason: "shutdown" };
      assertEquals(outcome.closed, expected, how);
    }
  });
}

for (const { over, open } of transports) {
  test(`send() receives one response after the other over ${over}`, async () => {
    const { sender, connection, server } = dialing({}, open());
    for (let i = 0; i < 3; i++) {
      const answered = answer(server, `${chunked}5¶hello¶6¶ world¶0¶sum: ${i}¶¶`);
      const outcome = await outcomeOf(await sender.send(GET));
      assertEquals(outcome, { status: 200, body: "hello world", trailers: [["sum", `${i}`]] });
      assertEquals(await answered, GET_WIRE);
      await sender.ready();
    }
    const answered = answer(server, "HTTP/1.1 200 OK¶Connection: close¶¶bye").then(() => server.closeWrite());
    assertEquals((await outcomeOf(await sender.send(GET))).body, "bye");
    await answered;
    assertEquals(await connection.closed, { reason: "eof" });
  });
}

test("send() gives the head as it stands on the wire (RFC 9112 §4) [A12, A13]", async () => {
  const heads: readonly [string, Partial<IncomingResponse>][] = [
    ["HTTP/1.1 200 Alright¶", { status: 200, reason: "Alright", version: "1.1", ok: true }],
    ["HTTP/1.1 200 ¶", { status: 200, reason: "" }],
    ["HTTP/1.1 200¶", { status: 200, reason: "" }],
    ["HTTP/1.0 299 a\tb \xe9¶", { status: 299, reason: "a\tb \xe9", version: "1.0", ok: true }],
    ["HTTP/1.1 300 x¶", { status: 300, ok: false }],
    ["HTTP/1.1 999 x¶", { status: 999, ok: false }],
  ];
  for (const [line, expected] of heads) {
    const { response } = await exchanged(dialing(), `${line}X-a: \xe9¶x-A:b¶CONTENT-length:   0 ¶¶`);
    for (const [name, value] of Object.entries(expected)) {
      assertEquals(response[name as keyof IncomingResponse] as unknown, value, `${line} ${name}`);
    }
    assertEquals([...response.fields], [["X-a", "\xe9"], ["x-A", "b"], ["CONTENT-length", "0"]]);
    assertEquals(response.body.length, 0);
  }
});

test("IncomingResponse.body tells its length and its framing", async () => {
  const { response } = await exchanged(dialing(), HELLO);
  assertEquals(response.body.length, 5);
  assertEquals(response.body.framing, { type: "length", bytes: 5 });
  const head = await exchanged(dialing(), "HTTP/1.1 200 OK¶Content-Length: 5¶¶", { ...GET, method: "HEAD" });
  assertEquals(head.response.body.length, 0);
});

interface ErrorCase {
  readonly what: string;
  readonly response: string;
  readonly code: ProtocolErrorCode;
  readonly fin?: boolean;
  readonly options?: ClientConnectionOptions;
}

const broken: readonly ErrorCase[] = [
  { what: "another protocol's greeting", response: "220 mail.example ESMTP¶", code: "bad-version" },
  { what: "HEAT/1.1", response: "HEAT/1.1 200 OK¶¶", code: "bad-version" },
  { what: "HTTP/0.9", response: "Mmmmh, baguettes.", code: "bad-version" },
  { what: "HTTP/2", response: "HTTP/2.0 200 OK¶¶", code: "bad-version" },
  { what: "HTTP/1.2", response: "HTTP/1.2 200 OK¶¶", code: "bad-version" },
  { what: "a status below 100", response: "HTTP/1.1 001 OK¶¶", code: "bad-status" },
  { what: "a status of one digit", response: "HTTP/1.1 1 OK¶¶", code: "bad-status" },
  { what: "a status of four digits", response: "HTTP/1.1 2000 OK¶¶", code: "bad-status" },
  { what: "a NUL in the reason", response: "HTTP/1.1 200 O\0K¶¶", code: "bad-reason" },
  { what: "an empty line before the status line", response: `¶${HELLO}`, code: "bad-version" },
  { what: "a lone LF", response: "HTTP/1.1 200 OK\n\n", code: "bad-line-end" },
  { what: "a lone CR", response: "HTTP/1.1 200 OK¶a: b\rc¶¶", code: "bad-line-end" },
  { what: "a field line without a colon", response: "HTTP/1.1 200 OK¶abc¶¶", code: "bad-field-name" },
  { what: "white space before a colon", response: "HTTP/1.1 200 OK¶a : b¶¶", code: "bad-field-name" },
  { what: "white space behind the status line", response: "HTTP/1.1 200 OK¶ a: b¶¶", code: "bad-field-name" },
  { what: "a folded field line", response: "HTTP/1.1 200 OK¶a: b¶ c¶¶", code: "obsolete-fold" },
  { what: "a NUL in a value", response: "HTTP/1.1 200 OK¶a: b\0c¶¶", code: "bad-field-value" },
  {
    what: "lengths that differ",
    response: "HTTP/1.1 200 OK¶Content-Length: 8¶Content-Length: 9¶¶",
    code: "bad-content-length",
  },
  {
    what: "lengths that differ in a list",
    response: "HTTP/1.1 200 OK¶Content-Length: 8, 9¶¶",
    code: "bad-content-length",
  },
  { what: "a length with a sign", response: "HTTP/1.1 200 OK¶Content-Length: +8¶¶", code: "bad-content-length" },
  { what: "an empty length", response: "HTTP/1.1 200 OK¶Content-Length:¶¶", code: "bad-content-length" },
  {
    what: "a length above 2^53",
    response: "HTTP/1.1 200 OK¶Content-Length: 9007199254740992¶¶",
    code: "bad-content-length",
  },
  {
    what: "Transfer-Encoding in HTTP/1.0",
    response: "HTTP/1.0 200 OK¶Transfer-Encoding: chunked¶¶",
    code: "bad-transfer-encoding",
  },
  {
    what: "chunked twice",
    response: "HTTP/1.1 200 OK¶Transfer-Encoding: chunked, chunked¶¶",
    code: "bad-transfer-encoding",
  },
  {
    what: "too large a head",
    response: `HTTP/1.1 200 OK¶a: ${"x".repeat(300)}¶¶`,
    code: "head-too-large",
    options: { limits: { maxHeadBytes: 200 } },
  },
  {
    what: "too many fields",
    response: `HTTP/1.1 200 OK¶${"a: b¶".repeat(101)}¶`,
    code: "too-many-fields",
  },
  {
    what: "a 101 that nobody asked for",
    response: "HTTP/1.1 101 Switching Protocols¶Upgrade: x¶¶",
    code: "unexpected-upgrade",
  },
];

for (const { what, response, code, options = {} } of broken) {
  test(`send() refuses ${what} and closes the connection, however it is cut [H4]`, async () => {
    const bytes = wire(response);
    const cuts = bytes.length > 400 ? [{ how: "whole", chunks: [bytes] }] : everyCut(bytes);
    for (const { how, chunks } of cuts) {
      const { sender, connection, server } = dialing(options);
      const recorder = new Recorder(server);
      const outcome = rejection(sender.send(GET));
      await recorder.until(GET_WIRE);
      for (const chunk of chunks) await server.write(chunk).catch(() => {});
      const error = await outcome;
      assert(error instanceof ProtocolError, `${how}: ${error}`);
      assertEquals(error.code, code, how);
      assertEquals(await connection.closed, { reason: "error", error });
      assert(sender.isClosed && !sender.isReady);
      await recorder.ended;
      assert(recorder.cut !== null);
    }
  });
}

test("send() takes no head of half a million bytes (hyper: client_error_parse_too_large)", async () => {
  const long = "x".repeat(500_000);
  for (const line of [`${long}: y`, `x: ${long}`, `x: y¶`.repeat(100_000)]) {
    const { sender, connection, server } = dialing();
    const outcome = rejection(sender.send(GET));
    await server.read();
    server.write(wire(`HTTP/1.1 200 OK¶${line}¶¶`)).catch(() => {});
    const error = await outcome;
    assert(error instanceof ProtocolError);
    assert(error.code === "head-too-large" || error.code === "too-many-fields", error.code);
    await connection.closed;
  }
});

test("send() takes a head of exactly the limits", async () => {
  const head = "HTTP/1.1 204 OK¶a: b¶c: d¶¶";
  const limits = { maxHeadBytes: wire(head).length, maxFields: 2 };
  assertEquals((await exchanged(dialing({ limits }), head)).response.status, 204);
  for (const less of [{ ...limits, maxHeadBytes: limits.maxHeadBytes - 1 }, { ...limits, maxFields: 1 }]) {
    const error = await rejection(exchanged(dialing({ limits: less }), head));
    assert(error instanceof ProtocolError);
  }
});

test("send() lets pass what it is told to", async () => {
  const lenient: readonly [ClientConnectionOptions, string, [string, string][]][] = [
    [{ leniency: { bareLf: true } }, "HTTP/1.1 204 OK\na: b\n\n", [["a", "b"]]],
    [{ leniency: { spaceBeforeColon: true } }, "HTTP/1.1 204 OK¶a \t: b¶¶", [["a", "b"]]],
    [{ leniency: { obsoleteFold: true } }, "HTTP/1.1 204 OK¶Fold: just¶ some¶\t folding¶¶", [[
      "Fold",
      "just some folding",
    ]]],
    [{ leniency: { invalidFields: true } }, "HTTP/1.1 204 OK¶a: b¶c d¶e: \x01¶f: g¶¶", [["a", "b"], ["f", "g"]]],
    [{ leniency: { multipleSpaces: true } }, "HTTP/1.1  204  OK¶a: b¶¶", [["a", "b"]]],
    [{ leniency: { emptyLineBeforeResponse: true } }, "¶HTTP/1.1 204 OK¶a: b¶¶", [["a", "b"]]],
    [{ compat: "hyper" }, "HTTP/1.1 204 OK\na: b\n\n", [["a", "b"]]],
    [{ compat: "hyper" }, "¶HTTP/1.1 204 OK¶a: b¶¶", [["a", "b"]]],
  ];
  for (const [options, head, fields] of lenient) {
    const { response } = await exchanged(dialing(options), head);
    assertEquals([...response.fields], fields, head);
    assert(await rejection(exchanged(dialing(), head)) instanceof ProtocolError, head);
  }
});
