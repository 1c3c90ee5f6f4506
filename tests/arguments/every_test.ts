import { test } from "node:test";
import { assertEquals } from "@std/assert";
import * as main from "../../mod.ts";
import * as http1 from "../../src/http1/mod.ts";
import { Http1Machine } from "../../src/http1/machine/http1_machine.ts";
import * as http2 from "../../src/http2/mod.ts";
import { Http2Machine } from "../../src/http2/machine/http2_machine.ts";
import * as proxy from "../../src/proxy/mod.ts";
import * as net from "../../src/net/mod.ts";
import * as bun from "../../src/net/bun/mod.ts";
import * as deno from "../../src/net/deno/mod.ts";
import * as node from "../../src/net/node/mod.ts";
import * as websocket from "../../src/websocket/mod.ts";
import { http1Table, proxyTable } from "./http1.ts";
import { http2Table } from "./http2.ts";
import { mainTable } from "./main.ts";
import { networks, sockets } from "./net.ts";
import { webSocketTable } from "./websocket.ts";
import type { Table } from "./wrong.ts";

const entries: Readonly<Record<string, readonly [module: object, table: Table]>> = {
  ".": [main, mainTable],
  "./http1": [http1, http1Table],
  "./http2": [http2, http2Table],
  "./websocket": [websocket, webSocketTable],
  "./proxy": [proxy, proxyTable],
  "./net": [net, networks["./net"]!],
  "./deno": [deno, networks["./deno"]!],
  "./bun": [bun, networks["./bun"]!],
  "./node": [node, networks["./node"]!],
};

/** What the parts of the package call of one another: `@ignore` in the docs, or not of the documented shape. */
const INTERNAL: ReadonlySet<string> = new Set([
  "withdrawRead",
  "watchPeer",
  "probePeer",
  "cut",
  "moveToSuccessor",
  "attach",
  "lend",
  "received",
  "ended",
  "failed",
  "gone",
  "cannotOpen",
  "offer",
  "readHead",
  "readBody",
  "beginReading",
  "beginWriting",
  "endWriting",
  "beginCycle",
  "tellOver",
  "tellOpen",
  "tellExchanges",
  "tellExchange",
  "tellStreams",
  "sendTold",
  "turnAway",
  "abortRequests",
  "leave",
  "closeAtOnce",
  "onOver",
  "sendFrame",
  "readShared",
  "tellPreface",
  "tellExchange",
  "start",
  "sending",
  "ofChecked",
  "tellReady",
  "writesOver",
  "peerEnded",
  "holdProgram",
]);

/** What a caller can call of an object: the methods of its class, those with a symbol and accessors left out. */
function methodsOf(prototype: object): string[] {
  const base = [Http1Machine, Http2Machine].find((machine) => prototype instanceof machine);
  const inherited = base === undefined ? [] : ownMethodsOf(base.prototype);
  return inherited.concat(ownMethodsOf(prototype));
}

function ownMethodsOf(prototype: object): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { value }]) => name !== "constructor" && !INTERNAL.has(name) && typeof value === "function")
    .map(([name]) => name);
}

/** The functions, classes, and methods of a module. */
function callablesOf(module: object): string[] {
  return Object.entries(module).flatMap(([name, value]) => {
    if (typeof value !== "function" || value.prototype instanceof Error) return [name];
    const methods = [...methodsOf(value), ...(value.prototype === undefined ? [] : methodsOf(value.prototype))];
    return [name, ...methods.map((method) => `${name}.${method}`)];
  });
}

for (const [entry, [module, table]] of Object.entries(entries)) {
  test(`${entry}: each function and method has its row of wrong calls, or says why there are none`, () => {
    const platforms = /^LightResponse\.(?:arrayBuffer|blob|bytes|clone|formData|json|text|textStream)$/;
    // Abstract: its methods are rows of the two machines that have them.
    const shared = /^Http[12]Machine(?:\.|$)/;
    const missing = callablesOf(module)
      .filter((name) => table[name] === undefined && !platforms.test(name) && !shared.test(name));
    assertEquals(missing, []);
  });
}

test("each method of sockets, listeners and pairs has its row", async () => {
  const listener = await net.listen({ hostname: "127.0.0.1" });
  const socket = net.connect(listener.address);
  const [end] = main.duplexPair();
  const rows = (name: string, value: object) =>
    methodsOf(Object.getPrototypeOf(value)).map((method) => `${name}.${method}`);
  const all = [...rows("Socket", socket), ...rows("Listener", listener), ...rows("Socket", end)];
  socket.abort();
  await listener.close();
  assertEquals(all.filter((name) => sockets[name] === undefined), []);
});
