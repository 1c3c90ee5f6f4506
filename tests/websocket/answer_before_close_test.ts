/**
 * What was sent right before a Close frame can still be answered (RFC 6455 §5.5.1: an endpoint may delay its Close frame
 * until its current message is sent).
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import type { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import { FakeClock } from "../support/wire.ts";

const MASK = [0, 0, 0, 0];
/** `hi`, then Close 1000. */
const HI_AND_CLOSE = Uint8Array.of(0x81, 0x82, ...MASK, 0x68, 0x69, 0x88, 0x82, ...MASK, 3, 0xe8);
const HI_BACK = [0x81, 2, 0x68, 0x69];
const CLOSE_BACK = [0x88, 2, 3, 0xe8];

function served(): { far: PairEnd; server: WebSocketConnection } {
  const [near, far] = duplexPair();
  return { far, server: webSocketOver(near, { role: "server", clock: new FakeClock() }) };
}

async function everything(far: PairEnd): Promise<number[]> {
  const all: number[] = [];
  for (let chunk = await far.read(); chunk !== null; chunk = await far.read()) all.push(...chunk);
  return all;
}

const readers: Record<string, (server: WebSocketConnection) => Promise<unknown>> = {
  "read() and write()": async (server) => {
    for (let message = await server.read(); message !== null; message = await server.read()) {
      await server.write(message);
    }
  },
  "pipeTo()": (server) => server.readable.pipeTo(server.writable),
};

for (const [name, echo] of Object.entries(readers)) {
  test(`a message that comes together with a Close frame is answered through ${name} before it (RFC 6455 §5.5.1)`, async () => {
    const { far, server } = served();
    const done = echo(server);
    await far.write(HI_AND_CLOSE);
    await far.closeWrite();
    assertEquals(await everything(far), [...HI_BACK, ...CLOSE_BACK]);
    assertEquals(await server.closed, { closeCode: 1000, reason: "", wasClean: true });
    await done;
  });

  test(`the same when the message waited before it was taken through ${name}`, async () => {
    const { far, server } = served();
    await far.write(HI_AND_CLOSE);
    await far.closeWrite();
    const done = echo(server);
    assertEquals(await everything(far), [...HI_BACK, ...CLOSE_BACK]);
    await done;
  });
}

test("a Close frame is answered although nobody reads behind the last message", async () => {
  const { far, server } = served();
  const read = server.read();
  await far.write(HI_AND_CLOSE);
  await far.closeWrite();
  assertEquals(await read, "hi");
  assertEquals(await everything(far), CLOSE_BACK);
  assertEquals(await server.closed, { closeCode: 1000, reason: "", wasClean: true });
  assertEquals(await server.read(), null);
});

test("a message that is being sent in parts is finished before a Close frame is answered (RFC 6455 §5.5.1)", async () => {
  const { far, server } = served();
  let second!: (part: string) => void;
  const later = new Promise<string>((resolve) => second = resolve);
  const sent = server.writeParts((async function* () {
    yield "h";
    yield await later;
  })());
  assertEquals([...(await far.read())!], [0x01, 1, 0x68]);
  await far.write(Uint8Array.of(0x88, 0x82, ...MASK, 3, 0xe8));
  assertEquals(await server.read(), null);
  second("i");
  await sent;
  await far.closeWrite();
  assertEquals(await everything(far), [0x00, 1, 0x69, 0x80, 0, ...CLOSE_BACK]);
  assertEquals((await server.closed).wasClean, true);
});

test("a message that comes together with a frame that breaks the protocol is answered before the failure (RFC 6455 §7.1.7)", async () => {
  const reserved = [0xa1, 0x82, ...MASK, 0x68, 0x69];
  for (const [name, echo] of Object.entries(readers)) {
    const { far, server } = served();
    const done = echo(server).catch((error) => error);
    await far.write(Uint8Array.of(0x81, 0x82, ...MASK, 0x68, 0x69, ...reserved));
    await far.closeWrite();
    assertEquals(await everything(far), [...HI_BACK, 0x88, 2, 3, 0xea], name);
    assertEquals((await server.closed).wasClean, false);
    assertEquals((await done as WebSocketProtocolError).code, "reserved-bits");
  }
});

test("ten Pings in one chunk get ten Pongs before a Close frame is answered (RFC 6455 §5.5.3)", async () => {
  const { far, server } = served();
  const ping = (payload: number): number[] => [0x89, 0x81, ...MASK, payload];
  const pings = Array.from({ length: 10 }, (_, payload) => ping(payload)).flat();
  await far.write(Uint8Array.of(...pings, 0x88, 0x82, ...MASK, 3, 0xe8));
  await far.closeWrite();
  const pongs = Array.from({ length: 10 }, (_, payload) => [0x8a, 1, payload]).flat();
  assertEquals(await everything(far), [...pongs, ...CLOSE_BACK]);
  assertEquals((await server.closed).wasClean, true);
});
