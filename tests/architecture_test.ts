import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { projectFile } from "./support/runtime.ts";

test("src/README.md names files and folders that exist", () => {
  const text = readFileSync(projectFile("src/README.md"), "utf8");
  const inline = [...text.matchAll(/`([a-z0-9_/]+\/(?:[a-z0-9_]+\.ts)?)`/g)].map(([, path]) => path!);
  assert(inline.length > 40);
  const missing = inline.filter((path) => !existsSync(projectFile(`src/${path}`)) && !existsSync(projectFile(path)));
  assertEquals(missing, []);
});

test("src/README.md and scripts/check_layers.ts tell the same of the rings", () => {
  const rows = (path: string): string[][] =>
    [...readFileSync(projectFile(path), "utf8").matchAll(/^[ *]*(\| (?:ring|\d \w+) +\|.*)$/gm)]
      .map(([, row]) => row!.split("|").map((cell) => cell.trim()));
  assertEquals(rows("src/README.md"), rows("scripts/check_layers.ts"));
  assert(rows("src/README.md").length === 4);
});
