import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { assertMatch } from "@std/assert";
import type { Surface } from "../../scripts/surface.ts";
import { projectFile, skipUnless } from "../support/runtime.ts";
import { artefact, assertSaid, consumerSource, documentExamples, inProject, specifiers } from "./artefact.ts";

function writeModule(name: string, text: string): string {
  writeFileSync(`${artefact.project}/${name}`, text);
  return name;
}

const imported = consumerSource();
const required = imported.replaceAll(/^import (\{.*\}) from (".*");$/gm, "const $1 = require($2);");
const consumers = [writeModule("consumer.mjs", imported), writeModule("consumer.cjs", required)];

test("the CommonJS consumer requires what the other imports", () => {
  assertMatch(required, /^const \{ .* \} = require\("http-upgrade\/http1"\);$/m);
});

for (const { name, title, command, missing } of artefact.runtimes) {
  for (const file of consumers) {
    test(`${file} upgrades and tunnels on ${title}`, skipUnless(missing === "", missing), async () => {
      const permissions = ["--allow-net", ...(file.endsWith(".cjs") ? ["--allow-read"] : [])];
      const finished = await inProject(command, name === "deno" ? ["run", ...permissions, file] : [file]);
      assertSaid(finished, "upgrade: echo hello\nCONNECT: 101 hello\n");
    });
  }
}

const hello = writeModule("hello.mjs", documentExamples()[0]!);

for (const { name, title, command, missing } of artefact.runtimes) {
  test(
    `the first example of the README runs as it is pasted, on ${title}`,
    skipUnless(missing === "", missing),
    async () => {
      assertSaid(await inProject(command, name === "deno" ? ["run", "--allow-net", hello] : [hello]), "hello\n");
    },
  );
}

const surfaces = JSON.parse(readFileSync(projectFile("tests/surface.json"), "utf8")) as Record<string, Surface>;
const expected = Object.values(surfaces).map(({ values }) => values);

for (const { title, command, missing } of artefact.runtimes.filter(({ name }) => name.startsWith("node"))) {
  const what = "can be required, as none has a top-level await, and exports what surface.json lists";
  test(`every entry point ${what}, on ${title}`, skipUnless(missing === "", missing), async () => {
    const exported = `${JSON.stringify(specifiers)}.map((name) => Object.keys(require(name)).sort())`;
    const file = writeModule("require_all.cjs", `console.log(JSON.stringify(${exported}));\n`);
    assertSaid(await inProject(command, [file]), `${JSON.stringify(expected)}\n`);
  });
}

test("every entry point can be imported on Deno without a permission", async () => {
  const imports = specifiers.map((name) => `import ${JSON.stringify(name)};\n`);
  const file = writeModule("import_all.mjs", `${imports.join("")}console.log("ok");\n`);
  // Said one by one, as a Deno that was started by Deno may have been handed permissions.
  const denied = ["net", "write", "env", "run", "sys", "ffi"].map((what) => `--deny-${what}`);
  assertSaid(await inProject(process.execPath, ["run", "--no-prompt", ...denied, file]), "ok\n");
});
