/**
 * Order, back-pressure, large transfers, streams, and taking things back.
 *
 * @module
 */

import process from "node:process";
import { assert, assertEquals, assertGreater, assertLess, assertStrictEquals, assertThrows } from "@std/assert";
import type { HeldChannel } from "../../src/duplex/held_channel.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import {
  assertFails,
  bytes,
  isPending,
  openFiles,
  patternAt,
  PatternChecker,
  readAll,
  readText,
  receivePattern,
  rejection,
  roundTrips,
  sendPattern,
  STUCK_PIECE,
  type Subject,
  testsOf,
  transferChunks,
  withPair,
  writeUntilStuck,
} from "./fixture.ts";

const MiB = 1 << 20;
/** Adds the cases. */
export function flowCases(net: Subject): void {
  readingAndWritingCases(net);
  backPressureCases(net);
  streamCases(net);
  takingBackCases(net);
}

function readingAndWritingCases(net: Subject): void {
  const test = testsOf(net);
  test("a second read() while one is pending rejects with busy", async () => {
    await withPair(net, async ({ client, server }) => {
      const first = client.read();
      await assertFails(client.read(), "StateError", "busy");
      await server.write(bytes("one"));
      assertEquals(new TextDecoder().decode((await first)!), "one");
    });
  });

  test("write() of nothing resolves and sends nothing", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.write(new Uint8Array(0));
      await client.opened;
      await client.write(new Uint8Array(0));
      await client.write(bytes("x"));
      await client.write(new Uint8Array(0));
      await client.closeWrite();
      assertEquals(await readAll(server), "x");
    });
  });

  test("concurrent writes of all sizes arrive in the order of the calls", async () => {
    const sizes = [1, 70_000, 3, 16_384, 0, 1_000_000, 64, 5, 300_000, 1, 65_536, 2];
    await withPair(net, async ({ client, server }) => {
      const received = receivePattern(server);
      let offset = 0;
      const writes: Promise<void>[] = [];
      for (let round = 0; round < 4; round++) {
        for (const size of sizes) {
          writes.push(client.write(patternAt(offset, size)));
          offset += size;
        }
      }
      writes.push(client.closeWrite());
      await Promise.all(writes);
      assertEquals(await received, offset);
    });
  });

  test("chunks are plain Uint8Arrays that nobody overwrites", async () => {
    await withPair(net, async ({ client, server }) => {
      const chunks: Uint8Array[] = [];
      for (let i = 0; i < 200; i++) {
        await client.write(new Uint8Array(700).fill(i));
        for (let length = 0; length < 700;) {
          const chunk = (await server.read())!;
          assertStrictEquals(Object.getPrototypeOf(chunk), Uint8Array.prototype);
          chunks.push(chunk);
          length += chunk.byteLength;
        }
      }
      const all = chunks.flatMap((chunk) => Array.from(chunk));
      assertEquals(all.length, 200 * 700);
      all.forEach((byte, at) => assertStrictEquals(byte, Math.floor(at / 700) & 0xff));
    });
  });

  test("the buffer of a chunk may be transferred without harm to what comes", async () => {
    await withPair(net, transferChunks);
  });

  test("the bytes of a write may be changed once it has resolved, also against a slow reader", async () => {
    const piece = 48 * 1024;
    await withPair(net, async ({ client, server }) => {
      const total = 16 * MiB;
      const sending = (async () => {
        const reused = new Uint8Array(piece);
        for (let offset = 0; offset < total; offset += piece) {
          const length = Math.min(piece, total - offset);
          reused.set(patternAt(offset, length));
          await client.write(reused.subarray(0, length));
          reused.fill(0);
        }
        await client.closeWrite();
      })();
      await roundTrips(net, 20);
      assertEquals(await receivePattern(server), total);
      await sending;
    });
  });

  test("large transfers in both directions at once arrive whole", async () => {
    await withPair(net, async ({ client, server }) => {
      const [, , there, back] = await Promise.all([
        sendPattern(client, 24 * MiB, 100_000),
        sendPattern(server, 24 * MiB, 65_536),
        receivePattern(server),
        receivePattern(client),
      ]);
      assertEquals([there, back], [24 * MiB, 24 * MiB]);
      await Promise.all([client.closed, server.closed]);
    });
  });

  test(
    "a thousand connections leave no file open",
    async () => {
      const listener = await net.listen({ hostname: "127.0.0.1" });
      const connectOnce = async (): Promise<void> => {
        const client = net.connect(listener.address);
        const server = (await listener.accept())!;
        await client.write(bytes("x"));
        await client.closeWrite();
        assertEquals(await readAll(server), "x");
        await Promise.all([server.closeWrite(), readAll(client)]);
        await Promise.all([client.closed, server.closed]);
      };
      for (let i = 0; i < 10; i++) await connectOnce();
      const before = openFiles();
      for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 10 }, connectOnce));
      await roundTrips(net, 20);
      assertLess(openFiles() - before, 10);
      await listener.close();
    },
    process.platform === "linux" ? false : "needs /proc",
  );
}

function backPressureCases(net: Subject): void {
  const test = testsOf(net);
  const readers: Record<string, (reader: Socket) => Promise<number>> = {
    "that has read nothing": async () => 0,
    "that has read once": async (reader) => {
      const chunk = (await reader.read())!;
      new PatternChecker().check(chunk);
      return chunk.byteLength;
    },
  };
  for (const [which, start] of Object.entries(readers)) {
    for (const role of ["client", "server"] as const) {
      test(`a reader (${role}) ${which} stops the writer, and nothing is lost`, async () => {
        await withPair(net, async (pair) => {
          const reader = pair[role];
          const writer = role === "client" ? pair.server : pair.client;
          const [read, { accepted, stuck }] = await Promise.all([start(reader), writeUntilStuck(net, writer)]);
          const checker = new PatternChecker();
          checker.received = read;
          const ended = stuck.then(() => writer.closeWrite());
          for (let chunk = await reader.read(); chunk !== null; chunk = await reader.read()) checker.check(chunk);
          await ended;
          assertEquals(checker.received, accepted + STUCK_PIECE);
        });
      });
    }
  }

  test("abort() rejects a write and a closeWrite() that are stuck with its reason", async () => {
    await withPair(net, async ({ client }) => {
      const { stuck } = await writeUntilStuck(net, client);
      const ending = client.closeWrite();
      const reason = new Error("enough");
      client.abort(reason);
      const [written, ended] = await Promise.all([rejection(stuck), rejection(ending)]);
      assertStrictEquals(written, reason);
      assertStrictEquals(ended, reason);
      await client.close();
    });
  });

  test("abort() of an accepted socket rejects a write and a closeWrite() that are stuck with its reason", async () => {
    await withPair(net, async ({ server }) => {
      const { stuck } = await writeUntilStuck(net, server);
      const ending = server.closeWrite();
      const reason = new Error("enough");
      server.abort(reason);
      const [written, ended] = await Promise.all([rejection(stuck), rejection(ending)]);
      assertStrictEquals(written, reason);
      assertStrictEquals(ended, reason);
      await server.close();
    });
  });

  test("abort() ends a close() that is stuck", async () => {
    await withPair(net, async ({ client }) => {
      const { stuck } = await writeUntilStuck(net, client);
      const closing = client.close();
      assert(await isPending(net, closing));
      client.abort();
      await Promise.all([closing, rejection(stuck)]);
    });
  });

  test("a reset reaches a writer that is stuck", async () => {
    await withPair(net, async ({ client, server }) => {
      const { stuck } = await writeUntilStuck(net, client);
      const failed = rejection(stuck);
      server.abort();
      assertEquals((await failed).code, "reset");
    });
  });
}

function streamCases(net: Subject): void {
  const test = testsOf(net);
  test("readable.pipeTo(writable) is an echo that ends when the peer does [Q1]", async () => {
    await withPair(net, async ({ client, server }) => {
      const echo = server.readable.pipeTo(server.writable);
      const [, received] = await Promise.all([sendPattern(client, 4 * MiB, 50_000), receivePattern(client)]);
      assertEquals(received, 4 * MiB);
      await echo;
      await Promise.all([client.closed, server.closed]);
    });
  });

  test("streams that are touched but not used take nothing from read()", async () => {
    await withPair(net, async ({ client, server }) => {
      assertStrictEquals(server.readable, server.readable);
      assertStrictEquals(server.writable, server.writable);
      await client.write(bytes("mine"));
      assertEquals(await readText(server, 4), "mine");
    });
  });

  test("canceling readable aborts the socket", async () => {
    await withPair(net, async ({ client }) => {
      await client.opened;
      const reason = new Error("no more");
      await client.readable.cancel(reason);
      assertStrictEquals(await rejection(client.closed), reason);
    });
  });

  test("aborting writable does not wait for a write that is stuck", async () => {
    await withPair(net, async ({ client }) => {
      const writer = client.writable.getWriter();
      const stuck = writer.write(new Uint8Array(64 * MiB));
      assert(await isPending(net, stuck));
      const reason = new Error("no more");
      const failed = rejection(stuck);
      await writer.abort(reason);
      await failed;
      assertStrictEquals(await rejection(client.closed), reason);
    });
  });
}

function takingBackCases(net: Subject): void {
  const test = testsOf(net);
  test("withdrawRead() rejects the pending read and keeps what it would have given", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.opened;
      const { withdrawRead } = client as unknown as HeldChannel;
      assertEquals(withdrawRead.call(client), false);
      const withdrawn = client.read();
      assertEquals(withdrawRead.call(client), true);
      await assertFails(withdrawn, "StateError", "canceled");
      await server.write(bytes("for the next one"));
      assertEquals(await readText(client, 16), "for the next one");
      const again = client.read();
      assertEquals(withdrawRead.call(client), true);
      await assertFails(again, "StateError", "canceled");
      const third = client.read();
      await server.closeWrite();
      assertEquals(await third, null);
    });
  });

  for (const role of ["client", "server"] as const) {
    test(`release() of the ${role}'s socket gives the runtime's own object and loses no byte`, async () => {
      await withPair(net, async (pair) => {
        const released = pair[role];
        const peer = role === "client" ? pair.server : pair.client;
        await peer.write(bytes("one"));
        assertEquals(await readText(released, 3), "one");
        await peer.write(bytes("two"));
        await roundTrips(net, 20);
        const expected = released.native;
        const { native, readBuf, ended } = released.release();
        assertStrictEquals(native, expected);
        assertEquals([released.native, ended], [null, false]);
        await peer.write(bytes("three"));
        const rest = await net.readNative(native, 8 - readBuf.byteLength);
        assertEquals(new TextDecoder().decode(readBuf) + new TextDecoder().decode(rest), "twothree");
        await net.writeNative(native, bytes("raw"));
        assertEquals(await readText(peer, 3), "raw");
        await released.closed;
        await assertFails(released.read(), "StateError", "already-taken");
        await assertFails(released.write(bytes("x")), "StateError", "already-taken");
        net.endNative(native);
        assertEquals(await peer.read().catch(() => null), null);
      });
    });
  }

  test("release() refuses while opening, reading, writing, and after the end", async () => {
    await withPair(net, async ({ client, server }) => {
      const code = (socket: Socket): string => (assertThrows(() => socket.release()) as Error & { code: string }).code;
      const unopened = net.connect("127.0.0.1:1");
      assertEquals(code(unopened), "not-ready");
      await rejection(unopened.opened);
      assertEquals(code(unopened), "closed");

      await client.opened;
      const reading = client.read();
      assertEquals(code(client), "busy");
      await server.write(bytes("x"));
      await reading;

      const stuck = rejection(client.write(new Uint8Array(64 * MiB)));
      assertEquals(code(client), "busy");
      client.abort();
      assertEquals(code(client), "closed");
      assertGreater((await stuck).code!.length, 0);
    });
  });
}
