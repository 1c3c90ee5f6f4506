import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { chunksOf, conversing, holding } from "../support/serving.ts";
import { expectText, isPending, OK, transports } from "../support/switching.ts";
import { readAll, readUntil, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const POST = "POST / HTTP/1.1¶Host: a¶Content-Length: 5¶¶";

/** Resolves with the reason when a signal aborts. */
function aborted(signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve(signal.reason);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason), { once: true }));
}

/** A handler that waits for its signal, and then answers. */
const patient = (reasons: unknown[]): Handler => async ({ signal }) => {
  reasons.push(await aborted(signal));
  return { status: 200, body: "ok" };
};

function isTransportError(error: unknown, code: string): boolean {
  return error instanceof TransportError && error.code === code;
}

for (const { over, open } of transports) {
  test(`request.signal aborts when the client ends its side, who still gets the answer, over ${over}`, async () => {
    const reasons: unknown[] = [];
    const { client, connection, clock } = conversing(patient(reasons), {}, { open });
    await client.write(wire(GET));
    await turns();
    assertEquals(reasons, []);
    await client.closeWrite();
    assertEquals(await readAll(client), OK);
    assertEquals(await connection.closed, { reason: "eof" });
    assert(isTransportError(reasons[0], "closed"));
    assertEquals(clock.pending, 0);
  });

  test(`request.signal aborts when the client cuts the connection, over ${over}`, async () => {
    const reasons: unknown[] = [];
    const { client, connection, clock } = conversing(patient(reasons), {}, { open });
    await client.write(wire(GET));
    await turns();
    client.abort(new Error("cut"));
    const closed = await connection.closed;
    await turns();
    assert(closed.reason === "error" && isTransportError(reasons[0], "reset"));
    assertEquals(clock.pending, 0);
  });

  test(`allowHalfClose keeps request.signal quiet when the client only ends its side, over ${over}`, async () => {
    let signal!: AbortSignal;
    let answer!: () => void;
    const { client, connection } = conversing(
      async (request) => {
        signal = request.signal;
        await new Promise<void>((resolve) => answer = resolve);
        return { status: 200, body: "ok" };
      },
      { allowHalfClose: true },
      { open },
    );
    await client.write(wire(GET));
    await client.closeWrite();
    await turns();
    await turns();
    assertEquals(signal.aborted, false);
    answer();
    assertEquals(await readAll(client), OK);
    assertEquals([await connection.closed, signal.aborted], [{ reason: "eof" }, false]);
  });

  test(`what is read ahead for request.signal is the next request, over ${over}`, async () => {
    let answer!: () => void;
    const signals: AbortSignal[] = [];
    const { client, connection } = conversing(
      async ({ signal }) => {
        signals.push(signal);
        await new Promise<void>((resolve) => answer = resolve);
        return { status: 200, body: "ok" };
      },
      {},
      { open },
    );
    const input = (async () => {
      for (let i = 0; i < 3; i++) await client.write(wire(GET));
      await client.closeWrite();
    })();
    const output = readAll(client);
    while (signals.length < 3 || await isPending(output)) {
      await turns();
      answer();
    }
    await input;
    assertEquals(await output, OK + OK + OK);
    assertEquals(await connection.closed, { reason: "eof" });
    assertEquals(signals.slice(0, 2).map(({ aborted }) => aborted), [false, false]);
  });
}

test("allowHalfClose does not keep request.signal quiet when the client cuts the connection", async () => {
  const reasons: unknown[] = [];
  const { client, connection } = conversing(patient(reasons), { allowHalfClose: true });
  await client.write(wire(GET));
  await turns();
  client.abort();
  await connection.closed;
  await turns();
  assert(isTransportError(reasons[0], "reset"));
});

test("a client that ends its side right behind its request is answered, watched or not", async () => {
  for (const allowHalfClose of [true, false]) {
    const { client, connection } = conversing(async () => {
      await turns();
      return { status: 200, body: chunksOf(["ok"]) };
    }, { allowHalfClose });
    await client.write(wire(GET));
    await client.closeWrite();
    assertEquals(await readAll(client), "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶2¶ok¶0¶¶");
    assertEquals(await connection.closed, { reason: "eof" });
  }
});

test("request.signal is the same every time, and passes on the reason of abort()", async () => {
  const reason = new Error("enough");
  let request!: IncomingRequest;
  const { client, connection, clock } = conversing((incoming) => {
    request = incoming;
    return new Promise(() => {});
  });
  await client.write(wire(GET));
  await turns();
  const { signal } = request;
  assertStrictEquals(request.signal, signal);
  connection.abort(reason);
  assertStrictEquals(signal.reason, reason);
  assertEquals(await connection.closed, { reason: "error", error: reason });
  assertEquals(clock.pending, 0);
});

test("request.signal is aborted already when it is touched after the connection failed", async () => {
  let request!: IncomingRequest;
  const { client, connection } = conversing((incoming) => {
    request = incoming;
    return new Promise(() => {});
  });
  await client.write(wire(GET));
  await turns();
  const reason = new Error("enough");
  connection.abort(reason);
  assertStrictEquals(request.signal.reason, reason);
  await connection.closed;
});

test("request.signal stays quiet once the response is sent, however the connection ends", async () => {
  for (const last of ["Connection: close¶", ""]) {
    for (const end of ["graceful", "abort", "cut", "timeout", "malformed"]) {
      const signals: AbortSignal[] = [];
      const { client, connection, clock } = conversing(({ signal }) => {
        signals.push(signal);
        return { status: 200, body: "ok" };
      });
      await client.write(wire(GET.replace("¶¶", `¶${last}¶`)));
      await readUntil(client, "ok");
      await turns();
      if (end === "graceful") connection.gracefulShutdown();
      if (end === "abort") connection.abort();
      if (end === "cut") client.abort();
      if (end === "timeout") await clock.advance(75_000);
      if (end === "malformed") await client.write(wire("GE@")).catch(() => {});
      await client.closeWrite().catch(() => {});
      await readAll(client).catch(() => {});
      await connection.closed;
      await turns();
      assertEquals([signals.length, signals[0]!.aborted, clock.pending], [1, false, 0], `${last}${end}`);
    }
  }
});

test("request.signal watches from when the body is over", async () => {
  const reasons: unknown[] = [];
  const { client } = conversing(async ({ signal, body }) => {
    const gone = aborted(signal);
    await body.text();
    reasons.push(await gone);
    return { status: 200, body: "ok" };
  });
  await client.write(wire(POST + "hello"));
  await turns();
  assertEquals(reasons, []);
  await client.closeWrite();
  assertEquals(await readAll(client), OK);
  assert(isTransportError(reasons[0], "closed"));
});

test("request.signal reads nothing of a body on its own: that is the handler's", async () => {
  let request!: IncomingRequest;
  let answer!: () => void;
  const { client } = conversing(
    async (incoming) => {
      request = incoming;
      incoming.signal;
      await new Promise<void>((resolve) => answer = resolve);
      return { status: 200, body: await incoming.body.text() };
    },
    {},
    holding(10),
  );
  await client.write(wire(POST));
  const body = client.write(wire("hello" + GET.slice(0, 20)));
  assertEquals(await isPending(body), true);
  assertEquals(request.signal.aborted, false);
  answer();
  await body;
  await expectText(client, "HTTP/1.1 200 OK¶content-length: 5¶¶hello");
  await client.close();
});

test("request.signal aborts with the error of a body that breaks", async () => {
  let signal!: AbortSignal;
  let failure: unknown;
  const { client } = conversing(async (request) => {
    signal = request.signal;
    failure = await request.body.text().catch((error) => error);
    return { status: 200 };
  });
  await client.write(wire(POST + "he"));
  await client.closeWrite();
  await readAll(client);
  assertStrictEquals(signal.reason, failure);
});

test("request.signal aborts when the response fails, so that what belongs to it stops", async () => {
  const failure = new Error("a bug");
  const signals: AbortSignal[] = [];
  for (const body of [null, chunksOf(["a"], failure)]) {
    const { client, connection } = conversing(({ signal }) => {
      signals.push(signal);
      if (body === null) throw failure;
      return { status: 200, body };
    });
    await client.write(wire(GET));
    await readAll(client);
    await client.closeWrite();
    await connection.closed;
  }
  assertEquals(signals.map(({ reason }) => reason), [failure, failure]);
});

test("request.signal does not take in more than one read of a client that floods", async () => {
  let signal!: AbortSignal;
  const { client, connection } = conversing(
    (request) => {
      signal = request.signal;
      return new Promise(() => {});
    },
    {},
    holding(100),
  );
  await client.write(wire(GET));
  await turns();
  let taken = 0;
  const flooding = (async () => {
    for (; taken < 100; taken++) await client.write(new Uint8Array(100));
  })().catch(() => {});
  for (let i = 0; i < 10; i++) await turns();
  assert(taken <= 2, `${taken * 100} bytes were taken`);
  assertEquals(signal.aborted, false);
  connection.abort();
  await connection.closed;
  await flooding;
});

test("request.signal keeps off a request that may switch: nobody reads before the answer is decided (RFC 9110 §7.8)", async () => {
  let signal!: AbortSignal;
  let answer!: () => void;
  const { client, connection } = conversing(
    async (request) => {
      signal = request.signal;
      await new Promise<void>((resolve) => answer = resolve);
      return { status: 200, body: "ok" };
    },
    {},
    holding(1),
  );
  await client.write(wire("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: a¶¶"));
  const early = client.write(wire(GET));
  assertEquals([await isPending(early), signal.aborted], [true, false]);
  answer();
  await expectText(client, OK);
  await early;
  await turns();
  answer();
  await expectText(client, OK);
  await client.closeWrite();
  assertEquals(await connection.closed, { reason: "eof" });
});
