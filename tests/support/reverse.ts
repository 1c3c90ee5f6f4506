/**
 * A reverse proxy between raw ends, for its tests.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Message, readResponse } from "../../scripts/conformance/proxies/message.ts";
import { type Backend, dialPeer, listenPeers, type Peer } from "../../scripts/conformance/proxies/peer.ts";
import { serve } from "../../src/http/server/serve.ts";
import { handshake, type Http2ClientConnection } from "../../src/http2/client_connection.ts";
import { connect, listen } from "../../src/net/mod.ts";
import type { ServeOptions } from "../../src/http/server/serve_options.ts";
import type { ReverseProxyOptions, ReverseProxyTarget } from "../../src/proxy/reverse/options.ts";
import { type ReverseProxy, reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";

/** A proxy with raw ends. */
export interface Proxied {
  /** The servers behind it. */
  readonly backends: readonly Backend[];
  /** The first of them. */
  readonly backend: Backend;
  /** The proxy itself. */
  readonly proxy: ReverseProxy;
  /** Opens a connection to it. */
  dial(): Promise<Peer>;
  /** Opens a connection of HTTP/2 to it. */
  dialHttp2(): Http2ClientConnection;
  /** Sends a request on a connection of its own, and reads the answer. */
  ask(request: string): Promise<Message>;
}

/** What a test of a proxy says of it. */
export interface ProxiedInit {
  /** Where it leads, given the ports of the servers; to the first one when left out. */
  readonly target?: (ports: readonly number[]) => ReverseProxyTarget;
  /** How many servers there are. */
  readonly backends?: number;
  /** The proxy's options; its name is `p` and it tells nothing of clients, unless they say so. */
  readonly options?: ReverseProxyOptions;
  /** The options of `serve()`. */
  readonly serve?: Partial<ServeOptions>;
}

/**
 * Runs `act` with a port at which nothing listens, nor will meanwhile: a connection leaves from it. The port of a listener that was
 * closed may be that of the next one, be it the backend of the same test.
 */
export async function withRefusingPort(act: (port: number) => Promise<void>): Promise<void> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const near = connect(listener.address);
  const far = await listener.accept();
  try {
    const { localAddress } = await near.opened;
    await act(Number(localAddress.slice(localAddress.lastIndexOf(":") + 1)));
  } finally {
    near.abort();
    far?.abort();
    await listener.close();
  }
}

/** The plainest request. */
export const GET = "GET / HTTP/1.1¶Host: a¶¶";

/** What the proxy answers by itself. */
export function refused(status: number, phrase: string, error: string): Message {
  return {
    head: `HTTP/1.1 ${status} ${phrase}¶Proxy-Status: p; error=${error}¶Content-Type: text/plain;charset=UTF-8¶` +
      `content-length: ${phrase.length}¶¶`,
    body: phrase,
    trailers: "",
  };
}

/** Runs `act` with a proxy in front of raw servers, and sees to it that no connection is left. */
export async function proxied(init: ProxiedInit, act: (proxied: Proxied) => Promise<void>): Promise<void> {
  const backends = await Promise.all(Array.from({ length: init.backends ?? 1 }, listenPeers));
  const ports = backends.map(({ port }) => port);
  const target = init.target?.(ports) ?? `http://127.0.0.1:${ports[0]}`;
  const proxy = reverseProxy(target, { name: "p", forwarded: false, ...init.options });
  const server = serve({ port: 0, hostname: "127.0.0.1", dateHeader: false, ...init.serve }, proxy);
  const clients: Peer[] = [];
  const http2Clients: Http2ClientConnection[] = [];
  try {
    const [{ port }] = await server.listening;
    const dial = async (): Promise<Peer> => {
      const client = await dialPeer(port!);
      clients.push(client);
      return client;
    };
    const dialHttp2 = (): Http2ClientConnection => {
      const { connection } = handshake(connect({ hostname: "127.0.0.1", port: port! }), { scheme: "http" });
      http2Clients.push(connection);
      return connection;
    };
    const ask = async (request: string): Promise<Message> => {
      const client = await dial();
      client.send(request);
      const answer = await readResponse(client, request.split(" ")[0]!);
      client.close();
      return answer;
    };
    await act({ backends, backend: backends[0]!, proxy, dial, dialHttp2, ask });
  } finally {
    for (const client of clients) client.close();
    for (const client of http2Clients) client.abort();
    await server[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    assertEquals(server.connections, 0);
    await Promise.all(backends.map((backend) => backend.close()));
  }
}

/**
 * Runs `act` with a chain of proxies in front of a raw server. The first is named `p` and those behind it `p1`, `p2` and so on; they speak
 * HTTP/2 with each other, and the last one HTTP/1.1 with the server.
 *
 * @param hops How many there are behind the first.
 */
export async function chained(hops: number, act: (proxied: Proxied) => Promise<void>): Promise<void> {
  const stack: (() => Promise<void>)[] = [];
  const begin = async (hop: number, to: string): Promise<string> => {
    const proxy = reverseProxy(to, { name: `p${hop}`, forwarded: false, http2: { h2c: hop < hops } });
    const http2 = { h2c: true, connectProtocol: true };
    const options = { port: 0, hostname: "127.0.0.1", dateHeader: false, onError: () => {}, http2 };
    const server = serve(options, proxy);
    stack.push(async () => {
      await server[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    });
    const [{ port }] = await server.listening;
    return `http://127.0.0.1:${port}`;
  };
  let first: Promise<string> | null = null;
  const target = ([port]: readonly number[]) => () => {
    const server = Promise.resolve(`http://127.0.0.1:${port}`);
    return first ??= Array.from({ length: hops }, (_, i) => hops - i)
      .reduce((to, hop) => to.then((url) => begin(hop, url)), server);
  };
  try {
    await proxied({ target, options: { http2: { h2c: true } }, serve: { onError: () => {} } }, act);
  } finally {
    for (const end of stack.reverse()) await end();
  }
}
