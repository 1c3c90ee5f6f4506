import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { duplexPair, type DuplexPairOptions } from "../../src/duplex/pair.ts";
import { Http2Error } from "../../src/errors/http2_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { handshake, type Http2ClientConnection } from "../../src/http2/client_connection.ts";
import type { Http2ClientConnectionOptions, Http2ServerConnectionOptions } from "../../src/http2/options.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { ask } from "../support/http2_ask.ts";
import type { Handler } from "../../src/http1/server_exchange.ts";
import { type Http2ServerConnection, serveConnection } from "../../src/http2/server_connection.ts";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import { connect, listen } from "../../src/net/mod.ts";
import { PREFACE } from "../../src/http2/machine/preface.ts";
import { frame } from "./machine/h2_talk.ts";
import { FrameReader } from "../../src/http2/machine/frame_reader.ts";
import { turns, wire } from "../support/wire.ts";
import { concat } from "../../src/bytes/concat.ts";

interface Both {
  readonly client: Http2ClientConnection;
  readonly server: Http2ServerConnection;
}

interface BothOptions {
  readonly client?: Http2ClientConnectionOptions;
  readonly server?: Http2ServerConnectionOptions;
  readonly pair?: DuplexPairOptions;
}

function both(handler: Handler, { client, server, pair }: BothOptions = {}): Both {
  const [near, far] = duplexPair(pair);
  return {
    server: serveConnection(far, handler, server),
    client: handshake(near, { scheme: "http", ...client }).connection,
  };
}

/** Shuts down, and both ends must say so. */
async function shutDown({ client, server }: Both): Promise<void> {
  assertEquals(await client.gracefulShutdown(), { reason: "shutdown" });
  const why = await server.closed;
  assert(why.reason !== "error", `${why.reason}`);
}

const echo: Handler = (request) => ({ status: 200, body: request.body });
const noise: Uint8Array = Uint8Array.from({ length: 1_000_003 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24);

/** Parts of `noise` of many lengths. */
async function* parts(): AsyncGenerator<Uint8Array> {
  for (let at = 0, length = 1; at < noise.length; at += length, length = 1 + length * 7 % 30_011) {
    yield noise.subarray(at, at + length);
  }
}

/** A promise and what fulfils it. */
function signal<T = void>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((fulfil) => resolve = fulfil);
  return { promise, resolve };
}

test("serveConnection() and handshake(): a request and its response, with fields, without bodies", async () => {
  const seen: unknown[] = [];
  const ends = both((request) => {
    seen.push(request.method, request.version, request.authority, request.target, [...request.fields]);
    return { status: 200, fields: { "X-Tag": "1" } };
  });
  const response = await ask(ends.client, { authority: "a.example", path: "/x?y", fields: { Accept: "*/*" } });
  assertEquals(seen, ["GET", "2", "a.example", "/x?y", [["host", "a.example"], ["accept", "*/*"]]]);
  assertEquals([response.status, response.version, response.fields.get("x-tag")], [200, "2", "1"]);
  assertEquals(await response.body.text(), "");
  await shutDown(ends);
});

const pairs: readonly (readonly [how: string, bytes: number, pair: DuplexPairOptions])[] = [
  ["64 KiB at once", noise.length, {}],
  ["byte by byte", 70_001, { readBytes: 1 }],
  ["7 at a time", 70_001, { capacityBytes: 7 }],
];

for (const [how, bytes, pair] of pairs) {
  test(`serveConnection() and handshake(): bodies and trailers come whole through a pair that gives ${how}`, async () => {
    const ends = both((request) => ({
      status: 200,
      body: request.body,
      trailers: async () => ({ "x-sum": (await request.body.trailers).get("x-sum") ?? "" }),
    }), { pair });
    const body = noise.subarray(0, bytes);
    const response = await ask(ends.client, { method: "POST", authority: "a", body, trailers: { "x-sum": "12" } });
    assertEquals(await response.body.bytes(), body);
    assertEquals([...await response.body.trailers], [["x-sum", "12"]]);
    await shutDown(ends);
  });
}

test("serveConnection() and handshake(): streamed bodies of many requests at once do not mix", async () => {
  const ends = both(echo, { server: { limits: { streamWindowBytes: 5000, connectionWindowBytes: 65_535 } } });
  const bodies = await Promise.all(Array.from({ length: 5 }, async () => {
    const response = await ask(ends.client, { method: "POST", authority: "a", body: parts() });
    return await response.body.bytes();
  }));
  for (const body of bodies) assertEquals(body, noise);
  await shutDown(ends);
});

test("Http2ClientConnection.send() waits for a stream where the server allows no more (RFC 9113 §5.1.2)", async () => {
  let open = 0;
  let most = 0;
  const ends = both(async (request) => {
    most = Math.max(most, ++open);
    await request.body.bytes();
    open--;
    return { status: 200, body: request.target };
  }, { server: { limits: { maxConcurrentStreams: 3 } } });
  await (await ask(ends.client, { authority: "a" })).body.text(); // then SETTINGS are known
  const texts = await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    const response = await ask(ends.client, { method: "POST", authority: "a", path: `/${i}`, body: "x" });
    return await response.body.text();
  }));
  assertEquals(texts, Array.from({ length: 50 }, (_, i) => `/${i}`));
  assert(most <= 3, `${most}`);
  await shutDown(ends);
});

test("serveConnection() leaves a body with the client that is not read: no more than its window is taken", async () => {
  const begun = signal();
  const goOn = signal();
  let taken = 0;
  const ends = both(async (request) => {
    if (request.target === "/settings") return { status: 204 };
    begun.resolve();
    await goOn.promise;
    return { status: 200, body: request.body };
  }, { server: { limits: { streamWindowBytes: 100_000 } } });
  await ask(ends.client, { authority: "a", path: "/settings" });
  async function* chunks() {
    for (; taken < 1_000_000; taken += 10_000) yield new Uint8Array(10_000);
  }
  const response = ask(ends.client, { method: "POST", authority: "a", body: chunks() });
  await begun.promise;
  // Others get on meanwhile; when they have, the first could have sent everything as well.
  for (let i = 0; i < 20; i++) await ask(ends.client, { authority: "a", path: "/settings" });
  assert(taken >= 90_000 && taken <= 120_000, `${taken}`);
  goOn.resolve();
  assertEquals((await (await response).body.bytes()).length, 1_000_000);
  await shutDown(ends);
});

test("handshake() opens the windows as the response is read: a server sends no more than that", async () => {
  let made = 0;
  async function* chunks() {
    for (; made < 1_000_000; made += 10_000) yield new Uint8Array(10_000);
  }
  const ends = both((request) => ({ status: 200, body: request.target === "/long" ? chunks() : "short" }), {
    client: { limits: { streamWindowBytes: 100_000 } },
  });
  const response = await ask(ends.client, { authority: "a", path: "/long" });
  for (let i = 0; i < 20; i++) {
    assertEquals(await (await ask(ends.client, { authority: "a" })).body.text(), "short");
  }
  assert(made >= 90_000 && made <= 120_000, `${made}`);
  assertEquals((await response.body.bytes()).length, 1_000_000);
  await shutDown(ends);
});

test("IncomingRequest.sendInformational() over HTTP/2 sends informational responses before the final one (RFC 9113 §8.1)", async () => {
  const ends = both((request) => {
    request.sendInformational(103, [["link", "</a>"]]);
    return { status: 200 };
  });
  const heads: unknown[] = [];
  const onInformational = ({ status, fields }: { status: number; fields: Iterable<unknown> }) =>
    heads.push(status, [...fields]);
  assertEquals((await ask(ends.client, { authority: "a", onInformational })).status, 200);
  assertEquals(heads, [103, [["link", "</a>"]]]);
  await shutDown(ends);
});

test("serveConnection() sends no body in answer to HEAD, and none with 204 or 304 (RFC 9110 §6.4.1)", async () => {
  const ends = both(({ target: path }) => ({
    status: Number(path.slice(1)),
    fields: path === "/200" ? [["content-length", "5"]] : [],
    body: "hello",
  }));
  for (const [method, path] of [["HEAD", "/200"], ["GET", "/204"], ["GET", "/304"]] as const) {
    const response = await ask(ends.client, { method, authority: "a", path });
    assertEquals([response.status, await response.body.text()], [Number(path.slice(1)), ""]);
  }
  await shutDown(ends);
});

test("serveConnection() answers 500 over HTTP/2 where a handler fails, tells onError, and goes on with others", async () => {
  const errors: unknown[] = [];
  const ends = both(({ target: path }) => {
    if (path === "/throw") throw new Error("thrown");
    if (path === "/reject") return Promise.reject(new Error("rejected"));
    if (path === "/status") return { status: 99 };
    if (path === "/field") return { status: 200, fields: [["bad name", ""]] };
    return { status: 200, body: "fine" };
  }, { server: { onError: (error) => errors.push((error as Error).message) } });
  for (const path of ["/throw", "/reject", "/status", "/field"]) {
    assertEquals((await ask(ends.client, { authority: "a", path })).status, 500);
  }
  assertEquals(errors.slice(0, 2), ["thrown", "rejected"]);
  assertEquals(errors.length, 4);
  assertEquals(await (await ask(ends.client, { authority: "a" })).body.text(), "fine");
  await shutDown(ends);
});

test("serveConnection() refuses a Response over HTTP/2, whose headers would be lost", async () => {
  const told: unknown[] = [];
  const handler = (() => new Response("hi", { headers: { "x-lost": "1" } })) as unknown as Handler;
  const pair = both(handler, { server: { onError: (error) => told.push(error) } });
  assertEquals((await pair.client.send({ method: "GET", target: "/", fields: [["host", "a"]] })).status, 500);
  assertEquals(told.map(String), [
    "TypeError: what the handler returns must have fields, not headers: serve() takes a Response",
  ]);
  await shutDown(pair);
});

for (
  const [server, said, reason] of [
    ["ends without a word", "", "The connection has ended before the peer spoke HTTP/2"],
    ["answers in HTTP/1.1", "HTTP/1.1 400 Bad Request¶¶", "the peer seems to speak HTTP/1.1"],
  ] as const
) {
  test(`Http2ClientConnection.send() says what is wrong where a server ${server} (RFC 9113 §3.4)`, async () => {
    const [near, far] = duplexPair();
    const { connection } = handshake(near, { scheme: "http" });
    const sent = connection.send({ method: "GET", target: "/", fields: [["host", "a"]] });
    await far.write(wire(said));
    await far.closeWrite();
    const error = await assertRejects(() => sent, Error);
    await far.close();
    assert(`${error} ${error.cause}`.includes(reason), `${error}`);
  });
}

test("serveConnection() resets a stream whose body fails in the middle: a client never takes it for whole", async () => {
  const ends = both(() => ({
    status: 200,
    body: (async function* () {
      yield wire("half");
      throw new Error("broken");
    })(),
  }));
  const response = await ask(ends.client, { authority: "a" });
  await assertRejects(() => response.body.text(), TransportError);
  await shutDown(ends);
});

test("Http2ClientConnection.send() gives up with its signal: the handler's signal aborts, its body is canceled", async () => {
  const aborted = signal<unknown>();
  const canceled = signal();
  const ends = both(({ target: path, signal: gone }) => {
    gone.addEventListener("abort", () => aborted.resolve(gone.reason));
    if (path !== "/endless") return new Promise(() => {});
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1000)),
      cancel: () => canceled.resolve(),
    });
    return { status: 200, body };
  });
  const controller = new AbortController();
  const response = ask(ends.client, { authority: "a", signal: controller.signal });
  await (await ask(ends.client, { authority: "a", path: "/endless" })).body.cancel();
  await canceled.promise;
  controller.abort(new Error("enough"));
  assertEquals((await assertRejects(() => response, Error)).message, "enough");
  assert(await aborted.promise instanceof TransportError);
  await shutDown(ends);
});

test("Http2ClientConnection.send() gives up with its signal while it waits for a stream, and its body with it", async () => {
  const begun = signal();
  const ends = both(() => {
    begun.resolve();
    return new Promise(() => {});
  }, { server: { limits: { maxConcurrentStreams: 1 } } });
  const first = new AbortController();
  const asking = ask(ends.client, { authority: "a", signal: first.signal });
  await begun.promise;
  const canceled = signal<unknown>();
  const body = new ReadableStream<Uint8Array>({ cancel: (reason) => canceled.resolve(reason) });
  const second = new AbortController();
  const waiting = ask(ends.client, { method: "POST", authority: "a", body, signal: second.signal });
  second.abort(new Error("enough"));
  assertEquals((await assertRejects(() => waiting, Error)).message, "enough");
  assertEquals(await canceled.promise, second.signal.reason);
  first.abort(new Error("done"));
  await assertRejects(() => asking, Error, "done");
  await shutDown(ends);
});

test("serveConnection() stops a client whose request is answered without its body: RST_STREAM with NO_ERROR (RFC 9113 §8.1)", async () => {
  const canceled = signal();
  const ends = both(() => ({ status: 413, body: "too large" }));
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
    cancel: () => canceled.resolve(),
  });
  const response = await ask(ends.client, { method: "POST", authority: "a", body });
  assertEquals([response.status, await response.body.text()], [413, "too large"]);
  await canceled.promise;
  await shutDown(ends);
});

test("Http2ServerConnection.gracefulShutdown() lets open streams end and takes no more (RFC 9113 §6.8)", async () => {
  const goOn = signal();
  const begun = signal();
  const ends = both(async () => {
    begun.resolve();
    await goOn.promise;
    return { status: 200, body: "late" };
  });
  const response = ask(ends.client, { authority: "a" });
  await begun.promise;
  const closed = ends.server.gracefulShutdown();
  goOn.resolve();
  assertEquals(await (await response).body.text(), "late");
  assertEquals(await closed, { reason: "shutdown" });
  assertEquals(await ends.client.closed, { reason: "shutdown" });
  const error = await assertRejects(() => ask(ends.client, { authority: "a" }), UnsentError);
  assert(error.cause instanceof StateError && error.cause.code === "closed");
});

test("Http2ClientConnection.gracefulShutdown() refuses what follows", async () => {
  const ends = both(() => ({ status: 200 }));
  const closed = ends.client.gracefulShutdown();
  await assertRejects(() => ask(ends.client, { authority: "a" }), UnsentError);
  assertEquals(await closed, { reason: "shutdown" });
});

test("serveConnection() says GOAWAY to a client that breaks a rule, closes, and fails what is open (RFC 9113 §5.4.1)", async () => {
  const failed = signal<unknown>();
  const begun = signal();
  const [near, far] = duplexPair();
  const server = serveConnection(far, (request) => {
    request.signal.addEventListener("abort", () => failed.resolve(request.signal.reason));
    begun.resolve();
    return new Promise(() => {});
  });
  const head = [0x82, 0x86, 0x84, 0x41, 0x01, 0x61];
  await near.write(concat([PREFACE, frame("settings", 0, 0), frame("headers", 0x05, 1, head)]));
  await begun.promise;
  await near.write(frame("ping", 0, 1, new Uint8Array(8))); // on a stream
  const reader = new FrameReader(16_384);
  for (let chunk = await near.read(); chunk !== null; chunk = await near.read()) reader.in.push(chunk);
  let last = reader.next()!;
  for (let next: typeof last | null = last; next !== null; next = reader.next()) last = next;
  assertEquals(last.type === "goaway" && [last.lastStreamId, last.errorCode], [1, 1]);
  await near.close();
  const why = await server.closed;
  assert(why.reason === "error" && why.error instanceof Http2Error && why.error.code === "protocol");
  assertEquals(await failed.promise, why.error);
});

test("serveConnection() and handshake() end what is open when the transport fails", async () => {
  const [near, far] = duplexPair();
  const begun = signal<IncomingRequest>();
  const server = serveConnection(far, (request) => {
    begun.resolve(request);
    return new Promise(() => {});
  });
  const client = handshake(near).connection;
  const response = ask(client, { method: "POST", authority: "a", body: parts() });
  const request = await begun.promise;
  near.abort(new TransportError("reset", "cut"));
  await assertRejects(() => response, TransportError);
  await assertRejects(() => request.body.bytes(), TransportError);
  assert(request.signal.aborted);
  assertEquals([(await client.closed).reason, (await server.closed).reason], ["error", "error"]);
});

test("serveConnection() does not read on while its answers are not read: nothing grows without a bound", async () => {
  let answered = 0;
  const [near, far] = duplexPair();
  const server = serveConnection(far, () => {
    answered++;
    return { status: 200, fields: [["x-long", "x".repeat(10_000)]] };
  });
  const head = [0x82, 0x86, 0x84, 0x41, 0x01, 0x61];
  await near.write(concat([PREFACE, frame("settings", 0, 0)]));
  let written = 0;
  let stopped = false;
  const writing = (async () => {
    for (; written < 5000; written++) await near.write(frame("headers", 0x05, 1 + 2 * written, head));
  })().catch(() => stopped = true);
  let before = -1;
  while (before !== answered) {
    before = answered;
    for (let turn = 0; turn < 20; turn++) await turns();
  }
  assert(answered < 2000, `${answered}`);
  near.abort();
  await writing;
  assert(stopped || written < 5000);
  assertEquals((await server.closed).reason, "error");
});

test("serveConnection() and handshake() over sockets: 300 requests, each with a body both ways", async () => {
  const listener = await listen({ hostname: "127.0.0.1" });
  const accepted = listener.accept();
  const client = handshake(connect(listener.address)).connection;
  const server = serveConnection((await accepted)!, echo);
  const bodies = await Promise.all(Array.from({ length: 300 }, async (_, i) => {
    const body = noise.subarray(i, i + i * 100);
    const response = await ask(client, { method: "POST", authority: "a", body });
    return [await response.body.bytes(), body] as const;
  }));
  for (const [echoed, body] of bodies) assertEquals(echoed, body);
  await shutDown({ client, server });
  await listener.close();
});

test("Http2ClientConnection.send() of an upgrade gives up with its signal while SETTINGS are waited for", async () => {
  const [near] = duplexPair();
  const client = handshake(near).connection;
  const controller = new AbortController();
  const fields = [["connection", "upgrade"], ["upgrade", "echo"]] as const;
  const response = ask(client, { authority: "a", fields, signal: controller.signal });
  controller.abort(new Error("enough"));
  assertEquals((await assertRejects(() => response, Error)).message, "enough");
  client.abort();
});

test("Http2ClientConnection.send() rejects with what onInformational throws, and other requests go on", async () => {
  const ends = both((request) => {
    request.sendInformational(103);
    return { status: 200 };
  });
  const onInformational = () => {
    throw new Error("not me");
  };
  const failing = ask(ends.client, { authority: "a", onInformational });
  const other = ask(ends.client, { authority: "a" });
  assertEquals((await assertRejects(() => failing, Error)).message, "not me");
  assertEquals((await other).status, 200);
  await shutDown(ends);
});
