import { after, test } from "node:test";
import { assertEquals } from "@std/assert";
import { http2ClientProbes } from "../../scripts/conformance/http2/client_probes/mod.ts";
import { http2ServerProbes } from "../../scripts/conformance/http2/server_probes/mod.ts";
import { client, server as start } from "../../scripts/conformance/subjects/ours_http2.ts";

const underTest = await start();

after(() => Promise.all(underTest.servers.map((server) => server.shutdown({ upgraded: "close" }))));

for (const { title, clause, id, run } of http2ServerProbes) {
  test(`serve() over HTTP/2: ${title} (${clause}) [${id}]`, { timeout: 20_000 }, async () => {
    assertEquals(await run(underTest), { mark: "✓", note: "" });
  });
}

for (const { title, clause, id, run } of http2ClientProbes) {
  test(`handshake() of HTTP/2: ${title} (${clause}) [${id}]`, { timeout: 20_000 }, async () => {
    assertEquals(await run(client), { mark: "✓", note: "" });
  });
}
