import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DEFAULT_LIMITS, HYPER_LENIENCY, type Leniency } from "../../src/http1/machine/limits.ts";
import { clientSettings, serverSettings } from "../../src/http1/options.ts";
import { DEFAULT_BACKLOG } from "../../src/net/listener.ts";
import { webSocketSettings } from "../../src/websocket/options.ts";
import { clientProbes } from "../../scripts/conformance/client_probes/mod.ts";
import { http2ClientProbes } from "../../scripts/conformance/http2/client_probes/mod.ts";
import { http2ServerProbes } from "../../scripts/conformance/http2/server_probes/mod.ts";
import { clients, http2Clients, http2Servers, servers } from "../../scripts/conformance/implementations.ts";
import { exchanges } from "../../scripts/conformance/proxies/exchanges.ts";
import { flows } from "../../scripts/conformance/proxies/flows.ts";
import { serverProbes } from "../../scripts/conformance/server_probes/mod.ts";
import type { Surface } from "../../scripts/surface.ts";
import { leastVersions } from "../../scripts/testing/least_versions.ts";
import { projectFile } from "../support/runtime.ts";
import { codesIn, manual, manuals, readme, rowsOf, sectionOf, tablesOf } from "./manuals.ts";

function read(path: string): string {
  return readFileSync(projectFile(path), "utf8");
}

/** The members of a union of strings, and of the unions of its module that it includes. */
function unionIn(path: string, name: string): string[] {
  const [, members] = new RegExp(`^export type ${name} =([^;]+);`, "m").exec(read(path)) ?? [];
  assert(members !== undefined, `${path} has no ${name}`);
  return [...members.matchAll(/"([^"]+)"/g)].map(([, code]) => code!);
}

const unions: Readonly<Record<string, readonly string[]>> = {
  ProtocolError: unionIn("src/errors/protocol_error.ts", "ProtocolErrorCode"),
  StateError: unionIn("src/errors/state_error.ts", "StateErrorCode"),
  TransportError: unionIn("src/errors/transport_error.ts", "TransportErrorCode"),
  UpgradeRejected: [
    ...unionIn("src/errors/upgrade_rejected.ts", "NoProposal"),
    ...unionIn("src/errors/upgrade_rejected.ts", "UpgradeRejection"),
  ],
  Http2Error: unionIn("src/errors/http2_error.ts", "Http2ErrorCode"),
  WebSocketProtocolError: unionIn("src/errors/web_socket_protocol_error.ts", "WebSocketErrorCode"),
};

const errors = manual("src/errors/README.md");
const http1 = manual("src/http1/README.md");

for (const [name, codes] of Object.entries(unions)) {
  test(`manuals: the codes of ${name} are those of the sources`, () => {
    const listed = rowsOf(sectionOf(errors, `## \`${name}\``)).flatMap(([codes]) => codesIn(codes!));
    assert(codes.length > 5);
    assertEquals(listed.toSorted(), codes.toSorted());
  });
}

test("manuals: every error class that is exported has a section", () => {
  const surface = JSON.parse(read("tests/surface.json")) as Record<string, Surface>;
  const classes = Object.values(surface).flatMap(({ values }) => values);
  const exported = new Set(classes.filter((name) => /(?:Error|Rejected)$/.test(name)));
  const sections = [...errors.text.matchAll(/^## `(\w+)`$/gm)].map(([, name]) => name!);
  assertEquals(sections.toSorted(), [...exported].toSorted());
});

/** What our columns may say besides the names of the API: JavaScript, the platform, and what examples call things. */
const words = new Set(
  ("await const for new null of reason signal " +
    "AsyncIterable AsyncLocalStorage Headers Request Response RangeError TypeError Set Uint8Array " +
    "buf code duplex guard handler head headers host info init message offered onOpen options parts request server socket uri url")
    .split(" "),
);

/** Names that the sources export, declare as members, or take as options. */
function namesOfSources(): Set<string> {
  const surface = JSON.parse(read("tests/surface.json")) as Record<string, Surface>;
  const names = new Set(Object.values(surface).flatMap(({ values, types }) => [...values, ...types]));
  const member = /^ +(?:(?:readonly|static|async|override|get|set) )*(\w+)\??[(<:]/gm;
  for (const path of readdirSync(projectFile("src"), { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    for (const [, name] of readFileSync(join(projectFile("src"), path), "utf8").matchAll(member)) names.add(name!);
  }
  return names;
}

/** Columns that hold names of ours, in all documents. */
const oursHead = /^(?:here|option|option of `deflate`|take|has|how)$/;

test("manuals: what the tables call ours is there", () => {
  const known = namesOfSources();
  const ours = manuals.flatMap(({ text }) => tablesOf(text)).flatMap(({ head, rows }) =>
    rows.flatMap((cells) => cells.filter((_, column) => oursHead.test(head[column]!)))
  );
  const codes = Object.values(unions).flat();
  const names = ours.flatMap(codesIn)
    .filter((code) => !codes.includes(code) && !code.includes("/"))
    .flatMap((code) => code.replaceAll(/"[^"]*"/g, "").match(/[A-Za-z_]\w*/g) ?? []);
  assert(names.length > 250);
  assertEquals([...new Set(names)].filter((name) => !known.has(name) && !words.has(name)), []);
});

/** The rows of tables of options: what a row names, and what it says of the defaults. */
function optionsIn(text: string): { readonly names: readonly string[]; readonly said: string; readonly of: string }[] {
  return tablesOf(text).flatMap(({ head, rows }) => {
    const at = head.findIndex((title) => title.startsWith("option"));
    if (at < 0) return [];
    const cell = (cells: readonly string[], title: string): string => cells[head.indexOf(title)] ?? "";
    return rows.map((cells) => ({
      names: codesIn(cells[at]!),
      said: cell(cells, "default"),
      of: cell(cells, "of"),
    }));
  });
}

/** The members that an interface declares by itself. */
function membersOf(path: string, ...names: string[]): string[] {
  return names.flatMap((name) => {
    const [, body] = new RegExp(`^(?:export )?interface ${name}\\b[^{]*\\{$([\\s\\S]*?)^\\}$`, "m").exec(read(path)) ??
      [];
    assert(body !== undefined, `${path} has no interface ${name}`);
    return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member]) => member!);
  });
}

const network = "src/duplex/network.ts";
const clientOptions = "src/http/client/options.ts";
const calls = sectionOf(manual("src/http/client/README.md"), "## Options of a call");
const callOptions = (call: string): string[] =>
  optionsIn(calls).filter(({ of }) => codesIn(of).includes(call)).flatMap(({ names }) => names);
const route = membersOf(clientOptions, "RouteOptions");

const reverseOptions = "src/proxy/reverse/options.ts";
const reverseProxies = sectionOf(manual("src/proxy/README.md"), "## reverseProxy(target, options)");

/** What stands in the first column of the table that begins with `head`. */
function namesIn(head: string): string[] {
  const { rows } = tablesOf(reverseProxies).find((table) => table.head[0] === head)!;
  return rows.flatMap(([names]) => codesIn(names!));
}

/** What a manual lists, and what the sources declare. */
const listed: Readonly<Record<string, readonly [listed: readonly string[], declared: readonly string[]]>> = {
  "a connection": [
    optionsIn(http1.text).flatMap(({ names }) => names),
    [
      ...membersOf("src/http1/options.ts", "ConnectionOptions", "ServerConnectionOptions", "ClientConnectionOptions"),
      ...membersOf("src/http1/machine/limits.ts", "Http1Limits"),
      "idleTimeoutMs",
    ],
  ],
  "serve()": [
    optionsIn(manual("src/http/server/README.md").text).flatMap(({ names }) => names),
    [
      ...membersOf("src/http/server/serve_options.ts", "ServeOptions"),
      ...membersOf(network, "ListenOptions", "SocketOptions").filter((name) => name !== "keepAlive"),
    ],
  ],
  "HTTP/2 of serve()": [
    tablesOf(sectionOf(manual("src/http/server/README.md"), "## HTTP/2")).flatMap(({ rows }) =>
      rows.flatMap(([name]) => codesIn(name!))
    ),
    [
      ...membersOf("src/http/server/serve_options.ts", "ServeHttp2Options"),
      ...membersOf("src/http2/options.ts", "Http2Options"),
    ],
  ],
  "HTTP/2 of a client": [
    tablesOf(sectionOf(manual("src/http/client/README.md"), "## HTTP/2")).flatMap(({ rows }) =>
      rows.flatMap(([name]) => codesIn(name!))
    ),
    membersOf(clientOptions, "ClientHttp2Options"),
  ],
  "a client": [
    optionsIn(sectionOf(manual("src/http/client/README.md"), "## Options of a client")).flatMap(({ names }) => names),
    [...route, ...membersOf(clientOptions, "ClientOptions")],
  ],
  "retry()": [
    optionsIn(sectionOf(manual("src/http/client/README.md"), "### retry(options)")).flatMap(({ names }) => names),
    membersOf("src/http/client/retry.ts", "RetryOptions"),
  ],
  "client.fetch()": [callOptions("fetch"), membersOf(clientOptions, "FetchInit")],
  "client.upgrade()": [callOptions("upgrade"), membersOf(clientOptions, "UpgradeInit")],
  "client.connect()": [callOptions("connect"), membersOf(clientOptions, "ConnectInit")],
  "a WebSocket": [
    optionsIn(manual("src/websocket/README.md").text).flatMap(({ names }) => names),
    [
      ...route,
      ...membersOf("src/websocket/options.ts", "WebSocketOptions"),
      ...membersOf("src/websocket/upgrade.ts", "UpgradeWebSocketOptions"),
      ...membersOf("src/websocket/client_handshake.ts", "WebSocketHandshakeOptions"),
      ...membersOf("src/websocket/connect.ts", "WebSocketStreamOptions"),
      ...membersOf("src/websocket/web_socket.ts", "WebSocketInit"),
      ...membersOf("src/websocket/over.ts", "OverOptions"),
      ...membersOf("src/websocket/topic.ts", "TopicOptions"),
      ...membersOf("src/websocket/machine/permessage_deflate.ts", "DeflateOptions"),
    ],
  ],
  "tunnel()": [
    optionsIn(sectionOf(manual("src/proxy/README.md"), "## tunnel(a, b)")).flatMap(({ names }) => names),
    membersOf("src/proxy/tunnel.ts", "TunnelOptions"),
  ],
  "forwardProxy()": [
    optionsIn(sectionOf(manual("src/proxy/README.md"), "## forwardProxy(rules)")).flatMap(({ names }) => names),
    [
      ...membersOf("src/proxy/forward/options.ts", "ForwardProxyOptions"),
      ...membersOf("src/proxy/forward/rule.ts", "RuleInit"),
      ...membersOf("src/proxy/forward/identity.ts", "ProxyAuth"),
      ...membersOf("src/proxy/forward/inspect.ts", "ClientHelloRules"),
      ...membersOf("src/proxy/forward/intercept_options.ts", "InterceptOptions"),
    ],
  ],
  "reverseProxy()": [
    optionsIn(reverseProxies).flatMap(({ names }) => names),
    membersOf(reverseOptions, "ReverseProxyOptions"),
  ],
  "what reverseProxy() says of clients": [namesIn("in `forwarded`"), membersOf(reverseOptions, "ForwardedOptions")],
  "what reverseProxy() rewrites": [namesIn("in `rewrite`"), membersOf(reverseOptions, "RewriteOptions")],
  "a socket": [
    optionsIn(sectionOf(manual("src/net/README.md"), "## Options")).flatMap(({ names }) => names),
    membersOf(network, "SocketOptions", "ConnectOptions", "ListenOptions"),
  ],
  "TLS": [
    optionsIn(sectionOf(manual("src/net/README.md"), "## TLS")).flatMap(({ names }) => names),
    [...membersOf("src/duplex/tls_options.ts", "TlsOptions", "TlsServerOptions"), "isServer", "signal"],
  ],
};

for (const [what, [inManual, inSources]] of Object.entries(listed)) {
  test(`manuals: the options of ${what} are those of the sources`, () => {
    assertEquals([...new Set(inManual)].toSorted(), [...new Set(inSources)].toSorted());
  });
}

/** Defaults that are written in the code of a folder: `name ?? 15_000`, `{ name = 512 }`. */
function defaultsWrittenIn(folder: string): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const path of readdirSync(projectFile(folder), { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    const literal = /\b(\w+) (?:\?\?|=) (\d[\d_]*|true|false|Infinity)\b/g;
    for (const [, name, value] of read(`${folder}/${path}`).matchAll(literal)) {
      found.set(name!, value === "Infinity" ? Infinity : JSON.parse(value!.replaceAll("_", "")));
    }
  }
  return found;
}

/** `64 KiB` as 65536, `30 s` as 30000, `no limit` as 0, what is code as it is; `undefined` for what only people read. */
function valueOf(text: string): unknown {
  if (/^(?:no limit|none)\b/.test(text)) return 0;
  const [, code, digits, unit = ""] = /^(?:`([^`]+)`|(\d+)(?: (KiB|MiB|s)\b)?)/.exec(text) ?? [];
  if (code !== undefined) return JSON.parse(code);
  return digits === undefined ? undefined : Number(digits) * ({ KiB: 1024, MiB: 1 << 20, s: 1000 }[unit] ?? 1);
}

/** The defaults by manual, and how many of them are compared at least. */
const defaults: readonly (readonly [path: string, values: ReadonlyMap<string, unknown>, least: number])[] = [
  [
    "src/http1/README.md",
    new Map(Object.entries({ ...DEFAULT_LIMITS, ...clientSettings({}), ...serverSettings(undefined) })),
    26,
  ],
  ["src/http/server/README.md", new Map([...defaultsWrittenIn("src/http/server"), ["backlog", DEFAULT_BACKLOG]]), 2],
  ["src/http/client/README.md", defaultsWrittenIn("src/http/client"), 6],
  [
    "src/websocket/README.md",
    new Map([...defaultsWrittenIn("src/websocket"), ...Object.entries(webSocketSettings({}))]),
    8,
  ],
  ["src/proxy/README.md", defaultsWrittenIn("src/proxy"), 6],
  ["src/net/README.md", new Map([...defaultsWrittenIn("src/net/node"), ["backlog", DEFAULT_BACKLOG]]), 4],
];

for (const [path, values, least] of defaults) {
  test(`manuals: the defaults in ${path} are those of the sources`, () => {
    const compared: [string, unknown][] = [];
    const expected: [string, unknown][] = [];
    for (const { names, said } of optionsIn(manual(path).text)) {
      const options = names.filter((name) => name !== "limits");
      const parts = said.split("; ");
      options.forEach((name, index) => {
        const value = values.get(name);
        const told = valueOf(parts[Math.min(index, parts.length - 1)]!);
        if (told === undefined || typeof value !== "number" && typeof value !== "boolean") return;
        compared.push([name, told]);
        expected.push([name, value === Infinity ? 0 : value]);
      });
    }
    assertEquals(compared, expected);
    assert(compared.length >= least, `only ${compared.length} are compared`);
  });
}

test("manuals: what a limit leads to is what the sources say", () => {
  assertEquals(clientSettings({}).maxDrainBytes, serverSettings(undefined).maxDrainBytes);
  assertEquals(clientSettings({}).writeTimeoutMs, serverSettings(undefined).writeTimeoutMs);
});

test("manuals: the leniencies are those of the sources, and so is what hyper accepts", () => {
  const [, members] = /^export interface Leniency \{([\s\S]*?)^\}/m.exec(read("src/http1/machine/limits.ts"))!;
  const names = [...members!.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name! as keyof Leniency);
  assert(names.length > 10);
  assertEquals(
    rowsOf(sectionOf(http1, "## Leniencies")).map(([code, , hyper]) => [code, hyper]),
    names.map((name) => [
      `\`${name}\``,
      HYPER_LENIENCY[name] === true ? "yes" : "no",
    ]),
  );
});

test("manuals: the table of reverse proxies has a row for each exchange, and ours passes all that its runtimes can do", () => {
  const { head, rows } = tablesOf(manual("scripts/conformance/README.md").text)[4]!;
  const titles = [...exchanges, ...flows].map(({ title }) => title);
  assertEquals(rows.map(([title]) => title), titles);
  const harmed = rows.filter((cells) => cells[2] !== "✓");
  assertEquals([head[2], harmed.map(([title, , ours]) => [title, ours])], [
    `http-upgrade (${rows.length - 1}/${rows.length})`,
    [["behind a switch a reset is a reset", harmed[0]![2]!]],
  ]);
  assertMatch(harmed[0]![2]!, /^✗ \(deno [\d.]+\)$/);
});

test("manuals: the tables of conformance have a row for each probe, and a column for each implementation", () => {
  const [ofServers, ofClients, ofHttp2Servers, ofHttp2Clients] = tablesOf(
    manual("scripts/conformance/README.md").text,
  );
  for (
    const [table, probes, played] of [
      [ofServers, serverProbes, servers],
      [ofClients, clientProbes, clients],
      [ofHttp2Servers, http2ServerProbes, http2Servers],
      [ofHttp2Clients, http2ClientProbes, http2Clients],
    ] as const
  ) {
    assertEquals(
      table!.rows.map(([title, clause]) => [title, clause]),
      probes.map(({ title, clause }) => [title, clause]),
    );
    assertEquals(table!.head.slice(2).map((title) => title.split(",")[0]), played.map(({ title }) => title));
  }
});

test("README: the least versions are those that the smoke suite is played on, TypeScript that of the type tests", () => {
  const section = sectionOf(readme, "## Runtimes");
  const said = rowsOf(section).map(([name, version]) => [
    name!.toLowerCase(),
    `${version}.0.0`.split(".").slice(0, 3).join("."),
  ]);
  assertEquals(Object.fromEntries(said), { ...leastVersions });
  assert(read("scripts/testing/artefact.ts").includes("typescript@5.2"));
  assert(section.includes("TypeScript from 5.2"));
});

test("README: its entries are those of the package", () => {
  const { exports } = JSON.parse(read("deno.json")) as { readonly exports: Readonly<Record<string, string>> };
  const surface = JSON.parse(read("tests/surface.json")) as Record<string, Surface>;
  const [entries] = tablesOf(sectionOf(readme, "## Which entry do I take, which WebSocket?"));
  const said = entries!.rows.flatMap(([cell, , has]) =>
    (cell === "the name alone" ? ["…"] : codesIn(cell!)).map((entry) =>
      [entry.replace("…", "."), codesIn(has!)] as const
    )
  );
  assertEquals(said.map(([entry]) => entry).toSorted(), Object.keys(exports).toSorted());
  for (const [entry, names] of said) {
    const values = surface[entry]!.values;
    assertEquals(names.filter((name) => !values.includes(name) && name !== "withoutShutdown"), []);
  }
});
