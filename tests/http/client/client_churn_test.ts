import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { churn } from "../../../scripts/soak/churn.ts";
import { things } from "../../../scripts/soak/things.ts";
import { answer, dialing } from "../../support/dialing.ts";
import { collectGarbage } from "../../support/garbage.ts";
import { unlessTlsIsRefused } from "../../support/runtime.ts";
import { turns } from "../../support/wire.ts";

const OK = "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok";

test("Client takes back the connection of a response that was forgotten, and not of one whose stream is kept", async () => {
  const { client, connection } = dialing();
  const forget = async (): Promise<void> => void await client.fetch("http://a/");
  const keep = async () => (await client.fetch("http://a/")).body!;
  const forgetting = forget();
  await answer((await connection(0)).far, OK);
  await forgetting;
  const keeping = keep();
  await answer((await connection(1)).far, OK);
  const kept = await keeping;
  const closing = client.close();
  while (client.connections > 1) {
    collectGarbage();
    await turns();
  }
  for (let i = 0; i < 2; i++) {
    collectGarbage();
    await turns();
  }
  assertEquals(client.connections, 1);
  assertEquals(await new Response(kept).text(), "ok");
  await closing;
});

for (const http2 of [false, true]) {
  const over = http2 ? " over HTTP/2" : "";
  test(
    `clients that fetch, upgrade, tunnel, dawdle and leave at random${over} lose nothing and leave nothing`,
    http2 ? unlessTlsIsRefused : {},
    async () => {
      const { surprises, counts, ...left } = await churn({ operations: 600, seed: 7, http2 });
      assertEquals(surprises, []);
      assertEquals(left, { clientConnections: 0, serverSockets: 0, sockets: 0 });
      for (const name of Object.keys(things)) assert((counts[name] ?? 0) > 0, `${name} was never done`);
    },
  );
}
