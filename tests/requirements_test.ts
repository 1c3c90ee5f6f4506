import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { projectFile } from "./support/runtime.ts";
import { requirements } from "./support/requirements.ts";

/** What the files of a folder say, joined, of those whose path matches. */
function textOf(folder: string, files: RegExp): string {
  const paths = readdirSync(projectFile(folder), { recursive: true, encoding: "utf8" }).filter((path) =>
    files.test(path)
  );
  return paths.map((path) => readFileSync(join(projectFile(folder), path), "utf8")).join("\n");
}

/** The ids in the names of all tests. */
const used = new Set(
  [...textOf("tests", /_(?:test|cases)\.ts$/).matchAll(/\[([A-Z]\d+(?:, [A-Z]\d+)*)\]/g)]
    .flatMap(([, list]) => list!.split(", ")),
);

/** Those of the probes of `deno task conformance`. */
const probed = [...textOf("scripts/conformance", /_probes.\w+\.ts$/).matchAll(/^ {2}id: "(.+)",$/gm)].map(([, id]) =>
  id!
);

const defined = Object.keys(requirements);

test("every requirement has a test that names it", () => {
  assertEquals(defined.filter((id) => !used.has(id)), []);
});

test("every id in the name of a test, or of a probe, is a requirement's", () => {
  assertEquals([...used, ...probed].filter((id) => !defined.includes(id)), []);
});

test("every requirement has a source and one sentence", () => {
  assertEquals(
    Object.entries(requirements).filter(([, [source, demands]]) => !source || !/^[^]+\.$/.test(demands)),
    [],
  );
  assertEquals(probed.length > 20, true);
});
