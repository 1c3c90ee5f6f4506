/** Sessions of TLS that are resumed, with a server of `node:tls` that says so. */

import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import tls from "node:tls";
import { assert, assertEquals } from "@std/assert";
import { resuming, TlsSession } from "../../src/duplex/tls_session.ts";
import type { StartTlsOptions } from "../../src/duplex/tls_options.ts";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import { connect, startTls } from "../../src/net/mod.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { rejection } from "../support/dialing.ts";
import { runtimeName, skipUnless, unlessTlsIsRefused } from "../support/runtime.ts";
import { wire } from "../support/wire.ts";

const resumes = runtimeName === "deno"
  ? skipUnless(false, "Deno resumes no session that a program brings (denoland/deno#30305)")
  : unlessTlsIsRefused;
const options = { ...resumes, timeout: 30_000 };
const versions = ["TLSv1.3", "TLSv1.2"] as const;

interface Origin {
  readonly port: number;
  /** Of each connection, in order: whether it has resumed a session. */
  readonly reused: boolean[];
}

/** A server that answers one request with `hi`, and ends the connection. */
async function origin(t: TestContext, maxVersion: (typeof versions)[number]): Promise<Origin> {
  const reused: boolean[] = [];
  const server = tls.createServer({ cert: serverCert, key: serverKey, maxVersion }, (socket) => {
    reused.push(socket.isSessionReused());
    socket.on("error", () => {});
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => new Promise((resolve) => server.close(() => resolve(undefined))));
  return { port: (server.address() as AddressInfo).port, reused };
}

/** One request over a connection of its own; gives whose certificate the client knows. */
async function ask(port: number, tls: StartTlsOptions): Promise<string | null | undefined> {
  const io = startTls(connect({ hostname: "127.0.0.1", port }), tls);
  // It is asked for while the connection is open.
  const certificate = (await io.opened).tls?.peerCertificate;
  await io.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
  while (await io.read() !== null);
  await io.close();
  return certificate?.subject[0]?.value;
}

for (const version of versions) {
  test(
    `startTls() resumes a session of ${version}, and still knows the server's certificate (RFC 8446 §2.2)`,
    options,
    async (t) => {
      const { port, reused } = await origin(t, version);
      const session = new TlsSession();
      const secure = resuming({ serverName: "localhost", caCerts: [authority] }, session);
      for (let i = 0; i < 3; i++) assertEquals(await ask(port, secure), "localhost");
      assertEquals(reused, [false, true, true]);
      assertEquals(await ask(port, resuming(secure, new TlsSession())), "localhost");
      assertEquals(await ask(port, { serverName: "localhost", caCerts: [authority] }), "localhost");
      assertEquals(reused.slice(3), [false, false]);
    },
  );

  test(
    `startTls() keeps no session of ${version} with a server that has the wrong name or authority`,
    options,
    async (t) => {
      const { port } = await origin(t, version);
      for (const wrong of [{ serverName: "evil.test", caCerts: [authority] }, { serverName: "localhost" }]) {
        const session = new TlsSession();
        for (let i = 0; i < 2; i++) {
          assertEquals(
            (await rejection(ask(port, resuming(wrong, session))) as { code?: unknown }).code,
            "tls",
          );
        }
        assertEquals(session.take(), null);
      }
    },
  );
}

test("Client resumes with a server, as long as the options of TLS are the very same", options, async (t) => {
  const { port, reused } = await origin(t, "TLSv1.3");
  const client = new Client({ tls: { caCerts: [authority] } });
  t.after(() => client.abort());
  const url = `https://localhost:${port}/`;
  for (let i = 0; i < 3; i++) assertEquals(await (await client.fetch(url)).text(), "hi");
  assertEquals(reused.splice(0), [false, true, true]);
  const other = { caCerts: [authority] };
  for (let i = 0; i < 2; i++) assertEquals(await (await client.fetch(url, { tls: other })).text(), "hi");
  assertEquals(reused.splice(0), [false, true]);
  assert(await rejection(client.fetch(url, { tls: {} })) instanceof Error);
});

test("reverseProxy() resumes with its server", options, async (t) => {
  const { port, reused } = await origin(t, "TLSv1.3");
  const proxy = reverseProxy(`https://localhost:${port}`, { tls: { caCerts: [authority] } });
  const front = serve({ port: 0, hostname: "127.0.0.1" }, proxy);
  const [address] = await front.listening;
  const client = new Client();
  t.after(async () => {
    await client.abort();
    await front[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
  for (let i = 0; i < 3; i++) {
    assertEquals(await (await client.fetch(`http://127.0.0.1:${address.port}/`)).text(), "hi");
  }
  assertEquals(reused, [false, true, true]);
});
