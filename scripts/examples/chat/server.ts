/**
 * A chat server: each path is a room, which a browser gets as a page and a WebSocket joins. `main.ts` is the program.
 *
 * @module
 */

import { type PendingWebSocket, serve, upgradeWebSocket, wantsUpgrade } from "../../../mod.ts";
import { Room } from "./room.ts";

/** What the chat can be told. */
export interface ChatOptions {
  /** The page, in HTML. */
  readonly page: string;
  /** The interface to listen on; 127.0.0.1 when left out. */
  readonly hostname?: string | undefined;
  /** The port; 0, the default, lets the system choose. */
  readonly port?: number | undefined;
  /** Pages of which other origins may join, for example `https://chat.example` with a proxy in front. None. */
  readonly origins?: readonly string[] | undefined;
  /** How many connections may be open. 1000. */
  readonly maxConnections?: number | undefined;
  /** How many messages a newcomer is told. 50. */
  readonly historyLength?: number | undefined;
  /** The longest message. 4096. */
  readonly maxMessageBytes?: number | undefined;
  /** How much may wait for a member that reads slowly; with more it has to leave. 1 MiB. */
  readonly maxBacklogBytes?: number | undefined;
  /** How often a silent member is asked whether it is still there. 20,000. */
  readonly pingIntervalMs?: number | undefined;
}

/** A chat that runs. */
export interface RunningChat {
  /** Where it listens. */
  readonly port: number;
  /** How many rooms have somebody in them. */
  readonly rooms: number;
  /** Tells all members that it goes away (1001), and ends when they know. */
  close(): Promise<void>;
}

/**
 * Starts a chat.
 *
 * @throws {TransportError} `address`: it cannot listen there.
 */
export async function startChat(options: ChatOptions): Promise<RunningChat> {
  const chat = new Chat(options);
  const { hostname = "127.0.0.1", port = 0, maxConnections = 1000 } = options;
  const server = serve({ hostname, port, maxConnections }, (request) => chat.answer(request));
  const [address] = await server.listening;
  return {
    port: address.port,
    get rooms() {
      return chat.rooms;
    },
    close() {
      chat.dismissAll();
      return server.shutdown();
    },
  };
}

/** The page holds its own style and script, and talks to where it came from only. */
const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  // Else Chromium keeps the page that was left, with its WebSocket open, and the visitor stays a member.
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; " +
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};

class Chat {
  readonly #options: ChatOptions;
  readonly #rooms: Map<string, Room> = new Map();
  readonly #sockets: Set<PendingWebSocket> = new Set();

  constructor(options: ChatOptions) {
    this.#options = options;
  }

  get rooms(): number {
    return this.#rooms.size;
  }

  answer(request: Request): Response {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/") return new Response(null, { status: 302, headers: { location: "/lobby" } });
    const room = /^\/([\w-]{1,40})$/.exec(pathname)?.[1];
    if (room === undefined) return new Response("There is no such room\n", { status: 404 });
    if (wantsUpgrade(request, "websocket")) return this.#join(request, room, nameOf(searchParams.get("name") ?? ""));
    if (request.method === "GET" || request.method === "HEAD") {
      return new Response(this.#options.page, { headers: PAGE_HEADERS });
    }
    return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
  }

  dismissAll(): void {
    for (const socket of this.#sockets) socket.close({ closeCode: 1001, reason: "The server goes away" });
  }

  #join(request: Request, room: string, name: string): Response {
    const { maxMessageBytes = 4096, pingIntervalMs = 20_000, origins = [] } = this.#options;
    const settings = {
      deflate: true,
      maxMessageBytes,
      pingIntervalMs,
      // Who has no origin is no browser, and could claim any.
      checkOrigin: (origin: string | null) =>
        origin === null || origin === new URL(request.url).origin || origins.includes(origin),
    };
    const { response, socket } = upgradeWebSocket(request, settings, async (connection) => {
      await this.#room(room).attend(name, connection);
      if (this.#rooms.get(room)?.empty) this.#rooms.delete(room);
    });
    this.#sockets.add(socket);
    socket.closed.then(() => this.#sockets.delete(socket));
    return response;
  }

  #room(name: string): Room {
    const { historyLength = 50, maxBacklogBytes = 1 << 20 } = this.#options;
    const room = this.#rooms.get(name) ?? new Room({ historyLength, maxBacklogBytes });
    this.#rooms.set(name, room);
    return room;
  }
}

/** A name that can be shown: a line of at most 32 characters. */
function nameOf(wanted: string): string {
  const visible = wanted.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, "").replaceAll(/\s+/g, " ").trim();
  return [...visible].slice(0, 32).join("") || "guest";
}
