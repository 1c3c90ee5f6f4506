/**
 * What comes before the bytes that are measured: nothing, an upgrade, or a CONNECT.
 *
 * @module
 */

import { connectBlock, openStreams, type StreamsPlan, webSocketBlock } from "./http2_streams.ts";
import { type ClientHandlers, openClients } from "./socket.ts";

const encoder = new TextEncoder();

/** How a connection gets to where it echoes; for `connect` with the port to be connected to. */
export type SocketPreface = { readonly type: "none" } | { readonly type: "upgrade" } | {
  readonly type: "connect";
  readonly port: number;
};

/** The same for streams of HTTP/2, of which so many are on one connection. */
export type StreamPreface =
  | { readonly type: "http2-connect"; readonly port: number; readonly streams: number }
  | { readonly type: "http2-websocket"; readonly streams: number };

/** Either. */
export type Preface = SocketPreface | StreamPreface;

/** What begins streams, or `null`. */
export function streamsOf(preface: Preface): StreamsPlan | null {
  if (preface.type === "http2-connect") return { block: connectBlock(preface.port), streams: preface.streams };
  return preface.type === "http2-websocket" ? { block: webSocketBlock(), streams: preface.streams } : null;
}

/** The request to send, or `null`. */
export function prefaceRequest(preface: SocketPreface): Uint8Array | null {
  switch (preface.type) {
    case "none":
      return null;
    case "upgrade":
      return encoder.encode(
        "GET /echo HTTP/1.1\r\nHost: localhost:8080\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
      );
    case "connect":
      return encoder.encode(`CONNECT 127.0.0.1:${preface.port} HTTP/1.1\r\nHost: 127.0.0.1:${preface.port}\r\n\r\n`);
    default:
      return preface satisfies never;
  }
}

/** Whether this is the whole head of an answer that lets the connection go on. */
export function isAgreement(bytes: Uint8Array): boolean {
  const end = bytes.length;
  const ends = bytes[end - 4] === 13 && bytes[end - 3] === 10 && bytes[end - 2] === 13 && bytes[end - 1] === 10;
  // HTTP/1.1 101, or HTTP/1.1 200.
  const agrees = bytes[11] === 0x31 ? bytes[9] === 0x31 : bytes[9] === 0x32;
  if (ends && agrees) return true;
  throw new Error(`Cannot go on after this answer: ${JSON.stringify(new TextDecoder().decode(bytes))}`);
}

/** Opens connections, or streams, that are over their preface when they are `opened`. Resolves when all of them have ended. */
export function openBehind(
  port: number,
  preface: Preface,
  count: number,
  handlers: () => ClientHandlers,
): Promise<void> {
  const streams = streamsOf(preface);
  if (streams !== null) return openStreams(port, count, streams, handlers);
  return openClients(port, count, () => behind(preface as SocketPreface, handlers()));
}

function behind(preface: SocketPreface, handlers: ClientHandlers): ClientHandlers {
  const request = prefaceRequest(preface);
  if (request === null) return handlers;
  let agreed = false;
  return {
    opened: (client) => client.write(request),
    received(client, bytes) {
      if (agreed) return handlers.received(client, bytes);
      agreed = isAgreement(bytes);
      handlers.opened(client);
    },
    drained: (client) => handlers.drained?.(client),
  };
}
