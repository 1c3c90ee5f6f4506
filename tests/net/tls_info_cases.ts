/**
 * What a socket tells of its TLS: `info.tls`.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import type { TlsOptions, TlsServerOptions } from "../../src/duplex/network.ts";
import type { SocketInfo } from "../../src/duplex/socket.ts";
import { authority, clientCert, clientKey } from "../support/certificates.ts";
import { clientTls, serverTls, type Subject, testsOf, withPair } from "./fixture.ts";

const identity = { cert: clientCert, key: clientKey };
const required = { requireClientCert: true, caCerts: [authority] };

/** Adds the cases. */
export function tlsInfoCases(net: Subject): void {
  const test = testsOf(net);

  /** What both ends know, while they are open. */
  async function ends(
    client: TlsOptions | null,
    server: Partial<TlsServerOptions>,
    look: (client: SocketInfo, server: SocketInfo) => void,
  ): Promise<void> {
    const options = client === null ? {} : {
      connect: { tls: { ...clientTls, ...client } },
      listen: { tls: { ...serverTls, ...server } },
    };
    await withPair(net, async ({ client, server }) => look(await client.opened, await server.opened), options);
  }

  test("TLS: a server that requires a certificate knows the client's (RFC 5280 §4.1)", async () => {
    await ends({ ...identity, serverName: "name.test" }, required, (_, { tls }) => {
      const { raw, ...certificate } = { ...tls!.peerCertificate! };
      assertEquals(certificate, {
        subject: [{ type: "CN", value: "test client" }],
        issuer: [{ type: "CN", value: "http-upgrade test authority" }],
        subjectAltNames: [{ type: "dns", value: "client.test" }],
        fingerprint256:
          "66:EF:6A:3B:7B:79:1F:CA:8B:56:81:6A:76:4D:E4:CF:78:C4:C9:A0:8C:F1:99:0F:1D:19:90:9C:0E:D5:65:B1",
        validFrom: new Date("2020-01-01T00:00:00Z"),
        validTo: new Date("2099-12-31T23:59:59Z"),
      });
      assertEquals(raw, Uint8Array.from(atob(clientCert.replace(/-.*-|\n/g, "")), (c) => c.charCodeAt(0)));
      assertStrictEquals(raw.constructor, Uint8Array);
      assertEquals(tls!.authorized, true);
      assertStrictEquals(tls!.peerCertificate, tls!.peerCertificate);
    });
  });

  test("TLS: a client knows the server's certificate", async () => {
    await ends({ serverName: "name.test" }, {}, ({ tls }) => {
      assertEquals(tls!.authorized, true);
      assertEquals(tls!.peerCertificate?.subject, [{ type: "CN", value: "localhost" }]);
      assertEquals(tls!.peerCertificate?.subjectAltNames, [
        { type: "dns", value: "localhost" },
        { type: "dns", value: "name.test" },
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
      ]);
    });
  });

  test("TLS: a server that requires no certificate asks for none", async () => {
    await ends(identity, { caCerts: [authority] }, (_, { tls }) => {
      assertEquals([tls!.authorized, tls!.peerCertificate], [false, null]);
    });
  });

  test("TLS: both ends know the version, the cipher suite and the protocol", async () => {
    await ends({ alpnProtocols: ["a"] }, { alpnProtocols: ["a"] }, (client, server) => {
      for (const { tls, alpn } of [client, server]) {
        assertEquals([tls!.version, tls!.alpn, alpn], ["TLSv1.3", "a", "a"]);
        assertMatch(tls!.cipher!, /^TLS_(AES|CHACHA20)_/);
      }
      assertEquals(client.tls!.cipher, server.tls!.cipher);
    });
  });

  test("TLS: both ends know the name that was asked for; an address is none (RFC 6066 §3)", async () => {
    for (const [options, name] of [[{ serverName: "name.test" }, "name.test"], [{}, null]] as const) {
      await ends(options, {}, (client, server) => {
        assertEquals([client.tls!.serverName, server.tls!.serverName], [name, name]);
      });
    }
  });

  test("TLS: what is known is one object, and plain text has none", async () => {
    await ends({}, {}, ({ tls }, server) => {
      assert(tls !== null);
      assertStrictEquals(server.tls, server.tls);
    });
    await ends(null, {}, (client, server) => assertEquals([client.tls, server.tls], [null, null]));
  });
}
