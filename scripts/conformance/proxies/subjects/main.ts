/**
 * The process of one reverse proxy: `main.ts ours 3000` leads to that port of this machine, and says at which port it is
 * itself. Each is used as its manual shows it, with upgrades where that is a word of its own.
 *
 * @module
 */

import http from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { serve } from "../../../../src/http/server/serve.ts";
import { reverseProxy } from "../../../../src/proxy/reverse/reverse_proxy.ts";
import { proxyUrl } from "../peers.ts";

const [, , name = "", to = ""] = process.argv;
const target = `http://127.0.0.1:${to}`;

/** Starts each; resolves with its port. */
const subjects: Readonly<Record<string, () => Promise<number>>> = {
  async ours() {
    const server = serve({ port: 0, hostname: "127.0.0.1", onError: () => {} }, reverseProxy(target));
    const [{ port }] = await server.listening;
    return port!;
  },
  async "http-proxy-3"() {
    const { createProxyServer } = await import(proxyUrl("http-proxy-3"));
    const proxy = createProxyServer({ target, ws: true });
    proxy.on("error", answerFailure);
    return await listening(
      http.createServer((req, res) => proxy.web(req, res)).on(
        "upgrade",
        (req, socket, head) => proxy.ws(req, socket, head),
      ),
    );
  },
  async httpxy() {
    const { createProxyServer } = await import(proxyUrl("httpxy"));
    const proxy = createProxyServer({ target, ws: true });
    proxy.on("error", answerFailure);
    return await listening(
      http.createServer((req, res) => void proxy.web(req, res).catch(() => {}))
        .on("upgrade", (req, socket, head) => void proxy.ws(req, socket, {}, head).catch(() => {})),
    );
  },
  async "@fastify/http-proxy"() {
    const { default: fastify } = await import(proxyUrl("@fastify/http-proxy", "node_modules/fastify/fastify.js"));
    const { default: plugin } = await import(proxyUrl("@fastify/http-proxy"));
    const app = fastify();
    // Its default is the server's name as Host, as nginx' is; all are told to keep the client's.
    const rewriteRequestHeaders = (req: http.IncomingMessage, headers: object) => ({
      ...headers,
      host: req.headers.host,
    });
    await app.register(plugin, { upstream: target, websocket: true, replyOptions: { rewriteRequestHeaders } });
    return Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);
  },
};

/** What their manuals say to do. */
function answerFailure(_error: unknown, _req: unknown, res: unknown): void {
  if (res instanceof http.ServerResponse) {
    if (!res.headersSent) res.writeHead(502);
    res.end();
  } else (res as { destroy?(): void } | undefined)?.destroy?.();
}

function listening(server: http.Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

// What a proxy throws beside its callers would end the process, and every later probe with it.
process.on("uncaughtException", (error) => console.error(`${name}: ${error}`));
process.stdout.write(`${JSON.stringify({ port: await subjects[name]!() })}\n`);
process.stdin.resume().on("end", () => process.exit());
