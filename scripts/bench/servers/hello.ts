/**
 * Servers that say hello.
 *
 * @module
 */

import { createServer } from "node:http";
import { serveConnection } from "../../../src/connection/server.ts";
import { network } from "./network.ts";
import { portOf } from "./ports.ts";
import { bun, deno } from "./platform.ts";

const text = "Hello, World!";

/** `serveConnection` over sockets of `./net`. */
export async function ours(): Promise<number> {
  const { listen } = await network();
  const listener = await listen({ hostname: "127.0.0.1" });
  acceptAll(listener);
  return portOf(listener.address);
}

async function acceptAll(listener: Awaited<ReturnType<Awaited<ReturnType<typeof network>>["listen"]>>): Promise<void> {
  const fields: [string, string][] = [["Content-Type", "text/plain"]];
  for await (const socket of listener) serveConnection(socket, () => ({ status: 200, fields, body: text }));
}

/** `node:http`, written so that it makes one write and no chunks. */
export function nodeHttp(): Promise<number> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": text.length });
    response.end(text);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}

/** `Deno.serve` or `Bun.serve`. */
export async function platform(): Promise<number> {
  const answer = (): Response => new Response(text);
  if (deno !== null) return deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer).addr.port;
  return bun!.serve({ hostname: "127.0.0.1", port: 0, fetch: answer }).port;
}
