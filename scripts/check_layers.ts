/**
 * The three rings: imports only point down, nothing outside `src/runtime/` knows a platform, and ring 0 never waits.
 *
 * | ring | folders | knows |
 * |---|---|---|
 * | 0 pure | `bytes` `http1` `websocket` | bytes and the protocol |
 * | 1 waiting | `duplex` `connection` `http` `proxy` `ws` | web streams |
 * | 2 platform | `runtime` | the runtimes |
 *
 * @module
 */

import { type Scan, scan } from "./source_scan.ts";

/** What each folder of `src/` may import besides itself: folders, or single files. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  bytes: [],
  http1: ["bytes"],
  websocket: ["bytes", "http1"],
  duplex: ["bytes/arguments.ts", "http1/errors.ts"],
  connection: ["bytes", "http1", "websocket", "duplex"],
  http: ["bytes", "http1", "websocket", "duplex", "connection"],
  proxy: ["bytes", "http1", "websocket", "duplex", "connection"],
  ws: ["bytes", "http1", "websocket", "duplex", "connection", "http"],
  runtime: ["bytes", "http1", "websocket", "duplex", "connection", "http", "proxy", "ws"],
};

/** The doors from ring 1 up to ring 2, each in a file of its own: whoever calls `serve()` brings no socket. */
const doors: Readonly<Record<string, readonly string[]>> = {
  "src/duplex/platform.ts": ["src/platform/turns.ts"],
  "src/http/platform.ts": [
    "src/platform/decompress.ts",
    "src/platform/environment.ts",
    "src/platform/lookup.ts",
    "src/net/mod.ts",
    "src/platform/socket_poll.ts",
  ],
  "src/proxy/platform.ts": ["src/net/mod.ts"],
  "src/websocket/platform.ts": [
    "src/platform/buffer_module.ts",
    "src/platform/deflate.ts",
    "src/platform/turns.ts",
    "src/platform/zlib.ts",
  ],
};

const pureFolders: ReadonlySet<string> = new Set(["bytes", "http1", "websocket"]);

const platformName = /(?:(?<![.\w$#])|\bglobalThis\s*\.\s*)(?:Deno|Bun|process|Buffer|require)(?![\w$])/;
const platformString = /^(?:Deno|Bun|(?:node|bun):.*)$/;
const waitingName = /(?<![.\w$#])(?:async|await|Promise|PromiseLike|setTimeout|setInterval|queueMicrotask)(?![\w$])/;

/**
 * Checks sources against the rings.
 *
 * @param files Every file of `src/` and `mod.ts`: text by path, from the project's root.
 * @returns One line for each breach; empty when all is well.
 */
export function checkLayers(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, text] of files) {
    const source = scan(text);
    const targets: string[] = [];
    for (const specifier of source.imports) {
      if (!specifier.startsWith(".")) {
        problems.push(...checkPackage(path, specifier));
        continue;
      }
      const target = resolve(path, specifier);
      targets.push(target);
      if (!files.has(target)) problems.push(`${path} imports ${target}, which does not exist`);
      else if (!allows(path, target)) problems.push(`${path} must not import ${target}`);
    }
    graph.set(path, targets);
    problems.push(...checkNames(path, source));
  }
  return [...problems, ...findCycles(graph)];
}

function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function allows(path: string, target: string): boolean {
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === undefined) return true;
  if (to === undefined) return false;
  if (from === to || doors[path]?.includes(target)) return true;
  return mayImport[from]?.some((allowed) => allowed === to || `src/${allowed}` === target) ?? false;
}

function checkPackage(path: string, specifier: string): string[] {
  if (folderOf(path) === "runtime" && /^(?:node|bun):/.test(specifier)) return [];
  return [`${path} must not import the package ${specifier}`];
}

function checkNames(path: string, { code, strings }: Scan): string[] {
  const problems: string[] = [];
  const folder = folderOf(path);
  if (folder !== undefined && mayImport[folder] === undefined) problems.push(`src/${folder}/ belongs to no ring`);
  if (folder !== "runtime") {
    const name = platformName.exec(code)?.[0] ?? strings.find((text) => platformString.test(text));
    if (name !== undefined) problems.push(`${path} must not know ${name}`);
  }
  if (folder !== undefined && pureFolders.has(folder)) {
    const name = waitingName.exec(code)?.[0];
    if (name !== undefined) problems.push(`${path} must not wait: ${name}`);
  }
  return problems;
}

function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** One line for each import that closes a circle. */
function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push(`cycle: ${[...trail.slice(start), path].join(" → ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}
