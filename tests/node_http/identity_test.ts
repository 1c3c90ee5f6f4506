import type { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import { acceptUpgrade } from "../../src/node_http/accept.ts";
import { toNodeHandler } from "../../src/node_http/node_handler.ts";
import { connect, type TlsOptions } from "../../src/net/mod.ts";
import {
  authority,
  clientCert,
  clientKey,
  serverCert,
  serverKey,
  strangerCert,
  strangerKey,
} from "../support/certificates.ts";
import { type NodeServer, nodeServer } from "../support/node_server.ts";
import { runtimeName, unlessTlsIsRefused } from "../support/runtime.ts";
import { readAll, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶Connection: close¶¶";
const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶";

/** What each client is, and what a server must know of it. Bun's `node:https` keeps certificates to itself. */
const CLIENTS: readonly (readonly [identity: TlsOptions, authorized: boolean, subject: string | undefined])[] = [
  [{ cert: clientCert, key: clientKey }, true, "test client"],
  [{ cert: strangerCert, key: strangerKey }, false, "test stranger"],
  [{}, false, undefined],
];

const tell: ServeHandler = (_request, { tls }) => {
  const name = tls?.peerCertificate?.subject[0]?.value;
  return new Response(JSON.stringify([tls?.authorized, tls?.serverName, tls?.version, tls?.cipher !== null, name]));
};

/** A server of `node:https` that asks for certificates and lets everybody in. */
async function asking(): Promise<NodeServer> {
  const server = createTlsServer({
    cert: serverCert,
    key: serverKey,
    ca: authority,
    requestCert: true,
    rejectUnauthorized: false,
  });
  return await nodeServer({
    request: toNodeHandler(tell),
    upgrade: (req, socket, head) => void acceptUpgrade(req, socket, head, tell),
  }, server as unknown as ReturnType<typeof createServer>);
}

for (const [what, request] of [["toNodeHandler()", GET], ["acceptUpgrade()", UPGRADE]] as const) {
  test(`${what} on node:https tells a client that is trusted from one that is not`, unlessTlsIsRefused, async () => {
    const node = await asking();
    for (const [identity, authorized, subject] of CLIENTS) {
      const client = connect({ hostname: "127.0.0.1", port: node.port }, {
        tls: { serverName: "localhost", caCerts: [authority], ...identity },
      });
      await client.write(wire(request));
      const told = runtimeName === "bun" ? [null, false] : ["TLSv1.3", true];
      const expected = [authorized, "localhost", ...told, runtimeName === "bun" ? undefined : subject];
      assertStringIncludes(await readAll(client), JSON.stringify(expected));
      await client.close();
    }
    await node.close();
  });
}

test("toNodeHandler() on node:http says that there is no TLS", async () => {
  const node = await nodeServer({ request: toNodeHandler((_, { tls }) => new Response(String(tls))) });
  const response = await fetch(`http://127.0.0.1:${node.port}/`);
  assertEquals(await response.text(), "null");
  await node.close();
});
