import { after, test } from "node:test";
import { assertEquals } from "@std/assert";
import { clientProbes } from "../../scripts/conformance/client_probes/mod.ts";
import { serverProbes } from "../../scripts/conformance/server_probes/mod.ts";
import { client, server as start } from "../../scripts/conformance/subjects/ours.ts";

const underTest = await start();

after(() => underTest.server.shutdown({ upgraded: "close" }));

for (const { title, clause, id, run } of serverProbes) {
  test(`serve(): ${title} (${clause}) [${id}]`, { timeout: 20_000 }, async () => {
    assertEquals(await run(underTest), { mark: "✓", note: "" });
  });
}

for (const { title, clause, id, run } of clientProbes) {
  test(`Client: ${title} (${clause}) [${id}]`, { timeout: 20_000 }, async () => {
    assertEquals(await run(client), { mark: "✓", note: "" });
  });
}
