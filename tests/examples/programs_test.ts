import { spawn as spawnChild } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, listen } from "../../src/net/mod.ts";
import { fewProcesses, projectFile, runtimeMajor, runtimeName, skipUnless, spawn } from "../support/runtime.ts";
import { readUntil, wire } from "../support/wire.ts";

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
  assertMatch(stdout, /^serve\(\) listens on 127\.0\.0\.1:\d+;/m);
  assertMatch(stdout, /client +▶ GET http:\/\/127\.0\.0\.1:\d+\/tea HTTP\/1\.1␍␊/);
  assertMatch(stdout, /origin +◀ GET \/tea HTTP\/1\.1␍␊/);
  assertMatch(stdout, /proxy +CONNECT 127\.0\.0\.1:\d+ done, 51 bytes sent, \d+ received/);
  assertMatch(stdout, /origin +◀ GET \/secret\/tea HTTP\/1\.1␍␊/);
  assertMatch(stdout, /origin +◀ is anybody there\?␊/);
  assertMatch(stdout, /nothing is left open\.\n$/);
});

/** Starts the gateway with these rules, and gives what it tells, where it listens, and where it tells its status. */
async function gateway(t: Test, rules: object) {
  const folder = mkdtempSync(join(tmpdir(), "http-upgrade-gateway-"));
  const file = join(folder, "rules.json");
  const write = (rules: unknown) => writeFileSync(file, typeof rules === "string" ? rules : JSON.stringify(rules));
  write(rules);
  const [program, args] = command("scripts/examples/egress_gateway.ts", file, "--port", "0", "--status", "0");
  const child = spawnChild(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  let [audit, said] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => audit += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => said += text);
  t.after(async () => {
    if (child.exitCode === null) process.kill(child.pid!, "SIGKILL");
    await ended;
    rmSync(folder, { recursive: true });
  });
  const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (let found = pattern.exec(said);; found = pattern.exec(said)) {
      if (found !== null) return found;
      await once(child.stderr, "data");
    }
  };
  const [, at] = await until(/^A gateway at http:\/\/(127\.0\.0\.1:\d+)$/m);
  const [, status] = await until(/^Its status at (http:\S+)$/m);
  const lines = () => audit.trimEnd().split("\n").map((line) => JSON.parse(line));
  return { child, ended, write, until, at: at!, status: status!, lines };
}

interface Test {
  after(fn: () => Promise<void>): void;
}

test(
  "examples/egress_gateway.ts obeys its rules, reads them again on SIGHUP, tells what is open, and ends on Ctrl-C",
  { ...runsTypeScript, timeout: 60_000 },
  async (t) => {
    const goal = await listen({ hostname: "127.0.0.1" });
    t.after(() => goal.close());
    const { port } = goal.address;
    const g = await gateway(t, { allow: [`127.0.0.1:${port}`] });
    const ask = async (authority: string) => {
      const io = connect(g.at);
      await io.write(wire(`CONNECT ${authority} HTTP/1.1¶Host: ${authority}¶¶`));
      return { io, answer: await readUntil(io, (soFar) => soFar.includes("¶¶")) };
    };
    const refused = await ask("127.0.0.1:1");
    assertMatch(refused.answer, /^HTTP\/1\.1 403 Forbidden¶/);
    await refused.io.close();
    const tunneled = await ask(`127.0.0.1:${port}`);
    assertMatch(tunneled.answer, /^HTTP\/1\.1 200 OK¶/);
    const far = (await goal.accept())!;
    const { traffic, open } = await (await fetch(g.status)).json();
    assertEquals([traffic.exchanges, traffic.denied, open.length, open[0].rule], [2, 1, 1, `127.0.0.1:${port}`]);

    g.write({ alow: [] });
    process.kill(g.child.pid!, "SIGHUP");
    await g.until(/Cannot use .*there is no option "alow"; the rules before stay in force$/m);
    const still = await ask(`127.0.0.1:${port}`);
    assertMatch(still.answer, /^HTTP\/1\.1 200 OK¶/);
    g.write({ deny: ["*"] });
    process.kill(g.child.pid!, "SIGHUP");
    await g.until(/^Read .* again$/m);
    assertMatch((await ask(`127.0.0.1:${port}`)).answer, /^HTTP\/1\.1 403 Forbidden¶/);

    // Not child.kill(): Deno then takes the signal for what ended the process.
    process.kill(g.child.pid!, "SIGINT");
    assertEquals(await g.ended, [0, null]);
    const decided = g.lines().filter(({ event }) => event === "start").map(({ status, rule }) => `${status} ${rule}`);
    assertEquals(decided, ["403 default", `200 127.0.0.1:${port}`, `200 127.0.0.1:${port}`, "403 *"]);
    for (const io of [tunneled.io, still.io, far]) io.abort();
  },
);

test("examples/egress_gateway.ts says what is wrong with its arguments and its rules", runsTypeScript, async () => {
  const wrong = [[], ["--nonsense"], ["a.json", "b.json"], ["/nonexistent/rules.json"], [projectFile("deno.json")]];
  for (const args of fewProcesses(wrong)) {
    const { code, stdout, stderr } = await spawn(...command("scripts/examples/egress_gateway.ts", ...args));
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertMatch(stderr, /Usage: egress_gateway\.ts|^Cannot use /);
  }
});
