/**
 * WebSockets of crossws (h3, Nitro, srvx) over this package, on every runtime the same.
 *
 * ```text
 * const app = new H3().get("/chat", defineWebSocketHandler({ message: (peer, message) => peer.send(message.text()) }));
 * const sockets = crosswsAdapter(async (request) => (await app.fetch(request) as Upgrading).crossws);
 * serve({ port: 3000 }, (request, info) => wantsUpgrade(request) ? sockets(request, info) : app.fetch(request));
 * ```
 *
 * @module
 */

import { type ServeInfo, upgradeWebSocket, type WebSocketConnection } from "../../mod.ts";
import { Topic } from "../../src/websocket/mod.ts";
import type { Hooks, Message, Peer } from "crossws";

/** What h3's handlers answer to an upgrade. */
export type Upgrading = Response & { readonly crossws?: Partial<Hooks> };
type Resolve = (request: Request) => Partial<Hooks> | undefined | Promise<Partial<Hooks> | undefined>;
/** Those in one namespace, and what they have subscribed to. */
interface Room {
  readonly peers: Set<object>;
  readonly topics: Map<string, Topic>;
}

/** Answers upgrades by hooks; `resolve` finds those of a request. */
export function crosswsAdapter(resolve: Resolve): (request: Request, info: ServeInfo) => Promise<Response> {
  const rooms = new Map<string, Room>();
  return async (request, info) => {
    const hooks = await resolve(request);
    if (hooks === undefined) return new Response("There is no WebSocket here", { status: 404 });
    const answer = await hooks.upgrade?.(request as never);
    if (answer instanceof Response) return answer;
    const { headers, namespace = new URL(request.url).pathname, context = {} } = answer ?? {};
    const room = rooms.get(namespace) ?? { peers: new Set(), topics: new Map() };
    rooms.set(namespace, room);
    const remoteAddress = "hostname" in info.remote ? info.remote.hostname : undefined;
    const fields = new Headers(headers as HeadersInit);
    const protocols = fields.get("sec-websocket-protocol")?.split(",") ?? [];
    fields.delete("sec-websocket-protocol");
    return upgradeWebSocket(request, { headers: fields, protocols }, async (socket) => {
      const peer = peerOf(socket, room, { request, namespace, context, remoteAddress });
      room.peers.add(peer);
      await attend(peer, socket, hooks);
      room.peers.delete(peer);
      if (room.peers.size === 0) rooms.delete(namespace);
    }).response;
  };
}

async function attend(peer: Peer, socket: WebSocketConnection, hooks: Partial<Hooks>): Promise<void> {
  try {
    await hooks.open?.(peer);
    for await (const data of socket) await hooks.message?.(peer, messageOf(data, peer));
  } catch (error) {
    await hooks.error?.(peer, error as never);
    socket.abort(error);
  }
  const { closeCode: code, reason } = await socket.closed;
  await hooks.close?.(peer, { code, reason });
}

function messageOf(data: string | Uint8Array, peer: Peer): Message {
  const uint8Array = (): Uint8Array => typeof data === "string" ? new TextEncoder().encode(data) : data;
  const text = (): string => typeof data === "string" ? data : new TextDecoder().decode(data);
  const json = (): unknown => JSON.parse(text());
  return { id: crypto.randomUUID(), peer, rawData: data, data, text, json, uint8Array, toString: text } as never;
}

/** As much of crossws' `Peer` as its documents promise. */
function peerOf(socket: WebSocketConnection, room: Room, about: object): Peer {
  const id = crypto.randomUUID();
  const topics = new Set<string>();
  return {
    ...about,
    id,
    topics,
    peers: room.peers,
    websocket: socket,
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
    send: (data: unknown) => void socket.write(plain(data)),
    publish: (topic: string, data: unknown) => room.topics.get(topic)?.publish(plain(data), { except: socket }),
    subscribe(topic: string) {
      topics.add(topic);
      room.topics.set(topic, (room.topics.get(topic) ?? new Topic()).add(socket));
    },
    unsubscribe: (topic: string) => topics.delete(topic) && room.topics.get(topic)?.delete(socket),
    close: (closeCode?: number, reason?: string) => void socket.close({ closeCode, reason }),
    terminate: () => socket.abort(),
    toString: () => id,
  } as unknown as Peer;
}

/** Text and bytes as they are, anything else as crossws writes it. */
function plain(data: unknown): string | Uint8Array | ArrayBuffer {
  if (typeof data === "string" || data instanceof Uint8Array || data instanceof ArrayBuffer) return data;
  return typeof data === "object" && data !== null ? JSON.stringify(data) : String(data ?? "");
}
