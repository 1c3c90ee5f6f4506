/**
 * How long a client keeps its program alive: as long as something is under way, and not for connections that wait for a request. Each
 * program is a process of its own, and its connections would wait for ever.
 */

import process from "node:process";
import { test, type TestContext } from "node:test";
import { assertEquals } from "@std/assert";
import type { TcpAddress } from "../../../src/duplex/socket.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { Server, ServeTcpOptions } from "../../../src/http/server/serve_options.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { forwardProxy } from "../../../src/proxy/forward/forward_proxy.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import {
  projectFile,
  runtimeMajor,
  runtimeName,
  skipUnless,
  spawn,
  unlessNoTlsOverStreams,
} from "../../support/runtime.ts";
import type { Told } from "./programs/asks.ts";

const runs = unlessNoTlsOverStreams.skip
  ? unlessNoTlsOverStreams
  : skipUnless(runtimeName !== "node" || runtimeMajor >= 24, "this Node cannot run TypeScript");
const tls = { cert: serverCert, key: serverKey };
const trust = { caCerts: [authority] };

/** Longer than a connection counts as busy behind its request: what takes long here. */
const LATE_MS = 400;

/** A way to the server. */
interface Way {
  readonly secure: boolean;
  readonly proxy?: "http" | "https";
  /** Whether the proxy speaks HTTP/2. */
  readonly proxyHttp2?: boolean;
  /** Whether it is spoken with the server. */
  readonly http2: boolean;
}

const ways: readonly Way[] = [
  { secure: false, http2: false },
  { secure: true, http2: false },
  { secure: true, http2: true },
  { secure: false, http2: false, proxy: "http" },
  { secure: true, http2: false, proxy: "http" },
  { secure: true, http2: true, proxy: "http" },
  { secure: true, http2: false, proxy: "https", proxyHttp2: false },
  { secure: true, http2: false, proxy: "https", proxyHttp2: true },
  { secure: true, http2: true, proxy: "https", proxyHttp2: true },
];

function late(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LATE_MS));
}

function handler(request: Request): Response | Promise<Response> {
  switch (new URL(request.url).pathname) {
    case "/late":
      return late().then(() => new Response("late"));
    case "/slow":
      return new Response(slowly());
    case "/upgrade":
      return upgradeResponse(request, "late", {}, async (io) => {
        await late();
        await io.write(new TextEncoder().encode("upgraded"));
        await io.close();
      }).response;
    default:
      return new Response("now");
  }
}

function slowly(): ReadableStream<Uint8Array> {
  const parts = ["sl", "ow"];
  return new ReadableStream({
    async pull(controller) {
      await late();
      controller.enqueue(new TextEncoder().encode(parts.shift()!));
      if (parts.length === 0) controller.close();
    },
  }, { highWaterMark: 0 });
}

async function served(t: TestContext, server: Server<TcpAddress>): Promise<number> {
  t.after(() => server[Symbol.asyncDispose]());
  return (await server.listening)[0].port;
}

/** Opens the way; gives what the program is told of it. */
async function open(t: TestContext, { secure, proxy, proxyHttp2, http2 }: Way): Promise<Told["ways"][number]> {
  const port = await served(t, serve({ port: 0, hostname: "127.0.0.1", ...(secure ? { tls } : {}) }, handler));
  const origin = `${secure ? "https" : "http"}://127.0.0.1:${port}`;
  const options = { tls: trust, proxyTls: trust, http2 };
  if (proxy === undefined) return { origin, options };
  const gate = forwardProxy({ allow: [{ host: `127.0.0.1:${port}`, addresses: ["loopback"] }] });
  t.after(() => gate.close());
  const front: ServeTcpOptions = { port: 0, hostname: "127.0.0.1", connect: gate.connect };
  const more = proxy === "https" ? { tls, http2: proxyHttp2 ?? false } : {};
  const proxyPort = await served(t, serve({ ...front, ...more }, gate.handler));
  return { origin, options: { ...options, proxy: `${proxy}://127.0.0.1:${proxyPort}` } };
}

/** Runs the program to its end. */
async function said(told: Told): Promise<string[]> {
  const run = runtimeName === "deno" ? ["run", "-A", "--no-check"] : [];
  const program = projectFile("tests/http/client/programs/asks.ts");
  const { code, stdout, stderr } = await spawn(process.execPath, [...run, program, JSON.stringify(told)], {
    timeoutMs: 60_000,
  });
  assertEquals({ code, stderr, told }, { code: 0, stderr: "", told });
  return stdout.trimEnd().split("\n");
}

function openAll(t: TestContext): Promise<Told["ways"]> {
  return Promise.all(ways.map((way) => open(t, way)));
}

test("Client: connections that wait for a request keep no program alive", runs, async (t) => {
  assertEquals(await said({ ways: await openAll(t), does: "rest" }), ways.map(() => "now"));
});

test("Client: what is under way keeps the program alive, also on a connection that has waited", runs, async (t) => {
  const all = await openAll(t);
  const lines = await Promise.all(all.map((way) => said({ ways: [way], does: "work" })));
  assertEquals(lines, ways.map(() => ["now", "late", "slow", "upgraded"]));
});

for (const does of ["close", "abort"] as const) {
  test(
    `Client.${does}() keeps the program alive until its connections are closed, which have waited`,
    runs,
    async (t) => {
      const lines = await said({ ways: await openAll(t), does });
      assertEquals(lines, [...ways.map(() => "now"), ...ways.map(() => "0 connections")]);
    },
  );
}
