import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { churn } from "../../scripts/soak/churn.ts";

test("a client that fetches, upgrades, tunnels and leaves at random loses nothing and leaves nothing", async () => {
  const { surprises, clientConnections, serverSockets } = await churn({ operations: 600, seed: 7 });
  assertEquals(surprises, []);
  assertEquals([clientConnections, serverSockets], [0, 0]);
});
