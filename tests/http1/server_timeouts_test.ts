import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { chunksOf, type Conversing, conversing, holding } from "../support/serving.ts";
import { expectText, isPending, OK, transports } from "../support/switching.ts";
import {
  expectTimedOut,
  gets,
  getsAtLast,
  lastsFor,
  leaves,
  passes,
  plays,
  quietFor,
  sends,
  times,
} from "../support/timeline.ts";
import { FakeClock, readAll, readUntil, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const POST = "POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶";
const LAST = GET.replace("¶¶", "¶Connection: close¶¶");
const LAST_OK = OK.replace("¶¶", "¶connection: close¶¶");
const TIMEOUT = "HTTP/1.1 408 Request Timeout¶content-length: 0¶connection: close¶¶";
const OK_RESPONSE: OutgoingResponse = { status: 200, body: "ok" };
const ok = () => OK_RESPONSE;

/** Expects a connection to be over because time was up, with no timer left. */
async function expectTimeout({ connection, clock }: Conversing): Promise<void> {
  expectTimedOut(await connection.closed);
  assertEquals(clock.pending, 0);
}

for (const { over, ...transport } of transports) {
  const timeline = { over: [transport] };

  test(
    `headTimeoutMs begins with the connection, and ends it in silence where nothing came, over ${over} [C10]`,
    plays([quietFor(29_999), passes(1), getsAtLast(""), leaves], timeline),
  );

  test(
    `headTimeoutMs is answered with 408 where a head has begun, however slowly it comes, over ${over} [C10]`,
    plays([
      ...[..."GET /"].map((byte) => [sends(byte), passes(5900)]),
      quietFor(499),
      passes(1),
      getsAtLast(TIMEOUT),
      leaves,
    ], timeline),
  );

  test(
    `idleTimeoutMs ends a connection that waits for another request in silence, over ${over} [C10]`,
    plays([sends(GET), gets(OK), quietFor(74_999), passes(1), getsAtLast(""), leaves], timeline),
  );
}

test(
  "headTimeoutMs counts an empty line in front as nothing",
  plays([sends("¶"), quietFor(29_999), passes(1), getsAtLast(""), leaves]),
);

test(
  "headTimeoutMs begins for a second head with its first byte, and idleTimeoutMs ends there [C10]",
  plays([
    ...[sends(GET), gets(OK), passes(74_000)],
    ...[sends("G"), passes(29_000), sends("E"), quietFor(999), passes(1), getsAtLast(TIMEOUT), leaves],
  ]),
);

test(
  "headTimeoutMs runs for a head whose beginning came with the request before [C10]",
  plays([sends(GET + "GET /"), gets(OK), quietFor(29_999), passes(1), getsAtLast(TIMEOUT), leaves]),
);

test(
  "headTimeoutMs and idleTimeoutMs begin anew for every request",
  plays([
    times(5, sends(GET.slice(0, 5)), passes(29_999), sends(GET.slice(5)), gets(OK), passes(74_999)),
    leaves,
  ], { closed: "eof" }),
);

test("0 switches a time limit off", async () => {
  const options: ServerConnectionOptions = {
    headTimeoutMs: 0,
    idleTimeoutMs: 0,
    bodyTimeoutMs: 0,
    drainTimeoutMs: 0,
    writeTimeoutMs: 0,
    closeTimeoutMs: 0,
  };
  const { client, connection, clock } = conversing(async ({ body }) => ({ status: 200, body: await body.text() }), {
    ...options,
  }, holding(10));
  const day = 86_400_000;
  await clock.advance(day);
  await client.write(wire(POST.slice(0, 5)));
  await clock.advance(day);
  const input = client.write(wire(POST.slice(5)));
  await clock.advance(day);
  await input;
  await client.write(wire("hello"));
  await clock.advance(day);
  await client.write(wire("hello"));
  await clock.advance(day);
  assertEquals(await readUntil(client, "hellohello"), "HTTP/1.1 200 OK¶content-length: 10¶¶hellohello");
  await clock.advance(day);
  const over = connection.gracefulShutdown();
  await clock.advance(day);
  assertEquals(await isPending(over), true);
  await client.closeWrite();
  assertEquals([await over, clock.pending], [{ reason: "shutdown" }, 0]);
});

test("the handler may take its time: no limit runs while it does", async () => {
  let answer!: () => void;
  const { client, connection, clock } = conversing(async () => {
    await new Promise<void>((resolve) => answer = resolve);
    return ok();
  });
  await client.write(wire(GET));
  await clock.advance(86_400_000);
  answer();
  await expectText(client, OK);
  await client.closeWrite();
  assertEquals([await connection.closed, clock.pending], [{ reason: "eof" }, 0]);
});

test("bodyTimeoutMs limits each wait within a body, and is answered with 408 [C10]", async () => {
  let failure: unknown;
  const conversing_ = conversing(async ({ body }) => {
    failure = await body.text().catch((error) => error);
    return { status: 200, body: "too late" };
  });
  const { client, clock } = conversing_;
  await client.write(wire(POST));
  for (const part of ["h", "el", "lo"]) {
    await turns();
    await clock.advance(59_999);
    await client.write(wire(part));
  }
  const output = readAll(client);
  await turns();
  await clock.advance(59_999);
  assertEquals(await isPending(output), true);
  await clock.advance(1);
  assertEquals(await output, TIMEOUT);
  await client.closeWrite();
  await expectTimeout(conversing_);
  assertEquals((failure as { code: string }).code, "truncated");
});

test("bodyTimeoutMs ends a connection behind the response that is being written, not within it [C10]", async () => {
  const [client, server] = duplexPair({ capacityBytes: 1 });
  const clock = new FakeClock();
  const connection = serveConnection(server, ({ body }) => {
    body.text().catch(() => {});
    return { status: 200, body: new Uint8Array(700_000) };
  }, { clock, dateHeader: false });
  const sent = client.write(wire(POST + "hello"));
  await turns();
  await clock.advance(60_000);
  await turns();
  const output = await readAll(client);
  await sent;
  assertEquals(output.slice(0, 44), "HTTP/1.1 200 OK¶content-length: 700000¶¶\0\0\0\0");
  assertEquals(output.length, 40 + 700_000);
  await client.closeWrite();
  expectTimedOut(await connection.closed);
});

test("bodyTimeoutMs does not run while nobody reads", async () => {
  let read!: () => void;
  const { client, clock } = conversing(async ({ body }) => {
    await body.read();
    await new Promise<void>((resolve) => read = resolve);
    return { status: 200, body: (await readAll(body)).replaceAll("¶", "") };
  });
  await client.write(wire(POST + "hello"));
  await turns();
  await clock.advance(86_400_000);
  read();
  await turns();
  await clock.advance(59_999);
  await client.write(wire("world"));
  await expectText(client, "HTTP/1.1 200 OK¶content-length: 5¶¶world");
  await client.close();
});

test(
  "bodyTimeoutMs cuts a response that is under way already, so that it looks cut (RFC 9112 §8)",
  plays([
    sends(POST + "hello"),
    gets("HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶5¶hello¶"),
    ...[quietFor(59_999), passes(1), getsAtLast(""), leaves],
  ], { handler: ({ body }) => ({ status: 200, body }) }),
);

test(
  "drainTimeoutMs limits the rest of an unwanted body as a whole, and loses no byte of the answer [C3, C7]",
  plays([
    ...[sends(POST), gets(OK), times(4, sends("h"), passes(1200)), quietFor(199), passes(1), getsAtLast("")],
    ...[sends("ello!!"), leaves],
  ], { over: transports.filter(({ bytewise }) => !bytewise), closed: "shutdown" }),
);

test("drainTimeoutMs limits the pauses of a reader behind the response, and loses no byte of the answer", async () => {
  let body!: { read(): Promise<Uint8Array | null> };
  const { client, connection, clock } = conversing((request) => {
    body = request.body;
    body.read();
    return ok();
  }, { maxDrainBytes: 0 });
  await client.write(wire(POST + "h"));
  await expectText(client, OK);
  for (const part of ["e", "l"]) {
    await client.write(wire(part));
    await clock.advance(4999);
    await body.read();
  }
  await client.write(wire("lo"));
  const output = readAll(client);
  await clock.advance(4999);
  assertEquals(await isPending(output), true);
  await clock.advance(5001);
  assertEquals(await output, "");
  await client.closeWrite();
  assertEquals([await connection.closed, clock.pending], [{ reason: "shutdown" }, 0]);
  let failure: unknown;
  while (failure === undefined) await body.read().catch((error) => failure = error);
  assertEquals((failure as { code: string }).code, "truncated");
});

test("bodyTimeoutMs limits the client behind the response, whose reader fails", async () => {
  let failure: unknown;
  const conversing_ = conversing(({ body }) => {
    body.text().catch((error) => failure = error);
    return ok();
  });
  const { client, clock } = conversing_;
  await client.write(wire(POST + "h"));
  await expectText(client, OK);
  await turns();
  await clock.advance(60_000);
  assertEquals(await readAll(client), "");
  await client.closeWrite();
  await expectTimeout(conversing_);
  assertEquals((failure as { code: string }).code, "truncated");
});

for (const { over, open } of [{ over: "channels", ...holding(10) }, ...transports.slice(2, 3)]) {
  test(`writeTimeoutMs cuts a client that takes nothing, over ${over} [C10]`, async () => {
    let canceled: unknown;
    const conversing_ = conversing(
      () => ({
        status: 200,
        body: new ReadableStream<Uint8Array>({
          pull: (controller) => controller.enqueue(new Uint8Array(100)),
          cancel: (reason) => void (canceled = reason),
        }),
      }),
      {},
      { open },
    );
    const { client, clock, connection } = conversing_;
    await client.write(wire(GET));
    await turns();
    await clock.advance(59_999);
    assertEquals(await isPending(connection.closed), true);
    await clock.advance(1);
    await expectTimeout(conversing_);
    assert(canceled instanceof TransportError && canceled.code === "timeout");
  });
}

for (const kind of ["bytes", "stream"]) {
  test(`writeTimeoutMs begins anew whenever the client takes something, also of a body of ${kind}`, async () => {
    const body = new Uint8Array(4_000_000);
    const { client, connection, clock } = conversing(
      () => ({ status: 200, body: kind === "bytes" ? body : chunksOf(Array(4).fill("x".repeat(1_000_000))) }),
      {},
      holding(65_536),
    );
    await client.write(wire(LAST));
    let taken = 0;
    for (let chunk = await client.read(); chunk !== null; chunk = await client.read()) {
      taken += chunk.length;
      if (chunk.length > 100) await clock.advance(50_000);
    }
    assert(taken > 4_000_000);
    await client.closeWrite();
    assertEquals([(await connection.closed).reason, clock.pending], ["shutdown", 0]);
  });
}

test("writeTimeoutMs ends a connection whose sink never settles", async () => {
  const clock = new FakeClock();
  const readable = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(wire(GET)) });
  const writable = new WritableStream<Uint8Array>({ write: () => new Promise(() => {}) });
  const connection = serveConnection({ readable, writable }, ok, { clock });
  await turns();
  await clock.advance(60_000);
  expectTimedOut(await connection.closed);
  assertEquals(clock.pending, 0);
});

test("writeTimeoutMs counts for a client that takes no informational response either", async () => {
  const conversing_ = conversing(
    (request) => {
      request.sendInformational(103, [["A", "x".repeat(100)]]);
      return ok();
    },
    {},
    holding(10),
  );
  const { client, clock } = conversing_;
  const written = client.write(wire(GET));
  await written;
  await turns();
  await clock.advance(60_000);
  await expectTimeout(conversing_);
});

test(
  "closeTimeoutMs limits how long a client may leave its side open behind the last response (RFC 9112 §9.6) [C7]",
  plays([sends(LAST), getsAtLast(LAST_OK), lastsFor(1999), passes(1)], { over: transports, closed: "shutdown" }),
);

test(
  "closeTimeoutMs leaves the last response to a client that is slow to read it (RFC 9112 §9.6) [C7]",
  plays([sends(LAST), passes(59_000), getsAtLast(LAST_OK)], { closed: "shutdown" }),
);

test(
  "a client that never reads the last response does not hold its connection for ever",
  plays([sends(LAST), passes(2000), lastsFor(59_999), passes(1)], { closed: "shutdown" }),
);

test("maxLingerBytes limits what a client may send behind the last response (RFC 9112 §9.6)", async () => {
  const { client, connection, clock } = conversing(ok, { maxLingerBytes: 1_048_576 });
  await client.write(wire(LAST));
  await readAll(client);
  let sent = 0;
  const failed = await (async () => {
    for (; sent < 100; sent++) await client.write(new Uint8Array(65_536));
  })().catch((error) => error);
  assert(failed instanceof TransportError, `${sent} times 64 KiB were taken`);
  assert(sent >= 16 && sent <= 20, `${sent} times 64 KiB were taken`);
  assertEquals([await connection.closed, clock.pending], [{ reason: "shutdown" }, 0]);
});

test(
  "lingerTimeoutMs limits how long a client may go on sending behind the last response (RFC 9112 §9.6)",
  plays([sends(LAST), getsAtLast(LAST_OK), times(20, lastsFor(0), sends("x"), passes(1500))], {
    over: transports,
    closed: "shutdown",
  }),
);

test("a request of 32 MB that is refused at once is taken in, and its answer left to the client (RFC 9112 §9.6)", async () => {
  const { client, connection, clock } = conversing(() => ({ status: 413, body: "no" }));
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 32000000¶¶"));
  for (let i = 0; i < 320; i++) await client.write(new Uint8Array(100_000));
  assertEquals(await readUntil(client, "no"), "HTTP/1.1 413 Content Too Large¶content-length: 2¶connection: close¶¶no");
  await client.closeWrite();
  assertEquals([(await connection.closed).reason, clock.pending], ["shutdown", 0]);
});

test("requestTimeoutMs answers 503 for a handler that does not, aborts request.signal, and discards a late answer", async () => {
  let reason: unknown;
  let answer: (response: OutgoingResponse) => void = () => {};
  const { client, connection, clock } = conversing((request) => {
    request.signal.addEventListener("abort", () => reason = request.signal.reason);
    return new Promise<OutgoingResponse>((resolve) => answer = resolve);
  }, { requestTimeoutMs: 1000 });
  await client.write(wire(GET));
  await turns();
  await clock.advance(999);
  assertEquals(reason, undefined);
  await clock.advance(1);
  assertEquals(await readAll(client), "HTTP/1.1 503 Service Unavailable¶content-length: 0¶connection: close¶¶");
  assert(reason instanceof TransportError && reason.code === "timeout", `${reason}`);
  let canceled = false;
  answer({ status: 200, body: new ReadableStream({ cancel: () => void (canceled = true) }) });
  await client.closeWrite();
  assertEquals((await connection.closed).reason, "shutdown");
  await turns();
  assertEquals([canceled, clock.pending], [true, 0]);
});

test("requestTimeoutMs: request.signal is aborted also for a handler that looks at it later", async () => {
  let look!: () => void;
  const looks = new Promise<void>((resolve) => look = resolve);
  let seen: unknown = null;
  const { client, connection, clock } = conversing(async (request) => {
    await looks;
    seen = request.signal.reason;
    return { status: 200 };
  }, { requestTimeoutMs: 1000 });
  await client.write(wire(GET));
  await turns();
  await clock.advance(1000);
  assertEquals(await readAll(client), "HTTP/1.1 503 Service Unavailable¶content-length: 0¶connection: close¶¶");
  await client.closeWrite();
  await connection.closed;
  look();
  await turns();
  assert(seen instanceof TransportError && seen.code === "timeout", `${seen}`);
});

test("requestTimeoutMs ends a request whose body is still being read, however steadily it drips", async () => {
  let failed: Promise<unknown> = Promise.resolve();
  const { client, connection, clock } = conversing((request) => {
    failed = request.body.text().then(() => null, (error) => error);
    return failed.then(() => OK_RESPONSE);
  }, { requestTimeoutMs: 1000 });
  const output = readAll(client);
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 99¶¶"));
  for (let i = 0; i < 10; i++) {
    await client.write(wire("x"));
    await clock.advance(100);
  }
  assertEquals(await output, "HTTP/1.1 503 Service Unavailable¶content-length: 0¶connection: close¶¶");
  await client.closeWrite();
  await connection.closed;
  assert(await failed instanceof ProtocolError);
  assertEquals(clock.pending, 0);
});

test("bodyTimeoutMs fails the body at once, and does not wait until the client has ended its side [C10]", async () => {
  let failed: Promise<unknown> = Promise.resolve();
  const { client, connection, clock } = conversing((request) => {
    failed = request.body.text().then(() => null, (error) => error);
    return failed.then(() => OK_RESPONSE);
  }, { bodyTimeoutMs: 1000, closeTimeoutMs: 0 });
  const output = readAll(client);
  await client.write(wire(POST));
  await turns();
  await clock.advance(1000);
  assert(await failed instanceof ProtocolError);
  assertEquals(await output, TIMEOUT);
  await client.closeWrite();
  await expectTimeout({ client, connection, clock });
});

test(
  "requestTimeoutMs says nothing to handlers in time, and leaves no timer",
  plays([times(3, sends(GET), gets(OK), passes(900)), leaves], {
    handler: () => Promise.resolve(OK_RESPONSE),
    options: { requestTimeoutMs: 1000 },
    closed: "eof",
  }),
);

for (
  const [requestTimeoutMs, upgradeTimeoutMs, limit] of [[500, 1000, 500], [1000, 500, 500], [500, 0, 500], [
    0,
    500,
    500,
  ]]
) {
  test(`requestTimeoutMs of ${requestTimeoutMs} and upgradeTimeoutMs of ${upgradeTimeoutMs}: the shorter one that counts`, async () => {
    const { client, connection, clock } = conversing(() => new Promise<OutgoingResponse>(() => {}), {
      requestTimeoutMs,
      upgradeTimeoutMs,
    });
    const output = readAll(client);
    await client.write(wire("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: x¶¶"));
    await turns();
    await clock.advance(limit! - 1);
    assert(await isPending(output));
    await clock.advance(1);
    assertEquals((await output).slice(0, 12), "HTTP/1.1 503");
    await client.closeWrite();
    await connection.closed;
  });
}
