/**
 * Servers of HTTP/2 with prior knowledge that say hello.
 *
 * @module
 */

import { createServer, type ServerHttp2Stream } from "node:http2";
import { serveConnection } from "../../../src/http2/server_connection.ts";
import { listen } from "../../../src/net/mod.ts";
import { helloLight, helloPlatform, text } from "./hello.ts";
import { portOf } from "./ports.ts";

/** `serveConnection` of `http2/` over sockets of `./net`. */
export async function connection(): Promise<number> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const fields: [string, string][] = [["content-type", "text/plain"]];
  const accept = async (): Promise<void> => {
    for await (const socket of listener) serveConnection(socket, () => ({ status: 200, fields, body: text }));
  };
  accept();
  return portOf(listener.address);
}

/** `serve` with HTTP/2 and a `LightResponse`. */
export const serveLight = (): Promise<number> => helloLight({ http2: { h2c: true } });

/** `Deno.serve`, or `Bun.serve` that is asked for it. */
export const platform = (): Promise<number> => helloPlatform({ http2: true });

/** `node:http2`, by its streams, which cost it least. */
export function nodeHttp2(): Promise<number> {
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "text/plain", "content-length": text.length });
    stream.end(text);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}
