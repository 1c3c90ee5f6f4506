import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createServer } from "vite";
import { acceptUpgrade } from "../../src/node_http/accept.ts";
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

test("Vite's dev server keeps its hot updates beside acceptUpgrade() on its httpServer", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "http-upgrade-vite-"));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, "main.js"), 'export const text = "one"; import.meta.hot.accept();');
  const vite = await createServer({
    root,
    configFile: false,
    logLevel: "silent",
    server: { host: "127.0.0.1", port: 0, watch: null },
    optimizeDeps: { noDiscovery: true },
  });
  t.after(() => vite.close());
  vite.httpServer!.on("upgrade", (...[req, socket, head]: Parameters<typeof acceptUpgrade>) => {
    if (req.url !== "/chat") return; // Vite's own
    acceptUpgrade(req, socket, head, (request) => upgradeWebSocket(request, { protocols: ["v1"] }, echo).response);
  });
  await vite.listen();
  const { port } = vite.httpServer!.address() as AddressInfo;
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
