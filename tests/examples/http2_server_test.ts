import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { http2Server, type RunningHttp2Server } from "../../scripts/examples/http2_server.ts";
import { handshake } from "../../src/http2/client_connection.ts";
import { connect } from "../../src/net/mod.ts";
import { authority } from "../support/certificates.ts";
import { ask } from "../support/http2_ask.ts";
import { skipUnless, spawn, unlessTlsIsRefused, which } from "../support/runtime.ts";

const h2spec = which("h2spec");

/** A client of one of the ports. */
function clientOf({ port, tlsPort }: RunningHttp2Server, over: "TCP" | "TLS") {
  const to = { hostname: "127.0.0.1" };
  if (over === "TCP") return handshake(connect({ ...to, port })).connection;
  const tls = { caCerts: [authority], alpnProtocols: ["h2"] };
  return handshake(connect({ ...to, port: tlsPort }, { tls })).connection;
}

for (const over of ["TCP", "TLS"] as const) {
  test(
    `examples/http2_server.ts answers GET, HEAD and POST over ${over}`,
    over === "TLS" ? unlessTlsIsRefused : {},
    async () => {
      const server = await http2Server();
      const client = clientOf(server, over);
      const page = await ask(client, { authority: "a" });
      const text = await page.body.text();
      assertEquals([page.status, page.fields.get("content-length")], [200, `${text.length}`]);
      assert(text.length > 16_384);
      assertMatch(text, /^It is HTTP\/2/);
      const head = await ask(client, { method: "HEAD", authority: "a" });
      assertEquals([head.status, await head.body.text()], [200, ""]);
      const body = new Uint8Array(300_000).fill(7);
      const echo = await ask(client, {
        method: "POST",
        authority: "a",
        path: "/echo",
        fields: { "content-type": "a/b" },
        body,
      });
      assertEquals([echo.status, echo.fields.get("content-type"), await echo.body.bytes()], [200, "a/b", body]);
      const missing = await ask(client, { authority: "a", path: "/missing" });
      assertEquals([missing.status, await missing.body.text()], [404, "not found\n"]);
      await server.shutdown();
      assertEquals(await client.closed, { reason: "shutdown" });
    },
  );
}

for (const over of ["TCP", "TLS"] as const) {
  const installed = skipUnless(h2spec !== undefined, "h2spec is not installed");
  const needed = over === "TCP" || unlessTlsIsRefused.skip === false ? installed : unlessTlsIsRefused;
  test(
    `h2spec: examples/http2_server.ts keeps to RFC 9113 and 7541 over ${over}`,
    { ...needed, timeout: 60_000 },
    async () => {
      const server = await http2Server();
      const args = over === "TCP" ? ["-p", `${server.port}`] : ["-t", "-k", "-p", `${server.tlsPort}`];
      const { code, stdout } = await spawn(h2spec!, ["--strict", "-h", "127.0.0.1", ...args]);
      assertMatch(stdout, /147 tests, 147 passed, 0 skipped, 0 failed/);
      assertEquals(code, 0);
      await server.shutdown();
    },
  );
}
