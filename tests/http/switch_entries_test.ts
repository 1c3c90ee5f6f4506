/** One switch: the same functions from every entry, for the messages of both levels and for what middleware makes of them. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import * as main from "../../mod.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import * as http1 from "../../src/http1/mod.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import * as websocket from "../../src/websocket/mod.ts";
import { dial, listening, say } from "../support/http_server.ts";
import { readUntil, wire } from "../support/wire.ts";

const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶";

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

test("each function of a switch is one, from whichever entry it is imported", () => {
  for (const name of ["onUpgrade", "wantsUpgrade", "offeredProtocols", "upgradeResponse", "connectResponse"] as const) {
    assert(main[name] === http1[name], name);
  }
  assert(main.upgradeWebSocket === websocket.upgradeWebSocket);
});

for (const { of, copy } of [{ of: "a request", copy: false }, { of: "a clone of a request", copy: true }]) {
  test(`the functions of ./http1 take ${of} of serve()`, async () => {
    const { server, port } = await listening((given) => {
      const request = copy ? given.clone() : given;
      assertEquals([http1.wantsUpgrade(request, "ECHO"), http1.offeredProtocols(request)], [true, ["echo"]]);
      const { response, upgraded } = http1.upgradeResponse(request, "echo", { headers: { "x-a": "1" } });
      assert(http1.onUpgrade(given) === http1.onUpgrade(request));
      upgraded.then(echo);
      return response;
    });
    assertMatch(await say(port, UPGRADE + "early"), /^HTTP\/1\.1 101 .*¶x-a: 1¶.*¶early$/s);
    await server.shutdown();
  });
}

test("a Request that middleware has made anew says that it is a copy", async () => {
  const { server, port } = await listening(async (given) => {
    const request = new Request(given.url, given);
    assertEquals([main.wantsUpgrade(request), main.offeredProtocols(request)], [false, []]);
    const error = assertThrows(() => main.upgradeResponse(request, "echo"), StateError, "is a copy");
    await assertRejects(() => main.onUpgrade(request), UpgradeRejected, "is a copy");
    return new Response(error.code);
  });
  assert((await say(port, UPGRADE)).endsWith("no-switch"));
  await server.shutdown();
});

test("connectResponse() of ./http1 takes the ConnectRequest of serve()", async () => {
  const { server, port } = await listening(() => new Response("no"), {
    connect: (request) => http1.connectResponse(request, {}, echo).response,
  });
  const client = dial(port);
  await client.write(wire("CONNECT a:1 HTTP/1.1¶Host: a:1¶¶early"));
  assertMatch(await readUntil(client, "early"), /^HTTP\/1\.1 200 .*¶¶early$/s);
  await client.close();
  await server.shutdown({ upgraded: "close" });
});
