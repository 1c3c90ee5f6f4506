import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { type Handler, serveConnection } from "../../src/http1/server_connection.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { Client } from "../../src/http/client/client.ts";
import { listen, type ListenOptions } from "../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { rejection } from "../support/dialing.ts";
import { proxies } from "../support/proxies.ts";
import { skipUnless } from "../support/runtime.ts";
import { readUntil, wire } from "../support/wire.ts";

/** The origin behind the proxies: tells what it was asked, and echoes after an upgrade, with a greeting. */
const origin: Handler = (request) => {
  if (!request.fields.has("upgrade")) {
    return { status: 200, body: `${request.method} ${request.target} ${request.fields.get("proxy-authorization")}` };
  }
  const { response, upgraded } = upgradeResponse(request, "echo");
  upgraded.then(async (io) => {
    await io.write(wire("hello,"));
    for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) await io.write(chunk);
    await io.close();
  }).catch(() => {});
  return response;
};

async function originServer(options: ListenOptions = {}): Promise<{ port: number; close(): Promise<void> }> {
  const listener = await listen({ hostname: "127.0.0.1", ...options });
  (async () => {
    for await (const socket of listener) serveConnection(socket, origin);
  })();
  return { port: (listener.address as { port: number }).port, close: () => listener.close() };
}

for (const { name, found, start } of proxies) {
  const options = { ...skipUnless(found !== undefined, `${name} is not installed`), timeout: 40_000 };

  test(`Client through ${name}: absolute-form, tunnels, TLS, upgrades, refusals`, options, async () => {
    const proxy = await start(true);
    const plain = await originServer();
    const secure = await originServer({ tls: { cert: serverCert, key: serverKey } });
    const tls = { caCerts: [authority] };
    const client = new Client({ proxy: `http://us:pw@127.0.0.1:${proxy.port}`, tls });
    try {
      for (let i = 0; i < 3; i++) {
        const response = await client.fetch(`http://127.0.0.1:${plain.port}/plain`);
        assertEquals([response.status, await response.text()], [200, "GET /plain null"]);
      }
      for (let i = 0; i < 2; i++) {
        const response = await client.fetch(`https://localhost:${secure.port}/secure`, { method: "POST", body: "x" });
        assertEquals([response.status, await response.text()], [200, "POST /secure null"]);
      }
      for (const [scheme, port] of [["http", plain.port], ["https", secure.port]] as const) {
        const io = await client.upgrade(`${scheme}://localhost:${port}/`, { protocol: "echo" });
        await io.write(wire("you"));
        let all = "";
        while (all.length < 9) all += new TextDecoder().decode((await io.read())!);
        assertEquals(all, "hello,you");
        await io.closeWrite();
        assertEquals(await io.read(), null);
        await io.close();
      }
      const wrong = new Client({ proxy: `http://us:wrong@127.0.0.1:${proxy.port}`, tls });
      const refused = await rejection(wrong.fetch(`https://localhost:${secure.port}/`));
      assertInstanceOf(refused, UpgradeRejected);
      assert(refused.status === 407 || refused.status === 401, `${refused.status}`);
      assertMatch(await (refused.response as Response).text(), /<html/i);
      await wrong.close();
      const asking = new Client({
        proxy: `http://127.0.0.1:${proxy.port}`,
        tls,
        onProxyChallenge: (challenges) => /^basic/i.test(challenges[0] ?? "") ? `Basic ${btoa("us:pw")}` : null,
      });
      if (refused.status === 407) {
        assertEquals((await asking.fetch(`https://localhost:${secure.port}/`)).status, 200);
        assertEquals((await asking.fetch(`http://127.0.0.1:${plain.port}/`)).status, 200);
      }
      await asking.abort();
      if (name === "squid") {
        const forbidden = await rejection(client.connect("forbidden.test:443"));
        assert(forbidden instanceof UpgradeRejected && forbidden.status === 403, `${forbidden}`);
        await (forbidden.response as Response).text();
      }
    } finally {
      await client.abort();
      await plain.close();
      await secure.close();
      await proxy[Symbol.asyncDispose]();
    }
    assertEquals(client.connections, 0);
  });

  test(
    `Client through ${name} that asks for no credentials: absolute-form, tunnels, TLS, upgrades`,
    options,
    async () => {
      const proxy = await start(false);
      const plain = await originServer();
      const secure = await originServer({ tls: { cert: serverCert, key: serverKey } });
      const client = new Client({ proxy: `http://127.0.0.1:${proxy.port}`, tls: { caCerts: [authority] } });
      try {
        for (let i = 0; i < 2; i++) {
          const answer = await client.fetch(`http://127.0.0.1:${plain.port}/plain`);
          assertEquals(await answer.text(), "GET /plain null");
          const inTunnel = await client.fetch(`https://localhost:${secure.port}/secure`);
          assertEquals(await inTunnel.text(), "GET /secure null");
        }
        for (const [scheme, port] of [["http", plain.port], ["https", secure.port]] as const) {
          const io = await client.upgrade(`${scheme}://localhost:${port}/`, { protocol: "echo" });
          await readUntil(io, "hello,");
          await io.close();
        }
        const tunnel = await client.connect(`127.0.0.1:${plain.port}`);
        await tunnel.write(wire("GET /raw HTTP/1.1¶Host: a¶Connection: close¶¶"));
        await readUntil(tunnel, "GET /raw null");
        await tunnel.close();
      } finally {
        await client.abort();
        await plain.close();
        await secure.close();
        await proxy[Symbol.asyncDispose]();
      }
      assertEquals(client.connections, 0);
    },
  );
}
