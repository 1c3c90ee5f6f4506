import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { assert } from "@std/assert";
import { artefact, assertSaid, consumerSource, readmeExamples, specifiers, tool } from "./artefact.ts";

writeFileSync(`${artefact.project}/consumer.mts`, consumerSource());
writeFileSync(`${artefact.project}/consumer.cts`, consumerSource());
writeFileSync(
  `${artefact.project}/all.mts`,
  specifiers.map((specifier, index) => `export * as entry${index} from ${JSON.stringify(specifier)};\n`).join(""),
);
const examples = readmeExamples().map((code, index) => {
  const name = `readme_${index}.mts`;
  writeFileSync(`${artefact.project}/${name}`, code);
  return name;
});

/** Declarations of the package are checked too, as nothing is skipped. */
const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022"];
const nodenext = ["--module", "nodenext", "--moduleResolution", "nodenext"];
const bundler = ["--module", "esnext", "--moduleResolution", "bundler"];
const web = ["--lib", "es2022,dom"];
const node = ["--lib", "es2022", "--typeRoots", `${artefact.tools}/node_modules/@types`, "--types", "node"];

const cases = [
  { name: "TypeScript and its DOM alone, nodenext", compiler: "typescript", options: [...nodenext, ...web] },
  { name: "TypeScript and its DOM alone, bundler", compiler: "typescript", options: [...bundler, ...web] },
  { name: "TypeScript 5.2 and its DOM alone, nodenext", compiler: "typescript-5", options: [...nodenext, ...web] },
  { name: "TypeScript 5.2 and its DOM alone, bundler", compiler: "typescript-5", options: [...bundler, ...web] },
  { name: "TypeScript and @types/node without the DOM", compiler: "typescript", options: [...nodenext, ...node] },
];

for (const { name, compiler, options } of cases) {
  test(`the types hold with ${name}, in the examples of the README too`, async () => {
    assert(examples.length > 10);
    const args = [...strict, ...options, "all.mts", "consumer.mts", ...examples];
    assertSaid(await tool(`${compiler}/bin/tsc`, args), "");
  });
}

test("the types hold in a CommonJS module that requires the package, nodenext", async () => {
  assertSaid(await tool("typescript/bin/tsc", [...strict, ...nodenext, ...web, "consumer.cts"]), "");
});
