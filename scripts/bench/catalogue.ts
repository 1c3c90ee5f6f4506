/**
 * What is measured against what.
 *
 * @module
 */

import type { Runtime } from "../testing/runtimes.ts";
import type { BehindCommand, LoadPlan } from "./load/main.ts";
import type { MessagesPlan } from "./load/messages.ts";
import type { Preface } from "./load/preface.ts";

/** One whose speed is measured. */
export interface Contender {
  /** For the table. */
  readonly title: string;
  /** `file.function` in `subjects/`. */
  readonly start: string;
  /** Whether it is ours, or one to compare with: another one's, or ours done another way. */
  readonly ours: boolean;
  /** On servers, what comes before what is measured. */
  readonly preface?: Preface["type"];
  /** How many streams are on a connection, where the preface is one of HTTP/2. */
  readonly streams?: number;
}

/** One measurement. */
export interface Benchmark {
  /** What `--only=` takes. */
  readonly name: string;
  /** For the table. */
  readonly title: string;
  /** What the count counts. */
  readonly unit: "ops" | "bytes";
  /** What the load generator does with servers; `null` for clients, which are the load themselves. */
  readonly plan: LoadPlan | null;
  /** How many connections that have switched are open besides. */
  readonly held: number;
  /** What stands behind the contenders: a server of the load generator, by the command that starts it. */
  readonly behind?: BehindCommand["type"];
  /** How many operations of a new process count, for a cold start; 0 for a process that is warm. */
  readonly cold: number;
  /** Who takes part. */
  readonly contenders: readonly Contender[];
}

const requests: LoadPlan = { type: "requests" };
const handshakes: LoadPlan = { type: "handshakes" };
const http2Requests: LoadPlan = { type: "http2-requests", connections: 8, streams: 16 };
const http2OneByOne: LoadPlan = { type: "http2-requests", connections: 32, streams: 1 };
const nodeHttp2: Contender = { title: "node:http2", start: "http2.nodeHttp2", ours: false };
const http2Servers: readonly Contender[] = [
  { title: "serveConnection of http2", start: "http2.connection", ours: true },
  { title: "serve, LightResponse", start: "http2.serveLight", ours: true },
  nodeHttp2,
];
const http2Tunnels: readonly Contender[] = [
  { title: "tunnel()", start: "proxy.oursHttp2", ours: true },
  { title: "forwardProxy(), with rules", start: "proxy.forwardHttp2", ours: true },
  { title: "node:http2, pipe()", start: "proxy.nodeHttp2", ours: false },
].flatMap((contender) => {
  const one: Contender = { ...contender, preface: "http2-connect", streams: 100 };
  const apart = { ...one, title: `${contender.title}, a connection for each`, streams: 1 };
  return contender.ours ? [one] : [one, apart];
});
const manyRoundTrips: LoadPlan = { type: "round-trips", connections: 32, bytes: 64 };
const oneRoundTrip: LoadPlan = { type: "round-trips", connections: 1, bytes: 64 };
const oneBulk: LoadPlan = { type: "bulk", connections: 1 };

const upgrades: readonly Contender[] = [
  { title: "read and write", start: "upgrade.channel", ours: true, preface: "upgrade" },
  { title: "node:http", start: "upgrade.nodeHttp", ours: false, preface: "upgrade" },
];
const echoes: readonly Contender[] = [
  { title: "read and write", start: "upgrade.channel", ours: true, preface: "upgrade" },
  { title: "web streams", start: "upgrade.streams", ours: true, preface: "upgrade" },
  { title: "node:http", start: "upgrade.nodeHttp", ours: false, preface: "upgrade" },
  { title: "raw socket", start: "raw.echo", ours: false },
];
const rawOnread: Contender = { title: "raw socket, onread", start: "raw.onread", ours: false };
const rawPromises: Contender = { title: "raw socket, awaited", start: "raw_awaited.echo", ours: false };
const rawOwn: Contender = {
  title: "raw socket, memory of its own for each chunk",
  start: "raw.ownMemory",
  ours: false,
};
const rawPipe: Contender = { title: "raw socket, pipe()", start: "raw.pipe", ours: false };
const nodeServers: readonly Contender[] = [
  { title: "@hono/node-server", start: "hono.nodeServer", ours: false },
  { title: "srvx", start: "hono.srvx", ours: false },
];
const replaced: Contender = { title: "serve, replaceGlobalResponse", start: "hello.serveReplaced", ours: true };
const honoApps: readonly Contender[] = [
  { title: "Hono app on serve", start: "hono.onOurs", ours: true },
  { title: "Hono app on serve, replaceGlobalResponse", start: "hono.onOursReplaced", ours: true },
  { title: "Hono app on @hono/node-server", start: "hono.onTheirs", ours: false },
];
const proxies: readonly Contender[] = [
  { title: "tunnel()", start: "proxy.ours", ours: true, preface: "connect" },
  { title: "forwardProxy(), with rules", start: "proxy.forward", ours: true, preface: "connect" },
  { title: "node:http, pipe()", start: "proxy.nodeHttp", ours: false, preface: "connect" },
];
const reverseProxies: readonly Contender[] = [
  { title: "reverseProxy()", start: "reverse.ours", ours: true },
  { title: "http-proxy-3, agent", start: "reverse.httpProxy3", ours: false },
  { title: "httpxy, agent", start: "reverse.httpxy", ours: false },
  ...(hasNginx() ? [{ title: "nginx, one worker", start: "nginx.reverse", ours: false }] : []),
];

/** Linux tells what another process has used. */
function hasNginx(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    return new Deno.Command("nginx", { args: ["-v"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

const proxyChain: Contender = { title: "proxy-chain", start: "proxy.proxyChain", ours: false, preface: "connect" };
const wsText: Contender = { title: "ws, text as a string", start: "web_socket.wsText", ours: false };
const wsArrayBuffer: Contender = {
  title: "ws, bytes as an ArrayBuffer",
  start: "web_socket.wsArrayBuffer",
  ours: false,
};
const textBytes: Contender = { title: "read and write, text as bytes", start: "web_socket.channelBytes", ours: true };
const rawFrames: Contender = { title: "raw socket, frames of the same length", start: "raw.frames", ours: false };
const rawTextFrames: Contender = {
  title: "raw socket, the same and a string of each",
  start: "raw.textFrames",
  ours: false,
};
const awaitedTexts: Contender = {
  title: "raw socket, the same and a loop that awaits it",
  start: "raw_awaited.texts",
  ours: false,
};
const bareFrame: Contender = { title: "the same below node:net", start: "raw.bareFrame", ours: false };
const besideResponse: Contender = {
  title: "serve, LightResponse, and a Response that is read",
  start: "hello.serveLightBesideResponse",
  ours: false,
};
const bareProxy: Contender = {
  title: "bare sockets, the address alone",
  start: "bare_proxy.tunnels",
  ours: false,
  preface: "connect",
};
const rawHandshake: Contender = {
  title: "raw socket, fixed answer",
  start: "raw.handshake",
  ours: false,
  preface: "upgrade",
};
const rawHttp2: Contender = { title: "raw socket, fixed answer", start: "raw_http2.fixedAnswer", ours: false };
const rawHttp2Frames: Contender = {
  title: "raw socket over HTTP/2, frames of the same length",
  start: "raw_http2.frames",
  ours: false,
};
const rawHello: Contender = { title: "raw socket, fixed answer", start: "raw.fixedAnswer", ours: false };

const reverses: readonly Benchmark[] = [
  { ...served("reverse", "requests through a reverse proxy", requests, reverseProxies), behind: "answer" },
  {
    ...served("reverse-bulk", "responses of 1 MiB through a reverse proxy", requests, reverseProxies),
    behind: "answer-large",
  },
  {
    ...served("reverse-websocket", "WebSocket echo of 64 B through a reverse proxy, 32 connections", {
      type: "messages",
      connections: 32,
      bytes: 64,
      inFlight: 1,
      kind: "text",
      deflate: false,
    }, reverseProxies),
    behind: "answer-frames",
  },
];

const tunnelRoundTrips: LoadPlan = { type: "round-trips", connections: 100, bytes: 64 };
const tunnelBulk: LoadPlan = { type: "bulk", connections: 100 };
const onOne = "on one connection of HTTP/2";
/** No bulk on Bun, whose `node:http2` stops for ever in it (seen on 1.4.5). */
const http2TunnelRows: readonly Benchmark[] = [
  served("http2-tunnel-handshake", `tunnels through a proxy, 100 at a time ${onOne}`, handshakes, http2Tunnels),
  served("http2-tunnel-round-trips", `round trips of 64 bytes, 100 tunnels ${onOne}`, tunnelRoundTrips, http2Tunnels),
  { ...served("http2-tunnel-bulk", `bulk echo, 100 tunnels ${onOne}`, tunnelBulk, http2Tunnels), unit: "bytes" },
];

/** Not on Deno, whose `node:http2` ends the process in this row: "free(): invalid pointer" (seen on 2.9.6). */
const http2Machines: Benchmark = requested("http2-machine", "requests over HTTP/2 in memory, both sides", [
  { title: "both machines", start: "codec.machines", ours: true },
  { title: "node:http2", start: "codec.nodeHttp2", ours: false },
]);

/** All that is measured on a runtime. */
export function catalogue(runtime: Runtime, quick: boolean): Benchmark[] {
  const tunnels = isNode(runtime) ? [...proxies, proxyChain, bareProxy] : [...proxies, bareProxy];
  const platform: Contender[] = runtime.name === "deno" || runtime.name === "bun"
    ? [{ title: runtime.name === "deno" ? "Deno.serve" : "Bun.serve", start: "hello.platform", ours: false }]
    : [];
  const platformHttp2 = platform.map((contender) => ({ ...contender, start: "http2.platform" }));
  const open = quick ? 500 : 5000;
  const node = isNode(runtime);
  const bun = runtime.name === "bun";
  const smallEchoes = [...echoes, node ? rawOnread : bun ? rawPromises : rawOwn];
  return [
    served("hello", "requests, conn level", requests, [
      { title: "serveConnection", start: "hello.connection", ours: true },
      { title: "node:http", start: "hello.nodeHttp", ours: false },
      ...platform,
      rawHello,
    ]),
    served("serve", "requests, high level", requests, [
      { title: "serve, LightResponse", start: "hello.serveLight", ours: true },
      { title: "serve, Response", start: "hello.serve", ours: true },
      ...(node ? [replaced] : []),
      { title: "node:http", start: "hello.nodeHttp", ours: false },
      ...platform,
      ...(node ? nodeServers : []),
      besideResponse,
    ]),
    served("http2", "requests over HTTP/2, 8 connections with 16 streams each", http2Requests, [
      ...http2Servers,
      ...platformHttp2,
    ]),
    served("http2-one-by-one", "requests over HTTP/2, 32 connections with a stream each", http2OneByOne, [
      ...http2Servers,
      ...platformHttp2,
      rawHttp2,
    ]),
    ...(node ? [served("hono", "requests to a Hono app", requests, honoApps)] : []),
    served("handshake", "upgrades", handshakes, [...upgrades, rawHandshake]),
    { ...served("handshake-open", `upgrades while ${open} are open`, handshakes, upgrades), held: open },
    served("round-trips", "round trips of 64 bytes, 32 connections", manyRoundTrips, smallEchoes),
    served("round-trip", "round trips of 64 bytes, one connection", oneRoundTrip, smallEchoes),
    {
      ...served("bulk", "bulk echo, one connection", oneBulk, [...echoes, node ? rawPipe : bun ? rawPromises : rawOwn]),
      unit: "bytes",
    },
    served("proxy-handshake", "tunnels through a proxy", handshakes, tunnels),
    served("proxy-round-trips", "round trips of 64 bytes through a proxy, 32 connections", manyRoundTrips, tunnels),
    { ...served("proxy-bulk", "bulk echo through a proxy, one connection", oneBulk, tunnels), unit: "bytes" },
    ...http2TunnelRows.filter(({ name }) => runtime.name !== "bun" || name !== "http2-tunnel-bulk"),
    ...(node ? reverses : []),
    ...webSockets(runtime, quick),
    ...http2WebSockets(),
    ...broadcasts(runtime, quick),
    ...coldStarts(runtime),
    requested("client", "requests sent, conn level", [
      { title: "sender.send", start: "client.sender", ours: true },
      { title: "node:http, agent", start: "client.nodeHttp", ours: false },
      { title: fetchTitle(runtime), start: "client.platformFetch", ours: false },
    ]),
    requested("hpack", "field blocks of HTTP/2, written and read", [
      { title: "HpackEncoder, HpackDecoder", start: "codec.hpack", ours: true },
      { title: "hpack.js", start: "codec.hpackJs", ours: false },
    ]),
    ...(runtime.name === "deno" ? [] : [http2Machines]),
    requested("fetch", "requests sent, high level", [
      { title: "client.fetch", start: "client.ourFetch", ours: true },
      { title: "node:http, agent", start: "client.nodeHttp", ours: false },
      { title: fetchTitle(runtime), start: "client.platformFetch", ours: false },
    ]),
  ];
}

function served(name: string, title: string, plan: LoadPlan, contenders: readonly Contender[]): Benchmark {
  return { name, title, unit: "ops", plan, held: 0, cold: 0, contenders };
}

/** What a process does first, before its compiler has seen much of it. */
const COLD_OPERATIONS = 5000;

function coldStarts(runtime: Runtime): Benchmark[] {
  const messages: LoadPlan = {
    type: "messages",
    connections: 100,
    bytes: 64,
    inFlight: 1,
    kind: "text",
    deflate: false,
  };
  const first = `the first ${COLD_OPERATIONS.toLocaleString("en")}`;
  const rows = [
    served("cold-handshake", `upgrades, ${first} of a process`, handshakes, upgrades),
    served("cold-requests", `requests, ${first} of a process`, requests, [
      { title: "serve, LightResponse", start: "hello.serveLight", ours: true },
      { title: "serve, Response", start: "hello.serve", ours: true },
      { title: "node:http", start: "hello.nodeHttp", ours: false },
    ]),
    served(
      "cold-websocket",
      `WebSocket echo of 64 B, ${first} of a process`,
      messages,
      webSocketEchoers(runtime, false),
    ),
  ];
  return rows.map((row) => ({ ...row, cold: COLD_OPERATIONS }));
}

/** What is echoed; on 100 connections, and on Node on one as well. `--quick` leaves that out. */
const messageSizes: readonly (readonly [title: string, bytes: number])[] = [
  ["64 B", 64],
  ["1 KiB", 1024],
  ["64 KiB", 65_536],
  ["1 MiB", 1_048_576],
];

function webSockets(runtime: Runtime, quick: boolean): Benchmark[] {
  const burst: LoadPlan = { type: "messages", connections: 32, bytes: 64, inFlight: 16, kind: "text", deflate: false };
  const bursts = "WebSocket echo, 64 B of text, 32 connections, 16 on their way on each";
  const connections = quick || !isNode(runtime) ? [100] : [1, 100];
  // Deno's own has no compression.
  const compressed = runtime.name === "deno" ? [] : connections;
  return [
    served("websocket-burst", bursts, burst, webSocketEchoers(runtime, false)),
    ...connections.flatMap((count) =>
      messageEchoes(runtime, "websocket", { connections: count, kind: "text", deflate: false })
    ),
    ...messageEchoes(runtime, "websocket-unicode", { connections: 100, kind: "unicode", deflate: false }),
    ...connections.flatMap((count) =>
      messageEchoes(runtime, "websocket-binary", { connections: count, kind: "binary", deflate: false })
    ),
    ...compressed.flatMap((count) =>
      messageEchoes(runtime, "websocket-deflate", { connections: count, kind: "text", deflate: true })
    ),
  ];
}

/** Ours over HTTP/2 beside ours over HTTP/1.1, where each WebSocket has a connection of its own. */
function http2WebSockets(): Benchmark[] {
  const contenders = (streams: number): Contender[] => [
    { title: "over HTTP/2", start: "web_socket.channelHttp2", ours: true, preface: "http2-websocket", streams },
    { title: "over HTTP/1.1", start: "web_socket.channel", ours: false },
    { ...rawHttp2Frames, preface: "http2-websocket", streams },
    rawFrames,
  ];
  return [[1, 100], [25, 4], [100, 1]].flatMap(([connections, streams]) => {
    const where = `on ${connections === 1 ? "one connection" : `${connections} connections`} of HTTP/2`;
    return messageSizes.filter(([, bytes]) => bytes < 1_048_576).map(([size, bytes]) => {
      const plan: LoadPlan = { type: "messages", connections: 100, bytes, inFlight: 1, kind: "text", deflate: false };
      const title = `WebSocket echo, ${size} of text, 100 ${where}`;
      return served("websocket-http2", title, plan, contenders(streams!));
    });
  });
}

/** One message for all: what one sends, everybody gets. */
function broadcasts({ name }: Runtime, quick: boolean): Benchmark[] {
  const connections = quick ? 200 : 10_000;
  const plan = (bytes: number, deflate: boolean): LoadPlan => {
    return { type: "messages", connections, senders: 1, bytes, inFlight: 1, kind: "text", deflate };
  };
  const contenders = (suffix: "" | "Deflate"): Contender[] => {
    const all: Contender[] = [{ title: "Topic", start: `web_socket.topic${suffix}`, ours: true }];
    if (isNode({ name })) all.push({ title: "ws, a loop", start: `web_socket.wsLoop${suffix}`, ours: false });
    const theirs = name === "bun" ? "Bun's publish()" : "Deno.upgradeWebSocket, a loop";
    const has = name === "bun" || (name === "deno" && suffix === "");
    if (has) all.push({ title: theirs, start: `web_socket.platformTopic${suffix}`, ours: false });
    if (suffix === "") all.push({ title: "raw socket, a ready frame in a loop", start: "raw.readyFrame", ours: false });
    if (suffix === "" && isNode({ name })) all.push(bareFrame);
    return all;
  };
  const to = `to ${connections.toLocaleString("en")} receivers`;
  return [
    served("broadcast", `one message of 64 B ${to}`, plan(64, false), contenders("")),
    served("broadcast-deflate", `one message of 1 KiB ${to}, compressed`, plan(1024, true), contenders("Deflate")),
  ];
}

function messageEchoes(
  runtime: Runtime,
  name: string,
  plan: Pick<MessagesPlan, "connections" | "kind" | "deflate">,
): Benchmark[] {
  const { connections, kind, deflate } = plan;
  const how = `${kind === "unicode" ? "text that is not ASCII" : kind}${
    deflate ? " compressed" : ""
  }, ${connections} connection${connections > 1 ? "s" : ""}`;
  return messageSizes.filter(([, bytes]) => (!deflate && kind !== "unicode") || bytes >= 1024).map(([size, bytes]) => {
    const messages: LoadPlan = { type: "messages", bytes, inFlight: 1, ...plan };
    const contenders = webSocketEchoers(runtime, deflate);
    if (!deflate && kind !== "binary") contenders.push(textBytes);
    if (!deflate && kind === "text") contenders.push(rawFrames);
    if (!deflate && kind === "text" && bytes > 1024 && !isNode(runtime)) contenders.push(rawTextFrames);
    if (!deflate && kind === "text" && bytes > 1024 && runtime.name === "deno") contenders.push(awaitedTexts);
    if (!deflate && kind !== "binary" && isNode(runtime)) contenders.push(wsText);
    if (!deflate && kind === "binary" && isNode(runtime)) contenders.push(wsArrayBuffer);
    return served(name, `WebSocket echo, ${size} of ${how}`, messages, contenders);
  });
}

/** Who echoes messages. */
export function webSocketEchoers({ name }: Pick<Runtime, "name">, deflate: boolean): Contender[] {
  const suffix = deflate ? "Deflate" : "";
  const contenders: Contender[] = [{ title: "read and write", start: `web_socket.channel${suffix}`, ours: true }];
  if (!deflate) contenders.push({ title: "events", start: "web_socket.events", ours: true });
  if (isNode({ name })) {
    contenders.push({ title: "ws", start: `web_socket.ws${suffix}`, ours: false });
  }
  if (name === "deno" && !deflate) {
    contenders.push({ title: "Deno.upgradeWebSocket", start: "web_socket.platform", ours: false });
  }
  if (name === "bun") contenders.push({ title: "Bun.serve", start: `web_socket.platform${suffix}`, ours: false });
  return contenders;
}

function requested(name: string, title: string, contenders: readonly Contender[]): Benchmark {
  return { name, title, unit: "ops", plan: null, held: 0, cold: 0, contenders };
}

function fetchTitle({ name }: Runtime): string {
  if (name === "deno") return "Deno's fetch";
  return name === "bun" ? "Bun's fetch" : "Node's fetch (undici)";
}

function isNode({ name }: Pick<Runtime, "name">): boolean {
  return name === "node" || name === "node20" || name === "node22" || name === "node24";
}
