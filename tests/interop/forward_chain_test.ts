/** The chain of a company: a client, `forwardProxy()`, a proxy of other people, and the server. */

import { test } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import type { AuditEvent } from "../../src/proxy/forward/audit.ts";
import { forwardProxy } from "../../src/proxy/forward/forward_proxy.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { rejection } from "../support/dialing.ts";
import { proxies } from "../support/proxies.ts";
import { skipUnless } from "../support/runtime.ts";
import { readUntil, wire } from "../support/wire.ts";

/** Tells what it was asked; echoes behind an upgrade, with a greeting. */
const origin: ServeHandler = async (request) => {
  if (!request.headers.has("upgrade")) {
    const { method, headers } = request;
    return new Response(`${method} ${(await request.bytes()).length} ${headers.get("proxy-authorization")}`);
  }
  const { response, upgraded } = upgradeResponse(request, "echo");
  upgraded.then(async (io) => {
    await io.write(wire("hello,"));
    for await (const chunk of io.readable) await io.write(chunk);
    await io.close();
  }).catch(() => {});
  return response;
};

for (const { name, found, start } of proxies) {
  const options = { ...skipUnless(found !== undefined, `${name} is not installed`), timeout: 40_000 };

  test(
    `forwardProxy() in front of ${name}: requests, uploads, tunnels, TLS, upgrades, refusals`,
    options,
    async (t) => {
      const far = await start(true);
      const plain = serve({ port: 0, hostname: "127.0.0.1" }, origin);
      const secure = serve({ port: 0, hostname: "127.0.0.1", tls: { cert: serverCert, key: serverKey } }, origin);
      const events: AuditEvent[] = [];
      const gate = forwardProxy({
        allow: [{ host: ["localhost", "127.0.0.1"], addresses: ["loopback"] }, "forbidden.test"],
        upstream: `http://us:pw@127.0.0.1:${far.port}`,
        audit: (event) => void events.push(event),
      });
      const front = serve({ port: 0, hostname: "127.0.0.1", connect: gate.connect }, gate.handler);
      const servers = [plain, secure, front];
      const [port, securePort, ours] = await Promise.all(
        servers.map(async ({ listening }) => (await listening)[0].port),
      );
      const client = new Client({ proxy: `http://127.0.0.1:${ours}`, tls: { caCerts: [authority] } });
      t.after(async () => {
        await client.abort();
        await gate.close();
        for (const server of servers.toReversed()) await server[Symbol.asyncDispose]();
        await far[Symbol.asyncDispose]();
      });
      for (const base of [`http://127.0.0.1:${port}/`, `https://localhost:${securePort}/`]) {
        for (let i = 0; i < 2; i++) assertEquals(await (await client.fetch(base)).text(), "GET 0 null");
        const sent = await client.fetch(base, { method: "POST", body: new Uint8Array(300_000) });
        assertEquals(await sent.text(), "POST 300000 null");
        const io = await client.upgrade(base, { protocol: "echo" });
        await io.write(wire("you"));
        await readUntil(io, "hello,you");
        await io.close();
      }
      const refused = await rejection(client.connect("forbidden.test:443"));
      assertInstanceOf(refused, UpgradeRejected);
      if (name === "squid") {
        const response = refused.response as Response;
        assertEquals(response.status, 502);
        assertStringIncludes(response.headers.get("proxy-status") ?? "", "received-status=403");
        assertStringIncludes(await response.text(), "the next proxy has answered 403");
      }
      const denied = await client.fetch("http://denied.test/");
      assertEquals(denied.status, 403);
      const led = events.filter(({ event, decision }) => event === "end" && decision === "allowed");
      assertEquals([...new Set(led.flatMap(({ via }) => via))], [`127.0.0.1:${far.port}`]);
      assertEquals(led.every(({ address }) => address === null), true);
    },
  );
}
