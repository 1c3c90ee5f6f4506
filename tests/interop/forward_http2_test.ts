/**
 * `node:http2` as the client of a `forwardProxy()`, over TCP and over TLS: tunnels, requests and upgrades on streams of one connection.
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import http2 from "node:http2";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { onUpgrade, upgradeResponse } from "../../src/http1/mod.ts";
import { forwardProxy } from "../../src/proxy/forward/forward_proxy.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { listening } from "../support/http_server.ts";
import { runtimeName, skipUnless, unlessTlsIsRefused } from "../support/runtime.ts";

const onNode = { ...skipUnless(runtimeName === "node", "node:http2 is Node's own only there"), timeout: 30_000 };

async function textOf(stream: http2.ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

for (const over of ["tcp", "tls"] as const) {
  test(
    `node:http2 over ${over}: a forwardProxy() has tunnels, requests and upgrades on streams of one connection (RFC 9113 §8.5, RFC 8441)`,
    { ...unlessTlsIsRefused, ...onNode },
    async (t) => {
      const origin = await listening((request) => {
        if (!request.headers.has("upgrade")) return new Response(`${request.method} ${request.url}`);
        const { response } = upgradeResponse(request, "echo");
        onUpgrade(request).then((io) => io.readable.pipeTo(io.writable));
        return response;
      });
      t.after(() => origin[Symbol.asyncDispose]());
      const proxy = forwardProxy({ allow: [{ host: `127.0.0.1:${origin.port}`, addresses: ["loopback"] }], name: "p" });
      const site = await listening(proxy.handler, {
        connect: proxy.connect,
        http2: { h2c: true, connectProtocol: true },
        ...(over === "tls" ? { tls: { cert: serverCert, key: serverKey } } : {}),
      });
      t.after(() => site[Symbol.asyncDispose]());
      const session = http2.connect(`${over === "tls" ? "https" : "http"}://localhost:${site.port}`, { ca: authority });
      t.after(() => session.destroy());
      await once(session, "remoteSettings");
      const host = `127.0.0.1:${origin.port}`;

      const tunnels = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
        const tunnel = session.request({ ":method": "CONNECT", ":authority": host });
        const [{ ":status": status }] = await once(tunnel, "response");
        tunnel.end(`GET /${i} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        return [status, /\r\n\r\n(.*)$/s.exec(await textOf(tunnel))?.[1]];
      }));
      assertEquals(tunnels, Array.from({ length: 20 }, (_, i) => [200, `GET http://${host}/${i}`]));

      const asked = session.request({ ":scheme": "http", ":authority": host, ":path": "/tea?x" });
      const [{ ":status": status, via }] = await once(asked, "response");
      assertEquals([status, via, await textOf(asked)], [200, "1.1 p", `GET http://${host}/tea?x`]);

      const refused = session.request({ ":method": "CONNECT", ":authority": "localhost:1" });
      const [{ ":status": refusal }] = await once(refused, "response");
      assertEquals(refusal, 403);
      refused.close();

      const echo = session.request({
        ":method": "CONNECT",
        ":protocol": "echo",
        ":scheme": "http",
        ":authority": host,
        ":path": "/",
      });
      const [{ ":status": switched }] = await once(echo, "response");
      echo.end("hello");
      assertEquals([switched, await textOf(echo)], [200, "hello"]);
      assertEquals(site.server.connections, 1);
    },
  );
}
