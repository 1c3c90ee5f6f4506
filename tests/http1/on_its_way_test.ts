/**
 * A transport that is given back while bytes are on their way: a read was given them, and has not told its reader. They are in
 * `readBuf`, or still come from the transport; so is the end of the peer's side.
 */

import { test } from "node:test";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { Parts } from "../../src/http1/parts.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { offeredChannel } from "../support/offered_channel.ts";
import { expectText, rawEnd } from "../support/switching.ts";
import { FakeClock, readAll, text, turns, wire } from "../support/wire.ts";

/** A transport, and what its peer does. */
interface Scripted {
  readonly io: Duplex;
  send(message: string): void;
  end(): void;
}

function overChannel(): Scripted {
  const [far, io] = duplexPair();
  return { io, send: (message) => void far.write(wire(message)), end: () => void far.closeWrite() };
}

function overStreams(): Scripted {
  let source!: ReadableStreamDefaultController<Uint8Array>;
  const readable = new ReadableStream<Uint8Array>({ start: (controller) => void (source = controller) });
  return {
    io: { readable, writable: new WritableStream() },
    send: (message) => source.enqueue(wire(message)),
    end: () => source.close(),
  };
}

const transports = [["a channel", overChannel], ["streams", overStreams]] as const;
/** More than a chunk takes from a stream to the machine of a connection. */
const MOST_HOPS = 10;

/** For each moment at which something may be on its way. */
async function forEachHop(act: (hops: number) => Promise<void>): Promise<void> {
  for (let hops = 0; hops < MOST_HOPS; hops++) await act(hops);
}

/** Whatever the parts have, and the transport gives after that. */
async function allOf({ io, readBuf, ended }: Parts): Promise<string> {
  return text(readBuf) + (ended ? "" : await readAll(rawEnd(io)));
}

/** A server whose handler waits; its request has been looked at for the end of its client. */
async function handling({ io, send }: Scripted, message: string) {
  let request: IncomingRequest | null = null;
  const connection = serveConnection(io, (incoming) => {
    request = incoming;
    return new Promise(() => {});
  }, { clock: new FakeClock() });
  send(message);
  while (request === null) await turns();
  return { connection, request: request as IncomingRequest };
}

for (const [over, open] of transports) {
  test(`takeOver() loses nothing that is on its way, over ${over}`, () =>
    forEachHop(async (hops) => {
      const here = open();
      const { connection, request } = await handling(here, "GET / HTTP/1.1¶Host: a¶¶");
      request.signal.aborted; // begins to watch, which reads streams
      await turns();
      here.send("one ");
      for (let i = 0; i < hops; i++) await null;
      const parts = await connection.takeOver(request);
      assertStrictEquals(parts.io, here.io);
      here.send("two");
      here.end();
      assertEquals(await allOf(parts), "one two", `after ${hops}`);
    }));

  test(`takeOver() loses no end that is on its way, over ${over}`, () =>
    forEachHop(async (hops) => {
      const here = open();
      const { connection, request } = await handling(here, "GET / HTTP/1.1¶Host: a¶¶");
      request.signal.aborted;
      await turns();
      here.end();
      for (let i = 0; i < hops; i++) await null;
      const parts = await connection.takeOver(request);
      assertEquals(await allOf(parts), "", `after ${hops}`);
    }));

  test(`takeOver() takes a read of the body back, which loses nothing, over ${over}`, () =>
    forEachHop(async (hops) => {
      const here = open();
      const { connection, request } = await handling(here, "POST / HTTP/1.1¶Host: a¶Content-Length: 9¶¶");
      const reading = request.body.read().then((bytes) => text(bytes!), () => "");
      await turns();
      here.send("body");
      for (let i = 0; i < hops; i++) await null;
      const parts = await connection.takeOver(request);
      here.send(" and more");
      here.end();
      assertEquals(await reading + await allOf(parts), "body and more", `after ${hops}`);
    }));

  test(`takeOver() leaves no read of the body behind that would take what comes, over ${over}`, async () => {
    const here = open();
    const { connection, request } = await handling(here, "POST / HTTP/1.1¶Host: a¶Content-Length: 9¶¶");
    const reading = request.body.read();
    reading.catch(() => {});
    await turns();
    const parts = await connection.takeOver(request);
    await assertRejects(() => reading);
    here.send("all");
    here.end();
    assertEquals(await allOf(parts), "all");
  });

  test(`withoutShutdown() of a server loses nothing that is on its way, over ${over}`, () =>
    forEachHop(async (hops) => {
      const here = open();
      const connection = serveConnection(here.io, () => ({ status: 200 }), { clock: new FakeClock() });
      const parts = connection.withoutShutdown();
      await turns();
      here.send("¶"); // begins no request
      for (let i = 0; i < hops; i++) await null;
      connection.gracefulShutdown();
      const given = await parts;
      here.send("two");
      here.end();
      assertEquals(await allOf(given), "¶two", `after ${hops}`);
    }));

  test(`withoutShutdown() of a client loses nothing that is on its way, over ${over}`, () =>
    forEachHop(async (hops) => {
      const here = open();
      const { connection } = handshake(here.io, { clock: new FakeClock() });
      const parts = connection.withoutShutdown();
      await turns();
      here.send("one ");
      for (let i = 0; i < hops; i++) await null;
      connection.gracefulShutdown();
      // What the client has seen is an answer to no request (RFC 9112 §9.2).
      const given = await parts.catch((error: Error) => error);
      if (given instanceof Error) return assertEquals([given.name, hops > 0], ["ProtocolError", true]);
      here.send("two");
      here.end();
      assertEquals(await allOf(given), "one two", `after ${hops}`);
    }));
}

test("takeOver() is refused where a read cannot be taken back, and the request is answered all the same", async () => {
  const [client, end] = duplexPair();
  const connection = serveConnection(offeredChannel(end), async (request) => {
    request.signal.aborted;
    await turns();
    const error = await assertRejects(() => connection.takeOver(request), StateError);
    return { status: 200, body: error.code };
  }, { clock: new FakeClock(), dateHeader: false });
  await client.write(wire("GET / HTTP/1.1¶Host: a¶Connection: close¶¶"));
  await expectText(client, "HTTP/1.1 200 OK¶content-length: 4¶connection: close¶¶busy");
  await client.closeWrite();
  await connection.closed;
});
