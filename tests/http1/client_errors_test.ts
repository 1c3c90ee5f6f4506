import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { ProtocolError, type ProtocolErrorCode } from "../../src/errors/protocol_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { text, turns, wire } from "../support/wire.ts";
import { transports } from "../support/switching.ts";
import {
  answer,
  type Dialed,
  dialing,
  exchanged,
  GET,
  HELLO,
  manualStream,
  Recorder,
  rejection,
} from "../support/client.ts";

/** Sends a request, answers with `response` and the end of the server's side. */
async function cutBehind(response: Uint8Array, dialed: Dialed) {
  const { sender, server } = dialed;
  const recorder = new Recorder(server);
  const sending = sender.send(GET);
  sending.catch(() => {});
  await recorder.until("¶¶");
  await server.write(response);
  await server.closeWrite();
  return sending;
}

function isTruncated(error: unknown): asserts error is ProtocolError {
  assertInstanceOf(error, ProtocolError);
  assertEquals(error.code, "truncated");
}

test("send() rejects with truncated wherever a head ends too soon (RFC 9112 §8) [B12, C9]", async () => {
  const head = wire("HTTP/1.1 100 Continue¶¶HTTP/1.1 200 OK¶Content-Length: 0¶X: y¶¶");
  for (let length = 0; length < head.length; length++) {
    const dialed = dialing();
    const error = await rejection(cutBehind(head.slice(0, length), dialed));
    isTruncated(error);
    assertEquals(await dialed.connection.closed, { reason: "error", error });
  }
});

for (const { over, open } of transports) {
  test(`a body that ends too soon fails and never just ends, over ${over} (RFC 9112 §8) [B12, C9]`, async () => {
    const bodies = [
      "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello",
      "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶",
    ];
    for (const response of bodies) {
      const dialed = dialing({}, open());
      const sending = dialed.sender.send(GET);
      const answered = answer(dialed.server, response).then(() => dialed.server.closeWrite());
      const { body } = await sending;
      let received = "";
      const error = await rejection((async () => {
        for await (const chunk of body) received += text(chunk);
      })());
      await answered;
      assertEquals(received, "hello");
      isTruncated(error);
      assertStrictEquals(await rejection(body.read()), error);
      assertStrictEquals(await rejection(body.trailers), error);
      assertEquals(await dialed.connection.closed, { reason: "error", error });
    }
  });
}

test("a body fails wherever it ends too soon (RFC 9112 §7.1) [B12]", async () => {
  const head = "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶";
  const response = wire(`${head}5;x=y¶hello¶6¶ world¶0¶a: b¶¶`);
  for (let length = wire(head).length; length < response.length; length++) {
    const { body } = await cutBehind(response.slice(0, length), dialing());
    isTruncated(await rejection(body.text()));
  }
  const { body } = await cutBehind(response, dialing());
  assertEquals(await body.text(), "hello world");
});

const brokenBodies: readonly (readonly [what: string, chunks: string, code: ProtocolErrorCode])[] = [
  ["no size", "¶hello¶0¶¶", "bad-chunk-size"],
  ["a size that is none", "X¶hello¶0¶¶", "bad-chunk-size"],
  ["a negative size", "-1¶hello¶0¶¶", "bad-chunk-size"],
  ["a size above 2^53", "f0000000000000003¶abc¶0¶¶", "bad-chunk-size"],
  ["a size that a lone LF ends", "5\nhello¶0¶¶", "bad-chunk-size"],
  ["white space behind its size", "5 ¶hello¶0¶¶", "bad-chunk-size"],
  ["a malformed extension", '5;a="b¶hello¶0¶¶', "bad-chunk-size"],
  ["data longer than its size", "4¶hello¶0¶¶", "bad-chunk-end"],
  ["too many extensions", `1;${"x".repeat(4096)}¶a¶0¶¶`, "chunk-extensions-too-large"],
  ["a trailer without a colon", "0¶abc¶¶", "bad-field-name"],
  ["a folded trailer", "0¶a: b¶ c¶¶", "obsolete-fold"],
  ["too many trailers", `0¶${"a: b¶".repeat(101)}¶`, "too-many-fields"],
  ["too large a trailer section", `0¶a: ${"x".repeat(16_384)}¶¶`, "trailers-too-large"],
];

for (const [what, chunks, code] of brokenBodies) {
  test(`a chunked body with ${what} fails and closes the connection (RFC 9112 §7.1) [B8, B10]`, async () => {
    const dialed = dialing();
    const { response } = await exchanged(dialed, `HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶${chunks}`);
    const error = await rejection(response.body.text());
    assertInstanceOf(error, ProtocolError);
    assertEquals(error.code, code);
    assertEquals(await dialed.connection.closed, { reason: "error", error });
    const recorder = new Recorder(dialed.server);
    await recorder.ended;
    assert(recorder.cut !== null);
  });
}

test("a reset fails the request, or the body that is being read", async () => {
  const sent = dialing();
  const recorder = new Recorder(sent.server);
  const outcome = rejection(sent.sender.send(GET));
  await recorder.until("¶¶");
  sent.server.abort();
  const error = await outcome;
  assertInstanceOf(error, TransportError);
  assertEquals(error.code, "reset");
  assertEquals(await sent.connection.closed, { reason: "error", error });

  const reading = dialing();
  const { response } = await exchanged(reading, "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello");
  await response.body.read();
  const read = rejection(response.body.read());
  reading.server.abort();
  const cut = await read;
  assertInstanceOf(cut, TransportError);
  assertEquals(await reading.connection.closed, { reason: "error", error: cut });
  assertStrictEquals(await rejection(response.body.trailers), cut);
});

test("a body that nobody reads stays readable up to where the connection was cut", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello");
  assertEquals(text((await response.body.read())!), "hello");
  dialed.server.abort();
  await turns();
  assertInstanceOf(await rejection(response.body.read()), TransportError);
});

test("an error behind the last exchange does not reach it", async () => {
  const dialed = dialing();
  const { response } = await exchanged(dialed, HELLO);
  assertEquals(await response.body.text(), "hello");
  dialed.server.abort();
  await dialed.connection.closed;
  assertEquals(await response.body.read(), null);
  assertEquals([...await response.body.trailers], []);
});

test("a connection that fails leaves no error to nobody, whatever is ignored", async () => {
  const reason = new Error("unseen");
  const failures: readonly ((dialed: Dialed) => unknown)[] = [
    ({ connection }) => connection.abort(reason),
    ({ server }) => server.abort(reason),
    ({ server }) => server.closeWrite(),
    ({ server }) => server.write(wire("rubbish¶")),
  ];
  for (const fail of failures) {
    const early = dialing();
    early.sender.send({ ...GET, method: "POST", body: manualStream().stream }).catch(() => {});
    early.sender.ready();
    early.connection.withoutShutdown();
    await turns();
    await fail(early);
    await turns();

    const late = dialing();
    const { response } = await exchanged(late, "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶", {
      ...GET,
      method: "POST",
      body: manualStream().stream,
    });
    assert(response.body.trailers instanceof Promise);
    response.body.stream.getReader().closed.catch(() => {});
    response.body.read();
    response.body.read();
    late.connection.gracefulShutdown();
    await fail(late);
    await turns();
  }
});
