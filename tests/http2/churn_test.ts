/**
 * Clients that share connections of HTTP/2, over real sockets, and do everything at random that can be done with them.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { http2Churn } from "../../scripts/soak/http2_churn.ts";
import { http2Things } from "../../scripts/soak/http2_things.ts";

test("clients of HTTP/2 that fetch, upgrade, tunnel, dawdle, reset, cut and leave at random lose nothing and leave nothing", async () => {
  const { surprises, counts, ...left } = await http2Churn({ operations: 600, seed: 7 });
  assertEquals(surprises, []);
  assertEquals(left, {
    clientStreams: 0,
    clientConnections: 0,
    serverExchanges: 0,
    serverConnections: 0,
    timers: 0,
    listeners: 0,
    sockets: 0,
  });
  for (const name of Object.keys(http2Things)) assert((counts[name] ?? 0) > 0, `${name} was never done`);
});
