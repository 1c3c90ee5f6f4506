/**
 * `Bun.serve`, which speaks WebSocket and no other protocol, and hands CONNECT to the handler like any request.
 *
 * @module
 */

import type { ServerUnderTest } from "../probe.ts";

interface BunServer {
  readonly port: number;
  upgrade(request: Request): boolean;
}

interface BunLike {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly http2?: boolean;
    fetch(request: Request, server: BunServer): Promise<Response | undefined>;
    error(): Response;
    readonly websocket: { message(socket: { send(data: string): void }, data: string): void };
  }): BunServer;
}

const { Bun } = globalThis as unknown as { readonly Bun: BunLike };

/** `Bun.serve`. */
export function server(options: { readonly http2?: boolean } = {}): Promise<ServerUnderTest> {
  const { port } = Bun.serve({
    ...options,
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request, server) {
      if (request.method === "CONNECT") {
        return new Response(null, { status: request.url.includes("refused.test") ? 403 : 200 });
      }
      if (request.headers.get("upgrade") === "websocket" && server.upgrade(request)) return undefined;
      return new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
    },
    error: () => new Response(null, { status: 500 }),
    websocket: { message: (socket, data) => socket.send(data) },
  });
  return Promise.resolve({ port, speaks: "websocket", tunnels: false });
}
