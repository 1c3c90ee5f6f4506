/**
 * Proxies that know CONNECT only.
 *
 * @module
 */

import { createServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import net from "node:net";
import type { Duplex } from "node:stream";
import { connectResponse } from "../../../src/http1/switch.ts";
import { serveConnection } from "../../../src/http1/server_connection.ts";
import type { IncomingRequest } from "../../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../../src/http1/outgoing_response.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeOptions } from "../../../src/http/server/serve_options.ts";
import { DEFAULT_HTTP2_LIMITS } from "../../../src/http2/machine/limits.ts";
import { serveConnection as serveHttp2Connection } from "../../../src/http2/server_connection.ts";
import type { Socket } from "../../../src/duplex/socket.ts";
import { forwardProxy } from "../../../src/proxy/forward/forward_proxy.ts";
import { tunnel } from "../../../src/proxy/tunnel.ts";
import { connect, listen } from "../../../src/net/mod.ts";
import { peerUrl } from "../peers.ts";
import { portOf } from "./ports.ts";

/** Ours. */
export const ours = (): Promise<number> => accepting((socket) => serveConnection(socket, openTunnel));
/** Ours over HTTP/2. */
export const oursHttp2 = (): Promise<number> => accepting((socket) => serveHttp2Connection(socket, openTunnel));

async function accepting(serve: (socket: Socket) => unknown): Promise<number> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const accept = async (): Promise<void> => {
    for await (const socket of listener) serve(socket);
  };
  accept();
  return portOf(listener.address);
}

async function openTunnel(request: IncomingRequest): Promise<OutgoingResponse> {
  const target = connect(request.target);
  await target.opened;
  const { response, upgraded } = connectResponse(request);
  upgraded.then((client) => tunnel(client, target)).catch(() => target.abort());
  return response;
}

/** Ours with rules: hosts, networks, a function, and an audit that counts. */
export const forward = (): Promise<number> => forwarding({});
/** The same over HTTP/2. */
export const forwardHttp2 = (): Promise<number> => forwarding({ http2: { h2c: true } });

async function forwarding(options: ServeOptions): Promise<number> {
  let events = 0;
  const proxy = forwardProxy({
    allow: ["*.example.com:443", "registry.npmjs.org:443", "127.0.0.0/8"],
    deny: ["*:25", "169.254.0.0/16", "*.internal"],
    decide: ({ port }) => port === 22 ? false : undefined,
    audit: () => void events++,
  });
  const server = serve({ ...options, hostname: "127.0.0.1", port: 0, connect: proxy.connect }, proxy.handler);
  return portOf((await server.listening)[0]);
}

/** As much of proxy-chain as is used. */
interface ProxyChain {
  readonly Server: new (options: { readonly port: number; readonly host: string }) => {
    readonly port: number;
    listen(): Promise<void>;
  };
}

/** proxy-chain, that lets everything through. */
export async function proxyChain(): Promise<number> {
  const { Server } = await import(peerUrl("proxy-chain")) as ProxyChain;
  const server = new Server({ port: 0, host: "127.0.0.1" });
  await server.listen();
  return server.port;
}

/** `node:http`'s connect event. */
export function nodeHttp(): Promise<number> {
  const server = createServer();
  server.on("connect", (request, client: Duplex, head: Uint8Array) => {
    const [host, port] = request.url!.split(":");
    const target = net.connect({ host: host!, port: Number(port), allowHalfOpen: true, noDelay: true }, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      if (head.length > 0) target.write(head);
      client.pipe(target);
      target.pipe(client);
    });
    client.on("error", () => target.destroy());
    target.on("error", () => client.destroy());
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}

/** `node:http2`, with windows as large as ours. */
export function nodeHttp2(): Promise<number> {
  const { streamWindowBytes, connectionWindowBytes } = DEFAULT_HTTP2_LIMITS;
  const server = createHttp2Server({ settings: { initialWindowSize: streamWindowBytes } });
  server.on("session", (session) => session.setLocalWindowSize(connectionWindowBytes));
  server.on("stream", (stream: ServerHttp2Stream, head) => {
    const [host, port] = head[":authority"]!.split(":");
    const target = net.connect({ host: host!, port: Number(port), allowHalfOpen: true, noDelay: true }, () => {
      stream.respond({ ":status": 200 });
      stream.pipe(target);
      target.pipe(stream);
    });
    stream.on("error", () => target.destroy());
    target.on("error", () => stream.destroy());
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}
