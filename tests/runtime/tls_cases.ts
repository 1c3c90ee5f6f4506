/**
 * TLS: from the first byte, later, in both roles, over anything.
 *
 * @module
 */

import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import type { TlsOptions, TlsServerOptions } from "../../src/duplex/network.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import {
  authority,
  clientCert,
  clientKey,
  otherAuthority,
  strangerCert,
  strangerKey,
} from "../support/certificates.ts";
import {
  assertFails,
  bytes,
  clientTls,
  freePath,
  patternAt,
  PatternChecker,
  readAll,
  readText,
  receivePattern,
  rejection,
  roundTrips,
  sendPattern,
  serverTls,
  STUCK_PIECE,
  type Subject,
  testsOf,
  withPair,
  writeUntilStuck,
} from "./fixture.ts";

/** Adds the cases. */
export function tlsCases(net: Subject): void {
  handshakeCases(net);
  refusalCases(net);
  transferCases(net);
  startTlsCases(net);
  overDuplexCases(net);
}

/** Options of a pair with TLS. */
function tls(
  client: TlsOptions = {},
  server: Partial<TlsServerOptions> = {},
): { connect: { tls: TlsOptions }; listen: { tls: TlsServerOptions } } {
  return { connect: { tls: { ...clientTls, ...client } }, listen: { tls: { ...serverTls, ...server } } };
}

function handshakeCases(net: Subject): void {
  const test = testsOf(net);
  test("TLS agrees on a protocol through ALPN, by the server's preference [Q2]", async () => {
    const options = tls({ alpnProtocols: ["a", "b"] }, { alpnProtocols: ["b", "a"] });
    await withPair(net, async ({ client, server }) => {
      const [here, there] = await Promise.all([client.opened, server.opened]);
      assertEquals(here.alpn, there.alpn);
      assert(here.alpn === "a" || here.alpn === "b");
      assertEquals([client.secureTransport, server.secureTransport], ["on", "on"]);
      assertEquals(here.localAddress, there.remoteAddress);
      await client.write(bytes("secret"));
      assertEquals(await readText(server, 6), "secret");
    }, options);
  });

  test("TLS without ALPN has no protocol", async () => {
    await withPair(net, async ({ client, server }) => {
      assertEquals([(await client.opened).alpn, (await server.opened).alpn], [null, null]);
    }, tls());
  });

  test("TLS: serverName is what the certificate must say", async () => {
    await withPair(net, async ({ client, server }) => {
      await Promise.all([client.opened, server.opened]);
    }, tls({ serverName: "name.test" }));
  });

  test("TLS: reads and writes wait for the handshake", async () => {
    await withPair(net, async ({ client, server }) => {
      const reading = server.read();
      await client.write(bytes("early"));
      assertEquals(new TextDecoder().decode((await reading)!), "early");
    }, tls());
  });

  test("TLS over a unix socket", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.write(bytes("secret"));
      assertEquals(await readText(server, 6), "secret");
    }, { connect: tls({ serverName: "name.test" }).connect, listen: { ...tls().listen, path: freePath() } });
  });

  test("TLS: a server that requires a certificate takes the client that has one", async () => {
    const required = { requireClientCert: true, caCerts: [authority] };
    await withPair(net, async ({ client, server }) => {
      await client.write(bytes("it is me"));
      assertEquals(await readText(server, 8), "it is me");
      await server.write(bytes("welcome"));
      assertEquals(await readText(client, 7), "welcome");
    }, tls({ cert: clientCert, key: clientKey }, required));
  });

  test("TLS: a signal aborted during the handshake gives its reason", async () => {
    await abortHandshake(async () => {});
  });

  test("TLS: a signal aborted during the handshake ends the connection", async () => {
    await abortHandshake(async (silent) => {
      assertEquals(await silent.read().catch(() => null), null);
    });
  });

  async function abortHandshake(thenAtTheServer: (silent: Socket) => Promise<void>): Promise<void> {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const controller = new AbortController();
    const client = net.connect(listener.address, { tls: clientTls, signal: controller.signal });
    const reading = client.read();
    const silent = (await listener.accept())!;
    assert((await silent.read()) !== null); // the ClientHello
    const reason = new Error("too slow");
    controller.abort(reason);
    for (const call of [client.opened, client.closed, reading]) assertStrictEquals(await rejection(call), reason);
    await thenAtTheServer(silent);
    silent.abort();
    await listener.close();
  }

  test("TLS: close() during the handshake ends the connection", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1", tls: serverTls });
    const silent = net.connect(listener.address);
    await silent.opened;
    const server = (await listener.accept())!;
    await server.close();
    assertEquals(await silent.read().catch(() => null), null);
    await silent.close();
    await listener.close();
  });
}

function refusalCases(net: Subject): void {
  const test = testsOf(net);
  /** Both sides fail with `tls`. */
  async function assertNoHandshake(options: ReturnType<typeof tls>): Promise<void> {
    await withPair(net, async ({ client, server }) => {
      const error = await rejection(client.opened);
      assertEquals([error.name, error.code], ["TransportError", "tls"]);
      await assertFails(client.write(bytes("x")), "TransportError", "tls");
      await assertFails(client.closed, "TransportError", "tls");
      await assertFails(server.opened, "TransportError", "tls");
      await assertFails(server.read(), "TransportError", "tls");
    }, options);
  }

  test("TLS: an authority that is not trusted fails both sides", async () => {
    await assertNoHandshake(tls({ caCerts: [otherAuthority] }));
  });

  test("TLS: the cause of a refusal is the platform's error", async () => {
    await withPair(net, async ({ client }) => {
      assert((await rejection(client.opened)).cause instanceof Error);
    }, tls({ caCerts: [otherAuthority] }));
  });

  test("TLS: a name that is not in the certificate fails both sides", async () => {
    await assertNoHandshake(tls({ serverName: "other.test" }));
  });

  test("TLS: no common protocol fails both sides (RFC 7301 §3.2)", async () => {
    await assertNoHandshake(tls({ alpnProtocols: ["a"] }, { alpnProtocols: ["b"] }));
  });

  // In TLS 1.3 the client is done before the server has looked at its certificate (RFC 8446 §2).
  const strangers: Record<string, TlsOptions> = {
    "without a certificate": {},
    "with a certificate from elsewhere": { cert: strangerCert, key: strangerKey },
  };
  for (const [who, options] of Object.entries(strangers)) {
    test(`TLS: a server that requires a certificate refuses a client ${who}`, async () => {
      await withPair(net, async ({ client, server }) => {
        await assertFails(server.opened, "TransportError", "tls");
        await assertFails(server.read(), "TransportError", "tls");
        assertEquals(await client.read().catch(() => null), null);
      }, tls(options, { requireClientCert: true, caCerts: [authority] }));
    });
  }

  test("TLS: a client that does not speak it fails alone, and the listener goes on", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1", tls: serverTls });
    const plain = net.connect(listener.address);
    await plain.write(bytes("GET / HTTP/1.1\r\n\r\n"));
    const failed = (await listener.accept())!;
    await assertFails(failed.opened, "TransportError", "tls");
    await plain.read().catch(() => null);
    const client = net.connect(listener.address, { tls: clientTls });
    const server = (await listener.accept())!;
    await client.write(bytes("x"));
    assertEquals(await readText(server, 1), "x");
    for (const socket of [plain, client, server]) socket.abort();
    await listener.close();
  });

  test("TLS: a client that leaves in the middle of the handshake fails the server's socket", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1", tls: serverTls });
    const plain = net.connect(listener.address);
    await plain.write(Uint8Array.of(22, 3, 1)); // the beginning of a ClientHello
    const server = (await listener.accept())!;
    await plain.close();
    await assertFails(server.opened, "TransportError", "tls");
    await listener.close();
  });
}

function transferCases(net: Subject): void {
  const test = testsOf(net);
  test("TLS: after closeWrite() the peer's late bytes still arrive (RFC 8446 §6.1)", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.write(bytes("question"));
      await client.closeWrite();
      assertEquals(await readAll(server), "question");
      await server.write(bytes("late"));
      await server.closeWrite();
      assertEquals(await readAll(client), "late");
      await Promise.all([client.closed, server.closed]);
    }, tls());
  });

  test("TLS: large transfers in both directions at once arrive whole", async () => {
    await withPair(net, async ({ client, server }) => {
      const total = 8 << 20;
      const [, , there, back] = await Promise.all([
        sendPattern(client, total, 100_000),
        sendPattern(server, total, 65_536),
        receivePattern(server),
        receivePattern(client),
      ]);
      assertEquals([there, back], [total, total]);
      await Promise.all([client.closed, server.closed]);
    }, tls());
  });

  test("TLS: a reader that stalls stops the writer, and nothing is lost", async () => {
    await withPair(net, async ({ client, server }) => {
      const { accepted, stuck } = await writeUntilStuck(net, client);
      const total = accepted + STUCK_PIECE;
      assertEquals(await receiveSome(server, total), total);
      await stuck;
    }, tls());
  });

  test("TLS: abort() ends the connection, pending calls get its reason", async () => {
    await withPair(net, async ({ client, server }) => {
      await Promise.all([client.opened, server.opened]);
      const reading = client.read();
      const peerReading = server.read();
      const reason = new Error("enough");
      client.abort(reason);
      assertStrictEquals(await rejection(reading), reason);
      assertEquals(await peerReading.catch(() => null), null);
    }, tls());
  });

  test("TLS: abort() rejects a write that is stuck with its reason", async () => {
    await withPair(net, async ({ client }) => {
      const { stuck } = await writeUntilStuck(net, client);
      const reason = new Error("enough");
      client.abort(reason);
      assertStrictEquals(await rejection(stuck), reason);
    }, tls());
  });

  test("TLS: close() sends what is written", async () => {
    await withPair(net, async ({ client, server }) => {
      await client.write(bytes("last words"));
      await client.close();
      assertEquals(await readAll(server), "last words");
      await server.close();
    }, tls());
  });
}

function startTlsCases(net: Subject): void {
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

  test("startTls() of a connection that fails rejects with its error", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    await listener.close();
    await assertFails(net.connect(listener.address, { tls: clientTls }).opened, "TransportError", "refused");
  });
}

function overDuplexCases(net: Subject): void {
  const test = testsOf(net);
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

/** Sends a number of pattern bytes. */
async function sendSome(socket: Socket, total: number): Promise<void> {
  for (let offset = 0; offset < total; offset += 65_536) {
    await socket.write(patternAt(offset, Math.min(65_536, total - offset)));
  }
}

/** Receives as many pattern bytes. */
async function receiveSome(socket: Socket, total: number): Promise<number> {
  const checker = new PatternChecker();
  while (checker.received < total) checker.check((await socket.read())!);
  return checker.received;
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
