/**
 * README.md and the manuals in the folders, in parts, and a way to run what they show.
 *
 * Their examples are JavaScript, so that Node 20 can run them too. An example is made the body of an async function, its
 * imports become those of the sources; nothing else is changed but what a test says with {@linkcode Scene.replace}:
 * addresses, ports and paths.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { assert } from "@std/assert";
import * as main from "../../mod.ts";
import * as http1 from "../../src/http1/mod.ts";
import * as net from "../../src/net/mod.ts";
import * as proxy from "../../src/proxy/mod.ts";
import * as websocket from "../../src/websocket/mod.ts";
import type { Server } from "../../src/http/server/serve_options.ts";
import { projectFile } from "../support/runtime.ts";

/** A fenced block. */
export interface Snippet {
  /** The heading above it, without the number signs. */
  readonly heading: string;
  /** `ts`, `js`, `sh` or `text`. */
  readonly language: string;
  readonly code: string;
}

/** A document of the project. */
export interface Manual {
  /** From the project's root. */
  readonly path: string;
  /** The whole text. */
  readonly text: string;
  /** All fenced blocks, in their order. */
  readonly snippets: readonly Snippet[];
}

/** All Markdown files, README.md first. */
export const manuals: readonly Manual[] = readManuals();

/** The document with this path. */
export function manual(path: string): Manual {
  const found = manuals.find((manual) => manual.path === path);
  assert(found !== undefined, `there is no ${path}`);
  return found;
}

/** README.md. */
export const readme: Manual = manual("README.md");

function readManuals(): Manual[] {
  // By hand: the least versions of Deno and Node cannot list what is in a folder's folders.
  const inFolder = (folder: string): string[] =>
    readdirSync(projectFile(folder), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? inFolder(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]
    );
  const paths = [...readdirSync(projectFile(".")), ...["scripts", "src", "tests"].flatMap(inFolder)];
  const sorted = paths.filter((path) => path.endsWith(".md")).toSorted();
  return ["README.md", ...sorted.filter((path) => path !== "README.md")].map((path) => {
    const text = readFileSync(projectFile(path), "utf8").replaceAll("\r\n", "\n");
    return { path, text, snippets: snippetsOf(text) };
  });
}

function snippetsOf(text: string): Snippet[] {
  let heading = "";
  const found: Snippet[] = [];
  for (const match of text.matchAll(/^#+ (.+)$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (match[1] !== undefined) heading = match[1];
    else found.push({ heading, language: match[2]!, code: match[3]! });
  }
  return found;
}

/**
 * What stands below a heading, up to the next one of the same rank.
 *
 * @param heading With its number signs.
 */
export function sectionOf({ path, text }: Manual, heading: string): string {
  const from = text.indexOf(`\n${heading}\n`);
  assert(from >= 0, `${path} has no ${heading}`);
  const rest = text.slice(from + heading.length + 2);
  const rank = heading.indexOf(" ");
  const to = rest.search(new RegExp(`^#{2,${rank}} `, "m"));
  return to < 0 ? rest : rest.slice(0, to);
}

/** A table: its cells, row by row. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables in a text. */
export function tablesOf(text: string): Table[] {
  return [...text.matchAll(/(?:^\|.*\|$\n?)+/gm)].map(([lines]) => {
    const [head, , ...rows] = lines.trimEnd().split("\n").map((line) =>
      line.slice(1, -1).split("|").map((cell) => cell.trim())
    );
    return { head: head!, rows };
  });
}

/** The rows of all tables in a text. */
export function rowsOf(text: string): (readonly string[])[] {
  return tablesOf(text).flatMap(({ rows }) => rows);
}

/** What stands between backticks. */
export function codesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
}

/** How an example is run. */
export interface Scene {
  /** What is to be replaced, each at least once. */
  readonly replace?: Readonly<Record<string, string>>;
  /** Further names that the replacements use. */
  readonly names?: Readonly<Record<string, unknown>>;
  /** The packages of others that the example imports. */
  readonly packages?: Readonly<Record<string, unknown>>;
}

/** An example that runs. */
export interface Running {
  /** Resolves when it has run to its end; rejects with what it throws. */
  readonly ended: Promise<void>;
  /** The port of the server that it has started. */
  readonly port: Promise<number>;
  /** Stops what it has started to listen. */
  stop(): Promise<void>;
  /** What it has told the console, each call a list; waits until there are that many. */
  told(count: number): Promise<readonly (readonly unknown[])[]>;
}

type Listening = { readonly address: Promise<unknown>; stop(): Promise<void> };

/** Runs an example. */
export function play({ code }: Snippet, { replace = {}, names = {}, packages = {} }: Scene = {}): Running {
  const listening = signal<Listening>();
  const lines: unknown[][] = [];
  let heard = signal<void>();
  const tell = (...line: unknown[]): void => {
    lines.push(line);
    heard.resolve();
    heard = signal();
  };
  const serve = (...args: Parameters<typeof main.serve>): Server => {
    const server = main.serve(...args);
    const address = server.listening.then(([first]) => first);
    listening.resolve({ address, stop: () => server.shutdown({ upgraded: "close" }) });
    return server;
  };
  const listen = async (options?: net.ListenOptions): Promise<net.Listener> => {
    const listener = await net.listen(options);
    listening.resolve({ address: Promise.resolve(listener.address), stop: () => listener.close() });
    return listener;
  };
  const modules = {
    "@http-upgrade/http-upgrade": { ...main, serve },
    "@http-upgrade/http-upgrade/http1": http1,
    "@http-upgrade/http-upgrade/net": { ...net, listen },
    "@http-upgrade/http-upgrade/websocket": websocket,
    "@http-upgrade/http-upgrade/proxy": proxy,
    ...packages,
  };
  const given = { ...names, modules, console: { log: tell, error: tell } };
  const body = Object.entries(replace).reduce((text, [from, to]) => {
    assert(text.includes(from), `the example says nothing of ${from}`);
    return text.replaceAll(from, to);
  }, withoutImports(code));
  const run = new AsyncFunction(...Object.keys(given), `"use strict";\n${body}`) as (
    ...args: unknown[]
  ) => Promise<void>;
  return {
    ended: run(...Object.values(given)),
    port: listening.promise.then(async ({ address }) => (await address as { readonly port: number }).port),
    stop: async () => (await listening.promise).stop(),
    async told(count) {
      while (lines.length < count) await heard.promise;
      return lines;
    },
  };
}

const AsyncFunction = (async () => {}).constructor as FunctionConstructor;

function withoutImports(code: string): string {
  const body = code
    .replaceAll(/^import (\{[^}]+\}) from ("[^"]+");$/gm, "const $1 = modules[$2];")
    .replaceAll(/^import (\w+) from ("[^"]+");$/gm, "const $1 = modules[$2].default;");
  assert(!/^import\b/m.test(body), `an import that is not understood:\n${body}`);
  return body;
}

function signal<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((resolved) => resolve = resolved);
  return { promise, resolve };
}
