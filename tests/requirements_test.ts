import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { projectFile } from "./support/runtime.ts";
import { requirements } from "./support/requirements.ts";

/** The ids in the names of all tests. */
function shown(): Set<string> {
  const ids = new Set<string>();
  for (const path of readdirSync(projectFile("tests"), { recursive: true, encoding: "utf8" })) {
    if (!/_(?:test|cases)\.ts$/.test(path)) continue;
    const source = readFileSync(join(projectFile("tests"), path), "utf8");
    for (const [, list] of source.matchAll(/\[([A-Z]\d+(?:, [A-Z]\d+)*)\]/g)) {
      for (const id of list!.split(", ")) ids.add(id);
    }
  }
  return ids;
}

test("every requirement has a test that names it", () => {
  const found = shown();
  assertEquals(Object.keys(requirements).filter((id) => !found.has(id)), []);
});
