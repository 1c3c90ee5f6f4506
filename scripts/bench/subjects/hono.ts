/**
 * What people run on Node: `@hono/node-server` and `srvx` with the handler of `hello.ts`, and a Hono app on ours and on theirs.
 *
 * @module
 */

import { serve } from "../../../src/http/server/serve.ts";
import { peerUrl } from "../peers.ts";
import { hello, text } from "./hello.ts";
import { portOf } from "./ports.ts";

type Handler = (request: Request) => Response | Promise<Response>;

interface NodeServer {
  serve(options: object, listening: (address: { readonly port: number }) => void): unknown;
}

interface Srvx {
  serve(options: object): { ready(): Promise<{ readonly url: string }> };
}

interface Hono {
  readonly Hono: new () => {
    get(path: string, handler: (context: { text(text: string): Response }) => Response): void;
    readonly fetch: Handler;
  };
}

/** `@hono/node-server`, the same handler. */
export const nodeServer = (): Promise<number> => onNodeServer(hello);

/** `srvx`, the same handler; with the length, as it would send chunks, which are not counted. */
export async function srvx(): Promise<number> {
  const module = await import(peerUrl("srvx")) as Srvx;
  const headers = { "content-type": "text/plain", "content-length": String(text.length) };
  const server = module.serve({
    fetch: () => new Response(text, { headers }),
    port: 0,
    hostname: "127.0.0.1",
    silent: true,
  });
  return Number(new URL((await server.ready()).url).port);
}

/** A Hono app on `serve`. */
export async function onOurs(): Promise<number> {
  const { listening } = serve({ hostname: "127.0.0.1", port: 0 }, (await app()).fetch);
  return portOf((await listening)[0]!);
}

/** The same app on `serve` with `replaceGlobalResponse`; theirs replaces `Response` and `Request` without being asked. */
export async function onOursReplaced(): Promise<number> {
  const options = { hostname: "127.0.0.1", port: 0, replaceGlobalResponse: true };
  const { listening } = serve(options, (await app()).fetch);
  return portOf((await listening)[0]!);
}

/** The same app on `@hono/node-server`. */
export const onTheirs = async (): Promise<number> => await onNodeServer((await app()).fetch);

async function onNodeServer(fetch: Handler): Promise<number> {
  const module = await import(peerUrl("hono")) as NodeServer;
  return await new Promise((resolve) => {
    module.serve({ fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => resolve(port));
  });
}

async function app(): Promise<{ readonly fetch: Handler }> {
  const { Hono } = await import(peerUrl("hono", "node_modules/hono/dist/index.js")) as Hono;
  const app = new Hono();
  app.get("/", (context) => context.text(text));
  return app;
}
