/**
 * Where the adapter for Node has its sockets from: ready-made, or past as much of Node as is not needed. It calls this for each
 * connection that is opened or accepted.
 *
 * @module
 */

import net from "node:net";
import type { NativeEnds } from "../address.ts";
import type { Transport } from "../transport.ts";
import { HandleTransport } from "./handle_transport.ts";
import { NO_SINK } from "./lent_chunks.ts";
import { lending, marked } from "./lent_reads.ts";
import { isStreamHandle, streamHandles } from "./stream_handle.ts";
import { cutNodeSocket, NodeTransport } from "./transport.ts";

/** How accepted sockets are set up. */
export interface AcceptOptions {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
}

/** A connection that was accepted. It gets its sink when it is attached. */
export interface Accepted extends Transport {
  /** What the system tells of both ends. */
  readonly ends: NativeEnds;
}

/** Makes sockets. */
export interface SocketMaker {
  /** `net.connect()`, paused. */
  connect(options: net.NetConnectOpts): net.Socket;
  /**
   * Has the server tell of accepted sockets, paused.
   *
   * @param server Made with `pauseOnConnect` and `options`; it listens already.
   */
  accept(server: net.Server, options: AcceptOptions, take: (accepted: Accepted) => void): void;
}

/** Sockets with `data` events. */
export const plainSockets: SocketMaker = {
  connect: (options) => net.connect(options).pause(),
  accept: (server, _options, take) => void server.on("connection", (socket) => take(transportOf(socket))),
};

/** Sockets that lend what they read. */
export const lendingSockets: SocketMaker = {
  connect: (options) => marked(net.connect(lending(options))).pause(),
  accept: (server, options, take) =>
    acceptHandles(server, take, (handle) => transportOf(socketOf(handle, options, true))),
};

/** Handles, which become sockets when somebody wants one; opened sockets lend. */
export const handleSockets: SocketMaker = {
  connect: lendingSockets.connect,
  accept: (server, options, take) =>
    acceptHandles(server, take, (handle) => {
      if (!isStreamHandle(handle) || options.keepAlive) return transportOf(socketOf(handle, options, true));
      if (options.noDelay) handle.setNoDelay?.(true);
      return new HandleTransport(handle, (handle, writable) => socketOf(handle, AS_THEY_ARE, writable));
    }),
};

/** The best that there is here. */
export const nodeSockets: SocketMaker = "Bun" in globalThis || "Deno" in globalThis
  ? plainSockets
  : streamHandles === null
  ? lendingSockets
  : handleSockets;

const AS_THEY_ARE: AcceptOptions = { noDelay: false, keepAlive: false };

/** What Node's own listener gets: as much as is used of a handle of a server, which is listening. */
interface ServerHandle {
  onconnection?: (this: unknown, error: number, client: object | undefined) => void;
}

/**
 * Takes what a server accepts before Node makes sockets of it. That handle is no public API (the same on Node 20 to 26). Where it
 * looks otherwise, sockets read in the usual way.
 */
function acceptHandles(
  server: net.Server,
  take: (accepted: Accepted) => void,
  transportOver: (handle: object) => Accepted,
): void {
  server.on("connection", (socket) => take(transportOf(socket)));
  const handle = (server as unknown as { readonly _handle?: ServerHandle | null })._handle;
  const announce = handle?.onconnection;
  if (handle === null || handle === undefined || typeof announce !== "function") return;
  handle.onconnection = function (error, client) {
    if (error !== 0 || client === undefined) return announce.call(this, error, client);
    take(transportOver(client));
  };
}

/** `net.createServer()` takes no `onread`: such sockets are made of the handle of a connection. */
function socketOf(handle: object, { noDelay, keepAlive }: AcceptOptions, writable: boolean): net.Socket {
  const options = lending({ handle, allowHalfOpen: true, pauseOnCreate: true, writable });
  const socket = marked(new net.Socket(options as net.SocketConstructorOpts));
  if (noDelay) socket.setNoDelay(true);
  if (keepAlive) socket.setKeepAlive(true);
  return socket;
}

function transportOf(socket: net.Socket): NodeTransport {
  return new NodeTransport(socket, NO_SINK, cutNodeSocket);
}
