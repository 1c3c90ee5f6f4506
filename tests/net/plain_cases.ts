/**
 * Connecting, the two halves, failing and closing, without TLS.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import nodeNet from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { ListenOptions } from "../../src/duplex/network.ts";
import type { Socket, SocketAddress } from "../../src/duplex/socket.ts";
import { shrinking } from "../support/memory.ts";
import { joined, pattern } from "../support/switching.ts";
import {
  assertFails,
  bytes,
  freePath,
  isPending,
  readAll,
  readText,
  rejection,
  roundTrips,
  type Subject,
  testsOf,
  withPair,
} from "./fixture.ts";

/** Adds the cases. */
export function plainCases(net: Subject): void {
  openingCases(net);
  halfCloseCases(net);
  failureCases(net);
  closingCases(net);
}

function openingCases(net: Subject): void {
  const test = testsOf(net);
  test("connect() returns at once; reads and writes wait for opened [Q2]", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const client = net.connect(listener.address);
    assertStrictEquals(client.native, null);
    const reading = client.read();
    const written = client.write(bytes("early"));
    const ended = client.closeWrite();
    const server = (await listener.accept())!;
    assertEquals(await readAll(server), "early");
    await written;
    await ended;
    await server.write(bytes("answer"));
    assertEquals(new TextDecoder().decode((await reading)!), "answer");
    await server.closeWrite();
    assertEquals(await client.read(), null);
    await client.closed;
    await server.closed;
    await listener.close();
  });

  test("what is written before the socket is open is sent as it was, though its memory becomes shorter meanwhile", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const client = net.connect(listener.address);
    const written = [10, 100].map((length) => {
      const { bytes, shrink } = shrinking(length);
      const writing = client.write(bytes);
      shrink();
      return writing;
    });
    const server = (await listener.accept())!;
    await Promise.all([...written, client.closeWrite()]);
    assertEquals(await readAll(server), new TextDecoder().decode(joined(pattern(10), pattern(100))));
    await server.closeWrite();
    await listener.close();
  });

  test("opened tells both addresses, as values and as text [Q2]", async () => {
    await withPair(net, async ({ client, server, listener }) => {
      const at = listener.address as { hostname: string; port: number };
      const here = await client.opened;
      const there = await server.opened;
      assertEquals(here.remote, { hostname: "127.0.0.1", port: at.port });
      assertEquals(here.remoteAddress, `127.0.0.1:${at.port}`);
      assertEquals(here.local, there.remote);
      assertEquals(here.localAddress, there.remoteAddress);
      assertEquals(here.alpn, null);
      assert(client.native !== null);
      assertEquals([client.secureTransport, client.upgraded], ["starttls", false]);
    });
  });

  test("connect() takes host:port and [v6]:port as text", async () => {
    const listener = await net.listen({ hostname: "::1" });
    const { port } = listener.address as { port: number };
    const client = net.connect(`[::1]:${port}`);
    const { remote, remoteAddress } = await client.opened;
    assertEquals(remote, { hostname: "::1", port });
    assertEquals(remoteAddress, `[::1]:${port}`);
    await client.close();
    await listener.close();
  });

  const impossible = [
    { hostname: "", port: 1 },
    { hostname: "127.0.0.1\0.example", port: 1 },
    { hostname: "127.0.0.1 ", port: 1 },
    { path: "" },
    { path: `${freePath()}\0x` },
    { path: "\0abstract" },
  ];
  for (const wrong of ["localhost", "localhost:", "localhost:65536", "::1:80", "127.0.0.1\0:80", ...impossible]) {
    test(`connect() throws a TypeError for ${JSON.stringify(wrong)}`, () => {
      assertThrows(() => net.connect(wrong as SocketAddress), TypeError, "address");
    });
  }

  for (const wrong of impossible) {
    test(`listen() rejects with a TypeError for ${JSON.stringify(wrong)}`, async () => {
      const { name } = await rejection(net.listen({ ...wrong, port: 0 } as ListenOptions));
      assertEquals(name, "TypeError");
    });
  }

  test("connect() and listen() refuse a path that the system would cut", async () => {
    const path = freePath().padEnd(108, "x");
    assertThrows(() => net.connect({ path }), RangeError, "address.path must have at most");
    assertEquals((await rejection(net.listen({ path }))).name, "RangeError");
    const cut = readdirSync(tmpdir()).filter((name) => path.startsWith(join(tmpdir(), name)));
    assertEquals(cut, []);
  });

  test("listen() takes an IPv6 address in brackets as well", async () => {
    const listener = await net.listen({ hostname: "[::1]" });
    assertEquals((listener.address as { hostname: string }).hostname, "::1");
    await listener.close();
  });

  test("connect() throws a RangeError for a port that is none", () => {
    for (const port of [-1, 65_536, 1.5, NaN]) {
      assertThrows(() => net.connect({ hostname: "127.0.0.1", port }), RangeError, "address.port must be");
    }
  });

  test("connect() and listen() speak over unix sockets", async () => {
    const path = freePath();
    await withPair(net, async ({ client, server, listener }) => {
      assertEquals(listener.address, { path });
      await client.write(bytes("hello"));
      await client.closeWrite();
      assertEquals(await readAll(server), "hello");
      await server.write(bytes("late"));
      await server.closeWrite();
      assertEquals(await readAll(client), "late");
      assertEquals((await client.opened).remoteAddress, path);
    }, { listen: { path } });
    await assertFails(net.connect({ path }).opened, "TransportError", "refused");
    await (await net.listen({ path })).close(); // the path is free again
  });

  test("connect() finds a listener on 127.0.0.1 under the name localhost", async () => {
    await withPair(net, async ({ listener }) => {
      const { port } = listener.address as { port: number };
      const client = net.connect({ hostname: "localhost", port });
      assertEquals((await client.opened).remote, { hostname: "127.0.0.1", port });
      await client.close();
    });
  });

  test("socket options are taken", async () => {
    const options = { noDelay: false, keepAlive: true };
    await withPair(net, async ({ client, server }) => {
      await client.write(bytes("x"));
      assertEquals(await readText(server, 1), "x");
    }, { connect: options, listen: options });
  });
}

function halfCloseCases(net: Subject): void {
  const test = testsOf(net);
  test("after closeWrite() the peer's late bytes still arrive [Q3]", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.write(bytes("question"));
      await client.closeWrite();
      assertEquals(await readAll(server), "question");
      assert(await isPending(net, server.closed));
      await server.write(bytes("late"));
      await server.closeWrite();
      assertEquals(await readAll(client), "late");
      await Promise.all([client.closed, server.closed]);
    });
  });

  test("read() gives null once the peer has ended, and null again", async () => {
    await withPair(net, async ({ client, server }) => {
      await server.closeWrite();
      assertEquals(await client.read(), null);
      assertEquals(await client.read(), null);
      await client.write(bytes("still here"));
      await client.closeWrite();
      assertEquals(await readAll(server), "still here");
      await client.closed;
      assertEquals(await client.read(), null);
    });
  });

  test("a FIN behind a megabyte that nobody has read yet loses none of it", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.closeWrite();
      const sent = server.write(new Uint8Array(1 << 20).fill(97)).then(() => server.closeWrite());
      await roundTrips(net, 20);
      assertEquals((await readAll(client)).length, 1 << 20);
      await sent;
    });
  });

  test("allowHalfOpen: false answers the peer's FIN with ours [Q3]", async () => {
    await withPair(net, async ({ client, server }) => {
      await server.closeWrite();
      assertEquals(await client.read(), null);
      assertEquals(await server.read(), null);
      await Promise.all([client.closed, server.closed]);
      await assertFails(client.write(bytes("x")), "TransportError", "closed");
    }, { connect: { allowHalfOpen: false } });
  });

  test("closeWrite() behind the peer's end loses nothing of a megabyte, and what is written later rejects", async () => {
    for (const end of ["closeWrite", "close"] as const) {
      await withPair(net, async ({ client, server }) => {
        await server.closeWrite();
        assertEquals(await client.read(), null);
        const written = client.write(new Uint8Array(1 << 20).fill(97));
        const received = readAll(server);
        await written;
        const ending = client[end]();
        await assertFails(client.write(bytes("x")), "TransportError", "closed");
        assertEquals((await received).length, 1 << 20);
        await ending;
        await Promise.all([client.closed, server.closed]);
        if (end === "closeWrite") await client.close();
      });
    }
  });

  test("a write after closeWrite() rejects, and closeWrite() again does not", async () => {
    await withPair(net, async ({ client }) => {
      await client.closeWrite();
      await assertFails(client.write(bytes("x")), "TransportError", "closed");
      await client.closeWrite();
    });
  });
}

function failureCases(net: Subject): void {
  const test = testsOf(net);
  test("a connection that is refused rejects everything with it, and the cause is the platform's", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    await listener.close();
    const client = net.connect(listener.address);
    const writing = client.write(bytes("x"));
    const reading = client.read();
    const ending = client.closeWrite();
    const error = await rejection(client.opened);
    assertEquals([error.name, error.code], ["TransportError", "refused"]);
    assert(error.cause instanceof Error);
    for (const call of [writing, reading, ending, client.closed, client.read(), client.write(bytes("x"))]) {
      assertStrictEquals(await rejection(call), error);
    }
    await client.close();
  });

  test("a peer's reset rejects read() with reset, and then write() and closed as well", async () => {
    const peers: nodeNet.Socket[] = [];
    const peer = nodeNet.createServer((socket) => peers.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => peer.listen(0, "127.0.0.1", resolve));
    const connected = new Promise((resolve) => peer.once("connection", resolve));
    const client = net.connect({ hostname: "127.0.0.1", port: (peer.address() as nodeNet.AddressInfo).port });
    await client.opened;
    await connected;
    const reading = client.read();
    peers[0]!.resetAndDestroy();
    await assertFails(reading, "TransportError", "reset");
    await assertFails(client.closed, "TransportError", "reset");
    await assertFails(client.read(), "TransportError", "reset");
    await assertFails(client.write(bytes("x")), "TransportError", "reset");
    assertStrictEquals(client.native, null);
    await new Promise((resolve) => peer.close(resolve));
  });

  test("abort() rejects what is pending and what follows with its reason", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.opened;
      const reading = client.read();
      const reason = new Error("enough");
      client.abort(reason);
      client.abort(new Error("again"));
      for (const call of [reading, client.read(), client.write(bytes("x")), client.closeWrite(), client.closed]) {
        assertStrictEquals(await rejection(call), reason);
      }
      if (net.resets) await assertFails(server.read(), "TransportError", "reset");
      else assertEquals(await server.read(), null);
    });
  });

  test("abort() without a reason rejects with closed", async () => {
    await withPair(net, async ({ client }) => {
      client.abort();
      await assertFails(client.read(), "TransportError", "closed");
      await assertFails(client.write(bytes("x")), "TransportError", "closed");
    });
  });

  test("a signal aborted before connect() gives its reason and makes no connection", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const reason = new Error("never mind");
    const client = net.connect(listener.address, { signal: AbortSignal.abort(reason) });
    for (const call of [client.opened, client.closed, client.read()]) assertStrictEquals(await rejection(call), reason);
    const accepting = listener.accept();
    assert(await isPending(net, accepting));
    await listener.close();
    assertEquals(await accepting, null);
  });

  test("a signal aborted while connecting gives its reason and leaves nothing open", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const controller = new AbortController();
    const client = net.connect(listener.address, { signal: controller.signal });
    const reading = client.read();
    const reason = new Error("too slow");
    controller.abort(reason);
    for (const call of [client.opened, client.closed, reading]) assertStrictEquals(await rejection(call), reason);
    const late = await Promise.race([listener.accept(), roundTrips(net, 20)]);
    if (late) await late.read().catch(() => null); // settles because the client is gone
    await listener.close();
  });

  test("a signal has no effect once the socket is open", async () => {
    const controller = new AbortController();
    await withPair(net, async ({ client, server }) => {
      await client.opened;
      controller.abort();
      await client.write(bytes("x"));
      assertEquals(await readText(server, 1), "x");
    }, { connect: { signal: controller.signal } });
  });
}

function closingCases(net: Subject): void {
  const test = testsOf(net);
  test("close() sends what is written, ends both sides, and is idempotent", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.write(bytes("last words"));
      const closing = client.close();
      assertStrictEquals(client.close(), closing);
      await closing;
      await client.closed;
      assertEquals(await readAll(server), "last words");
      await assertFails(client.read(), "TransportError", "closed");
      await assertFails(client.write(bytes("x")), "TransportError", "closed");
      assertStrictEquals(client.native, null);
      client.abort();
      await client.close();
    });
  });

  test("close() behind the peer's end loses nothing of what was written, little or much", async () => {
    for (const length of [0, 1, 64 << 10, 1 << 20]) {
      await withPair(net, async ({ client, server }) => {
        await client.closeWrite();
        assertEquals(await server.read(), null);
        const written = server.write(new Uint8Array(length).fill(97));
        const closing = server.close();
        await roundTrips(net, 5);
        assertEquals((await readAll(client)).length, length);
        await Promise.all([written, closing, server.closed, client.closed]);
        assertStrictEquals(server.native, null);
      });
    }
  });

  test("close() rejects a read that is pending", async () => {
    await withPair(net, async ({ client }) => {
      await client.opened;
      const reading = client.read();
      await client.close();
      await assertFails(reading, "TransportError", "closed");
    });
  });

  const states: Record<string, (client: Socket, server: Socket) => Promise<unknown>> = {
    "that is open": (client) => client.opened,
    "that is half-closed": (client) => client.closeWrite(),
    "whose peer has ended": (client, server) => server.closeWrite().then(() => client.read()),
    "that has ended on both sides": (client, server) =>
      Promise.all([client.closeWrite(), server.closeWrite(), client.read(), server.read()]).then(() => client.closed),
    "that was aborted": async (client) => client.abort(),
    "that was closed": (client) => client.close(),
    "that is closing": async (client) => void client.close(),
  };
  for (const [state, reach] of Object.entries(states)) {
    test(`close() of a socket ${state} resolves`, async () => {
      await withPair(net, async ({ client, server }) => {
        await reach(client, server);
        await client.close();
        await client[Symbol.asyncDispose]();
      });
    });
  }

  test("close() while connecting gives up", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const client = net.connect(listener.address);
    await client.close();
    await client.closed;
    await assertFails(client.opened, "TransportError", "closed");
    await listener.close();
  });

  test("close() while connecting still sends what was written", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const client = net.connect(listener.address);
    const written = client.write(bytes("hello"));
    const closing = client.close();
    const server = (await listener.accept())!;
    assertEquals(await readAll(server), "hello");
    await written;
    await closing;
    await server.close();
    await listener.close();
  });

  test("leaving the scope with a write that is stuck does not wait for the peer", async () => {
    await withPair(net, async ({ client }) => {
      const stuck = client.write(new Uint8Array(64 << 20));
      assert(await isPending(net, stuck));
      const [outcome] = await Promise.all([rejection(stuck), client[Symbol.asyncDispose]()]);
      assertEquals(outcome.code, "closed");
    });
  });
}
