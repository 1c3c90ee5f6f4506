/**
 * TLS from the first byte.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { TlsOptions, TlsServerOptions } from "../../src/duplex/network.ts";
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
  readAll,
  readText,
  receivePattern,
  receiveSome,
  rejection,
  roundTrips,
  sendPattern,
  serverTls,
  STUCK_PIECE,
  type Subject,
  testsOf,
  transferChunks,
  withPair,
  writeUntilStuck,
} from "./fixture.ts";

/** Adds the cases. */
export function tlsCases(net: Subject): void {
  handshakeCases(net);
  refusalCases(net);
  transferCases(net);
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
  test("TLS: the buffer of a chunk may be transferred without harm to what comes", async () => {
    await withPair(net, transferChunks, tls());
  });

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

  for (const length of [10, 70_000, 100_000, 300_000]) {
    test(`TLS: ${length} bytes and the end behind them wait for a reader, whole`, async () => {
      await withPair(net, async ({ client, server }) => {
        await Promise.all([client.opened, server.opened]);
        for (const [from, to] of [[server, client], [client, server]] as const) {
          const sending = sendPattern(from, length, length);
          await roundTrips(net, 20); // all that can be there is there
          assertEquals(await receivePattern(to), length);
          await sending;
        }
      }, tls());
    });
  }

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
