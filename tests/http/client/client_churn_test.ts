import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { churn } from "../../../scripts/soak/churn.ts";
import { things } from "../../../scripts/soak/things.ts";

test("clients that fetch, upgrade, tunnel, dawdle and leave at random lose nothing and leave nothing", async () => {
  const { surprises, counts, ...left } = await churn({ operations: 600, seed: 7 });
  assertEquals(surprises, []);
  assertEquals(left, { clientConnections: 0, serverSockets: 0, sockets: 0 });
  for (const name of Object.keys(things)) assert((counts[name] ?? 0) > 0, `${name} was never done`);
});
