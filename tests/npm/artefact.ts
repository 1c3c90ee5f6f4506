/**
 * What the files of this folder have in common. They run on Deno alone, once the package is built and installed.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { assertEquals } from "@std/assert";
import { publishedDocuments } from "../../scripts/npm/documents.ts";
import type { Artefact } from "../../scripts/testing/artefact.ts";
import { type Finished, spawn } from "../support/runtime.ts";

/** The package and where it is installed. */
export const artefact: Artefact = JSON.parse(readFileSync(process.argv.at(-1)!, "utf8"));

/** As much of the package.json as the tests look at. */
export interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  readonly [field: string]: unknown;
}

/** The folder of the package as it is installed. */
export const installed: string = `${artefact.project}/node_modules/http-upgrade`;

/** Its package.json. */
export const manifest: Manifest = JSON.parse(readFileSync(`${installed}/package.json`, "utf8"));

/** What to import: `http-upgrade`, `http-upgrade/http1`, … */
export const specifiers: readonly string[] = Object.keys(manifest.exports).map((path) =>
  path.replace(/^\./, manifest.name)
);

/** `consumer.ts` as people write it who have the package from npm. */
export function consumerSource(): string {
  const source = readFileSync(new URL("consumer.ts", import.meta.url), "utf8");
  return source.replaceAll('"@http-upgrade/http-upgrade', `"${manifest.name}`);
}

/** The documents of the package, README.md first: text by path. */
export const documents: ReadonlyMap<string, string> = new Map(
  publishedDocuments((path) => readFileSync(`${installed}/${path}`, "utf8"))
    .map((path) => [path, readFileSync(`${installed}/${path}`, "utf8")]),
);

/** The examples in the documents, in their order, those of the README first. */
export function documentExamples(): string[] {
  return [...documents.values()].flatMap((text) =>
    [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!)
  );
}

/** Runs a command in the project. */
export function inProject(command: string, args: readonly string[]): Promise<Finished> {
  return spawn(command, args, { cwd: artefact.project, timeoutMs: 25_000 });
}

/** Runs one of the tools that are written in JavaScript. */
export function tool(path: string, args: readonly string[]): Promise<Finished> {
  return inProject("node", [`${artefact.tools}/node_modules/${path}`, ...args]);
}

/** Holds what a command wrote to stdout against what it should have; nothing on stderr, exit code 0. */
export function assertSaid(finished: Finished, stdout: string): void {
  assertEquals(finished, { code: 0, stdout, stderr: "" });
}
