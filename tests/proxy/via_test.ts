import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Fields } from "../../src/semantics/fields.ts";
import { hasPassed, viaField } from "../../src/proxy/via.ts";
import { forwardsLeft } from "../../src/proxy/max_forwards.ts";

test("viaField() names the version that was received (RFC 9110 §7.6.3)", () => {
  assertEquals(viaField("1.0", "edge"), ["Via", "1.0 edge"]);
});

test("hasPassed() finds the name in any line of Via and nowhere else (RFC 9110 §7.6.3)", () => {
  const via = (...values: string[]) => new Fields(values.map((value) => ["Via", value] as const));
  assertEquals(hasPassed(via(), "edge"), false);
  assertEquals(hasPassed(via("1.1 a", "HTTP/1.1 b, 1.0 edge (Apache/1.1)"), "edge"), true);
  assertEquals(hasPassed(via("1.1 edges, 1.1 my-edge, 1.1 a (edge)"), "edge"), false);
});

test("forwardsLeft() counts for TRACE and OPTIONS only, and takes numbers only (RFC 9110 §7.6.2)", () => {
  const left = (method: string, value: string) =>
    forwardsLeft({ method, target: "/", version: "1.1", fields: new Fields([["Max-Forwards", value]]) });
  assertEquals(left("TRACE", "0"), 0);
  assertEquals(left("OPTIONS", "10"), 10);
  assertEquals(left("GET", "0"), null);
  assertEquals(left("TRACE", "-1"), null);
  assertEquals(left("TRACE", "many"), null);
});
