import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import type { Handler, ServerConnection } from "../../src/http1/server_connection.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import type { Parts } from "../../src/http1/parts.ts";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { Deferred } from "../../src/duplex/deferred.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { HeldChannel } from "../../src/duplex/held_channel.ts";
import { expectText, isPending, OK, rawEnd, type Transport, transports } from "../support/switching.ts";
import { FakeClock, readAll, text, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const LAST = "GET / HTTP/1.1¶Host: a¶Connection: close¶¶";
const OK_CLOSE = OK.replace("¶¶", "¶connection: close¶¶");
const ok: Handler = () => ({ status: 200, body: "ok" });

interface Parting {
  readonly client: HeldChannel;
  readonly io: Duplex;
  readonly connection: ServerConnection;
  readonly clock: FakeClock;
  readonly parts: Promise<Parts>;
}

/** A connection whose transport is to be given back. */
function parting(transport: Transport, handler: Handler = ok, options: ServerConnectionOptions = {}): Parting {
  const [near, io] = transport.open();
  const clock = new FakeClock();
  const connection = serveConnection(io, handler, { dateHeader: false, clock, ...options });
  return { client: rawEnd(near), io, connection, clock, parts: connection.withoutShutdown() };
}

/** Expects a transport that nobody has closed: both sides still speak, and nothing is lost in between. */
async function expectOpen({ client, io, connection, clock, parts }: Parting, readBuf: string): Promise<void> {
  const given = await parts;
  assertStrictEquals(given.io, io);
  assertEquals([text(given.readBuf), given.ended], [readBuf, false]);
  assertStrictEquals(connection.intoParts(), given);
  assertStrictEquals(await connection.withoutShutdown(), given);
  assertEquals(clock.pending, 0);
  connection.abort();
  await connection.gracefulShutdown();
  await connection[Symbol.asyncDispose]();

  const server = rawEnd(io);
  const heard = server.write(wire("from the server"));
  await expectText(client, "from the server");
  await heard;
  const said = client.write(wire("from the client"));
  await expectText(server, "from the client");
  await said;
  await server.closeWrite();
  assertEquals(await client.read(), null);
  await client.closeWrite();
  assertEquals(await server.read(), null);
}

for (const transport of transports) {
  const { over, bytewise } = transport;

  test(`withoutShutdown() gives the transport back behind Connection: close, over ${over}`, async () => {
    const here = parting(transport);
    await here.client.write(wire(LAST));
    await expectText(here.client, OK_CLOSE);
    assertEquals(await here.connection.closed, { reason: "shutdown" });
    await expectOpen(here, "");
  });

  test(`withoutShutdown() gives the transport back when an idle connection is shut down, over ${over}`, async () => {
    const here = parting(transport);
    for (let i = 0; i < 2; i++) {
      await here.client.write(wire(GET));
      await expectText(here.client, OK);
    }
    await turns();
    assertEquals(await here.connection.gracefulShutdown(), { reason: "shutdown" });
    await expectOpen(here, "");
  });

  test(`withoutShutdown() gives the transport back when nothing has come at all, over ${over}`, async () => {
    const here = parting(transport);
    assertEquals(await here.connection.gracefulShutdown(), { reason: "shutdown" });
    await expectOpen(here, "");
  });

  test(`withoutShutdown() gives back an empty line that came, over ${over}`, async () => {
    const here = parting(transport);
    await here.client.write(wire("¶"));
    await turns();
    await here.connection.gracefulShutdown();
    await expectOpen(here, "¶");
  });

  test(`withoutShutdown() gives back what a signal had read ahead, over ${over}`, async () => {
    const here = parting(transport, async ({ signal }) => {
      signal.aborted;
      await turns();
      return { status: 200, body: "ok" };
    });
    await here.client.write(wire(LAST));
    const more = here.client.write(wire("more"));
    await expectText(here.client, OK_CLOSE);
    const { readBuf, io } = await here.parts;
    const server = rawEnd(io);
    const rest = "more".slice(readBuf.length);
    // What tells of its end by itself was not read.
    assertEquals(text(readBuf), "more".slice(0, !over.startsWith("streams") ? 0 : bytewise ? 1 : 4));
    if (rest !== "") await expectText(server, rest);
    await more;
    const said = here.client.write(wire("!"));
    await expectText(server, "!");
    await said;
  });

  test(`withoutShutdown() withdraws the read of a signal that nothing came for, over ${over}`, async () => {
    const signals: AbortSignal[] = [];
    const here = parting(transport, async (request) => {
      signals.push(request.signal);
      await turns();
      return { status: 200, body: "ok" };
    });
    await here.client.write(wire(LAST));
    await expectText(here.client, OK_CLOSE);
    await expectOpen(here, "");
    assertEquals(signals.map(({ aborted }) => aborted), [false]);
  });

  test(`withoutShutdown() says that the client had ended its side, over ${over}`, async () => {
    const here = parting(transport);
    const output = (async () => {
      await here.client.write(wire(GET));
      await here.client.closeWrite();
    })();
    await expectText(here.client, OK);
    await output;
    assertEquals(await here.connection.closed, { reason: "eof" });
    const { io, readBuf, ended } = await here.parts;
    assertEquals([text(readBuf), ended, here.clock.pending], ["", true, 0]);
    const server = rawEnd(io);
    const said = server.write(wire("still here"));
    await expectText(here.client, "still here");
    await said;
    await server.closeWrite();
    assertEquals(await here.client.read(), null);
  });

  test(`withoutShutdown() reads the rest of an unwanted body before it gives the transport back, over ${over}`, async () => {
    const here = parting(transport);
    await here.client.write(wire(LAST.replace("GET", "POST").replace("¶¶", "¶Content-Length: 5¶¶")));
    await expectText(here.client, OK_CLOSE);
    assertEquals(await isPending(here.parts), true);
    await here.client.write(wire("hello"));
    await expectOpen(here, "");
  });
}

const channels = transports[0]!;

test("withoutShutdown() gives all that was read beyond the last request", async () => {
  const here = parting(channels);
  await here.client.write(wire(LAST + "not HTTP"));
  await expectText(here.client, OK_CLOSE);
  await expectOpen(here, "not HTTP");
});

test("withoutShutdown() finishes a head that has begun, and gives back what is behind it", async () => {
  const here = parting(channels);
  await here.client.write(wire(GET.slice(0, 10)));
  await turns();
  here.connection.gracefulShutdown();
  await here.client.write(wire(GET.slice(10) + "rest"));
  await expectText(here.client, OK_CLOSE);
  await expectOpen(here, "rest");
});

test("withoutShutdown() may come after the connection began", async () => {
  const [near, io] = duplexPair();
  const clock = new FakeClock();
  const connection = serveConnection(io, ok, { dateHeader: false, clock });
  await near.write(wire(GET));
  await expectText(near, OK);
  const parts = connection.withoutShutdown();
  connection.gracefulShutdown();
  await expectOpen({ client: rawEnd(near), io, connection, clock, parts }, "");
});

test("intoParts() refuses before withoutShutdown() has resolved", async () => {
  const { client, connection, parts } = parting(channels);
  const refused = () => assertEquals(assertThrows(() => connection.intoParts(), StateError).code, "busy");
  refused();
  await client.write(wire(GET));
  await expectText(client, OK);
  refused();
  connection.gracefulShutdown();
  await parts;
  connection.intoParts();
});

test("withoutShutdown() rejects when the connection is over, and intoParts() throws", async () => {
  for (const { over, open } of transports) {
    const [near, io] = open();
    const connection = serveConnection(io, ok, { clock: new FakeClock() });
    const client = rawEnd(near);
    await client.closeWrite();
    await readAll(client);
    await connection.closed;
    assertEquals((await assertRejects(() => connection.withoutShutdown(), StateError)).code, "closed", over);
    assertThrows(() => connection.intoParts(), StateError);
  }
});

test("withoutShutdown() rejects with what the connection failed with, and the transport is closed", async () => {
  for (const { over, open } of transports) {
    const here = parting({ over, open, bytewise: false });
    await here.client.write(wire("GET@")).catch(() => {});
    assertEquals(await readAll(here.client), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
    await here.client.closeWrite();
    const failure = await here.parts.catch((error) => error);
    assertEquals(await here.connection.closed, { reason: "error", error: failure });
    assertEquals(here.clock.pending, 0);
  }
});

test("withoutShutdown() rejects with the reason of abort()", async () => {
  const here = parting(channels, () => new Promise(() => {}));
  await here.client.write(wire(GET));
  await turns();
  const reason = new Error("enough");
  here.connection.abort(reason);
  assertStrictEquals(await here.parts.catch((error) => error), reason);
});

test("withoutShutdown() rejects where bytes of a body would be taken for what follows", async () => {
  const here = parting(channels, ok, { maxDrainBytes: 3 });
  await here.client.write(wire(LAST.replace("GET", "POST").replace("¶¶", "¶Content-Length: 50¶¶") + "hello"));
  await expectText(here.client, OK_CLOSE);
  await here.client.closeWrite();
  await assertRejects(() => here.parts, Error);
  assertEquals([await here.connection.closed, here.clock.pending], [{ reason: "shutdown" }, 0]);
  assertThrows(() => here.connection.intoParts(), StateError);
});

test("withoutShutdown() rejects where only the end of the connection ends the response (RFC 9112 §6.3)", async () => {
  const here = parting(channels, () => ({
    status: 200,
    body: (async function* () {
      yield wire("hello");
    })(),
  }));
  await here.client.write(wire("GET / HTTP/1.0¶¶"));
  assertEquals(await readAll(here.client), "HTTP/1.0 200 OK¶¶hello");
  await here.client.closeWrite();
  await assertRejects(() => here.parts, Error);
  assertEquals([await here.connection.closed, here.clock.pending], [{ reason: "shutdown" }, 0]);
});

test("a channel of somebody else that cannot take a read back is closed instead of given back with it", async () => {
  const [client, server] = duplexPair();
  const io = {
    get readable(): ReadableStream<Uint8Array> {
      throw new Error("nobody asks for streams");
    },
    get writable(): WritableStream<Uint8Array> {
      throw new Error("nobody asks for streams");
    },
    read: () => server.read(),
    write: (bytes: Uint8Array) => server.write(bytes),
    closeWrite: () => server.closeWrite(),
    abort: (reason?: unknown) => server.abort(reason),
  };
  const clock = new FakeClock();
  const connection = serveConnection(io, ok, { dateHeader: false, clock });
  const parts = connection.withoutShutdown();
  await client.write(wire(GET));
  await expectText(client, OK);
  await turns();
  const closed = connection.gracefulShutdown();
  assertEquals(await client.read(), null);
  await client.closeWrite();
  assertEquals(await closed, { reason: "shutdown" });
  assert(await parts.catch((error) => error) instanceof Error);
  assertEquals(clock.pending, 0);
});

test("withoutShutdown() rejects when takeOver() has given the transport to a handler", async () => {
  const taken = new Deferred<Parts>();
  const here = parting(channels, async (request) => {
    taken.resolve(await here.connection.takeOver(request));
    return { status: 200 };
  });
  await here.client.write(wire(GET));
  const { io } = await taken.promise;
  assertEquals(await here.connection.closed, { reason: "upgrade" });
  assertEquals(await isPending(here.parts), false);
  const error = await assertRejects(() => here.parts, StateError);
  assertEquals(error.code, "closed");
  assertThrows(() => here.connection.intoParts(), StateError);
  await rawEnd(io).close();
});
