import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createServer, type ViteDevServer } from "vite";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import { acceptUpgrade } from "../../src/node_http/accept.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";

async function echo(io: WebSocketConnection): Promise<void> {
  for await (const message of io) await io.write(message);
}

/** The next thing that Vite tells its client. */
async function told(hmr: WebSocketConnection): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(String(await hmr.read()));
}

/** A dev server that is asked for `main.js`. */
async function startVite(t: TestContext): Promise<{ readonly vite: ViteDevServer; readonly port: number }> {
  const root = mkdtempSync(join(tmpdir(), "http-upgrade-vite-"));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, "index.html"), '<script type="module" src="/main.js"></script>');
  writeFileSync(join(root, "main.js"), 'export const text = "one"; import.meta.hot.accept();');
  const vite = await createServer({
    root,
    configFile: false,
    logLevel: "silent",
    server: { host: "127.0.0.1", port: 0, watch: null },
    optimizeDeps: { noDiscovery: true },
  });
  t.after(() => vite.close());
  await vite.listen();
  return { vite, port: (vite.httpServer!.address() as AddressInfo).port };
}

test("Vite's dev server keeps its hot updates beside acceptUpgrade() on its httpServer", async (t) => {
  const { vite, port } = await startVite(t);
  vite.httpServer!.on("upgrade", (...[req, socket, head]: Parameters<typeof acceptUpgrade>) => {
    if (req.url !== "/chat") return; // Vite's own
    acceptUpgrade(req, socket, head, (request) => upgradeWebSocket(request, { protocols: ["v1"] }, echo).response);
  });
  const here = `ws://127.0.0.1:${port}`;
  const hmr = await new WebSocketStream(`${here}/`, { protocols: ["vite-hmr"] }).opened;
  assertEquals(await told(hmr), { type: "connected" });
  const chat = await new WebSocketStream(`${here}/chat`, { protocols: ["v1"] }).opened;
  await chat.write("x".repeat(100_000));
  assertEquals([chat.protocol, (await chat.read())!.length], ["v1", 100_000]);

  const served = await fetch(`http://127.0.0.1:${port}/main.js`);
  assertStringIncludes(await served.text(), '"one"');
  await vite.reloadModule((await vite.moduleGraph.getModuleByUrl("/main.js"))!);
  const { type, updates } = await told(hmr) as { type: string; updates: { type: string; path: string }[] };
  assertEquals([type, updates.map(({ type, path }) => [type, path])], ["update", [["js-update", "/main.js"]]]);

  await chat.write("still there");
  assertEquals(await chat.read(), "still there");
  await Promise.all([chat.close(), hmr.close()]);
});

test("Vite's dev server behind reverseProxy(): its client, its modules and hot updates", async (t) => {
  const { vite, port: own } = await startVite(t);
  const proxy = reverseProxy(`http://127.0.0.1:${own}`);
  const front = serve({ port: 0, hostname: "127.0.0.1" }, proxy);
  t.after(async () => {
    await front[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
  const [{ port }] = await front.listening;
  const here = `http://127.0.0.1:${port}`;
  const client = new Client();
  t.after(() => client.close());
  const text = async (path: string): Promise<string> => await (await client.fetch(here + path)).text();
  assertStringIncludes(await text("/"), "/@vite/client");
  const [, token] = /wsToken = "([^"]+)"/.exec(await text("/@vite/client"))!;
  assertStringIncludes(await text("/main.js"), '"one"');

  // As a page does it that came through the proxy: with its origin and the token.
  const hmr = await new WebSocketStream(`${here.replace("http", "ws")}/?token=${token}`, {
    protocols: ["vite-hmr"],
    headers: { Origin: here },
  }).opened;
  assertEquals(await told(hmr), { type: "connected" });
  writeFileSync(join(vite.config.root, "main.js"), 'export const text = "two"; import.meta.hot.accept();');
  await vite.reloadModule((await vite.moduleGraph.getModuleByUrl("/main.js"))!);
  const { type, updates } = await told(hmr) as { type: string; updates: { path: string; timestamp: number }[] };
  assertEquals([type, updates.map(({ path }) => path)], ["update", ["/main.js"]]);
  assertStringIncludes(await text(`/main.js?t=${updates[0]!.timestamp}`), '"two"');

  const stranger = await new WebSocketStream(`${here.replace("http", "ws")}/?token=wrong`, {
    protocols: ["vite-hmr"],
    headers: { Origin: "http://evil.test" },
  }).opened.then(() => "let in", () => "turned away");
  assertEquals(stranger, "turned away");
  await hmr.close();
});
