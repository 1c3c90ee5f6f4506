import { readdir, readFile, rm } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { echoServer } from "../../scripts/examples/echo_server.ts";
import { webSocketEchoServer } from "../../scripts/examples/websocket_echo_server.ts";
import { bundle } from "../../scripts/testing/bundle.ts";
import { prepareWorkerd } from "../../scripts/testing/workerd.ts";
import { serve } from "../../src/http/server/serve.ts";
import { serveConnection } from "../../src/http2/server_connection.ts";
import { upgradeResponse, upgradeWebSocket, wantsUpgrade } from "../../mod.ts";
import { listen } from "../../src/net/mod.ts";
import { forwardProxy } from "../../src/proxy/forward/forward_proxy.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { startProxy } from "../support/forward.ts";
import { type Daemon, daemon } from "../support/daemon.ts";
import { projectFile, runtimeName, skipUnless } from "../support/runtime.ts";

const folder = "scripts/examples/worker";
const onDeno = skipUnless(runtimeName === "deno", "only Deno makes bundles");
const workerd = onDeno.skip === false ? await prepareWorkerd().catch((error: Error) => error) : null;
const inWorker = workerd instanceof Error ? skipUnless(false, workerd.message) : onDeno;

/** The modules of a bundle by their names, the entry first, in which everything but `cloudflare:sockets` is contained. */
async function modulesOf(file: string): Promise<readonly (readonly [name: string, text: string])[]> {
  const directory = `.cache/worker-${process.pid}`;
  const made = (await bundle([file], directory, ["--external=cloudflare:sockets"])).get(file)!;
  if ("error" in made) throw new Error(made.error);
  const entry = made.entry.slice(directory.length + 1);
  const others = (await readdir(projectFile(directory))).filter((name) => name.endsWith(".js") && name !== entry);
  const read = async (name: string) => [name, await readFile(projectFile(`${directory}/${name}`), "utf8")] as const;
  const modules = await Promise.all([entry, ...others].map(read));
  await rm(projectFile(directory), { recursive: true });
  return modules;
}

/** The bundle of a module, which is one. */
async function bundled(file: string): Promise<string> {
  const [[, text]] = await modulesOf(file) as [[string, string]];
  return text;
}

/** What a bundle imports. */
function importsOf(text: string): string[] {
  const code = text.replaceAll(/^\s*(?:\/\*\*[\s\S]*?\*\/|\/\/.*$)/gm, "");
  return [...code.matchAll(/(?<![.\w])(?:from|import)\s*\(?\s*["'`]([^"'`]+)/g)].map(([, specifier]) => specifier!);
}

/** An example in `workerd`, which trusts the tests' authority; `date` is the compatibility date if not that of the example. */
async function worker(file = "worker.ts", date?: string): Promise<Daemon> {
  const [[, script], ...others] = await modulesOf(`${folder}/${file}`) as [[string, string], ...[string, string][]];
  const config = (await readFile(projectFile(`${folder}/config.capnp`), "utf8"))
    .replace(/(modules = \[.*)\]/, (_, first) => `${first},${others.map(([name]) => moduleLine(name)).join()}]`)
    .replace(/(compatibilityDate = )".*?"/, (line, name) => date === undefined ? line : `${name}"${date}"`)
    .replace(/(allow = .*?\])/, '$1, tlsOptions = (trustedCertificates = [embed "authority.pem"])');
  return await daemon({
    command: workerd as string,
    args: (folder, port) => ["serve", `${folder}/config.capnp`, `--socket-addr=http=127.0.0.1:${port}`],
    files: () => ({
      "config.capnp": config,
      "worker.js": script,
      "authority.pem": authority,
      ...Object.fromEntries(others),
    }),
  });
}

function moduleLine(name: string): string {
  return `(name = "${name}", esModule = embed "${name}")`;
}

test(
  "./http1, ./http2, ./websocket and all that they import is free of other modules, those of a platform too",
  onDeno,
  async () => {
    assert(importsOf(await bundled("src/net/node/mod.ts")).includes("node:net"), "an import would be seen");
    assertEquals(importsOf(await bundled("src/http1/mod.ts")), []);
    assertEquals(importsOf(await bundled("src/http2/mod.ts")), []);
    assertEquals(importsOf(await bundled("src/websocket/mod.ts")), []);
    assertEquals(importsOf(await bundled(`${folder}/worker.ts`)), ["cloudflare:sockets"]);
    assertEquals(importsOf(await bundled(`${folder}/http2_worker.ts`)), ["cloudflare:sockets"]);
  },
);

test(
  "examples/worker: ./http1 in workerd upgrades, tunnels, and says why it cannot [Q1]",
  { ...inWorker, timeout: 30_000 },
  async () => {
    const server = echoServer(0);
    const [address] = await server.listening;
    const lines: string[] = [];
    const proxy = await startProxy({ allow: [`127.0.0.1:${address!.port}`], log: (line) => lines.push(line) });
    const running = await worker();
    const here = `127.0.0.1:${address!.port}`;
    const ask = async (query: string, body: Uint8Array): Promise<Response> => {
      return await fetch(`http://127.0.0.1:${running.port}/?${query}`, { method: "POST", body: body.slice() });
    };
    try {
      const large = new Uint8Array(3_000_000).map((_, index) => index * 31 % 251);
      for (const query of [`server=${here}`, `server=${here}&proxy=127.0.0.1:${proxy.port}`]) {
        for (const body of [new TextEncoder().encode("hello"), new Uint8Array(0), large]) {
          const response = await ask(query, body);
          assertEquals([response.status, response.headers.get("x-protocol")], [200, "echo/1"]);
          assertEquals(new Uint8Array(await response.arrayBuffer()), body);
        }
      }
      assertEquals(lines.filter((line) => line === `CONNECT ${here} 200`).length, 3);
      const refused = await ask(`server=a.test:443&proxy=127.0.0.1:${proxy.port}`, large);
      assertEquals([refused.status, await refused.text()], [502, "UpgradeRejected: No upgrade: the answer was 403\n"]);
      const gone = await ask("server=127.0.0.1:1", large);
      assertEquals(await gone.text(), "TransportError: There is no connection\n");
    } finally {
      await running[Symbol.asyncDispose]();
      await proxy.close();
      await server.shutdown({ upgraded: "close" });
    }
  },
);

test(
  "examples/worker: ./websocket in workerd sends and receives, directly and through a tunnel [Q1]",
  { ...inWorker, timeout: 30_000 },
  async () => {
    const server = webSocketEchoServer();
    const [address] = await server.listening;
    const here = `127.0.0.1:${address!.port}`;
    const proxy = await startProxy({ allow: [here] });
    const running = await worker();
    try {
      for (const query of [`server=${here}`, `server=${here}&proxy=127.0.0.1:${proxy.port}`]) {
        for (const body of ["héllo 👋", "", "x".repeat(200_000)]) {
          const url = `http://127.0.0.1:${running.port}/?${query}&websocket`;
          const response = await fetch(url, { method: "POST", body });
          assertEquals([response.status, await response.text()], [200, body]);
        }
      }
    } finally {
      await running[Symbol.asyncDispose]();
      await proxy.close();
      await server.shutdown({ upgraded: "close" });
    }
  },
);

/** A server that echoes, by a request, a switch or a WebSocket, and is a proxy; it speaks HTTP/2 and HTTP/1.1. */
async function http2Echo() {
  const versions: string[] = [];
  const proxy = forwardProxy({ allow: [{ host: "*", addresses: ["loopback"] }] });
  const server = serve(
    { hostname: "127.0.0.1", port: 0, http2: { h2c: true, connectProtocol: true }, connect: proxy.connect },
    (request, { head }) => {
      versions.push(`${head.version} ${head.fields.get("upgrade") ?? request.method}`);
      if (wantsUpgrade(request, "websocket")) {
        return upgradeWebSocket(request, {}, async (socket) => {
          for await (const message of socket) await socket.write(message);
        }).response;
      }
      if (!wantsUpgrade(request, "echo/1")) return new Response(request.body, { status: 203 });
      return upgradeResponse(request, "echo/1", {}, (io) => io.readable.pipeTo(io.writable)).response;
    },
  );
  const [{ port }] = await server.listening;
  return {
    here: `127.0.0.1:${port}`,
    versions,
    async close() {
      await server.shutdown();
      await proxy.close();
    },
  };
}

test(
  "examples/worker: ./http2 in workerd asks, upgrades and opens WebSockets, directly and through a tunnel over HTTP/2",
  { ...inWorker, timeout: 60_000 },
  async () => {
    const { here, versions, close } = await http2Echo();
    const running = await worker("http2_worker.ts");
    const large = new Uint8Array(3_000_000).map((_, index) => index * 31 % 251);
    try {
      for (const way of [`server=${here}`, `server=${here}&proxy=${here}`]) {
        const url = `http://127.0.0.1:${running.port}/?${way}`;
        for (const body of [new TextEncoder().encode("hello"), new Uint8Array(0), large]) {
          const plain = await fetch(url, { method: "POST", body });
          assertEquals([plain.status, new Uint8Array(await plain.arrayBuffer())], [203, body]);
          const switched = await fetch(`${url}&upgrade`, { method: "POST", body });
          assertEquals([switched.status, switched.headers.get("x-protocol")], [200, "echo/1"]);
          assertEquals(new Uint8Array(await switched.arrayBuffer()), body);
        }
        for (const body of ["héllo 👋", "", "x".repeat(200_000)]) {
          const response = await fetch(`${url}&websocket`, { method: "POST", body });
          assertEquals([response.status, await response.text()], [200, body]);
        }
      }
      const asked = Array.from({ length: 3 }, () => ["2 POST", "2 echo/1"]).flat();
      const once = [...asked, ...Array.from({ length: 3 }, () => "2 websocket")];
      assertEquals(versions, [...once, ...once]);
      const gone = await fetch(`http://127.0.0.1:${running.port}/?server=127.0.0.1:1`, { method: "POST", body: "x" });
      assertEquals([gone.status, (await gone.text()).split(":")[0]], [502, "TransportError"]);
    } finally {
      await running[Symbol.asyncDispose]();
      await close();
    }
  },
);

test(
  "examples/worker: workerd's TLS offers no protocol by ALPN, and carries HTTP/2 to a server that takes it anyway",
  { ...inWorker, timeout: 30_000 },
  async () => {
    const alpn: unknown[] = [];
    const tls = { cert: serverCert, key: serverKey, alpnProtocols: ["h2", "http/1.1"] };
    const listener = await listen({ hostname: "127.0.0.1", tls });
    const accepting = (async () => {
      for await (const socket of listener) {
        alpn.push((await socket.opened).alpn);
        serveConnection(socket, (request) => ({ status: 200, body: request.body }));
      }
    })();
    const running = await worker("http2_worker.ts");
    try {
      const { port } = listener.address;
      const url = `http://127.0.0.1:${running.port}/?server=localhost:${port}&tls`;
      const response = await fetch(url, { method: "POST", body: "hello" });
      assertEquals([response.status, await response.text()], [200, "hello"]);
      assertEquals(alpn, [null]);
    } finally {
      await running[Symbol.asyncDispose]();
      await listener.close();
      await accepting;
    }
  },
);

test("examples/worker: a Client in workerd dials by cloudflare:sockets", { ...inWorker, timeout: 30_000 }, async () => {
  const { here, versions, close } = await http2Echo();
  const running = await worker("client_worker.ts", "2025-05-05");
  try {
    for (const body of ["hello", "", "x".repeat(200_000)]) {
      const url = `http://127.0.0.1:${running.port}/?url=http://${here}/`;
      const response = await fetch(url, { method: "POST", body });
      assertEquals([response.status, await response.text()], [200, `203 ${body}\n203 ${body}`]);
    }
    assertEquals(versions.length, 6);
  } finally {
    await running[Symbol.asyncDispose]();
    await close();
  }
});
