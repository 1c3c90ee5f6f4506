import { spawn as spawnChild } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, listen } from "../../src/net/mod.ts";
import { projectFile, runtimeMajor, runtimeName, skipUnless, spawn } from "../support/runtime.ts";
import { readAll, wire } from "../support/wire.ts";

const runsTypeScript = skipUnless(runtimeName !== "node" || runtimeMajor >= 24, "this Node cannot run TypeScript");

/** What runs a program of the project on the runtime that this test runs on. */
function command(program: string, ...args: string[]): [string, string[]] {
  const run = runtimeName === "deno" ? ["run", "-A", "--no-check"] : [];
  return [process.execPath, [...run, projectFile(program), ...args]];
}

test("examples/upgrades.ts tells what both sides see, and ends by itself", runsTypeScript, async () => {
  const { code, stdout, stderr } = await spawn(...command("scripts/examples/upgrades.ts"));
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const inOrder = [
    /^server +◀ GET \/chat HTTP\/1\.1␍␊$/m,
    /^ +Upgrade: foobar␍␊$/m,
    /^client +◀ HTTP\/1\.1 101 Switching Protocols␍␊$/m,
    /^server +◀ hello␊$/m,
    /^client +◀ you said "hello"␊$/m,
    /^server +◀ \(end of stream\)$/m,
    /^client +◀ farewell␊$/m,
    /^client +◀ \(end of stream\)$/m,
  ];
  let at = 0;
  for (const line of inOrder) {
    const found = stdout.slice(at).search(line);
    assert(found >= 0, `${line} is missing behind ${at} in\n${stdout}`);
    at += found + 1;
  }
});

test("demo.ts shows the upgrades, the proxy and the tunnel, and ends by itself", runsTypeScript, async () => {
  const { code, stdout, stderr } = await spawn(...command("scripts/demo.ts"));
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertStringIncludes(stdout, "Both sides have ended.");
  assertMatch(stdout, /client +▶ GET http:\/\/127\.0\.0\.1:\d+\/tea HTTP\/1\.1␍␊/);
  assertMatch(stdout, /origin +◀ GET \/tea HTTP\/1\.1␍␊/);
  assertMatch(stdout, /proxy +CONNECT 127\.0\.0\.1:\d+ ended, 51 bytes sent, \d+ received/);
  assertMatch(stdout, /origin +◀ GET \/secret\/tea HTTP\/1\.1␍␊/);
  assertMatch(stdout, /origin +◀ is anybody there\?␊/);
  assertMatch(stdout, /nothing is left open\.\n$/);
});

test(
  "examples/http_proxy.ts listens, obeys --allow, and ends on Ctrl-C with tunnels open",
  runsTypeScript,
  async () => {
    const goal = await listen({ hostname: "127.0.0.1" });
    const { port } = goal.address as { readonly port: number };
    const [file, args] = command(
      "scripts/examples/http_proxy.ts",
      "--port",
      "0",
      "--allow",
      `a.test,127.0.0.1:${port}`,
    );
    const child = spawnChild(file, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
    await once(child.stdout, "data");
    const at = /^A proxy at http:\/\/(127\.0\.0\.1:\d+), leading a\.test, 127\.0\.0\.1:\d+\./.exec(output);
    assert(at !== null, output);

    const refused = connect(at[1]!);
    await refused.write(wire("CONNECT 127.0.0.1:1 HTTP/1.1¶Host: 127.0.0.1:1¶¶"));
    assertMatch(await readAll(refused), /^HTTP\/1\.1 403 Forbidden¶/);
    await refused.close();
    const tunneled = connect(at[1]!);
    await tunneled.write(wire(`CONNECT 127.0.0.1:${port} HTTP/1.1¶Host: 127.0.0.1:${port}¶¶`));
    const far = (await goal.accept())!;
    await tunneled.read();

    const ended = once(child, "close");
    // Not child.kill(): Deno then takes the signal for what ended the process.
    process.kill(child.pid!, "SIGINT");
    assertEquals(await ended, [0, null]);
    assertStringIncludes(output, "CONNECT 127.0.0.1:1 403\n");
    assertStringIncludes(output, `CONNECT 127.0.0.1:${port} 200\n`);
    tunneled.abort();
    far.abort();
    await goal.close();
  },
);

test(
  "examples/http_proxy.ts refuses to let others in without --allow, and arguments that are none",
  runsTypeScript,
  async () => {
    for (const args of [["--host", "0.0.0.0"], ["--port", "70000"], ["--port", "x"], ["--nonsense"]]) {
      const { code, stdout, stderr } = await spawn(...command("scripts/examples/http_proxy.ts", ...args));
      assertEquals({ code, stdout }, { code: 2, stdout: "" });
      assertStringIncludes(stderr, "Usage: http_proxy.ts");
    }
  },
);

test("examples/http_proxy.ts says that its port is taken", runsTypeScript, async () => {
  const taken = await listen({ hostname: "127.0.0.1" });
  const { port } = taken.address as { readonly port: number };
  const { code, stderr } = await spawn(...command("scripts/examples/http_proxy.ts", "--port", `${port}`));
  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot listen at 127\.0\.0\.1:\d+: /);
  await taken.close();
});
