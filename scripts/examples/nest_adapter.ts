/**
 * The gateways of NestJS on WebSockets of this package: `app.useWebSocketAdapter(new UpgradeAdapter(app))`. They share the
 * application's server of `node:http` (Express or Fastify), whose other upgrades go on to the other listeners; a gateway
 * with a port of its own gets one of `serve()`. Messages are `{ event, data }`, as with Nest's adapter for `ws`.
 *
 * @module
 */

import { serve, type Server, upgradeWebSocket, type UpgradeWebSocketOptions, WebSocket } from "../../mod.ts";
import { acceptUpgrade } from "../../src/node_http/accept.ts";
import type { PendingWebSocket } from "../../src/websocket/mod.ts";
import type { INestApplication, WebSocketAdapter, WsMessageHandler } from "@nestjs/common";

export type GatewayOptions = UpgradeWebSocketOptions & { readonly path?: string };

type Connected = (client: WebSocket, request: Request) => void;
type Transform = Parameters<WebSocketAdapter["bindMessageHandlers"]>[2];

/** One for each port and path; `@WebSocketServer()` gives it to the gateway. */
export class GatewayServer {
  /** Who is connected, and the WebSocket below its events. */
  readonly clients: Map<WebSocket, PendingWebSocket> = new Map();
  /** What Nest does with each. */
  readonly connected: Connected[] = [];
  own: Server | undefined;
  readonly #path: string;
  readonly #options: UpgradeWebSocketOptions;

  constructor({ path = "/", ...options }: GatewayOptions) {
    [this.#path, this.#options] = [path, options];
  }

  isFor(url: string): boolean {
    return new URL(url, "http://localhost").pathname === this.#path;
  }

  answer(request: Request): Response {
    if (!this.isFor(request.url)) return new Response(null, { status: 404 });
    const { response, socket } = upgradeWebSocket(request, this.#options);
    const client = new WebSocket(request.url, { socket });
    client.addEventListener("open", () => {
      this.clients.set(client, socket);
      for (const connected of this.connected) connected(client, request);
    });
    client.addEventListener("close", () => this.clients.delete(client));
    return response;
  }
}

export class UpgradeAdapter implements WebSocketAdapter<GatewayServer, WebSocket, GatewayOptions> {
  readonly #shared: GatewayServer[] = [];

  constructor(app: INestApplication) {
    const http = app.getHttpServer();
    http.on("upgrade", (...[req, socket, head]: Parameters<typeof acceptUpgrade>) => {
      const server = this.#shared.find((server) => server.isFor(req.url!));
      if (server === undefined && http.listenerCount("upgrade") > 1) return; // another one's
      acceptUpgrade(req, socket, head, (request) => server?.answer(request) ?? new Response(null, { status: 404 }));
    });
  }

  create(port: number, options: GatewayOptions = {}): GatewayServer {
    const server = new GatewayServer(options);
    if (port === 0) this.#shared.push(server);
    else server.own = serve({ port }, (request) => server.answer(request));
    return server;
  }

  bindClientConnect(server: GatewayServer, callback: Connected): void {
    server.connected.push(callback);
  }

  bindClientDisconnect(client: WebSocket, callback: (reason: string) => void): void {
    client.addEventListener("close", ({ reason }) => callback(reason));
  }

  bindMessageHandlers(client: WebSocket, handlers: WsMessageHandler[], transform: Transform): void {
    const reply = (value: unknown): void => void (value === undefined || client.send(JSON.stringify(value)));
    client.addEventListener("message", ({ data }) => {
      const message = parsed(data);
      const handler = handlers.find(({ message: event }) => event === message?.event);
      const replies = handler && transform(handler.callback(message!.data, message!.event));
      replies?.subscribe({ next: reply, error: console.error });
    });
  }

  async close(server: GatewayServer): Promise<void> {
    const clients = [...server.clients.values()];
    for (const client of clients) client.close({ closeCode: 1001 });
    await Promise.all([...clients.map(({ closed }) => closed), server.own?.shutdown({ upgraded: "close" })]);
  }

  /** Nest calls it at the end, which its interface does not say. */
  dispose(): void {
    this.#shared.length = 0;
  }
}

function parsed(data: unknown): { readonly event?: string; readonly data?: unknown } | null {
  try {
    return JSON.parse(String(data));
  } catch {
    return null; // anybody can send that
  }
}
