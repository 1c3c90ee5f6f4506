/**
 * A connection that is aborted while what has come together is dealt with: nothing more of it is begun, and nothing is left.
 */

import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { RawClient } from "../support/h2_raw_peer.ts";
import { data, GET, headers, POST } from "../support/h2_wire.ts";
import { turns } from "../support/wire.ts";

const EXTENDED = [":method: CONNECT", ":protocol: echo", ":scheme: https", ":path: /", ":authority: a"];

test("Http2ServerConnection.abort() in a handler: requests that came along are not given to it any more", async () => {
  const requests: IncomingRequest[] = [];
  const client = new RawClient((request) => {
    requests.push(request);
    client.connection.abort();
    return new Promise(() => {});
  });
  await client.begins();
  await client.sends(headers(1, GET), headers(3, GET), headers(5, POST, "open"), data(5, "x"));
  await turns();
  assertEquals(requests.length, 1);
  for (const request of requests) assertEquals(request.signal.aborted, true);
  await client.ends();
});

for (const how of ["tunnel", "upgrade"]) {
  test(`Http2ServerConnection.abort() in onResponse of a switch: the ${how} is rejected, and no timer is left`, async () => {
    const switches: Promise<unknown>[] = [];
    const client: RawClient = new RawClient((request) => {
      const { response, upgraded } = how === "tunnel" ? connectResponse(request) : upgradeResponse(request, "echo");
      switches.push(upgraded);
      return response;
    }, { connectProtocol: true, onResponse: () => client.connection.abort() });
    await client.begins();
    const rows = how === "tunnel" ? [":method: CONNECT", ":authority: b:1"] : EXTENDED;
    await client.sends(headers(1, rows, "open"));
    await assertRejects(() => switches[0]!, UpgradeRejected);
    await client.ends();
  });
}

test("Http2ServerConnection.abort() in onResponse of a switch that is not claimed leaves no timer", async () => {
  const client: RawClient = new RawClient(() => ({ status: 200 }), { onResponse: () => client.connection.abort() });
  await client.begins();
  await client.sends(headers(1, [":method: CONNECT", ":authority: b:1"], "open"));
  await client.ends();
});
