import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { linksIn, publishedDocuments } from "../../scripts/npm/documents.ts";
import { projectFile } from "../support/runtime.ts";
import { manuals, readme } from "./manuals.ts";

const project = JSON.parse(readFileSync(projectFile("deno.json"), "utf8")) as {
  readonly tasks: Readonly<Record<string, unknown>>;
  readonly publish: { readonly include: readonly string[] };
};
const texts = new Map(manuals.map(({ path, text }) => [path, text]));

/** How GitHub calls the place of a heading. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

function anchorsIn(text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!));
}

for (const { path, text } of manuals) {
  test(`${path}: every relative link leads to a file, and to a heading of it`, () => {
    for (const { target, anchor } of linksIn(path, text)) {
      assert(existsSync(projectFile(target)), `${path} links ${target}`);
      if (anchor === "") continue;
      const found = anchorsIn(texts.get(target) ?? "");
      assert(found.includes(anchor), `${path} links ${target}#${anchor}, which has ${found}`);
    }
  });

  test(`${path}: its commands and the files that it names are there`, () => {
    const called = [...text.matchAll(/deno@2 task\s([\w:]+)/g)].map(([, task]) => task!);
    assertEquals(called.filter((task) => !(task in project.tasks)), []);
    const named = [...text.matchAll(/(?<![\w./-])(?:scripts|tests)\/[\w./]*\w/g)].map(([name]) => name);
    assertEquals(named.filter((name) => !existsSync(projectFile(name))), []);
  });
}

test("README: one link leads to each manual", () => {
  const linked = new Set(linksIn("README.md", readme.text).map(({ target }) => target));
  assertEquals(manuals.map(({ path }) => path).filter((path) => path !== "README.md" && !linked.has(path)), []);
});

test("README: it is short", () => {
  const lines = readme.text.split("\n").length - 1;
  assert(lines <= 280, `${lines} lines`);
});

test("what is published on both registries holds every document that README.md leads to", () => {
  const { include } = project.publish;
  const documents = publishedDocuments((path) => readFileSync(projectFile(path), "utf8"));
  assert(documents.length > 10);
  const covered = (path: string): boolean =>
    include.some((given) => given === path || given.endsWith("/") && path.startsWith(given));
  assertEquals(documents.filter((path) => !covered(path)), []);
  assertEquals(documents.filter((path) => !existsSync(join(projectFile(dirname(path))))), []);
});
