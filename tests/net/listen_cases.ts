/**
 * Listening and accepting.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Listener } from "../../src/duplex/network.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import { assertFails, bytes, freePath, isPending, readText, roundTrips, type Subject, testsOf } from "./fixture.ts";

/** Adds the cases. */
export function listenCases(net: Subject): void {
  const test = testsOf(net);
  test("listen() tells the port that the system chose", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const { hostname, port } = listener.address as { hostname: string; port: number };
    assertEquals(hostname, "127.0.0.1");
    assertGreater(port, 0);
    await listener.close();
  });

  test("listen() takes a port in digits, as it is in the environment", async () => {
    const chosen = await net.listen({ hostname: "127.0.0.1", port: "0" as unknown as number });
    const { port } = chosen.address;
    await chosen.close();
    const listener = await net.listen({ hostname: "127.0.0.1", port: String(port) as unknown as number });
    assertEquals(listener.address, { hostname: "127.0.0.1", port });
    await listener.close();
  });

  test("listen() rejects with address when the port is taken", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const { port } = listener.address;
    await assertFails(net.listen({ hostname: "127.0.0.1", port }), "TransportError", "address");
    await listener.close();
  });

  test("a listener is an async iterable of sockets that ends when it is closed", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const greeted: string[] = [];
    const loop = (async () => {
      for await (const socket of listener) {
        greeted.push(await readText(socket, 1));
        await socket.close();
      }
    })();
    for (const letter of ["a", "b", "c"]) {
      const client = net.connect(listener.address);
      await client.write(bytes(letter));
      assertEquals(await client.read(), null);
      await client.close();
    }
    await listener.close();
    await loop;
    assertEquals(greeted, ["a", "b", "c"]);
  });

  test("leaving the loop does not close the listener", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const clients = [net.connect(listener.address), net.connect(listener.address)];
    for await (const socket of listener) {
      await socket.close();
      break;
    }
    await (await listener.accept())!.close();
    for (const client of clients) await client.close();
    await listener.close();
  });

  test("accept() waits, and gives null once the listener is closed", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const waiting = [listener.accept(), listener.accept()];
    assert(await isPending(net, waiting[0]!));
    await listener.close();
    await listener.close();
    assertEquals(await Promise.all(waiting), [null, null]);
    assertEquals(await listener.accept(), null);
    await assertFails(net.connect(listener.address).opened, "TransportError", "refused");
  });

  test("close() resolves when the port is free, with accept() pending or not", async () => {
    let port = 0;
    const accepted: Promise<Socket | null>[] = [];
    for (let round = 0; round < 10; round++) {
      const listener = await net.listen({ hostname: "127.0.0.1", port });
      port = listener.address.port;
      if (round % 2 === 0) accepted.push(listener.accept());
      await roundTrips(net, 1); // now the platform accepts
      await listener.close();
    }
    assertEquals(await Promise.all(accepted), [null, null, null, null, null]);
  });

  test("close() at a path resolves when the file is gone, and leaves that of the next listener alone", async () => {
    const path = freePath();
    for (let round = 0; round < 4; round++) {
      const first = await net.listen({ path });
      const waiting = first.accept();
      await roundTrips(net, 1);
      await first.close();
      assertEquals(existsSync(path), false);

      const second = await net.listen({ path });
      assertEquals(await waiting, null);
      await roundTrips(net, 20); // whatever the first one still does, it does now
      const client = net.connect({ path });
      await client.write(bytes("x"));
      assertEquals(await readText((await second.accept())!, 1), "x");
      client.abort();
      await second.close();
    }
  });

  test("close() cuts what nobody has accepted and lets accepted sockets live", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const accepted = net.connect(listener.address);
    const server = (await listener.accept())!;
    const unaccepted = net.connect(listener.address);
    await unaccepted.opened;
    await roundTrips(net, 20);
    await listener.close();
    assertEquals(await unaccepted.read().catch(() => null), null);
    await accepted.write(bytes("alive"));
    assertEquals(await readText(server, 5), "alive");
    await Promise.all([accepted.close(), server.close(), unaccepted.close()]);
  });

  test("leaving the scope of a listener closes it", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    await listener[Symbol.asyncDispose]();
    assertEquals(await listener.accept(), null);
  });

  test(
    "connections beyond the backlog are cut, those within it wait",
    async () => {
      const listener = await net.listen({ hostname: "127.0.0.1", backlog: 2 });
      const clients: Socket[] = [];
      for (let i = 0; i < 3; i++) {
        clients.push(net.connect(listener.address));
        await clients[i]!.opened.catch(() => {});
      }
      assertEquals(await clients[2]!.read().catch(() => null), null);
      for (const client of clients.slice(0, 2)) {
        await client.write(bytes("x"));
        assertEquals(await readText((await listener.accept())!, 1), "x");
      }
      for (const client of clients) client.abort();
      await listener.close();
    },
    net.acceptsByItself ? false : "they wait in the system's queue, whose length the system rounds",
  );

  test(
    "reusePort lets two listeners share a port",
    async () => {
      const first = await net.listen({ hostname: "127.0.0.1", reusePort: true });
      const { port } = first.address;
      const second = await net.listen({ hostname: "127.0.0.1", port, reusePort: true });
      const clients = Array.from({ length: 40 }, () => net.connect(first.address));
      const counts = await Promise.all(
        [first, second].map(async (listener: Listener) => {
          let count = 0;
          for await (const socket of listener) {
            count++;
            await socket.write(bytes("!"));
          }
          return count;
        }).concat(greetAll()),
      );
      assertEquals(counts[0]! + counts[1]!, 40);

      async function greetAll(): Promise<number> {
        for (const client of clients) assertEquals(await readText(client, 1), "!");
        for (const client of clients) client.abort();
        await Promise.all([first.close(), second.close()]);
        return 0;
      }
    },
  );
}
