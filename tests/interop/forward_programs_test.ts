/** Programs that people put behind a forward proxy, through `forwardProxy()` with rules. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { chromium, startChromium } from "../support/chromium.ts";
import { curl, scratch, withCurl } from "../support/curl.ts";
import { pythonWith } from "../support/peers.ts";
import { decisions, programScene } from "../support/program_scene.ts";
import { skipUnless, spawn, which } from "../support/runtime.ts";

const python = pythonWith("requests");
const timeout = 120_000;
const withGit = { ...skipUnless(which("git") !== undefined, "git is not installed"), timeout };
const withNpm = { ...skipUnless(which("npm") !== undefined, "npm is not installed"), timeout };
const withRequests = { ...skipUnless(python !== undefined, "Python's requests is not installed"), timeout };
const withChromium = { ...skipUnless(chromium !== undefined, "chromium is not installed"), timeout };

test("curl through forwardProxy(): what a rule allows, and nothing else", withCurl, async (t) => {
  const { host, deniedHost, proxy, events } = await programScene(t, () => new Response("hello"));
  const allowed = await curl(["-x", proxy, `http://${host}/`]);
  assertEquals(allowed.stdout, "hello");
  const tunneled = await curl(["-x", proxy, "-p", `http://${host}/`]);
  assertEquals(tunneled.stdout, "hello");
  const denied = await curl(["-x", proxy, "-o", "-", "-w", " %{http_code}", `http://${deniedHost}/`]);
  assertStringIncludes(denied.stdout, " 403");
  assertEquals(decisions(events), ["allowed allowed.test", "denied denied.test"]);
});

test("git clone through forwardProxy(), from a repository of plain files", withGit, async (t) => {
  const folder = scratch();
  t.after(() => folder.remove());
  const work = folder.file("work");
  const bare = folder.file("repo.git");
  const alone = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" };
  const git = async (env: Readonly<Record<string, string>>, ...args: string[]): Promise<string> => {
    const { code, stderr } = await spawn("git", args, { env: { ...alone, ...env } });
    return code === 0 ? "" : stderr;
  };
  const author = ["-c", "user.name=a", "-c", "user.email=a@a.test"];
  assertEquals(await git({}, "init", "-q", "-b", "main", work), "");
  writeFileSync(join(work, "file.txt"), "x".repeat(100_000));
  assertEquals(await git({}, "-C", work, "add", "file.txt"), "");
  assertEquals(await git({}, ...author, "-C", work, "commit", "-q", "-m", "first"), "");
  assertEquals(await git({}, "clone", "-q", "--bare", work, bare), "");
  assertEquals(await git({}, "-C", bare, "update-server-info"), "");
  const { host, deniedHost, env, events } = await programScene(t, (request) => {
    try {
      return new Response(readFileSync(join(bare, new URL(request.url).pathname.replace("/repo.git", ""))));
    } catch {
      return new Response(null, { status: 404 });
    }
  });
  assertEquals(await git(env, "clone", "-q", `http://${host}/repo.git`, folder.file("clone")), "");
  assertEquals(readFileSync(folder.file("clone/file.txt"), "utf8").length, 100_000);
  assertStringIncludes(await git(env, "clone", "-q", `http://${deniedHost}/repo.git`, folder.file("no")), "403");
  assertEquals(decisions(events), ["allowed allowed.test", "denied denied.test"]);
});

test("npm install through forwardProxy(), from a small registry", withNpm, async (t) => {
  const folder = scratch();
  t.after(() => folder.remove());
  mkdirSync(folder.file("package"));
  mkdirSync(folder.file("app"));
  folder.file("package/package.json", JSON.stringify({ name: "tiny", version: "1.0.0" }));
  folder.file("package/index.js", "module.exports = 7;");
  folder.file("app/package.json", JSON.stringify({ name: "app", version: "1.0.0" }));
  execFileSync("tar", ["-czf", folder.file("tiny.tgz"), "-C", folder.file("package/.."), "package"]);
  const tarball = readFileSync(folder.file("tiny.tgz"));
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  const { host, proxy, env, events } = await programScene(t, (request) => {
    if (request.url.endsWith(".tgz")) return new Response(tarball);
    const dist = { tarball: `http://${host}/tiny/-/tiny-1.0.0.tgz`, integrity };
    const versions = { "1.0.0": { name: "tiny", version: "1.0.0", dist } };
    return Response.json({ name: "tiny", "dist-tags": { latest: "1.0.0" }, versions });
  });
  const quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=0", "--userconfig=/dev/null"];
  const args = ["install", "tiny", `--registry=http://${host}/`, `--proxy=${proxy}`, `--cache=${folder.file("cache")}`];
  const { code, stderr } = await spawn("npm", [...args, ...quiet], {
    cwd: folder.file("app"),
    env,
    timeoutMs: 100_000,
  });
  assertEquals([code, stderr], [0, ""]);
  assertEquals(readFileSync(folder.file("app/node_modules/tiny/index.js"), "utf8"), "module.exports = 7;");
  assertEquals(decisions(events), ["allowed allowed.test"]);
});

test("Python's requests through forwardProxy(): requests, an upload, and a refusal", withRequests, async (t) => {
  const { host, deniedHost, env, events } = await programScene(t, async (request) => {
    return new Response(`${request.method} ${(await request.bytes()).length}`);
  });
  const program = `
import requests
with requests.Session() as s:
    print(s.get("http://${host}/").text)
    print(s.post("http://${host}/", data=b"x" * 1000000).text)
    print(s.post("http://${host}/", data=iter([b"x" * 10, b"y"])).text)
    print(s.get("http://${deniedHost}/").status_code)
`;
  const { stdout, stderr } = await spawn(python!, ["-c", program], { env });
  assertEquals([stdout.trim().split(/\s*\n/), stderr], [["GET 0", "POST 1000000", "POST 11", "403"], ""]);
  assertEquals(decisions(events), ["allowed allowed.test", "denied denied.test"]);
});

test("Chromium through forwardProxy(): a page, and its WebSocket through a tunnel", withChromium, async (t) => {
  const { host, deniedHost, proxy, events } = await programScene(t, (request) => {
    if (!request.headers.has("upgrade")) {
      return new Response("<!doctype html><title>allowed</title>", { headers: { "content-type": "text/html" } });
    }
    return upgradeWebSocket(request, {}, async (io) => {
      for await (const message of io) await io.write(message);
    }).response;
  });
  const browser = await startChromium([`--proxy-server=${proxy}`]);
  try {
    const page = await browser.open(`http://${host}/`);
    assertEquals(await page.evaluate("document.title"), "allowed");
    const talk = (to: string) =>
      `new Promise((resolve) => {
      const socket = new WebSocket("ws://${to}/");
      socket.onopen = () => socket.send("hello");
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => resolve("refused");
    })`;
    assertEquals(await page.evaluate(talk(host)), "hello");
    assertEquals(await page.evaluate(talk(deniedHost)), "refused");
    assert(events.some(({ kind, status, authority }) => kind === "tunnel" && status === 200 && authority === host));
    assert(
      events.some(({ kind, status, authority }) => kind === "tunnel" && status === 403 && authority === deniedHost),
    );
  } finally {
    await browser[Symbol.asyncDispose]();
  }
});
