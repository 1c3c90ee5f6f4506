/** The protocol of tests/support/websocket_talk.ts as a server of `Bun.serve`: PORT, and "deflate" or "plain". */

import process from "node:process";

/** What is used of Bun's side of a WebSocket. */
interface ServerWebSocket {
  send(message: string | Uint8Array): number;
  ping(): number;
  close(code?: number, reason?: string): void;
  terminate(): void;
}

interface BunServer {
  upgrade(request: Request, options: { readonly headers: Record<string, string> }): boolean;
}

const { Bun } = globalThis as unknown as { readonly Bun: { serve(options: object): BunServer } };
const [port, mode] = process.argv.slice(2);

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  fetch(request: Request, server: BunServer) {
    if (new URL(request.url).pathname === "/secret" && !request.headers.has("authorization")) {
      return new Response("who are you?", { status: 401, headers: { "www-authenticate": "Basic" } });
    }
    // By itself it takes the first subprotocol that was offered.
    const offered = request.headers.get("sec-websocket-protocol")?.split(", ") ?? [];
    const headers = offered.includes("chat") ? { "Sec-WebSocket-Protocol": "chat" } : {};
    return server.upgrade(request, { headers }) ? undefined : new Response("no WebSocket", { status: 426 });
  },
  websocket: {
    perMessageDeflate: mode === "deflate",
    message(socket: ServerWebSocket, data: string | Uint8Array) {
      if (typeof data !== "string" || !data.startsWith("!")) return void socket.send(data);
      if (data === "!leave") return socket.terminate();
      if (data === "!ping") return void socket.ping();
      const [, code, ...reason] = data.split(" ");
      if (code === undefined) socket.close();
      else socket.close(Number(code), reason.join(" "));
    },
    pong: (socket: ServerWebSocket) => void socket.send("ponged"),
  },
});
