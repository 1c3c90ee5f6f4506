/**
 * Reverse proxies in front of a server that answers, at a port of this machine that is the last argument. All keep their
 * connections to it.
 *
 * @module
 */

import { Agent, createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import type { Duplex } from "node:stream";
import { serve } from "../../../src/http/server/serve.ts";
import { reverseProxy } from "../../../src/proxy/reverse/reverse_proxy.ts";
import { type PeerName, peerUrl } from "../peers.ts";

const target = `http://127.0.0.1:${process.argv[4]}`;

/** What both of them are. */
interface HttpProxy {
  readonly createProxyServer: (options: object) => {
    readonly web: RequestListener;
    readonly ws: (req: IncomingMessage, socket: Duplex, ...rest: unknown[]) => unknown;
  };
}

/** Ours. */
export async function ours(): Promise<number> {
  const server = serve({ port: 0, hostname: "127.0.0.1" }, reverseProxy(target));
  return (await server.listening)[0].port;
}

/** `http-proxy-3`. */
export const httpProxy3 = (): Promise<number> => nodeProxy("http-proxy-3");

/** `httpxy`. */
export const httpxy = (): Promise<number> => nodeProxy("httpxy");

async function nodeProxy(name: PeerName): Promise<number> {
  const { createProxyServer } = await import(peerUrl(name)) as HttpProxy;
  const proxy = createProxyServer({ target, xfwd: true, agent: new Agent({ keepAlive: true }) });
  const server = createServer((req, res) => proxy.web(req, res));
  server.on("upgrade", (req, socket, head) => proxy.ws(req, socket, ...(name === "httpxy" ? [{}, head] : [head])));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
