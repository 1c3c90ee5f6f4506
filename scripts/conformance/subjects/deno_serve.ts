/**
 * `Deno.serve`, which speaks WebSocket and no other protocol, and hands CONNECT to the handler like any request.
 *
 * @module
 */

import type { ServerUnderTest } from "../probe.ts";

interface DenoLike {
  serve(
    options: object,
    handler: (request: Request) => Response | Promise<Response>,
  ): { readonly addr: { readonly port: number } };
  upgradeWebSocket(request: Request): { readonly socket: WebSocket; readonly response: Response };
}

const { Deno } = globalThis as unknown as { readonly Deno: DenoLike };

/** `Deno.serve`. */
export async function server(): Promise<ServerUnderTest> {
  const { addr } = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {}, onError }, async (request) => {
    if (request.method === "CONNECT") {
      return new Response(null, { status: request.url.includes("refused.test") ? 403 : 200 });
    }
    const response = request.headers.get("upgrade") === "websocket" ? upgrade(request) : null;
    if (response !== null) return response;
    return new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
  });
  return await Promise.resolve({ port: addr.port, speaks: "websocket", tunnels: false });
}

/** `null` where Deno says that the request is none for a WebSocket. */
function upgrade(request: Request): Response | null {
  try {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  } catch {
    return null;
  }
}

function onError(): Response {
  return new Response(null, { status: 500 });
}
