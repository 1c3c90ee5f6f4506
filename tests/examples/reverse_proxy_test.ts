import { spawn as spawnChild } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import { fewProcesses, projectFile, runtimeMajor, runtimeName, skipUnless, spawn } from "../support/runtime.ts";

const runsTypeScript = skipUnless(runtimeName !== "node" || runtimeMajor >= 24, "this Node cannot run TypeScript");
const program = [
  ...runtimeName === "deno" ? ["run", "-A", "--no-check"] : [],
  projectFile("scripts/examples/reverse_proxy.ts"),
];

test("examples/reverse_proxy.ts leads by path and in turn, and ends on Ctrl-C", runsTypeScript, async () => {
  const servers = ["a", "b", "c"].map((name) =>
    serve(
      { port: 0, hostname: "127.0.0.1" },
      (request) => new Response(`${name} ${request.headers.get("x-forwarded-for")}`),
    )
  );
  const urls = await Promise.all(servers.map(async ({ listening }) => `http://127.0.0.1:${(await listening)[0].port}`));
  const args = ["--port", "0", "--to", `${urls[0]},${urls[1]}`, "--to", `/api=${urls[2]}`];
  const child = spawnChild(process.execPath, [...program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout!.on("data", (bytes) => output += bytes);
  while (!output.includes("/ to ")) await once(child.stdout!, "data");
  const [, front] = /^(http:\/\/127\.0\.0\.1:\d+) leads\n {2}\/api to /.exec(output)!;
  const client = new Client();
  const answers: string[] = [];
  for (const path of ["/", "/x", "/api", "/apis"]) answers.push(await (await client.fetch(front + path)).text());
  assertEquals(answers, ["a 127.0.0.1", "b 127.0.0.1", "c 127.0.0.1", "a 127.0.0.1"]);
  const ended = once(child, "close");
  // Not child.kill(): Deno then takes the signal for what ended the process.
  process.kill(child.pid!, "SIGINT");
  assertEquals(await ended, [0, null]);
  await client.close();
  for (const server of servers) await server.shutdown();
});

test("examples/reverse_proxy.ts refuses arguments that are none", runsTypeScript, async () => {
  for (const args of fewProcesses([[], ["--to", "nowhere"], ["--nonsense"]])) {
    const { code, stdout, stderr } = await spawn(process.execPath, [...program, ...args]);
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertStringIncludes(stderr, "Usage: reverse_proxy.ts");
  }
  const { code, stderr } = await spawn(process.execPath, [
    ...program,
    "--to",
    "http://127.0.0.1:1",
    "--host",
    "192.0.2.1",
  ]);
  assertEquals(code, 2);
  assertMatch(stderr, /^Cannot listen at 192\.0\.2\.1:8080: /);
});
