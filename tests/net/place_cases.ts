/**
 * What cannot be opened says where, in the same words on every runtime.
 *
 * @module
 */

import nodeNet from "node:net";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { SocketAddress } from "../../src/duplex/socket.ts";
import { otherAuthority } from "../support/certificates.ts";
import { bytes, clientTls, freePath, rejection, serverTls, type Subject, testsOf } from "./fixture.ts";

/** Adds the cases. */
export function placeCases(net: Subject): void {
  const test = testsOf(net);

  /** Checks how the message of an error begins, that it goes on, and that the platform's error is its cause. */
  async function assertNames(failing: Promise<unknown>, code: string, beginning: string): Promise<void> {
    const { name, code: found, message, cause } = await rejection(failing) as Error & { code?: string };
    assertEquals([name, found, message.slice(0, beginning.length + 2)], ["TransportError", code, `${beginning}: `]);
    assert(message.length > beginning.length + 2 && cause instanceof Error, message);
  }

  async function freePort(): Promise<number> {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    await listener.close();
    return listener.address.port;
  }

  test("connect() to a port that nobody listens at names host and port", async () => {
    const port = await freePort();
    const beginning = `Cannot connect to 127.0.0.1:${port}`;
    await assertNames(net.connect({ hostname: "127.0.0.1", port }).opened, "refused", beginning);
    await assertNames(net.connect(`[::1]:${port}`).opened, "refused", `Cannot connect to [::1]:${port}`);
  });

  test("connect() to a name that there is none of names it", async () => {
    const { opened } = net.connect("no.such.name.invalid:80");
    await assertNames(opened, "unreachable", "Cannot connect to no.such.name.invalid:80");
  });

  test("connect() to a path at which there is nothing names it", async () => {
    const path = freePath();
    await assertNames(net.connect({ path }).opened, "refused", `Cannot connect to ${path}`);
  });

  test("listen() at a port that is taken names host and port, and the cause", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1" });
    const { port } = listener.address;
    const listening = net.listen({ hostname: "127.0.0.1", port });
    await assertNames(listening, "address", `Cannot listen at 127.0.0.1:${port}`);
    const { message } = await rejection(net.listen({ hostname: "127.0.0.1", port })) as Error;
    assert(/EADDRINUSE|in use/i.test(message), message);
    await listener.close();
  });

  test("listen() in a folder that there is none of names the path", async () => {
    const path = `${freePath()}/x.sock`;
    await assertNames(net.listen({ path }), "address", `Cannot listen at ${path}`);
  });

  test("a TLS handshake that fails names the peer, and the name that was looked for", async () => {
    const listener = await net.listen({ hostname: "127.0.0.1", tls: serverTls });
    const { port } = listener.address;
    for (const [tls, who] of [[{ serverName: "localhost" }, "localhost at "], [{}, ""]] as const) {
      const client = net.connect(listener.address, { tls: { ...tls, caCerts: [otherAuthority] } });
      const server = (await listener.accept())!;
      const refusal = rejection(server.opened) as Promise<unknown> as Promise<Error>;
      await assertNames(client.opened, "tls", `Cannot handshake with ${who}127.0.0.1:${port}`);
      assertMatch((await refusal).message, /^Cannot handshake with 127\.0\.0\.1:\d+: ./);
    }
    await listener.close();
  });

  for (const how of ["ends", "resets"] as const) {
    test(`a TLS handshake with a peer that ${how} the connection names it`, async () => {
      const peer = nodeNet.createServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => how === "ends" ? socket.end() : socket.resetAndDestroy());
      });
      const address = await new Promise<SocketAddress>((resolve) => {
        peer.listen(0, "127.0.0.1", () => {
          resolve({ hostname: "127.0.0.1", port: (peer.address() as nodeNet.AddressInfo).port });
        });
      });
      const { port } = address as { port: number };
      await assertNames(
        net.connect(address, { tls: { ...clientTls, serverName: "localhost" } }).opened,
        "tls",
        `Cannot handshake with localhost at 127.0.0.1:${port}`,
      );
      await new Promise((resolve) => peer.close(resolve));
    });
  }

  test("a TLS handshake over any other duplex names the server that was looked for", async () => {
    const [left, right] = duplexPair();
    const client = net.startTls(left, { ...clientTls, serverName: "localhost" });
    const handshake = assertNames(client.opened, "tls", "Cannot handshake with localhost");
    await right.read();
    await right.write(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await handshake;
    right.abort();
  });
}
