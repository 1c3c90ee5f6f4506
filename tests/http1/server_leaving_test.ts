import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { type Conversing, conversing } from "../support/serving.ts";
import {
  CONNECT,
  expectText,
  isPending,
  OK,
  rejectedFor,
  SWITCHED,
  type Transport,
  transports,
  UPGRADE,
} from "../support/switching.ts";
import { readAll, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const UNREAD = "POST / HTTP/1.1¶Host: a¶Content-Length: 9¶¶hello";
/** When a handler that is still pending is watched. */
const LONG_MS = 500;

interface Waiting extends Conversing {
  /** The requests that are being handled, or were. */
  readonly requests: readonly IncomingRequest[];
  /** Answers the last one. */
  answer(response: OutgoingResponse): void;
}

/** A server whose handler waits for the test, without looking at its request, for longer than most. */
async function waiting(
  request: string,
  transport: Pick<Transport, "open"> = transports[0]!,
  options: ServerConnectionOptions = {},
): Promise<Waiting> {
  const requests: IncomingRequest[] = [];
  let answer!: (response: OutgoingResponse) => void;
  const conversation = conversing(
    (incoming) => {
      requests.push(incoming);
      return new Promise((resolve) => answer = resolve);
    },
    options,
    transport,
  );
  // Of a body that nobody reads not all may be taken.
  conversation.client.write(wire(request)).catch(() => {});
  while (requests.length === 0) await turns();
  await conversation.clock.advance(LONG_MS);
  return { ...conversation, requests, answer: (response) => answer(response) };
}

/** Expects that what the handler answers now is told that nobody wants it. */
async function expectDiscarded({ answer, clock }: Waiting): Promise<void> {
  let canceled = false;
  answer({ status: 200, body: new ReadableStream<Uint8Array>({ cancel: () => void (canceled = true) }) });
  await turns();
  assertEquals([canceled, clock.pending], [true, 0]);
}

function isTransportError(error: unknown, code: string): boolean {
  return error instanceof TransportError && error.code === code;
}

const proposals = [["an upgrade", UPGRADE], ["a CONNECT", CONNECT]] as const;
const requests = [["a request", GET], ["a request with an unread body", UNREAD], ...proposals] as const;

for (const transport of transports) {
  const { over } = transport;

  for (const [what, request] of requests) {
    test(`a client that cuts the connection while ${what} is handled is let go, over ${over}`, async () => {
      const here = await waiting(request, transport);
      const upgraded = onUpgrade(here.requests[0]!);
      here.client.abort(new Error("gone"));
      const closed = await here.connection.closed;
      assert(closed.reason === "error" && isTransportError(closed.error, "reset"));
      assertStrictEquals(here.requests[0]!.signal.reason, closed.error);
      if (request === UPGRADE || request === CONNECT) {
        assertStrictEquals((await rejectedFor("canceled", upgraded)).cause, closed.error);
      }
      await expectDiscarded(here);
    });
  }

  test(`a client that has ended its side is let go after halfCloseTimeoutMs, over ${over}`, async () => {
    const here = await waiting(GET, transport);
    await here.client.closeWrite();
    await turns();
    await here.clock.advance(1999);
    assertEquals(await isPending(here.connection.closed), true);
    await here.clock.advance(1);
    const closed = await here.connection.closed;
    assert(closed.reason === "error" && isTransportError(closed.error, "closed"));
    assertEquals(await readAll(here.client), "");
    await expectDiscarded(here);
  });

  test(`a client that has ended its side is answered within halfCloseTimeoutMs, over ${over}`, async () => {
    const here = await waiting(GET, transport);
    await here.client.closeWrite();
    await turns();
    await here.clock.advance(1999);
    here.answer({ status: 200, body: "ok" });
    assertEquals(await readAll(here.client), OK);
    assertEquals([await here.connection.closed, here.clock.pending], [{ reason: "eof" }, 0]);
  });

  for (const options of [{ allowHalfClose: true }, { halfCloseTimeoutMs: 0 }]) {
    const [name] = Object.keys(options);
    test(`${name} waits without end for the answer to a client that has ended its side, over ${over}`, async () => {
      const here = await waiting(GET, transport, options);
      await here.client.closeWrite();
      await turns();
      await here.clock.advance(3_600_000);
      here.answer({ status: 200, body: "ok" });
      assertEquals(await readAll(here.client), OK);
      assertEquals([await here.connection.closed, here.clock.pending], [{ reason: "eof" }, 0]);
    });
  }

  test(`a client that ends its side behind several requests gets all the answers, over ${over}`, async () => {
    const here = await waiting(GET, transport);
    const output = readAll(here.client);
    const input = here.client.write(wire(GET)).then(() => here.client.closeWrite());
    await turns();
    await here.clock.advance(1999);
    assertEquals(here.requests[0]!.signal.aborted, false);
    here.answer({ status: 200, body: "ok" });
    while (here.requests.length < 2) await turns();
    await here.clock.advance(LONG_MS);
    here.answer({ status: 200, body: "ok" });
    await input;
    assertEquals(await output, OK + OK);
    assertEquals([await here.connection.closed, here.clock.pending], [{ reason: "eof" }, 0]);
  });

  for (const how of ["cuts the connection", "ends its side"] as const) {
    // Byte by byte, the second request is not taken: then the client has not ended behind it yet.
    for (const behind of transport.bytewise ? [""] : ["", ", behind a request that waits"]) {
      test(`a client that ${how}${behind} while its response says nothing is let go, over ${over}`, async () => {
        const { client, connection, clock } = conversing(
          () => ({ status: 200, body: new ReadableStream<Uint8Array>({ cancel: canceled }) }),
          {},
          transport,
        );
        let reason: unknown;
        function canceled(given: unknown): void {
          reason = given;
        }
        await client.write(wire(behind === "" ? GET : GET + GET));
        const output = readAll(client).catch(() => {});
        await turns();
        await clock.advance(LONG_MS);
        if (how === "cuts the connection") client.abort();
        else await client.closeWrite();
        await turns();
        await clock.advance(how === "cuts the connection" ? 0 : 2000);
        const closed = await connection.closed;
        assert(closed.reason === "error");
        assertStrictEquals(reason, closed.error);
        await output;
        assertEquals(clock.pending, 0);
      });
    }
  }
}

test("a client that has ended its side is sent a response to its end whose pauses are shorter than halfCloseTimeoutMs", async () => {
  let source!: ReadableStreamDefaultController<Uint8Array>;
  const { client, connection, clock } = conversing(() => ({
    status: 200,
    fields: [["Content-Length", "20"]],
    body: new ReadableStream<Uint8Array>({ start: (controller) => void (source = controller) }),
  }));
  await client.write(wire(GET));
  await client.closeWrite();
  const output = readAll(client);
  for (let i = 0; i < 20; i++) {
    await turns();
    await clock.advance(1500);
    source.enqueue(wire("x"));
  }
  source.close();
  assertEquals(await output, `HTTP/1.1 200 OK¶Content-Length: 20¶¶${"x".repeat(20)}`);
  assertEquals([await connection.closed, clock.pending], [{ reason: "eof" }, 0]);
});

test("a client that has ended its side is waited for while the body that it sent is read", async () => {
  const { client, connection, clock } = conversing(async ({ body, signal }) => {
    signal.aborted;
    let bytes = 0;
    for await (const chunk of body) bytes += await later(chunk.length);
    return { status: 200, body: `${bytes}` };
  });
  let turn: () => void = () => {};
  const later = (bytes: number) => new Promise<number>((resolve) => turn = () => resolve(bytes));
  const output = readAll(client);
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶"));
  for (let i = 0; i < 10; i++) await client.write(wire("1¶x¶"));
  await client.write(wire("0¶¶"));
  await client.closeWrite();
  while (await isPending(output)) {
    await clock.advance(1500);
    turn();
  }
  assertEquals(await output, "HTTP/1.1 200 OK¶content-length: 2¶¶10");
  assertEquals([await connection.closed, clock.pending], [{ reason: "eof" }, 0]);
});

for (const [what, request] of proposals) {
  test(`a client that ends its side behind ${what} is let go after halfCloseTimeoutMs, and request.signal tells`, async () => {
    const here = await waiting(request);
    const upgraded = onUpgrade(here.requests[0]!);
    const { signal } = here.requests[0]!;
    await here.client.closeWrite();
    await turns();
    assert(isTransportError(signal.reason, "closed"));
    await here.clock.advance(2000);
    const closed = await here.connection.closed;
    assert(closed.reason === "error" && closed.error === signal.reason);
    await rejectedFor("canceled", upgraded);
    await expectDiscarded(here);
  });
}

test("what comes behind a proposal while its handler is watched is the new protocol's, end included (RFC 9110 §7.8)", async () => {
  for (const transport of transports) {
    const here = await waiting(UPGRADE, transport);
    const early = here.client.write(wire("EARLY"));
    await turns();
    await here.clock.advance(10_000);
    here.answer({ status: 101, fields: [["Upgrade", "foobar"]] });
    await expectText(
      here.client,
      SWITCHED.replace("Connection: upgrade¶Upgrade: foobar", "Upgrade: foobar¶connection: upgrade"),
    );
    const io = await onUpgrade(here.requests[0]!);
    await expectText(io, "EARLY");
    await early;
    const [end] = await Promise.all([io.read(), here.client.closeWrite()]);
    assertEquals([end, here.clock.pending], [null, 0]);
    io.abort();
  }
});

test("takeOver() within a handler that is watched gives a transport that nobody watches", async () => {
  const here = await waiting(GET);
  const parts = await here.connection.takeOver(here.requests[0]!);
  assertEquals([await here.connection.closed, here.clock.pending], [{ reason: "upgrade" }, 0]);
  await here.client.closeWrite();
  await here.clock.advance(10_000);
  assertEquals(parts.readBuf.length, 0);
  assertEquals(here.requests[0]!.signal.aborted, false);
});

test("a handler that gives up because the client has ended its side answers nothing, and onError is told", async () => {
  for (const wrap of [false, true]) {
    const told: unknown[] = [];
    const { client, connection, clock } = conversing(async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw wrap ? new Error("gave up", { cause: signal.reason }) : signal.reason;
    }, { onError: (error) => told.push(error) });
    await client.write(wire(GET));
    await client.closeWrite();
    assertEquals(await readAll(client), "");
    const closed = await connection.closed;
    assert(closed.reason === "error");
    assertEquals([told, clock.pending], [[closed.error], 0]);
  }
});
