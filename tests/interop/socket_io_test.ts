import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { serve } from "../../src/http/server/serve.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";

// Loaded by name, without types: those that socket.io asks for would change which `@types/node` everything else gets.
const SERVER = "socket.io";
const CLIENT = "socket.io-client";

/** As much of a socket as is used. */
interface IoSocket {
  on(event: string, listener: (data: Uint8Array, answer: (length: number) => void) => void): unknown;
  once(event: string, listener: (error?: unknown) => void): unknown;
  emitWithAck(event: string, data: Uint8Array): Promise<number>;
  disconnect(): unknown;
  readonly io: { readonly engine: { readonly transport: { readonly name: string } } & Pick<IoSocket, "once"> };
}

interface IoServer {
  on(event: "connection", listener: (socket: IoSocket) => void): unknown;
  close(): Promise<void>;
}

const { Server } = await import(SERVER) as { readonly Server: new (server: http.Server) => IoServer };
const { io } = await import(CLIENT) as { readonly io: (url: string, options: object) => IoSocket };

for (
  const [transports, ends] of [
    [["polling"], "polling"],
    [["websocket"], "websocket"],
    [["polling", "websocket"], "websocket"],
  ] as const
) {
  test(`reverseProxy() and socket.io over ${transports.join(", then ")}`, { timeout: 30_000 }, async (t) => {
    const server = http.createServer();
    const sockets = new Server(server);
    sockets.on("connection", (socket) => void socket.on("say", (data, answer) => answer(data.length)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const proxy = reverseProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const front = serve({ port: 0, hostname: "127.0.0.1" }, proxy);
    const [{ port }] = await front.listening;
    const client = io(`http://127.0.0.1:${port}`, { transports, reconnection: false });
    t.after(async () => {
      client.disconnect();
      await sockets.close();
      await front[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    });
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => {
        const { engine } = client.io;
        if (engine.transport.name === ends) resolve();
        else engine.once("upgrade", () => resolve());
      });
      client.once("connect_error", reject);
    });
    assertEquals(await client.emitWithAck("say", new Uint8Array(100_000)), 100_000);
    assertEquals(client.io.engine.transport.name, ends);
  });
}
