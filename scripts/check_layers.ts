/**
 * The three rings: imports only point down, nothing outside ring 2 knows a platform, and ring 0 never waits.
 *
 * | ring | rooms | knows | must not know |
 * | --- | --- | --- | --- |
 * | 0 pure | `errors` `bytes` `semantics` `http1/machine` `http2/machine` `websocket/machine` | bytes and the protocols: RFC 9110, 9112, 9113, 7541, 6455, 7692 | promises, timers, streams, `URL`, any runtime |
 * | 1 waiting | `duplex` `http1` `http2` `http` `node_http` `proxy` `websocket` | web streams, `AbortSignal`, one machine and one duplex | `Deno`, `Bun`, `node:` |
 * | 2 platform | `platform` `net` | the runtimes | HTTP |
 *
 * @module
 */

import { type Scan, scan } from "./source_scan.ts";

/** The rooms of `src/`, lowest first, with what each may import besides itself. A room's inner room is one of its own. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "errors": [],
  "bytes": [],
  "semantics": ["errors", "bytes"],
  "http1/machine": ["errors", "bytes", "semantics"],
  "http2/machine": ["errors", "bytes", "semantics"],
  "websocket/machine": ["errors", "bytes", "semantics"],
  "duplex": ["errors", "bytes"],
  "http1": ["errors", "bytes", "semantics", "http1/machine", "duplex"],
  "http2": ["errors", "bytes", "semantics", "http1/machine", "http2/machine", "duplex", "http1"],
  "http": ["errors", "bytes", "semantics", "http1/machine", "duplex", "http1", "http2"],
  "proxy": ["errors", "bytes", "semantics", "websocket/machine", "duplex", "http1", "http"],
  "websocket": ["errors", "bytes", "semantics", "websocket/machine", "duplex", "http1", "http"],
  "node_http": ["errors", "bytes", "semantics", "duplex", "http1", "http"],
  "platform": ["errors", "bytes"],
  "net": ["errors", "bytes", "duplex", "platform"],
};

/**
 * The doors from ring 1 up to ring 2, each in a file of its own: the caller of `serve()` brings no socket. The entry of
 * `node:net` leads to what is for `node:http` as well.
 */
const doors: Readonly<Record<string, readonly string[]>> = {
  "src/duplex/platform.ts": ["platform"],
  "src/http/platform.ts": ["platform", "net/mod.ts"],
  "src/http/trace_platform.ts": ["platform"],
  "src/node_http/platform.ts": ["net/node/adopt.ts"],
  "src/net/node/mod.ts": ["node_http"],
  "src/proxy/platform.ts": ["platform", "net/mod.ts"],
  "src/websocket/platform.ts": ["platform"],
};

const pureRooms: ReadonlySet<string> = new Set([
  "errors",
  "bytes",
  "semantics",
  "http1/machine",
  "http2/machine",
  "websocket/machine",
]);
const platformRooms: ReadonlySet<string> = new Set(["platform", "net"]);

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

/** The room that a file stands in: the innermost folder that is named above. */
function roomOf(path: string): string | undefined {
  const [, outer, inner] = /^src\/([^/]+)\/(?:([^/]+)\/)?/.exec(path) ?? [];
  return inner !== undefined && mayImport[`${outer}/${inner}`] !== undefined ? `${outer}/${inner}` : outer;
}

function allows(path: string, target: string): boolean {
  const from = roomOf(path);
  const to = roomOf(target);
  if (from === undefined) return true;
  if (to === undefined) return false;
  if (from === to || mayImport[from]?.includes(to)) return true;
  return doors[path]?.some((allowed) => allowed === to || `src/${allowed}` === target) ?? false;
}

function checkPackage(path: string, specifier: string): string[] {
  if (platformRooms.has(roomOf(path) ?? "") && /^(?:node|bun):/.test(specifier)) return [];
  return [`${path} must not import the package ${specifier}`];
}

function checkNames(path: string, { code, strings }: Scan): string[] {
  const problems: string[] = [];
  const room = roomOf(path);
  if (room !== undefined && mayImport[room] === undefined) problems.push(`src/${room}/ belongs to no ring`);
  if (room === undefined || !platformRooms.has(room)) {
    const name = platformName.exec(code)?.[0] ?? strings.find((text) => platformString.test(text));
    if (name !== undefined) problems.push(`${path} must not know ${name}`);
  }
  if (room !== undefined && pureRooms.has(room)) {
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
