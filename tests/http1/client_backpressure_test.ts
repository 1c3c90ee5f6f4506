import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { handshake } from "../../src/http1/client_connection.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { FakeClock, readUntil, turns, wire } from "../support/wire.ts";
import { streamPair } from "../support/switching.ts";
import { answer, dialing, EMPTY, GET, HELLO, Recorder, rejection } from "../support/client.ts";

const MEGABYTE = 1_048_576;

/** Bytes that tell their own place, so that none can be lost, doubled or swapped unseen. */
function patterned(from: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (from + i) * 31 >>> 3;
  return bytes;
}

/** A stream of patterned bytes, and how many of them were taken. */
function source(total: number, chunkBytes: number): { readonly stream: ReadableStream<Uint8Array>; taken: number } {
  const made = {
    taken: 0,
    stream: new ReadableStream<Uint8Array>({
      pull(controller): void {
        if (made.taken === total) return controller.close();
        const length = Math.min(chunkBytes, total - made.taken);
        controller.enqueue(patterned(made.taken, length));
        made.taken += length;
      },
    }, { highWaterMark: 0 }),
  };
  return made;
}

/** Compares what is read with the pattern, chunk by chunk. */
class Checker {
  count = 0;

  take(chunk: Uint8Array): void {
    const expected = patterned(this.count, chunk.length);
    for (let i = 0; i < chunk.length; i++) {
      if (chunk[i] !== expected[i]) throw new Error(`byte ${this.count + i} is another one`);
    }
    this.count += chunk.length;
  }
}

const small: readonly (readonly [over: string, open: () => [Duplex, Duplex]])[] = [
  ["a pair that holds 4 KiB", () => duplexPair({ capacityBytes: 4096 })],
  ["a pair that holds 4 KiB and gives 1000 bytes", () => duplexPair({ capacityBytes: 4096, readBytes: 1000 })],
  ["streams", () => streamPair()],
];

for (const [over, open] of small) {
  for (const framing of ["chunked", "length"] as const) {
    test(`3 MiB go both ways at once over ${over}, ${framing}, in bounded memory`, async () => {
      const total = 3 * MEGABYTE;
      const [near, far] = open();
      const fields: [string, string][] = framing === "length" ? [["Content-Length", `${total}`]] : [];
      const received = new Checker();
      let answered = source(0, 1);
      let receiving = Promise.resolve();
      serveConnection(far, (request) => {
        answered = source(total, 7001);
        receiving = (async () => {
          for await (const chunk of request.body) received.take(chunk);
        })();
        return { status: 200, fields, body: answered.stream };
      });
      const { sender, connection } = handshake(near);
      const sent = source(total, 5003);
      const response = await sender.send({
        method: "POST",
        target: "/",
        fields: [["Host", "a"], ...fields],
        body: sent.stream,
      });
      const checked = new Checker();
      let ahead = 0;
      for await (const chunk of response.body) {
        checked.take(chunk);
        ahead = Math.max(ahead, answered.taken - checked.count, sent.taken - received.count);
      }
      await receiving;
      await sender.ready();
      assertEquals(checked.count, total);
      assertEquals(received.count, total);
      assert(ahead < 65_536, `${ahead} bytes were on their way at once`);
      assertEquals(await connection.gracefulShutdown(), { reason: "shutdown" });
    });
  }
}

test("a server that does not read holds the request's source back", async () => {
  const { sender, connection, server } = dialing({ clock: new FakeClock() }, duplexPair({ capacityBytes: 4096 }));
  const body = source(10 * MEGABYTE, 1000);
  const outcome = rejection(sender.send({ method: "POST", target: "/", body: body.stream }));
  for (let i = 0; i < 20; i++) await turns();
  assert(body.taken <= 6000, `${body.taken} bytes were taken from the source`);
  const before = body.taken;
  await server.read();
  for (let i = 0; i < 20; i++) await turns();
  assert(body.taken > before && body.taken <= before + 6000);
  connection.abort();
  await outcome;
});

test("a reader that does not read holds the server back", async () => {
  const [near, far] = duplexPair({ capacityBytes: 4096 });
  const body = source(10 * MEGABYTE, 1000);
  serveConnection(far, () => ({ status: 200, body: body.stream }), { clock: new FakeClock() });
  const { sender, connection } = handshake(near);
  const response = await sender.send(GET);
  for (let i = 0; i < 20; i++) await turns();
  assert(body.taken <= 10_000, `${body.taken} bytes were sent`);
  const before = body.taken;
  await response.body.read();
  for (let i = 0; i < 20; i++) await turns();
  assert(body.taken <= before + 10_000);
  connection.abort();
});

test("a head that comes byte by byte, and a body that goes byte by byte, are whole", async () => {
  const [near, far] = duplexPair({ capacityBytes: 1, readBytes: 1 });
  serveConnection(far, (request) => ({ status: 200, body: request.body }), { dateHeader: false });
  const { sender, connection } = handshake(near);
  const body = patterned(0, 3000);
  const response = await sender.send({ method: "POST", target: "/", fields: [["Host", "a"]], body });
  assertEquals(await response.body.bytes(), body);
  await connection.gracefulShutdown();
});

test("a server that takes nothing for writeTimeoutMs fails the request and is cut", async () => {
  for (const open of [() => duplexPair({ capacityBytes: 16 }), () => streamPair()]) {
    const clock = new FakeClock();
    const { sender, connection } = dialing({ clock, writeTimeoutMs: 5000 }, open());
    const body = source(MEGABYTE, 1000);
    const outcome = rejection(sender.send({ method: "POST", target: "/", body: body.stream }));
    await turns();
    await clock.advance(4999);
    assert(!sender.isClosed);
    await clock.advance(1);
    const error = await outcome;
    assertInstanceOf(error, TransportError);
    assertEquals(error.code, "timeout");
    assertEquals(await connection.closed, { reason: "error", error });
    assertEquals(clock.pending, 0);
  }
});

test("writeTimeoutMs begins anew with every write that the server takes, and 0 switches it off", async () => {
  const clock = new FakeClock();
  const { sender, server } = dialing({ clock, writeTimeoutMs: 5000 }, duplexPair({ capacityBytes: 16 }));
  const body = source(100, 10);
  const sending = sender.send({ method: "POST", target: "/", fields: [["Content-Length", "100"]], body: body.stream });
  let received = 0;
  while (received < "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n".length + 100) {
    await clock.advance(4000);
    received += (await server.read())!.length;
  }
  await server.write(wire(EMPTY));
  assertEquals((await sending).status, 200);
  await sender.ready();
  assertEquals(clock.pending, 0);

  const patient = dialing({ clock, writeTimeoutMs: 0 }, duplexPair({ capacityBytes: 16 }));
  const waiting = patient.sender.send({ method: "POST", target: "/", body: "x".repeat(100) });
  await turns();
  assertEquals(clock.pending, 0);
  const recorder = new Recorder(patient.server);
  await recorder.until("x".repeat(100));
  await patient.server.write(wire(EMPTY));
  assertEquals((await waiting).status, 200);
});

test("writeTimeoutMs counts for the second request of a connection as for the first", async () => {
  const clock = new FakeClock();
  const { sender, server } = dialing({ clock, writeTimeoutMs: 5000 }, duplexPair({ capacityBytes: 64 }));
  const first = sender.send(GET);
  await readUntil(server, "¶¶");
  await server.write(wire(EMPTY));
  assertEquals((await first).status, 200);
  await sender.ready();
  const outcome = rejection(sender.send({ method: "POST", target: "/", body: "x".repeat(1000) }));
  await turns();
  await clock.advance(4999);
  assert(!sender.isClosed);
  await clock.advance(1);
  assert(sender.isClosed);
  const error = await outcome;
  assertInstanceOf(error, TransportError);
  assertEquals(error.code, "timeout");
});

test("writeTimeoutMs does not run while nothing is written", async () => {
  const clock = new FakeClock();
  const { sender, server } = dialing({ clock, writeTimeoutMs: 5000 });
  const sending = sender.send(GET);
  await readUntil(server, "¶¶");
  await clock.advance(3_600_000);
  await server.write(wire(HELLO));
  const response = await sending;
  await clock.advance(3_600_000);
  assertEquals(await response.body.text(), "hello");
  await clock.advance(3_600_000);
  assert(sender.isReady);
});

test("a response body gives views of what was received, without a copy", async () => {
  const { sender, server } = dialing();
  const answered = answer(server, "HTTP/1.1 200 OK¶Content-Length: 10¶¶hello");
  const response = await sender.send(GET);
  await answered;
  const first = (await response.body.read())!;
  await server.write(wire("world"));
  const second = (await response.body.read())!;
  assertEquals(first, wire("hello"));
  assertEquals(second, wire("world"));
  assertStrictEquals(await response.body.read(), null);
});
