/**
 * A connection that is aborted while what has come together is dealt with: nothing more of it is begun, and nothing is left.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { RawClient } from "../support/h2_raw_peer.ts";
import { data, GET, headers, POST } from "../support/h2_wire.ts";
import { turns } from "../support/wire.ts";

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
