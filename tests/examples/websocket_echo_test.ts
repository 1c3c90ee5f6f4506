import { spawn as spawnChild } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { playCases } from "../../scripts/examples/websocket_echo_client.ts";
import { webSocketEchoServer } from "../../scripts/examples/websocket_echo_server.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { type Listening, listening } from "../support/http_server.ts";
import { projectFile, runtimeMajor, runtimeName, skipUnless, spawn } from "../support/runtime.ts";

const runsTypeScript = skipUnless(runtimeName !== "node" || runtimeMajor >= 24, "this Node cannot run TypeScript");

/** What runs a program of the project on the runtime that this test runs on. */
function command(program: string, ...args: string[]): [string, string[]] {
  const run = runtimeName === "deno" ? ["run", "-A", "--no-check"] : [];
  return [process.execPath, [...run, projectFile(program), ...args]];
}

test("examples/websocket_echo_server.ts sends back text and bytes, compressed", async () => {
  const server = webSocketEchoServer();
  const [{ port }] = await server.listening;
  const io = await new WebSocketStream(`ws://127.0.0.1:${port}/`).opened;
  assertEquals(io.extensions, "permessage-deflate");
  for (const message of ["hello", "", new Uint8Array(100_000).fill(7)]) {
    await io.write(message);
    assertEquals(await io.read(), message);
  }
  assertEquals((await io.close({ closeCode: 1000 })).wasClean, true);
  assertEquals((await fetch(`http://127.0.0.1:${port}/`)).status, 400);
  await server.shutdown();
});

/** A fuzzing server with three cases, as Autobahn's speaks to the clients that it tests. */
function fuzzingServer(seen: string[]): Promise<Listening> {
  const cases: ((io: WebSocketConnection) => Promise<void>)[] = [
    async (io) => {
      await io.write("hello");
      seen.push(`echo: ${await io.read()}`);
      await io.close({ closeCode: 1000 });
    },
    async (io) => {
      await io.write(new Uint8Array(70_000));
      seen.push(`echo: ${(await io.read())!.length}`);
      await io.close();
    },
    async (io) => io.abort(),
  ];
  return listening((request) => {
    const { pathname, search, searchParams } = new URL(request.url);
    const { response, socket } = upgradeWebSocket(request, { deflate: true });
    seen.push(`${pathname}${search}`);
    socket.opened.then(async (io) => {
      if (pathname === "/getCaseCount") await io.write(`${cases.length}`);
      if (pathname === "/runCase") await cases[Number(searchParams.get("case")) - 1]!(io);
      else await io.close();
    }).catch(() => {});
    return response;
  });
}

const played = [
  "/getCaseCount",
  "/runCase?case=1&agent=a%20b",
  "echo: hello",
  "/runCase?case=2&agent=a%20b",
  "echo: 70000",
  "/runCase?case=3&agent=a%20b",
  "/updateReports?agent=a%20b",
];

test("examples/websocket_echo_client.ts plays the cases of a fuzzing server", async () => {
  const seen: string[] = [];
  const { server, port } = await fuzzingServer(seen);
  assertEquals(await playCases(`ws://127.0.0.1:${port}`, "a b"), 3);
  assertEquals(seen, played);
  await server.shutdown();
});

test("examples/websocket_echo_client.ts is a program", runsTypeScript, async () => {
  const seen: string[] = [];
  const { server, port } = await fuzzingServer(seen);
  const args = [`--url=ws://127.0.0.1:${port}/`, "--agent=a b"];
  const { code, stdout, stderr } = await spawn(...command("scripts/examples/websocket_echo_client.ts", ...args));
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertMatch(stdout, /^Played 3 cases; /);
  assertEquals(seen, played);
  await server.shutdown();
});

test("examples/websocket_echo_server.ts is a program that ends on Ctrl-C", runsTypeScript, async () => {
  const [file, args] = command("scripts/examples/websocket_echo_server.ts", "--port=0", "--host=127.0.0.1");
  const child = spawnChild(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
  await once(child.stdout, "data");
  const at = /^Echoing at (ws:\/\/127\.0\.0\.1:\d+\/)/.exec(output);
  assert(at !== null, output);
  const io = await new WebSocketStream(at[1]!).opened;
  await io.write("hello");
  assertEquals(await io.read(), "hello");
  const ended = once(child, "close");
  // Not child.kill(): Deno then takes the signal for what ended the process.
  process.kill(child.pid!, "SIGINT");
  assertEquals(await io.read().catch(() => null), null);
  assertEquals(await ended, [0, null]);
});
