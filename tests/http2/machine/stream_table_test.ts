import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { StreamTable } from "../../../src/http2/machine/stream_table.ts";
import { rounds } from "../../support/rounds.ts";

test("StreamTable has what a Map has, whatever is added and deleted", () => {
  const step = fc.record({ adds: fc.boolean(), id: fc.oneof(fc.nat(60), fc.integer({ min: 1, max: 2 ** 31 - 1 })) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new StreamTable<string>();
      const map = new Map<number, string>();
      steps.forEach(({ adds, id }, at) => {
        if (!adds) assertEquals(table.delete(id), map.delete(id));
        else if (!map.has(id)) {
          table.add(id, `${at}`);
          map.set(id, `${at}`);
        }
        assertEquals([table.size, table.get(id)], [map.size, map.get(id)]);
      });
      for (const [id, value] of map) assertEquals(table.get(id), value);
      assertEquals(table.values().toSorted(), [...map.values()].toSorted());
    }),
    rounds(100),
  );
});
