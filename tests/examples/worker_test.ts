import { readFile, rm } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { echoServer } from "../../scripts/examples/echo_server.ts";
import { startProxy } from "../support/forward.ts";
import { webSocketEchoServer } from "../../scripts/examples/websocket_echo_server.ts";
import { bundle } from "../../scripts/testing/bundle.ts";
import { prepareWorkerd } from "../../scripts/testing/workerd.ts";
import { type Daemon, daemon } from "../support/daemon.ts";
import { projectFile, runtimeName, skipUnless } from "../support/runtime.ts";

const folder = "scripts/examples/worker";
const onDeno = skipUnless(runtimeName === "deno", "only Deno makes bundles");
const workerd = onDeno.skip === false ? await prepareWorkerd().catch((error: Error) => error) : null;
const inWorker = workerd instanceof Error ? skipUnless(false, workerd.message) : onDeno;

/** The bundle of a module, in which everything but `cloudflare:sockets` is contained. */
async function bundled(file: string): Promise<string> {
  const directory = `.cache/worker-${process.pid}`;
  const made = (await bundle([file], directory, ["--external=cloudflare:sockets"])).get(file)!;
  if ("error" in made) throw new Error(made.error);
  const text = await readFile(projectFile(made.entry), "utf8");
  await rm(projectFile(directory), { recursive: true });
  return text;
}

/** What a bundle imports. */
function importsOf(text: string): string[] {
  const code = text.replaceAll(/^\s*(?:\/\*\*[\s\S]*?\*\/|\/\/.*$)/gm, "");
  return [...code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["'`]([^"'`]+)/g)].map(([, specifier]) => specifier!);
}

/** The example in `workerd`. */
async function worker(): Promise<Daemon> {
  const script = await bundled(`${folder}/worker.ts`);
  const config = await readFile(projectFile(`${folder}/config.capnp`), "utf8");
  return await daemon({
    command: workerd as string,
    args: (folder, port) => ["serve", `${folder}/config.capnp`, `--socket-addr=http=127.0.0.1:${port}`],
    files: () => ({ "config.capnp": config, "worker.js": script }),
  });
}

test(
  "./http1, ./websocket and all that they import is free of other modules, those of a platform too",
  onDeno,
  async () => {
    assert(importsOf(await bundled("src/net/node/mod.ts")).includes("node:net"), "an import would be seen");
    assertEquals(importsOf(await bundled("src/http1/mod.ts")), []);
    assertEquals(importsOf(await bundled("src/websocket/mod.ts")), []);
    assertEquals(importsOf(await bundled(`${folder}/worker.ts`)), ["cloudflare:sockets"]);
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
