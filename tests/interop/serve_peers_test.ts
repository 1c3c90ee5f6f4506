import http from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { Client } from "../../src/http/client/client.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { daemon } from "../support/daemon.ts";
import { listening } from "../support/http_server.ts";
import { skipUnless, spawn, which } from "../support/runtime.ts";
import { text, wire } from "../support/wire.ts";

const nginx = which("nginx");
const curl = which("curl");
const docker = which("docker");

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

test(
  "serve() and node:http's client: keep-alive, bodies, 103, 100, upgrade and CONNECT",
  { timeout: 30_000 },
  async () => {
    const { server, port } = await listening(async (request, info) => {
      if (wantsUpgrade(request, "echo")) return upgradeResponse(request, "echo", {}, echo).response;
      if (request.url.endsWith("/hints")) await info.sendInformational(103, { link: "</a.css>" });
      return new Response(`${request.method} ${await request.text()}`);
    }, { connect: (request) => connectResponse(request, {}, echo).response });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const options = { host: "127.0.0.1", port, agent };
    const ask = (path: string, method: string, body?: string): Promise<string> => {
      return new Promise((resolve, reject) => {
        const request = http.request({ ...options, path, method, headers: body ? { expect: "100-continue" } : {} });
        let told = "";
        request.on("information", (info) => told += `${info.statusCode} `);
        request.on("continue", () => request.end(body));
        request.on("response", (response) => {
          response.on("data", (chunk: Uint8Array) => told += new TextDecoder().decode(chunk));
          response.on("end", () => resolve(told));
        });
        request.on("error", reject);
        if (body === undefined) request.end();
        else request.flushHeaders();
      });
    };
    assertEquals(await ask("/a", "GET"), "GET ");
    assertEquals((await ask("/b", "POST", "hi")).replace("100 ", ""), "POST hi");
    assertMatch(await ask("/hints", "GET"), /^(103 )?GET $/);
    agent.destroy();
    for (const method of ["GET", "CONNECT"]) {
      const answer = await new Promise<string>((resolve, reject) => {
        const headers = method === "GET" ? { connection: "upgrade", upgrade: "echo" } : {};
        const path = method === "GET" ? "/" : "a.test:80";
        const request = http.request({ host: "127.0.0.1", port, method, path, headers });
        const switched = (response: http.IncomingMessage, socket: NodeJS.ReadWriteStream): void => {
          socket.once("data", (chunk: Uint8Array) => {
            resolve(`${response.statusCode} ${text(chunk)}`);
            socket.end();
          });
          socket.write("ping");
        };
        request.on("upgrade", switched).on("connect", switched).on("error", reject).end();
      });
      assertEquals(answer, method === "GET" ? "101 ping" : "200 ping");
    }
    await server.shutdown({ upgraded: "close" });
  },
);

test(
  "serve() and the runtime's own fetch: 200 requests, bodies both ways, many at once",
  { timeout: 30_000 },
  async () => {
    const { server, origin } = await listening(async (request) => new Response(await request.arrayBuffer()));
    const body = new Uint8Array(100_000).fill(7);
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(
        Array.from(
          { length: 20 },
          () => fetch(origin, { method: "POST", body }).then((answer) => answer.arrayBuffer()),
        ),
      );
      for (const answer of answers) assertEquals(answer.byteLength, body.length);
    }
    await server.shutdown();
  },
);

test(
  "curl reaches serve() over a unix socket",
  { ...skipUnless(curl !== undefined, "curl is not installed"), timeout: 30_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "http-upgrade-"));
    const path = join(folder, "socket");
    const { server } = await listening((request) => new Response(request.url), { listen: [{ path }] });
    const { stdout } = await spawn(curl!, ["-s", "--unix-socket", path, "http://a.test/tea"]);
    assertEquals(stdout, "http://a.test/tea");
    await server.shutdown();
    await rm(folder, { recursive: true });
  },
);

test(
  "an upgrade passes nginx on its way to serve(), and so do ordinary requests",
  { ...skipUnless(nginx !== undefined, "nginx is not installed"), timeout: 30_000 },
  async () => {
    const { server, port } = await listening(async (request) => {
      if (wantsUpgrade(request, "echo")) return upgradeResponse(request, "echo", {}, echo).response;
      return new Response(`${request.headers.get("x-real-ip")} ${await request.text()}`);
    });
    const front = await daemon({
      command: nginx!,
      args: (folder) => ["-c", join(folder, "conf"), "-p", folder, "-e", join(folder, "error.log")],
      files: (folder, frontPort) => ({
        conf: `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
          events {}
          http {
            access_log off;
            client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f;
            uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
            server {
              listen 127.0.0.1:${frontPort};
              location / {
                proxy_pass http://127.0.0.1:${port};
                proxy_http_version 1.1;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection "upgrade";
                proxy_set_header X-Real-IP $remote_addr;
              }
            }
          }`,
      }),
    });
    const client = new Client();
    const base = `http://127.0.0.1:${front.port}/`;
    const answer = await client.fetch(base, { method: "POST", body: "hi" });
    assertEquals(await answer.text(), "127.0.0.1 hi");
    const io = await client.upgrade(base, { protocol: "echo" });
    await io.write(wire("through nginx"));
    assertEquals(text((await io.read())!), "through nginx");
    await io.close();
    await client.close();
    await front[Symbol.asyncDispose]();
    await server.shutdown({ upgraded: "close" });
  },
);

test(
  "docker exec -i works against a daemon made of serve(), body and hijack included",
  { ...skipUnless(docker !== undefined, "docker is not installed"), timeout: 30_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "http-upgrade-"));
    const path = join(folder, "docker.sock");
    let started = "";
    const { server } = await listening(async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/_ping") return new Response("OK", { headers: { "api-version": "1.43", ostype: "linux" } });
      if (pathname.endsWith("/containers/box/json")) {
        return Response.json({ Id: "box", State: { Running: true }, Config: {} });
      }
      if (pathname.endsWith("/containers/box/exec")) return Response.json({ Id: "e1" }, { status: 201 });
      if (pathname.endsWith("/exec/e1/json")) return Response.json({ ID: "e1", Running: false, ExitCode: 3 });
      if (pathname.endsWith("/exec/e1/start")) {
        started = await request.text();
        return upgradeResponse(request, "tcp", {
          headers: { "content-type": "application/vnd.docker.raw-stream" },
        }, shout).response;
      }
      return new Response("not found", { status: 404 });
    }, { listen: [{ path }] });
    const { code, stdout } = await spawn(docker!, ["-H", `unix://${path}`, "exec", "-i", "box", "shout"], {
      stdin: "hello docker\n",
      env: { HOME: folder },
    });
    assertEquals(stdout, "HELLO DOCKER\n");
    assertEquals(code, 3);
    assert(started.includes('"Detach":false'), started);
    await server.shutdown({ upgraded: "close" });
    await rm(folder, { recursive: true });
  },
);

/** Docker's frames of standard output: a head of 8 bytes, then the data. */
async function shout(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) {
    const loud = wire(text(bytes).toUpperCase());
    await io.write(new Uint8Array([1, 0, 0, 0, 0, 0, loud.length >> 8, loud.length & 255, ...loud]));
  }
  await io.close();
}
