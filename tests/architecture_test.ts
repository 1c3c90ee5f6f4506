import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { scan } from "../scripts/source_scan.ts";
import { NEXT_PHASES } from "../src/http1/connection_phase.ts";
import { projectFile } from "./support/runtime.ts";

/** Whether what stands in backticks is a file of the sources, by its whole path or by its name alone. */
function namesOf(text: string): string[] {
  return [...text.matchAll(/`(\w+\.ts)`/g)].map(([, name]) => name!);
}

test("src/README.md names files by names that exist, and functions that they have", () => {
  const text = readFileSync(projectFile("src/README.md"), "utf8");
  const sources = readdirSync(projectFile("src"), { recursive: true, encoding: "utf8" }).map((path) => basename(path));
  assertEquals(namesOf(text).filter((name) => !sources.includes(name)), []);
  const functions = [...text.matchAll(/`([a-z0-9_/]+\.ts)`: `(\w+)\(\)`/g)];
  assert(functions.length >= 5);
  const missing = functions.filter(([, path, name]) =>
    !new RegExp(`(?:function |^ +(?:async )?)${name}[<(]`, "m").test(readFileSync(projectFile(`src/${path}`), "utf8"))
  );
  assertEquals(missing.map(([what]) => what), []);
});

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

test("src/README.md and src/http1/connection_phase.ts tell the same of the states of a connection", () => {
  const text = readFileSync(projectFile("src/README.md"), "utf8");
  const section = text.slice(text.indexOf("## The states of a connection")).split(/^## /m)[1]!;
  const rows = [...section.matchAll(/^\| `([a-z-]+)` *\|[^|]*\|([^|]*)\|$/gm)];
  const told = rows.map(([, phase, next]) => [phase, [...next!.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name)]);
  assertEquals(Object.fromEntries(told), NEXT_PHASES);
});

// V8 makes such a function in its old generation, and all that it leads to stays until a full garbage collection.
test("no source writes a function where it assigns it to a property", () => {
  const literal =
    /\.\s*#?\w+\s*(?:\?\?|\|\||&&)?=\s*(?:async\b\s*)?(?:function\b|\w+\s*=>|\((?:[^()]|\([^()]*\))*\)\s*(?::[^=;]*)?=>)/g;
  for (
    const code of [
      "a.b = () => {};",
      "this.#b ??= async (c: D): Promise<void> => {};",
      "a.b = c => d;",
      "a.b = function () {};",
    ]
  ) {
    assert(code.search(literal) >= 0);
  }
  for (const code of ["a.b = c;", "const b = () => {};", "a.b = c(() => d);", "a.b = (c).d;"]) {
    assert(code.search(literal) < 0);
  }
  const breaches = readdirSync(projectFile("src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) =>
      [...scan(readFileSync(projectFile(`src/${path}`), "utf8")).code.matchAll(literal)]
        .map(([code]) => `src/${path}: ${code}`)
    );
  assertEquals(breaches, []);
});
