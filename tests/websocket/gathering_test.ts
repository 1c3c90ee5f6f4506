import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { webSocketOver } from "../../src/websocket/over.ts";

/** A masked text of one character, with a key of zeros. */
const frame = (letter: string): number[] => [0x81, 0x81, 0, 0, 0, 0, letter.charCodeAt(0)];
const letters = "abcdefghij";

/** Counts the writes of a server, and what they hold. */
function served(): { near: PairEnd; server: WebSocketConnection; writes: number[][] } {
  const [near, far] = duplexPair();
  const writes: number[][] = [];
  const counted = Object.assign(Object.create(far) as PairEnd, {
    read: () => far.read(),
    write(bytes: Uint8Array) {
      writes.push([...bytes]);
      return far.write(bytes);
    },
    closeWrite: () => far.closeWrite(),
    close: () => far.close(),
    abort: (reason?: unknown) => far.abort(reason),
  });
  return { near, server: webSocketOver(counted, { role: "server" }), writes };
}

async function echoes(near: PairEnd): Promise<string> {
  let text = "";
  while (text.length < letters.length) {
    const chunk = (await near.read())!;
    for (let at = 0; at < chunk.length; at += 3) text += String.fromCharCode(chunk[at + 2]!);
  }
  return text;
}

const echo: Record<string, (server: WebSocketConnection) => Promise<unknown>> = {
  "read() and write()": async (server) => {
    for (let message = await server.read(); message !== null; message = await server.read()) {
      await server.write(message);
    }
  },
  "pipeTo()": (server) => server.readable.pipeTo(server.writable),
};

for (const [name, run] of Object.entries(echo)) {
  test(`answers to messages that came together leave together, through ${name}`, async () => {
    const { near, server, writes } = served();
    run(server).catch(() => {});
    await near.write(Uint8Array.from([...letters].flatMap(frame)));
    assertEquals(await echoes(near), letters);
    assert(writes.length <= 2, `${writes.length} writes`);
    server.abort();
  });
}

test("a message leaves although nobody takes the others that came with the one it answers", async () => {
  const { near, server } = served();
  await near.write(Uint8Array.from([...letters].flatMap(frame)));
  const first = await server.read();
  const written = server.write(first!);
  assertEquals(server.bufferedAmount, 1);
  await written;
  assertEquals([...(await near.read())!], [0x81, 1, 0x61]);
  assertEquals(server.bufferedAmount, 0);
  server.abort();
});

test("bytes that are not copied are sent before write() resolves, whatever else has come", async () => {
  const { near, server, writes } = served();
  await near.write(Uint8Array.from([...letters].flatMap(frame)));
  await server.read();
  const bytes = new Uint8Array(100_000).fill(7);
  const written = server.write(bytes);
  for (let read = 0; read < 100_000;) read += (await near.read())!.length;
  await written;
  assertEquals(writes.flat().filter((byte) => byte === 7).length, 100_000);
  server.abort();
});

test("bytes that were written are the caller's again, also where more messages wait [L3]", async () => {
  const { near, server } = served();
  await near.write(new Uint8Array([..."ab"].flatMap(frame)));
  assertEquals(await server.read(), "a");
  const sizes = [10, 65_536, 65_537, 300_000];
  const reading = (async () => {
    let left = sizes.reduce((sum, size) => sum + size, 0);
    const bytes: number[] = [];
    while (left > 0) {
      const chunk = (await near.read())!;
      left -= chunk.length;
      for (const byte of chunk) if (byte === 9) bytes.push(byte);
    }
    return bytes;
  })();
  for (const size of sizes) {
    const bytes = new Uint8Array(size).fill(1);
    await server.write(bytes);
    bytes.fill(9);
  }
  assertEquals((await reading).length, 0);
  near.abort();
});

test("a peer that does not read holds write() up, also where more messages wait [L3]", async () => {
  const [near, far] = duplexPair({ capacityBytes: 10 });
  const server = webSocketOver(far, { role: "server" });
  await near.write(new Uint8Array(frame("a")));
  assertEquals(await server.read(), "a");
  const first = server.write("more than the transport holds");
  await near.write(new Uint8Array([..."bc"].flatMap(frame)));
  assertEquals(await server.read(), "b");
  const second = server.write("behind it");
  let written = 0;
  for (const write of [first, second]) void write.then(() => written++, () => {});
  for (let i = 0; i < 200; i++) await Promise.resolve();
  assertEquals(written, 0);
  near.abort();
});
