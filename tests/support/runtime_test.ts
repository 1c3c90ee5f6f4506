import { test } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { projectFile, runtimeMajor, runtimeName, runtimeVersion, skipUnless, spawn, which } from "./runtime.ts";

test("runtimeName and runtimeVersion agree with the runtime", () => {
  assertEquals(runtimeName === "node", !("Deno" in globalThis) && !("Bun" in globalThis));
  assertMatch(runtimeVersion, /^\d+\.\d+\.\d+/);
  assert(runtimeMajor >= (runtimeName === "node" ? 20 : 1));
});

test("skipUnless() skips", skipUnless(false, "to see that it does"), () => {
  throw new Error("ran");
});

test("skipUnless() runs the test when the condition holds", skipUnless(true, "never"), () => {});

test("which() finds what is on the PATH and nothing else", () => {
  assert(which("npm") !== undefined);
  assertEquals(which("no-such-command-here"), undefined);
});

test("spawn() gives code, stdout and stderr, and passes env and stdin on", async () => {
  const script = 'read line; echo "$line $GREETED"; echo oops >&2; exit 3';
  const finished = await spawn("sh", ["-c", script], { env: { GREETED: "you" }, stdin: "hello\n" });
  assertEquals(finished, { code: 3, stdout: "hello you\n", stderr: "oops\n" });
});

test("spawn() kills a command whose time is up", async () => {
  await assertRejects(() => spawn("sleep", ["60"], { timeoutMs: 50 }), Error, "within 50 ms");
});

test("spawn() rejects for a command that is not there", async () => {
  await assertRejects(() => spawn("no-such-command-here", []), Error, "Cannot start no-such-command-here");
});

test("projectFile() leads to the project", () => {
  assertEquals(projectFile("deno.json"), `${process.cwd()}/deno.json`);
});
