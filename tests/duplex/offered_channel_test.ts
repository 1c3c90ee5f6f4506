/**
 * Channels of other makers that do not keep to the letter: they throw where they should reject, and return nothing where they should
 * return a promise.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { ByteChannel, Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import * as http1 from "../../src/http1/mod.ts";
import * as http2 from "../../src/http2/mod.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { offeredChannel } from "../support/offered_channel.ts";
import { FakeClock, turns } from "../support/wire.ts";

type Method = "read" | "write" | "closeWrite" | "abort" | "close";
const METHODS: readonly Method[] = ["read", "write", "closeWrite", "abort", "close"];

/** A channel over an end, one of whose methods throws. */
function throwing(end: PairEnd, method: Method): Duplex & ByteChannel {
  return {
    ...offeredChannel(end),
    [method]: () => {
      throw new Error(`${method} throws`);
    },
  };
}

/** The same whose methods return nothing, but for `read()`. */
function returningNothing(end: PairEnd): Duplex & ByteChannel {
  const { read, write, ...rest } = throwing(end, "close");
  return {
    ...rest,
    read,
    write: ((bytes: Uint8Array) => void write(bytes)) as never,
    closeWrite: (() => void end.closeWrite()) as never,
    close: (() => void end.close()) as never,
  } as Duplex & ByteChannel;
}

const settles = async (closed: Promise<unknown>, clock: FakeClock) => {
  for (let minute = 0; minute < 3; minute++) await clock.advance(60_000);
  return await Promise.race([closed.then(() => "over"), turns().then(turns).then(() => "still open")]);
};

for (const method of METHODS) {
  test(`serveConnection() of HTTP/1.1 ends where ${method}() of a channel throws`, async () => {
    const [near, far] = duplexPair();
    const clock = new FakeClock();
    const connection = http1.serveConnection(throwing(far, method), () => ({ status: 204 }), { clock });
    near.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).catch(() => {});
    near.closeWrite().catch(() => {});
    assertEquals([await settles(connection.closed, clock), clock.pending], ["over", 0]);
  });

  for (const how of ["shutdown", "idle", "abort"] as const) {
    test(`both ends of HTTP/2 end where ${method}() of a channel throws: ${how}`, async () => {
      for (const side of ["client", "server"]) {
        const [near, far] = duplexPair();
        const clock = new FakeClock();
        const own = throwing(side === "client" ? near : far, method);
        const served = http2.serveConnection(side === "client" ? far : own, () => ({ status: 204 }), { clock });
        const { sender, connection } = http2.handshake(side === "client" ? own : near, { clock });
        const sent = sender.send({ method: "GET", target: "/", fields: [["host", "a"]] }).catch(() => "failed");
        await turns();
        const ours = side === "client" ? connection : served;
        if (how === "shutdown") connection.gracefulShutdown();
        if (how === "abort") ours.abort();
        assertEquals(await settles(ours.closed, clock), "over", side);
        if (how === "abort") (side === "client" ? far : near).abort(); // nothing tells it of an abort() that throws
        assertEquals(await settles(Promise.all([served.closed, connection.closed, sent]), clock), "over", side);
        assertEquals(clock.pending, 0);
      }
    });
  }

  test(`a WebSocket ends where ${method}() of a channel throws`, async () => {
    const [near, far] = duplexPair();
    const client = webSocketOver(throwing(near, method), { role: "client" });
    webSocketOver(far, { role: "server" });
    const written = client.write("hello").catch((error) => assert(error instanceof Error));
    await turns();
    client.close().catch(() => {});
    await turns();
    far.abort(new TransportError("reset", "over"));
    client.abort();
    await written;
    await client.closed.catch(() => {});
  });
}

test("a channel whose methods return nothing is written to all the same", async () => {
  const [near, far] = duplexPair();
  const client = webSocketOver(returningNothing(near), { role: "client" });
  const server = webSocketOver(far, { role: "server" });
  await client.write("hello");
  assertEquals(await server.read(), "hello");
  await server.write("hi");
  assertEquals(await client.read(), "hi");
  await Promise.all([client.close(), server.close()]);
});
