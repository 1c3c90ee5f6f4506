import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/duplex/clock.ts";
import { TimeLimit, type Waiting } from "../../src/duplex/time_limit.ts";

function waiting(): Waiting {
  return { waits: null, expired: () => {} };
}

test("TimeLimit: a wait that is over leads to no other one, which it would keep in memory", () => {
  const [first, second] = [new TimeLimit(60_000, systemClock), new TimeLimit(60_000, systemClock)];
  const all = Array.from({ length: 5 }, waiting);
  const links = () =>
    all.map(({ waits }) => [waits!.previous, waits!.next].map((each) => each && all.indexOf(each.waiting)));
  for (const each of all) first.begin(each);
  assertEquals(links(), [[null, 1], [0, 2], [1, 3], [2, 4], [3, null]]);
  first.begin(all[1]!); // anew: it is the last one then
  first.end(all[3]!);
  first.end(all[3]!);
  second.end(all[0]!);
  assertEquals(links(), [[null, 2], [4, null], [0, 4], [null, null], [2, 1]]);
  first.stop();
  assertEquals(links(), all.map(() => [null, null]));
  // The same object may wait for two things.
  second.begin(all[0]!);
  first.begin(all[0]!);
  second.end(all[0]!);
  assertEquals([all[0]!.waits!.queued, all[0]!.waits!.other!.queued], [false, true]);
  first.stop();
  second.stop();
});
