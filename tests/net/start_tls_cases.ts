/**
 * TLS later, in both roles, over anything.
 *
 * @module
 */

import process from "node:process";
import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import { authority, clientCert, clientKey, otherAuthority } from "../support/certificates.ts";
import {
  assertFails,
  bytes,
  clientTls,
  freePath,
  isPending,
  readAll,
  readText,
  receivePattern,
  receiveSome,
  rejection,
  roundTrips,
  sendPattern,
  sendSome,
  serverTls,
  STUCK_PIECE,
  type Subject,
  testsOf,
  withPair,
  writeUntilStuck,
} from "./fixture.ts";

/** Adds the cases. */
export function startTlsCases(net: Subject): void {
  overSocketCases(net);
  overDuplexCases(net);
}

function overSocketCases(net: Subject): void {
  const test = testsOf(net);
  for (const roles of ["the client", "the server"] as const) {
    test(`startTls() after plain bytes, with ${roles} as TLS client [Q4]`, async () => {
      await withPair(net, async ({ client: a, server: b }) => {
        await a.write(bytes("STARTTLS"));
        assertEquals(await readText(b, 8), "STARTTLS");
        await b.write(bytes("go"));
        assertEquals(await readText(a, 2), "go");

        const [asClient, asServer] = roles === "the client" ? [a, b] : [b, a];
        const tlsServer = asServer.startTls({ ...serverTls, isServer: true, alpnProtocols: ["x"] });
        const tlsClient = net.startTls(asClient, { ...clientTls, serverName: "localhost", alpnProtocols: ["x"] });
        for (const old of [a, b]) {
          assertEquals(old.upgraded, true);
          await assertFails(old.read(), "StateError", "already-taken");
          await assertFails(old.write(bytes("x")), "StateError", "already-taken");
          await old.closed;
        }
        assertEquals([(await tlsClient.opened).alpn, (await tlsServer.opened).alpn], ["x", "x"]);
        await converse(tlsClient, tlsServer);
        await Promise.all([tlsClient.closed, tlsServer.closed]);
      });
    });
  }

  test("startTls() of a socket that is connecting, behind what was written", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const plain = net.connect(listener.address);
    const written = plain.write(bytes("go"));
    const tlsClient = plain.startTls(clientTls);
    const accepted = (await listener.accept())!;
    assertEquals(new TextDecoder().decode((await accepted.read())!).slice(0, 2), "go");
    await written;
    tlsClient.abort();
    await assertFails(tlsClient.opened, "TransportError", "closed");
    accepted.abort();
    await listener.close();
  });

  test("startTls() leaves close() and abort() of the old socket without effect", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const plain = net.connect(listener.address);
    const tlsClient = plain.startTls(clientTls);
    plain.abort();
    const closing = plain.close();
    const tlsServer = (await listener.accept())!.startTls({ ...serverTls, isServer: true });
    await exchange(tlsClient, tlsServer);
    await closing;
    tlsClient.abort();
    tlsServer.abort();
    await listener.close();
  });

  test("startTls() of a socket whose signal is aborted while it connects rejects with the reason", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const controller = new AbortController();
    const tlsClient = net.connect(listener.address, { signal: controller.signal }).startTls(clientTls);
    const reason = new Error("never mind");
    controller.abort(reason);
    assertStrictEquals(await rejection(tlsClient.opened), reason);
    await listener.close();
  });

  test("startTls() takes what the socket had already read ahead", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.write(bytes("go"));
      assertEquals(await readText(server, 2), "go");
      const tlsClient = client.startTls({ ...clientTls, serverName: "localhost" });
      await roundTrips(net, 20); // the ClientHello is there
      const tlsServer = server.startTls({ ...serverTls, isServer: true });
      await exchange(tlsClient, tlsServer);
      tlsClient.abort();
      tlsServer.abort();
    });
  });

  test("startTls() after a read was withdrawn", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.opened;
      const reading = client.read();
      const tlsClient = client.startTls({ ...clientTls, serverName: "localhost" });
      await assertFails(reading, "StateError", "canceled");
      const tlsServer = server.startTls({ ...serverTls, isServer: true });
      await exchange(tlsClient, tlsServer);
      tlsClient.abort();
      tlsServer.abort();
    });
  });

  for (const role of ["client", "server"] as const) {
    test(`startTls(): abort() during the handshake of a ${role} closes the connection, and that below a TLS socket`, async () => {
      const options = role === "client"
        ? { ...clientTls, serverName: "localhost" }
        : { ...serverTls, isServer: true as const };
      await withPair(net, async ({ client, server }) => {
        client.startTls(options).abort();
        assertEquals(await server.read().catch(() => null), null);
      });
      await withPair(net, async ({ client, server }) => {
        const secure = client.startTls(options);
        if (role === "client") assert(await server.read() !== null); // the ClientHello
        else await roundTrips(net, 20);
        secure.abort();
        assertEquals(await server.read().catch(() => null), null);
      });
      await withPair(net, async ({ client, server }) => {
        const outer = client.startTls({ ...clientTls, serverName: "localhost" });
        const outerServer = server.startTls({ ...serverTls, isServer: true });
        await Promise.all([outer.opened, outerServer.opened]);
        const inner = net.startTls(outer, options);
        if (role === "client") assert(await outerServer.read() !== null);
        else await roundTrips(net, 20);
        inner.abort();
        assertEquals(await outerServer.read().catch(() => null), null);
        outerServer.abort();
      });
    });
  }

  test("startTls() presents and demands client certificates", async () => {
    await withPair(net, async ({ client, server }) => {
      const identity = { cert: clientCert, key: clientKey };
      const tlsClient = client.startTls({ ...clientTls, ...identity, serverName: "localhost" });
      const tlsServer = server.startTls({
        ...serverTls,
        isServer: true,
        requireClientCert: true,
        caCerts: [authority],
      });
      await exchange(tlsClient, tlsServer);
      tlsClient.abort();
      tlsServer.abort();
    });
  });

  test("startTls() in startTls(): TLS in TLS", async () => {
    await withPair(net, async ({ client, server }) => {
      const outerClient = client.startTls({ ...clientTls, serverName: "localhost" });
      const outerServer = server.startTls({ ...serverTls, isServer: true });
      const innerServer = net.startTls(outerServer, { ...serverTls, isServer: true, alpnProtocols: ["inner"] });
      const innerClient = net.startTls(outerClient, {
        ...clientTls,
        serverName: "name.test",
        alpnProtocols: ["inner"],
      });
      assertEquals([(await innerClient.opened).alpn, (await innerServer.opened).alpn], ["inner", "inner"]);
      await exchange(innerClient, innerServer);
      innerClient.abort();
      innerServer.abort();
    });
  });

  for (const depth of ["startTls()", "startTls() in startTls()"]) {
    test(`${depth}: the peer's last bytes arrive with its end, behind ours`, async () => {
      for (const count of LAST_BYTES) {
        await withPair(net, async ({ client, server }) => {
          let near = client.startTls({ ...clientTls, serverName: "localhost" });
          let far = server.startTls({ ...serverTls, isServer: true });
          if (depth !== "startTls()") {
            near = net.startTls(near, { ...clientTls, serverName: "localhost" });
            far = net.startTls(far, { ...serverTls, isServer: true });
          }
          await speaksLast(near, far, count);
        });
      }
    });
  }

  test("startTls() needs a name to check, and a socket that has no TLS and is not closed [Q4]", async () => {
    const [left, right] = duplexPair();
    assertThrows(() => net.startTls(left, clientTls), TypeError, "serverName");
    left.abort();
    right.abort();
    await withPair(net, async ({ client }) => {
      const secure = client.startTls({ ...clientTls, serverName: "localhost" });
      const done = assertThrows(() => secure.startTls()) as Error & { code: string };
      const taken = assertThrows(() => client.startTls()) as Error & { code: string };
      assertEquals([done.code, taken.code], ["done", "already-taken"]);
      secure.abort();
    });
    await withPair(net, async ({ client }) => {
      await client.close();
      const closed = assertThrows(() => client.startTls()) as Error & { code: string };
      assertEquals(closed.code, "closed");
    });
  });

  for (const serverName of ["", "localhost\0.example", " localhost"]) {
    test(`TLS is refused for the server name ${JSON.stringify(serverName)} before anything is opened`, async () => {
      const listener = await net.listen({ hostname: "127.0.0.1" });
      const accepting = listener.accept();
      const tls = { ...clientTls, serverName };
      assertThrows(() => net.connect(listener.address, { tls }), TypeError, "serverName");
      const [left, right] = duplexPair();
      assertThrows(() => net.startTls(left, tls), TypeError, "serverName");
      const path = freePath();
      assertThrows(() => net.connect({ path }, { tls: clientTls }), TypeError, "serverName");
      assert(await isPending(net, accepting));
      left.abort();
      right.abort();
      await listener.close();
    });
  }

  test("startTls() of a connection that fails rejects with its error", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    await listener.close();
    await assertFails(net.connect(listener.address, { tls: clientTls }).opened, "TransportError", "refused");
  });
}

function overDuplexCases(net: Subject): void {
  const test = testsOf(net);
  test("startTls() over a duplexPair(): writes that wait together make no program warn of a leak", async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on("warning", onWarning);
    const [left, right] = duplexPair();
    const server = net.startTls(right, { ...serverTls, isServer: true });
    const client = net.startTls(left, { ...clientTls, serverName: "localhost" });
    await client.opened;
    const writes = Array.from({ length: 40 }, () => client.write(new Uint8Array(20_000)));
    for (let read = 0; read < 40 * 20_000;) read += (await server.read())!.length;
    await Promise.all(writes);
    client.abort();
    server.abort();
    process.off("warning", onWarning);
    assertEquals(warnings, []);
  });

  const duplexes: Record<string, () => [Duplex, Duplex]> = {
    "a duplexPair()": () => duplexPair(),
    "streams": () => {
      const there = new TransformStream<Uint8Array, Uint8Array>();
      const back = new TransformStream<Uint8Array, Uint8Array>();
      return [
        { readable: back.readable, writable: there.writable },
        { readable: there.readable, writable: back.writable },
      ];
    },
  };
  for (const [what, make] of Object.entries(duplexes)) {
    test(`startTls() over ${what}`, async () => {
      const [left, right] = make();
      const client = net.startTls(left, { ...clientTls, serverName: "localhost", alpnProtocols: ["x"] });
      const server = net.startTls(right, { ...serverTls, isServer: true, alpnProtocols: ["x"] });
      assertEquals([(await client.opened).alpn, (await server.opened).alpn], ["x", "x"]);
      const [, received] = await Promise.all([sendPattern(client, 1 << 20, 30_000), receivePattern(server)]);
      assertEquals(received, 1 << 20);
      client.abort();
      server.abort();
    });

    test(`startTls() over ${what}: large transfers in both directions at once arrive whole`, async () => {
      const [left, right] = make();
      const client = net.startTls(left, { ...clientTls, serverName: "localhost" });
      const server = net.startTls(right, { ...serverTls, isServer: true });
      const total = 4 << 20;
      const counts = await Promise.all([
        receiveSome(server, total),
        receiveSome(client, total),
        sendSome(client, total),
        sendSome(server, total),
      ]);
      assertEquals(counts.slice(0, 2), [total, total]);
      client.abort();
      server.abort();
    });

    test(`startTls() over ${what}: a reader that stalls stops the writer, and nothing is lost`, async () => {
      const [left, right] = make();
      const client = net.startTls(left, { ...clientTls, serverName: "localhost" });
      const server = net.startTls(right, { ...serverTls, isServer: true });
      await Promise.all([client.opened, server.opened]);
      const { accepted, stuck } = await writeUntilStuck(net, client, 4 << 20);
      const total = accepted + STUCK_PIECE;
      assertEquals(await receiveSome(server, total), total);
      await stuck;
      client.abort();
      server.abort();
    });

    test(`startTls() over ${what} half-closes`, async () => {
      const [left, right] = make();
      const client = net.startTls(left, { ...clientTls, serverName: "localhost" });
      const server = net.startTls(right, { ...serverTls, isServer: true });
      await converse(client, server);
      await Promise.all([client.closed, server.closed]);
    });

    test(`startTls() over ${what}: the peer's last bytes arrive with its end, behind ours`, async () => {
      for (const count of LAST_BYTES) {
        const [left, right] = make();
        const client = net.startTls(left, { ...clientTls, serverName: "localhost" });
        await speaksLast(client, net.startTls(right, { ...serverTls, isServer: true }), count);
      }
    });

    test(`startTls() over ${what}: a refused certificate fails both sides`, async () => {
      const [left, right] = make();
      const client = net.startTls(left, { caCerts: [otherAuthority], serverName: "localhost" });
      const server = net.startTls(right, { ...serverTls, isServer: true });
      const [here, there] = await Promise.all([rejection(client.opened), rejection(server.opened)]);
      assertEquals([here.code, there.code], ["tls", "tls"]);
      assertNotStrictEquals(here, there);
    });

    test(`startTls() over ${what}: a signal aborts the handshake`, async () => {
      const [left, right] = make();
      const controller = new AbortController();
      const options = { ...clientTls, serverName: "localhost", signal: controller.signal };
      const client = net.startTls(left, options);
      const reader = right.readable.getReader();
      assert(!(await reader.read()).done);
      const reason = new Error("too slow");
      controller.abort(reason);
      assertStrictEquals(await rejection(client.opened), reason);
      assertEquals((await reader.read().catch(() => ({ done: true }))).done, true);
    });
  }
}

const LAST_BYTES = [1, 40_000, 200_000];

/** The server ends its side at once, and the client speaks. */
async function speaksLast(client: Socket, server: Socket, count: number): Promise<void> {
  const [received, end] = await Promise.all([
    receivePattern(server),
    client.read(),
    server.closeWrite(),
    sendSome(client, count).then(() => client.closeWrite()),
  ]);
  assertEquals([received, end], [count, null]);
  client.abort();
  server.abort();
}

/** Bytes both ways. */
async function exchange(client: Socket, server: Socket): Promise<void> {
  await client.write(bytes("question"));
  assertEquals(await readText(server, 8), "question");
  await server.write(bytes("answer"));
  assertEquals(await readText(client, 6), "answer");
}

/** Bytes one way, the client's end, late bytes, the server's end. */
async function converse(client: Socket, server: Socket): Promise<void> {
  await client.write(bytes("question"));
  await client.closeWrite();
  assertEquals(await readAll(server), "question");
  await server.write(bytes("answer"));
  await server.closeWrite();
  assertEquals(await readAll(client), "answer");
}
