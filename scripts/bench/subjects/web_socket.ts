/**
 * Servers that send every message of a WebSocket back.
 *
 * @module
 */

import { createServer } from "node:http";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeOptions } from "../../../src/http/server/serve_options.ts";
import type { WebSocketConnection } from "../../../src/websocket/connection.ts";
import { upgradeWebSocket } from "../../../src/websocket/upgrade.ts";
import { Topic } from "../../../src/websocket/topic.ts";
import { WebSocket } from "../../../src/websocket/web_socket.ts";
import { peerUrl } from "../peers.ts";
import { bun, deno } from "./platform.ts";
import { portOf } from "./ports.ts";

/** What others allow at most by default, so that 1 MiB is allowed everywhere. */
const MAX_MESSAGE_BYTES = 16 << 20;

/** Ours, with `read()` and `write()`. */
export const channel = (): Promise<number> => ours(false, echo);
/** The same with text as bytes, which `ws` gives. */
export const channelBytes = (): Promise<number> => ours(false, echo, "bytes");
/** The first one, compressed. */
export const channelDeflate = (): Promise<number> => ours(true, echo);

/** The first one over HTTP/2. */
export const channelHttp2 = (): Promise<number> =>
  ours(false, echo, "string", { http2: { h2c: true, connectProtocol: true } });

/** Ours, with `readable` and `writable`. */
export const streams = (): Promise<number> => ours(false, ({ readable, writable }) => readable.pipeTo(writable));

async function ours(
  deflate: boolean,
  speak: (socket: WebSocketConnection) => Promise<void>,
  text: "string" | "bytes" = "string",
  options: ServeOptions = {},
): Promise<number> {
  const { listening } = serve({ ...options, hostname: "127.0.0.1", port: 0 }, (request) => {
    const { response, socket } = upgradeWebSocket(request, { deflate, text });
    socket.opened.then(speak).catch(() => {});
    return response;
  });
  return portOf((await listening)[0]);
}

async function echo(socket: WebSocketConnection): Promise<void> {
  for (let message = await socket.read(); message !== null; message = await socket.read()) await socket.write(message);
}

/** Ours: each message goes to everybody. */
export const topic = (): Promise<number> => ourTopic(false);
/** The same, compressed. */
export const topicDeflate = (): Promise<number> => ourTopic(true);

async function ourTopic(deflate: boolean): Promise<number> {
  const everybody = new Topic();
  return await ours(deflate, async (socket) => {
    everybody.add(socket);
    for (let message = await socket.read(); message !== null; message = await socket.read()) everybody.publish(message);
  });
}

/** Ours, with events. */
export async function events(): Promise<number> {
  const { listening } = serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
    const { response, socket } = upgradeWebSocket(request);
    const webSocket = new WebSocket(request.url, { socket });
    webSocket.binaryType = "arraybuffer";
    webSocket.onmessage = ({ data }) => webSocket.send(data);
    return response;
  });
  return portOf((await listening)[0]);
}

/** `ws` over `node:http`. It sends the buffer back that it has received, and decodes no text. */
export const ws = (): Promise<number> => wsServer(false, sendBack);
/** The same with text as a string, which ours gives. */
export const wsText = (): Promise<number> => wsServer(false, sendBackText);
/** The same with bytes as an `ArrayBuffer` of its own for each message, which ours gives. */
export const wsArrayBuffer = (): Promise<number> =>
  wsServer(false, sendBack, (socket) => void (socket.binaryType = "arraybuffer"));
/** The same as the first one, compressed. */
export const wsDeflate = (): Promise<number> => wsServer(true, sendBack);

/** `ws`: each message goes to everybody, by a loop. */
export const wsLoop = (): Promise<number> => wsBroadcast(false);
/** The same, compressed. */
export const wsLoopDeflate = (): Promise<number> => wsBroadcast(true);

function wsBroadcast(deflate: boolean): Promise<number> {
  const everybody = new Set<WsSocket>();
  const join = (socket: WsSocket): void => {
    everybody.add(socket);
    socket.on("close", () => everybody.delete(socket));
  };
  return wsServer(deflate, (_author, data, binary) => {
    for (const socket of everybody) socket.send(data, { binary });
  }, join);
}

interface Ws {
  readonly WebSocketServer: new (options: object) => {
    on(event: "connection", listener: (socket: WsSocket) => void): void;
  };
}

interface WsSocket {
  binaryType: "nodebuffer" | "arraybuffer";
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "error" | "close", listener: () => void): void;
  send(data: Uint8Array | string, options?: object): void;
}

type Answer = (socket: WsSocket, data: Uint8Array, binary: boolean) => void;

function sendBack(socket: WsSocket, data: Uint8Array, binary: boolean): void {
  socket.send(data, { binary });
}

function sendBackText(socket: WsSocket, data: Uint8Array, binary: boolean): void {
  if (binary) socket.send(data, { binary });
  else socket.send(data.toString()); // a Buffer
}

async function wsServer(
  perMessageDeflate: boolean,
  answer: Answer,
  join: (socket: WsSocket) => void = () => {},
): Promise<number> {
  const { WebSocketServer } = await import(peerUrl("ws")) as Ws;
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate, maxPayload: MAX_MESSAGE_BYTES });
  sockets.on("connection", (socket) => {
    join(socket);
    socket.on("message", (data, binary) => answer(socket, data, binary));
    socket.on("error", () => {});
  });
  return await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}

/** `Deno.upgradeWebSocket`, or `Bun.serve`. */
export const platform = (): Promise<number> => platformServer(false);
/** `Bun.serve`, compressed. Deno's has no compression. */
export const platformDeflate = (): Promise<number> => platformServer(true);

function platformServer(perMessageDeflate: boolean): Promise<number> {
  if (deno !== null) {
    const { upgradeWebSocket, serve } = deno;
    const server = serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const { response, socket } = upgradeWebSocket(request);
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => socket.send(data);
      socket.onerror = () => {};
      return response;
    });
    return Promise.resolve(server.addr.port);
  }
  const server = bun!.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request: Request, self: { upgrade(request: Request): boolean }) =>
      self.upgrade(request) ? undefined : new Response(null, { status: 400 }),
    websocket: {
      perMessageDeflate,
      maxPayloadLength: MAX_MESSAGE_BYTES,
      message: (
        socket: { send(message: string | Uint8Array, compress: boolean): void },
        message: string | Uint8Array,
      ) => {
        socket.send(message, perMessageDeflate);
      },
    },
  });
  return Promise.resolve(server.port);
}

/** Bun's `publish()`; Deno's own by a loop. */
export const platformTopic = (): Promise<number> => platformBroadcast(false);
/** Bun's, compressed. */
export const platformTopicDeflate = (): Promise<number> => platformBroadcast(true);

function platformBroadcast(perMessageDeflate: boolean): Promise<number> {
  if (deno !== null) return denoBroadcast();
  interface BunSocket {
    subscribe(topic: string): void;
  }
  const server: {
    port: number;
    publish(topic: string, message: string | Uint8Array, compress: boolean): number;
  } = bun!.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request: Request, self: { upgrade(request: Request): boolean }) =>
      self.upgrade(request) ? undefined : new Response(null, { status: 400 }),
    websocket: {
      perMessageDeflate,
      open: (socket: BunSocket) => socket.subscribe("everybody"),
      message: (_socket: BunSocket, message: string | Uint8Array) => {
        server.publish("everybody", message, perMessageDeflate);
      },
    },
  }) as never;
  return Promise.resolve(server.port);
}

function denoBroadcast(): Promise<number> {
  const { upgradeWebSocket, serve } = deno!;
  const everybody = new Set<ReturnType<typeof upgradeWebSocket>["socket"]>();
  const server = serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { response, socket } = upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => everybody.add(socket);
    socket.onclose = () => everybody.delete(socket);
    socket.onmessage = ({ data }) => {
      for (const each of everybody) each.send(data);
    };
    socket.onerror = () => {};
    return response;
  });
  return Promise.resolve(server.addr.port);
}
