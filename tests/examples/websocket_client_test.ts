import { type ChildProcess, spawn as spawnChild } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test, type TestContext } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProxy } from "../support/forward.ts";
import { serve } from "../../src/http/server/serve.ts";
import type { ServeOptions } from "../../src/http/server/serve_options.ts";
import { tunnel } from "../../src/proxy/mod.ts";
import { connect, listen } from "../../src/net/mod.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import {
  fewProcesses,
  type Finished,
  projectFile,
  runtimeMajor,
  runtimeName,
  skipUnless,
  spawn,
} from "../support/runtime.ts";

const runsTypeScript = skipUnless(runtimeName !== "node" || runtimeMajor >= 24, "this Node cannot run TypeScript");

const secure: ServeOptions = { tls: { cert: serverCert, key: serverKey } };

/** What runs the client on the runtime that this test runs on. */
function command(args: readonly string[]): [string, string[]] {
  const run = runtimeName === "deno" ? ["run", "-A", "--no-check"] : [];
  return [process.execPath, [...run, projectFile("scripts/examples/websocket_client.ts"), ...args]];
}

function run(args: readonly string[], stdin: string): Promise<Finished> {
  const [file, all] = command(args);
  return spawn(file, all, { stdin, timeoutMs: 20_000 });
}

interface Origin {
  readonly port: number;
  /** The fields of the handshakes that came. */
  readonly asked: Headers[];
}

/** A server that sends everything back; bytes where the text asks for them; refuses at `/no`, leaves at `/away`. */
async function origin(t: TestContext, options: ServeOptions = {}): Promise<Origin> {
  const asked: Headers[] = [];
  const server = serve({ hostname: "127.0.0.1", port: 0, ...options }, (request) => {
    asked.push(new Headers(request.headers));
    if (request.url.endsWith("/no")) return new Response("not today", { status: 403 });
    const { response, socket } = upgradeWebSocket(request, { protocols: ["echo", "chat"], deflate: true });
    socket.opened.then(async (connection) => {
      if (request.url.endsWith("/away")) await connection.close({ closeCode: 4001, reason: "gone fishing" });
      for (let message = await connection.read(); message !== null; message = await connection.read()) {
        await connection.write(message === "bytes" ? new Uint8Array([0, 171]) : message);
      }
    });
    return response;
  });
  t.after(() => server.shutdown({ upgraded: "close" }));
  const [{ port }] = await server.listening;
  return { port: port!, asked };
}

interface RunningProxies {
  readonly http: string;
  /** The same proxy, behind TLS. */
  readonly https: string;
  readonly lines: string[];
}

async function proxies(t: TestContext): Promise<RunningProxies> {
  const lines: string[] = [];
  const proxy = await startProxy({ log: (line) => lines.push(line) });
  t.after(() => proxy.close());
  const door = await listen({ hostname: "127.0.0.1", port: 0, tls: { cert: serverCert, key: serverKey } });
  t.after(() => door.close());
  (async () => {
    for await (const socket of door) {
      tunnel(socket, connect({ hostname: "127.0.0.1", port: proxy.port })).catch(() => {});
    }
  })();
  const { port } = door.address;
  return { http: `http://127.0.0.1:${proxy.port}`, https: `https://127.0.0.1:${port}`, lines };
}

/** The authority's certificate in a file. */
function caFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "http-upgrade-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "ca.pem");
  writeFileSync(path, authority);
  return path;
}

test(
  "examples/websocket_client.ts sends lines, prints messages, ends with the close code",
  runsTypeScript,
  async (t) => {
    const { port, asked } = await origin(t);
    const args = [
      "--header",
      "Authorization: Bearer t",
      "--header",
      "X-Two:2",
      "--protocol",
      "chat",
      "--protocol",
      "x",
    ];
    const { code, stdout, stderr } = await run(
      [...args, `ws://127.0.0.1:${port}/`],
      "one\nzwölf 👋\nbytes\n/ping\nlast\n",
    );
    assertEquals(stdout, "one\nzwölf 👋\n(2 bytes) 00 ab\nlast\n");
    assertMatch(stderr, /^connected: chat, permessage-deflate.*\npong after \d+\.\d ms\nclosed: 1000\n$/);
    assertEquals(code, 0);
    const [headers] = asked;
    assertEquals(
      ["authorization", "x-two", "sec-websocket-protocol"].map((name) => headers!.get(name)),
      ["Bearer t", "2", "chat, x"],
    );
  },
);

test("examples/websocket_client.ts goes through http and https proxies, to ws and wss", runsTypeScript, async (t) => {
  const [plain, tls] = [await origin(t), await origin(t, secure)];
  const { http, https, lines } = await proxies(t);
  const ca = caFile(t);
  for (const proxy of [http, https]) {
    for (const url of [`ws://127.0.0.1:${plain.port}/`, `wss://127.0.0.1:${tls.port}/`]) {
      const logged = lines.length;
      const { code, stdout, stderr } = await run([`--proxy=${proxy}`, `--ca=${ca}`, "--no-deflate", url], "hello\n");
      const how = `${url} through ${proxy}: ${stderr}`;
      assertEquals({ code, stdout, stderr }, { code: 0, stdout: "hello\n", stderr: "connected\nclosed: 1000\n" }, how);
      // The end of the tunnel before may be told only now.
      const opened = lines.slice(logged).filter((line) => line.endsWith(" 200"));
      // A server that speaks HTTP/2 and takes no WebSockets over it is asked again, over HTTP/1.1.
      assertEquals([...new Set(opened)], [`CONNECT ${new URL(url).host} 200`], how);
    }
  }
});

test("examples/websocket_client.ts believes no server without its --ca", runsTypeScript, async (t) => {
  const { port } = await origin(t, secure);
  const { code, stdout, stderr } = await run([`wss://127.0.0.1:${port}/`], "secret\n");
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /certificate|issuer/i);
});

test(
  "examples/websocket_client.ts tells why it was refused, and what the server closed with",
  runsTypeScript,
  async (t) => {
    const { port } = await origin(t);
    const refused = await run([`ws://127.0.0.1:${port}/no`], "");
    assertEquals([refused.code, refused.stdout], [1, ""]);
    assertEquals(refused.stderr, "No upgrade: the answer was 403\nnot today\n");
    const [file, args] = command([`ws://127.0.0.1:${port}/away`]);
    const child = spawnChild(file, args, { stdio: ["pipe", "pipe", "pipe"] });
    t.after(() => void child.kill("SIGKILL"));
    const said = collected(child);
    // The input stays open: it is the server that ends this.
    assertEquals(await once(child, "close"), [0, null]);
    assertMatch(said.stderr, /\nclosed: 4001 gone fishing\n$/);
  },
);

function collected(child: ChildProcess): { stdout: string; stderr: string } {
  const said = { stdout: "", stderr: "" };
  child.stdout!.setEncoding("utf8").on("data", (text: string) => said.stdout += text);
  child.stderr!.setEncoding("utf8").on("data", (text: string) => said.stderr += text);
  return said;
}

test(
  "examples/websocket_client.ts closes on /close and on Ctrl-C, though the input is open",
  runsTypeScript,
  async (t) => {
    const { port } = await origin(t);
    for (const how of ["/close", "SIGINT"] as const) {
      const [file, args] = command(["--no-deflate", `ws://127.0.0.1:${port}/`]);
      const child = spawnChild(file, args, { stdio: ["pipe", "pipe", "pipe"] });
      t.after(() => void child.kill("SIGKILL"));
      const said = collected(child);
      const ended = once(child, "close");
      child.stdin!.write("hello\n");
      await once(child.stdout!, "data");
      // Not child.kill(): Deno then takes the signal for what ended the process.
      if (how === "SIGINT") process.kill(child.pid!, "SIGINT");
      else child.stdin!.write("/close\n");
      assertEquals(await ended, [0, null], how);
      assertEquals(said, { stdout: "hello\n", stderr: "connected\nclosed: 1000\n" }, how);
    }
  },
);

test("examples/websocket_client.ts explains itself to arguments that are none", runsTypeScript, async () => {
  const wrong = [[], ["--nonsense", "ws://a/"], ["ws://a/", "ws://b/"], ["--header", "no field", "ws://a/"]];
  for (const args of fewProcesses(wrong)) {
    const { code, stdout, stderr } = await run(args, "");
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertStringIncludes(stderr, "Usage: websocket_client.ts");
  }
  const { code, stderr } = await run(["ftp://a/"], "");
  assertEquals(code, 1);
  assert(stderr.includes("no scheme of WebSockets"), stderr);
});
