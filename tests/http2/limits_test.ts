/**
 * What a client may make a server wait for, and how long: the time limits of HTTP/1.1 hold for each stream, and for the connection.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Deferred } from "../../src/duplex/deferred.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { RawClient } from "../support/h2_raw_peer.ts";
import {
  continuation,
  data,
  GET,
  goaway,
  headers,
  ping,
  POST,
  rstStream,
  settings,
  windowUpdate,
} from "../support/h2_wire.ts";
import { joined } from "../support/switching.ts";
import { wire } from "../support/wire.ts";

const EXPECTING = [...POST, "expect: 100-continue"];

test("a body that is read is preceded by the 100 that its client waits for, once (RFC 9110 §10.1.1)", async () => {
  const client = new RawClient(async (request) => ({ status: 200, body: await request.body.text() }));
  await client.begins();
  assertEquals(await client.sends(headers(1, EXPECTING, "open")), ["HEADERS 1 :status: 100"]);
  assertEquals(await client.sends(data(1, "he")), []);
  assertEquals(await client.sends(data(1, "llo", true)), [
    "HEADERS 1 :status: 200, content-length: 5",
    "DATA 1 END hello",
  ]);
  await client.ends();
});

test("an answer whose body is the request's is preceded by the 100 that its client waits for (RFC 9110 §10.1.1)", async () => {
  for (const bodyOf of [({ body }: IncomingRequest) => body, ({ body }: IncomingRequest) => body.stream]) {
    const client = new RawClient((request) => ({ status: 200, body: bodyOf(request) }));
    await client.begins();
    const heads = ["HEADERS 1 :status: 100", "HEADERS 1 :status: 200"];
    assertEquals(await client.sends(headers(1, EXPECTING, "open")), heads);
    assertEquals(await client.sends(data(1, "hello", true)), ["DATA 1 END hello"]);
    await client.ends();
  }
});

test("no 100 is sent where the body is not read, or has begun to come (RFC 9110 §10.1.1)", async () => {
  const client = new RawClient(async (request) => {
    if (request.target === "/no") return { status: 417 };
    await null;
    return { status: 200, body: await request.body.text() };
  });
  await client.begins();
  const refused = await client.sends(
    headers(1, [...EXPECTING.slice(0, 2), ":path: /no", ...EXPECTING.slice(3)], "open"),
  );
  assertEquals(refused, ["HEADERS 1 END :status: 417", "RST_STREAM 1 NO_ERROR"]);
  assertEquals(await client.sends(headers(3, EXPECTING, "open"), data(3, "x", true)), [
    "HEADERS 3 :status: 200, content-length: 1",
    "DATA 3 END x",
  ]);
  await client.ends();
});

/** A body of 40,000 bytes: more than half of the least window of a connection. */
const LONG = [data(1, new Uint8Array(16_384)), data(1, new Uint8Array(16_384)), data(1, new Uint8Array(7232), true)];
const LEAST_WINDOWS = { connectionWindowBytes: 65_535, streamWindowBytes: 65_535 };

test("a body that has come and is not read opens the connection's window behind the response, and can still be read (RFC 9113 §5.2)", async () => {
  const answered = new Deferred<void>();
  const requests: IncomingRequest[] = [];
  const client = new RawClient(async (request) => {
    requests.push(request);
    await answered.promise;
    return { status: 204 };
  }, { limits: LEAST_WINDOWS });
  await client.begins();
  assertEquals(await client.sends(headers(1, POST, "open"), ...LONG), []);
  answered.resolve();
  assertEquals(await client.sends(), ["HEADERS 1 END :status: 204", "WINDOW_UPDATE 0 +40000"]);
  assert(!requests[0]!.signal.aborted);
  assertEquals((await requests[0]!.body.bytes()).length, 40_000);
  assertEquals(await client.sends(), []);
  await client.ends();
});

test("drainTimeoutMs: a reader that stops within a body that has come does not keep the connection's window shut (RFC 9113 §5.2)", async () => {
  for (const reads of [true, false]) {
    const answered = new Deferred<void>();
    const requests: IncomingRequest[] = [];
    const client = new RawClient(async (request) => {
      requests.push(request);
      await request.body.read();
      await answered.promise;
      return { status: 204 };
    }, { limits: LEAST_WINDOWS, drainTimeoutMs: 1000 });
    await client.begins();
    assertEquals(await client.sends(headers(1, POST, "open"), ...LONG), []);
    answered.resolve();
    assertEquals(await client.sends(), ["HEADERS 1 END :status: 204"]);
    const { body } = requests[0]!;
    if (reads) { while (await body.read() !== null); }
    assertEquals(await client.passes(999), reads ? ["WINDOW_UPDATE 0 +32768"] : []);
    assertEquals(await client.passes(1), reads ? [] : ["WINDOW_UPDATE 0 +40000"]);
    await client.ends();
  }
});

test("a CONNECT that is refused opens the connection's window for what came on it, also if its handler asked for a body (RFC 9113 §5.2)", async () => {
  const answered = new Deferred<void>();
  const client = new RawClient(async (request) => {
    await request.body.read();
    await answered.promise;
    return { status: 403 };
  }, { limits: LEAST_WINDOWS });
  await client.begins();
  assertEquals(await client.sends(headers(1, [":method: CONNECT", ":authority: b:1"], "open"), ...LONG), []);
  answered.resolve();
  assertEquals(await client.sends(), ["HEADERS 1 END :status: 403", "WINDOW_UPDATE 0 +40000"]);
  await client.ends();
});

test("bodyTimeoutMs: a client that pauses within a body that is read gets 408, and the other streams go on", async () => {
  const errors: unknown[] = [];
  const failed: unknown[] = [];
  const client = new RawClient(async (request) => {
    if (request.method === "GET") return { status: 204 };
    request.signal.addEventListener("abort", () => failed.push(request.signal.reason));
    return { status: 200, body: await request.body.text() };
  }, { bodyTimeoutMs: 1000, onError: (error) => errors.push(error) });
  await client.begins();
  assertEquals(await client.sends(headers(1, POST, "open")), []);
  assertEquals(await client.passes(999), []);
  assertEquals(await client.sends(data(1, "x")), []);
  assertEquals(await client.passes(999), []);
  assertEquals(await client.passes(1), ["HEADERS 1 END :status: 408", "RST_STREAM 1 NO_ERROR"]);
  assertEquals(await client.sends(headers(3, GET)), ["HEADERS 3 END :status: 204"]);
  assert(failed[0] instanceof TransportError && failed[0].code === "timeout");
  await client.ends();
});

test("bodyTimeoutMs: behind the head of the response the stream is reset", async () => {
  const client = new RawClient((request) => ({ status: 200, body: request.body }), { bodyTimeoutMs: 1000 });
  await client.begins();
  assertEquals(await client.sends(headers(1, POST, "open"), data(1, "x")), ["HEADERS 1 :status: 200", "DATA 1 x"]);
  assertEquals(await client.passes(1000), ["RST_STREAM 1 CANCEL"]);
  await client.ends();
});

test("bodyTimeoutMs counts while the client is waited for, and not while the reader pauses", async () => {
  let request!: IncomingRequest;
  const client = new RawClient((incoming) => {
    request = incoming;
    return new Promise(() => {});
  }, { bodyTimeoutMs: 1000 });
  await client.begins();
  await client.sends(headers(1, POST, "open"), data(1, "x"));
  await client.passes(10_000);
  assertEquals((await request.body.read())?.length, 1);
  await client.passes(10_000);
  const read = request.body.read();
  await client.passes(999);
  await client.sends(data(1, "y", true));
  assertEquals((await read)?.length, 1);
  assertEquals(await request.body.read(), null);
  assertEquals(await client.passes(10_000), []);
  await client.ends();
});

for (
  const [what, bytes] of [["nothing", ""], ["half of the preface", "PRI * HT"], ["no SETTINGS", "PRI * HTTP/2.0¶¶SM¶¶"]]
) {
  test(`headTimeoutMs: a client that begins with ${what} is told that the connection ends`, async () => {
    const client = new RawClient(() => ({ status: 204 }), { headTimeoutMs: 1000 });
    await client.sends(wire(bytes!));
    assertEquals(await client.passes(999), []);
    assertEquals(await client.passes(1), ["GOAWAY 0 NO_ERROR"]);
    await client.ends();
    const why = await client.closed;
    assert(why.reason === "error" && (why.error as TransportError).code === "timeout");
  });
}

/** A head of two frames, and all bytes of each but the last. */
const BEGUN = headers(3, GET, "unfinished");
const REST = continuation(3, ["x: y"]);
const cuts: readonly (readonly [string, Uint8Array, Uint8Array])[] = [
  ["behind its HEADERS", BEGUN, REST],
  ["within its HEADERS", BEGUN.slice(0, 12), joined(BEGUN.slice(12), REST)],
  ["within its CONTINUATION", joined(BEGUN, REST.slice(0, 5)), REST.slice(5)],
];

for (const [where, begun, rest] of cuts) {
  test(`headTimeoutMs: a head that pauses ${where} ends the connection, whatever is open beside it (RFC 9113 §4.3)`, async () => {
    const client = new RawClient(() => new Promise(() => {}), { headTimeoutMs: 1000 });
    await client.begins();
    await client.sends(headers(1, GET), begun);
    assertEquals(await client.passes(999), []);
    assertEquals(await client.passes(1), ["GOAWAY 1 NO_ERROR"]);
    await client.ends();
    const why = await client.closed;
    assert(why.reason === "error" && (why.error as TransportError).code === "timeout");
  });

  test(`headTimeoutMs: a head that pauses ${where} and goes on in time is answered, and nothing counts behind it`, async () => {
    const client = new RawClient(({ target }) => target === "/" ? { status: 204 } : new Promise(() => {}), {
      headTimeoutMs: 1000,
    });
    await client.begins();
    await client.sends(headers(1, [...GET.slice(0, 2), ":path: /slow", GET[3]!]), begun);
    assertEquals(await client.passes(999), []);
    assertEquals(await client.sends(rest), ["HEADERS 3 END :status: 204"]);
    assertEquals(await client.passes(5000), []);
    await client.ends();
  });
}

test("headTimeoutMs begins anew with each head, and not with its parts", async () => {
  const client = new RawClient(({ target }) => target === "/" ? { status: 204 } : new Promise(() => {}), {
    headTimeoutMs: 1000,
  });
  await client.begins();
  await client.sends(headers(1, [...GET.slice(0, 2), ":path: /slow", GET[3]!]), headers(3, GET, "unfinished"));
  await client.passes(900);
  const said = await client.sends(continuation(3, ["x: y"]), headers(5, GET, "unfinished"));
  assertEquals(said, ["HEADERS 3 END :status: 204"]);
  await client.passes(900);
  assertEquals(await client.sends(continuation(5, ["x: y"], false)), []);
  assertEquals(await client.passes(99), []);
  assertEquals(await client.passes(1), ["GOAWAY 3 NO_ERROR"]);
  await client.ends();
});

test("writeTimeoutMs: a client that does not open its window for so long has its stream reset", async () => {
  const canceled: unknown[] = [];
  const client = new RawClient((request) => ({
    status: 200,
    body: request.target === "/"
      ? new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1000)),
        cancel: (reason) => void canceled.push(reason),
      })
      : "x",
  }), { writeTimeoutMs: 1000 });
  await client.begins([4, 1500]);
  const first = await client.sends(headers(1, GET));
  assertEquals(first, ["HEADERS 1 :status: 200", "DATA 1 (1000)", "DATA 1 (500)"]);
  await client.passes(999);
  assertEquals(await client.sends(windowUpdate(1, 100)), ["DATA 1 (100)"]);
  assertEquals(await client.passes(999), []);
  assertEquals(await client.passes(2), ["RST_STREAM 1 CANCEL"]);
  assert(canceled[0] instanceof TransportError && canceled[0].code === "timeout");
  await client.ends();
});

test("writeTimeoutMs holds for a body that is there at once, and for the connection's window", async () => {
  const client = new RawClient(() => ({ status: 200, body: new Uint8Array(100_000) }), { writeTimeoutMs: 1000 });
  await client.begins([4, 200_000]);
  await client.sends(headers(1, GET));
  assertEquals(await client.passes(999), []);
  assertEquals(await client.passes(1), ["RST_STREAM 1 CANCEL"]);
  await client.ends();
});

test("drainTimeoutMs: a reader that pauses so long behind the response is not waited for", async () => {
  const client = new RawClient((request) => {
    request.body.read();
    return { status: 200, body: "x" };
  }, { drainTimeoutMs: 1000 });
  await client.begins();
  await client.sends(headers(1, POST, "open"), data(1, "x"), data(1, "y"));
  assertEquals(await client.passes(999), []);
  assertEquals(await client.passes(1), ["RST_STREAM 1 NO_ERROR"]);
  assertEquals(client.connection.idle, true);
  await client.ends();
});

test("a body is left to who holds its stream, also if the handler has answered at once", async () => {
  let late!: Promise<string>;
  const client = new RawClient((request) => {
    late = new Response(request.body.stream).text();
    return { status: 200, body: "x" };
  });
  await client.begins();
  await client.sends(headers(1, POST, "open"));
  await client.sends(data(1, "hello"));
  await client.sends(data(1, "world", true));
  assertEquals(await late, "helloworld");
  await client.ends();
});

test("idleTimeoutMs counts from the last stream on: SETTINGS, PING and other frames do not hold a connection", async () => {
  const client = new RawClient(() => ({ status: 204 }), { idleTimeoutMs: 1000 });
  await client.begins();
  await client.passes(900);
  await client.sends(headers(1, GET));
  for (let quarter = 0; quarter < 3; quarter++) {
    await client.passes(250);
    assertEquals(await client.sends(settings([4, 70_000]), ping("12345678"), windowUpdate(0, 1)), [
      "SETTINGS ACK",
      "PING ACK 12345678",
    ]);
  }
  assertEquals(await client.passes(249), []);
  assertEquals(await client.passes(1), ["GOAWAY 1 NO_ERROR"]);
  await client.ends();
});

test("gracefulShutdown() of a server does not wait without end for the answer to its PING", async () => {
  const client = new RawClient(() => ({ status: 204 }), { idleTimeoutMs: 0, closeTimeoutMs: 1000 });
  await client.begins();
  await client.sends(headers(1, GET));
  const closed = client.connection.gracefulShutdown();
  const [warning, asked] = await client.sends();
  assertEquals([warning, asked?.slice(0, 4)], ["GOAWAY 2147483647 NO_ERROR", "PING"]);
  assertEquals(await client.passes(1000), ["GOAWAY 1 NO_ERROR"]);
  await client.end.close();
  assertEquals(await closed, { reason: "shutdown" });
  assertEquals(client.clock.pending, 0);
});

test("gracefulShutdown() of a server waits no longer for a client that has said GOAWAY (RFC 9113 §6.8)", async () => {
  const client = new RawClient(() => ({ status: 204 }), { idleTimeoutMs: 0, closeTimeoutMs: 1000 });
  await client.begins();
  await client.sends(goaway(0));
  const closed = client.connection.gracefulShutdown();
  assertEquals((await client.sends())[0], "GOAWAY 2147483647 NO_ERROR");
  assertEquals(await client.passes(1000), ["GOAWAY 0 NO_ERROR"]);
  await client.end.close();
  assertEquals(await closed, { reason: "shutdown" });
  assertEquals(client.clock.pending, 0);
});

test("gracefulShutdown() of a server without a PING's answer ends behind the stream that is open", async () => {
  let answer!: () => void;
  const client = new RawClient(() => new Promise((resolve) => answer = () => resolve({ status: 204 })), {
    idleTimeoutMs: 0,
    closeTimeoutMs: 1000,
  });
  await client.begins();
  await client.sends(headers(1, GET));
  const closed = client.connection.gracefulShutdown();
  await client.passes(5000);
  answer();
  assertEquals((await client.sends())[0], "HEADERS 1 END :status: 204");
  await client.end.close();
  assertEquals(await closed, { reason: "shutdown" });
  assertEquals(client.clock.pending, 0);
});

test("handlers whose streams were reset are bounded as streams are: then the client is sent to another connection", async () => {
  let running = 0;
  const client = new RawClient(() => {
    running++;
    return new Promise(() => {});
  }, { limits: { maxConcurrentStreams: 10 } });
  await client.begins();
  const said: string[] = [];
  for (let id = 1; id < 60; id += 2) said.push(...await client.sends(headers(id, GET), rstStream(id)));
  assert(running <= 20, `${running}`);
  assert(said.some((frame) => frame.startsWith("GOAWAY")), said.join());
  assert(said.some((frame) => /^RST_STREAM [0-9]+ REFUSED_STREAM$/.test(frame)), said.join());
  await client.ends();
});

test("handlers that come to an end after their streams were reset make room for others", async () => {
  const client = new RawClient(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { status: 204 };
  }, { limits: { maxConcurrentStreams: 10 } });
  await client.begins();
  for (let id = 1; id < 200; id += 2) assertEquals(await client.sends(headers(id, GET), rstStream(id)), []);
  await client.ends();
});

test("requestTimeoutMs: request.signal is aborted also for a handler that looks at it later", async () => {
  let look!: () => void;
  const looks = new Promise<void>((resolve) => look = resolve);
  let seen: unknown = null;
  const client = new RawClient(async (request) => {
    await looks;
    seen = request.signal.reason;
    return { status: 200 };
  }, { requestTimeoutMs: 1000 });
  await client.begins();
  assertEquals(await client.sends(headers(1, GET)), []);
  assertEquals(await client.passes(1000), ["HEADERS 1 END :status: 503"]);
  look();
  await client.sends();
  assert(seen instanceof TransportError && seen.code === "timeout", `${seen}`);
  await client.ends();
});
