/**
 * A peer that sends much in little leaves the event loop to others . Counted in turns, not in time.
 */

import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { handshake } from "../../src/http1/client_connection.ts";
import type { IncomingBody } from "../../src/http1/incoming_body.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { conversing } from "../support/serving.ts";
import { expectText } from "../support/switching.ts";
import { nextImmediate, Turns, turnsDuring } from "../support/turns.ts";
import { FakeClock, readAll, readUntil, wire } from "../support/wire.ts";

const get = (target: string) => `GET ${target} HTTP/1.1¶Host: a¶¶`;
const answered = (target: string) => `HTTP/1.1 200 OK¶content-length: ${target.length}¶¶${target}`;
const targets = (count: number) => Array.from({ length: count }, (_, i) => `/${i}`);

/** What is served in one turn, and what is read of bodies. */
const REQUESTS = 64;
const PARTS = 1024;

const CHUNKS = 30_000;
const chunked = "1¶x¶".repeat(CHUNKS) + "0¶¶";
const content = "x".repeat(CHUNKS);
/** Each turn that others have had; some pass before the reader begins, or with the last chunks. */
const LEAST_TURNS = Math.floor(CHUNKS / PARTS) - 2;

const answers: readonly (readonly [how: string, handler: Handler])[] = [
  ["at once", ({ target }) => ({ status: 200, body: target })],
  ["later", ({ target }) => Promise.resolve({ status: 200, body: target })],
];

for (const [how, handler] of answers) {
  for (const pipelineFlush of [false, true]) {
    test(`how many pipelined requests are answered ${how} in one turn of the event loop is bounded, pipelineFlush ${pipelineFlush} (RFC 9112 §9.3.2)`, async () => {
      const turns = new Turns();
      const { client, connection, clock } = conversing((request) => {
        turns.add(1);
        return handler(request);
      }, { pipelineFlush });
      const output = readAll(client);
      await client.write(wire(targets(2000).map(get).join("")));
      await client.closeWrite();
      const all = await output;
      assert(all === targets(2000).map(answered).join(""), "other answers");
      assertEquals([(await connection.closed).reason, clock.pending], ["eof", 0]);
      assert(turns.most <= REQUESTS, `${turns.most} in one turn`);
    });
  }

  test(`a few pipelined requests are answered ${how} in one turn of the event loop (RFC 9112 §9.3.2)`, async () => {
    const turns = new Turns();
    const { client, connection } = conversing((request) => {
      turns.add(1);
      return handler(request);
    });
    await client.write(wire(targets(16).map(get).join("")));
    await readUntil(client, answered("/15"));
    assertEquals(turns.most, 16);
    connection.abort();
  });
}

/** Ways to take a body. */
const readers: readonly (readonly [how: string, read: (body: IncomingBody, turns: Turns) => Promise<string>])[] = [
  ["text()", (body) => body.text()],
  ["read()", async (body, turns) => {
    let all = "";
    for (let part = await body.read(); part !== null; part = await body.read()) {
      turns.add(1);
      all += String.fromCharCode(...part);
    }
    return all;
  }],
  ["stream", async ({ stream }, turns) => {
    let all = "";
    for await (const part of stream) {
      turns.add(1);
      all += String.fromCharCode(...part);
    }
    return all;
  }],
];

for (const [how, read] of readers) {
  test(`how many chunks of a request's body are read in one turn of the event loop is bounded, with ${how} (RFC 9112 §7.1)`, async () => {
    const turns = new Turns();
    let passed = Promise.resolve(0);
    const { client, connection } = conversing(async ({ method, body }) => {
      const reading = read(body, turns);
      if (method === "POST") passed = turnsDuring(reading);
      return { status: 200, body: await reading === content ? "whole" : "another" };
    });
    void client.write(wire("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶" + chunked + get("/next")));
    await readUntil(client, answered("whole"));
    assert(await passed >= LEAST_TURNS, `${await passed} turns`);
    assert(turns.most <= PARTS, `${turns.most} in one turn`);
    connection.abort();
  });

  test(`how many chunks of a response's body are read in one turn of the event loop is bounded, with ${how} (RFC 9112 §7.1)`, async () => {
    const turns = new Turns();
    const [near, far] = duplexPair();
    const { sender, connection } = handshake(near, { clock: new FakeClock() });
    void far.write(wire("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶" + chunked));
    const sent = sender.send({ method: "GET", target: "/", fields: [["Host", "a"]] });
    const reading = read((await sent).body, turns);
    const passed = await turnsDuring(reading);
    assert(await reading === content, "another body");
    assert(passed >= LEAST_TURNS, `${passed} turns`);
    assert(turns.most <= PARTS, `${turns.most} in one turn`);
    await sender.ready();
    await connection.gracefulShutdown();
  });
}

test("what is left of a request's body is discarded in several turns of the event loop (RFC 9112 §9.3)", async () => {
  const { client, connection } = conversing(({ target }) => ({ status: 200, body: target }), { maxDrainBytes: CHUNKS });
  const passed = turnsDuring(readUntil(client, answered("/next")));
  void client.write(wire("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶" + chunked + get("/next")));
  assert(await passed >= LEAST_TURNS, `${await passed} turns`);
  connection.abort();
});

test("what is left of a response's body is discarded in several turns of the event loop (RFC 9112 §9.3)", async () => {
  const [near, far] = duplexPair();
  const { sender, connection } = handshake(near, { maxDrainBytes: CHUNKS, clock: new FakeClock() });
  const sent = sender.send({ method: "GET", target: "/", fields: [["Host", "a"]] });
  void far.write(wire("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶" + chunked));
  (await sent).body.cancel();
  const ready = sender.ready();
  const passed = await turnsDuring(ready);
  await ready;
  assert(passed >= LEAST_TURNS, `${passed} turns`);
  await connection.gracefulShutdown();
});

test("how many informational responses are told in one turn of the event loop is bounded (RFC 9110 §15.2)", async () => {
  const turns = new Turns();
  const [near, far] = duplexPair();
  const { sender, connection } = handshake(near, { limits: { maxInformational: 5000 } });
  void far.write(wire("HTTP/1.1 103 Early Hints¶¶".repeat(5000) + "HTTP/1.1 204 No Content¶¶"));
  let told = 0;
  const onInformational = (): void => {
    told++;
    turns.add(1);
  };
  const response = await sender.send({ method: "GET", target: "/", fields: [["Host", "a"]] }, { onInformational });
  assertEquals([response.status, told], [204, 5000]);
  assert(turns.most <= REQUESTS, `${turns.most} in one turn`);
  await connection.gracefulShutdown();
});

test("abort() between two turns in which requests are answered ends the connection, and calls the handler no more", async () => {
  let handled = 0;
  const { client, connection, clock } = conversing(() => {
    handled++;
    return { status: 204 };
  });
  void client.write(wire(get("/").repeat(1000)));
  await nextImmediate();
  const before = handled;
  assert(before > 0 && before < 1000, `${before} handled`);
  const error = new Error("enough");
  connection.abort(error);
  assertEquals(await connection.closed, { reason: "error", error });
  for (let i = 0; i < 5; i++) await nextImmediate();
  assertEquals([handled, clock.pending], [before, 0]);
});

test("gracefulShutdown() between two turns in which requests are answered lets the next answer be the last (RFC 9112 §9.6)", async () => {
  let handled = 0;
  const { client, connection, clock } = conversing(() => {
    handled++;
    return { status: 204 };
  });
  void client.write(wire(get("/").repeat(1000)));
  void client.closeWrite();
  await nextImmediate();
  const before = handled;
  const closed = connection.gracefulShutdown();
  const output = await readAll(client);
  assertEquals((await closed).reason, "shutdown");
  const last = "HTTP/1.1 204 No Content¶connection: close¶¶";
  assertEquals(output, "HTTP/1.1 204 No Content¶¶".repeat(before) + last);
  assertEquals([handled, clock.pending], [before + 1, 0]);
});

test("abort() between two turns in which a body is read fails the reader, on both sides", async () => {
  const error = new Error("enough");
  let reading = Promise.resolve("");
  const { client, connection, clock } = conversing(async ({ body }) => {
    reading = body.text();
    return { status: 200, body: await reading };
  });
  void client.write(wire("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶" + chunked));
  await nextImmediate();
  connection.abort(error);
  assertEquals((await assertRejects(() => reading, Error)).cause, error);
  assertEquals(await connection.closed, { reason: "error", error });
  assertEquals(clock.pending, 0);

  const [near, far] = duplexPair();
  const called = handshake(near);
  void far.write(wire("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶" + chunked));
  const response = await called.sender.send({ method: "GET", target: "/", fields: [["Host", "a"]] });
  const text = response.body.text();
  await nextImmediate();
  called.connection.abort(error);
  await assertRejects(() => text, Error, "enough");
  assertEquals(await called.connection.closed, { reason: "error", error });
});

test("a switch behind more requests than one turn of the event loop serves gets every byte behind it (RFC 9110 §7.8)", async () => {
  let upgraded: ReturnType<typeof onUpgrade> | null = null;
  const { client, connection } = conversing((request) => {
    if (request.proposal.type === "none") return { status: 204 };
    upgraded = onUpgrade(request);
    return { status: 101, fields: [["Upgrade", "foobar"], ["Connection", "upgrade"]] };
  });
  const upgrade = "GET / HTTP/1.1¶Host: a¶Upgrade: foobar¶Connection: upgrade¶¶";
  void client.write(wire(get("/").repeat(3 * REQUESTS) + upgrade + "first bytes"));
  assertEquals((await connection.closed).reason, "upgrade");
  const io = await upgraded!;
  await expectText(io, "first bytes");
  io.abort();
});
