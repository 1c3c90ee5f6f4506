/**
 * Servers that say hello.
 *
 * @module
 */

import { createServer } from "node:http";
import { serveConnection } from "../../../src/http1/server_connection.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { serve as serveRequests } from "../../../src/http/server/serve.ts";
import type { ServeOptions } from "../../../src/http/server/serve_options.ts";
import { listen } from "../../../src/net/mod.ts";
import { bun, deno } from "./platform.ts";
import { portOf } from "./ports.ts";

export const text = "Hello, World!";
const type = "text/plain";

/** The handler of all servers that take one from `Request` to `Response`. */
export const hello = (): Response => new Response(text, { headers: { "content-type": type } });

/** `serveConnection` over sockets of `./net`. */
export async function connection(): Promise<number> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const fields: [string, string][] = [["Content-Type", type]];
  const accept = async (): Promise<void> => {
    for await (const socket of listener) serveConnection(socket, () => ({ status: 200, fields, body: text }));
  };
  accept();
  return portOf(listener.address);
}

/** `serve` with the platform's `Response`. */
export function serve(): Promise<number> {
  return serveWith(hello);
}

/** `serve` with `replaceGlobalResponse` and the same handler. */
export function serveReplaced(): Promise<number> {
  return serveWith(hello, { replaceGlobalResponse: true });
}

/** `serve` with a `LightResponse`. */
export const serveLight = (): Promise<number> => helloLight({});

/**
 * The same, but a `Response` is made, asked for its headers and read first: the least that a server can do with one. It need not
 * find out whether more of the body is to come.
 */
export function serveLightBesideResponse(): Promise<number> {
  return serveWith(async () => {
    const response = hello();
    const headers = [...response.headers];
    return LightResponse.of(await response.text(), { headers });
  });
}

/** The same, with options. */
export function helloLight(options: ServeOptions): Promise<number> {
  return serveWith(() => LightResponse.of(text, { headers: { "content-type": type } }), options);
}

async function serveWith(handler: () => Response | Promise<Response>, options: ServeOptions = {}): Promise<number> {
  const { listening } = serveRequests({ ...options, hostname: "127.0.0.1", port: 0 }, handler);
  const [address] = await listening;
  return portOf(address!);
}

/** `node:http`, written so that it makes one write and no chunks. */
export function nodeHttp(): Promise<number> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": type, "Content-Length": text.length });
    response.end(text);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}

/** `Deno.serve` or `Bun.serve`. */
export const platform = (): Promise<number> => helloPlatform({});

/** The same, with options for Bun; Deno's has HTTP/2 anyway. */
export function helloPlatform(options: { readonly http2?: boolean }): Promise<number> {
  if (deno !== null) {
    return Promise.resolve(deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, hello).addr.port);
  }
  return Promise.resolve(bun!.serve({ ...options, hostname: "127.0.0.1", port: 0, fetch: hello }).port);
}
