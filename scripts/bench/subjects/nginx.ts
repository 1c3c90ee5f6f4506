/**
 * nginx as a reverse proxy in front of a server at a port of this machine that is the last argument. It is one process, as one
 * worker of it would be, and writes no log, as the others write none.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Elsewhere, Usage } from "./main.ts";

/** What `/proc` counts in: 100 a second, on all systems that there are. */
const TICK_US = 10_000;

/** Starts it. */
export async function reverse(): Promise<Elsewhere> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "http-upgrade-nginx-"));
  writeFileSync(join(folder, "config"), configuration(port, process.argv[4]!, folder));
  const child = spawn("nginx", ["-p", folder, "-c", join(folder, "config")], { stdio: "ignore" });
  process.on("exit", () => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  while (!await takes(port)) await new Promise((resolve) => setTimeout(resolve, 20));
  return { port, usage: () => usageOf(child.pid!) };
}

function configuration(port: number, to: string, folder: string): string {
  return `
daemon off; master_process off; pid ${folder}/pid; error_log /dev/null;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream backend { server 127.0.0.1:${to}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
  }
}
`;
}

/** What the system says of a process: fields 14 and 15 are the ticks of user and system, 24 the pages in memory. */
function usageOf(pid: number): Usage {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  return { cpuUs: (fields[11]! + fields[12]!) * TICK_US, memoryBytes: fields[21]! * 4096 };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function takes(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
