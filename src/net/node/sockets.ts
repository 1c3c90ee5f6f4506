/**
 * Where the adapter for Node has its sockets from: ready-made, or past as much of Node as is not needed. It calls this for each
 * connection that is opened or accepted.
 *
 * @module
 */

import { channel } from "node:diagnostics_channel";
import net from "node:net";
import type { SocketAddress, TcpAddress } from "../../duplex/socket.ts";
import { connectedInfo, type NativeEnds } from "../address.ts";
import type { NetSocket } from "../net_socket.ts";
import type { Transport } from "../transport.ts";
import { type AcceptOptions, socketOf } from "./handle_socket.ts";
import { HandleTransport } from "./handle_transport.ts";
import { NO_SINK } from "./lent_chunks.ts";
import { lending, marked } from "./lent_reads.ts";
import {
  type HandleRequest,
  isStreamHandle,
  type StreamHandle,
  streamHandles,
  systemError,
  type TcpHandle,
  type TcpHandles,
} from "./stream_handle.ts";
import { cutNodeSocket, NodeTransport } from "./transport.ts";

/** A connection that was accepted. It gets its sink when it is attached. */
export interface Accepted extends Transport {
  /** What the system tells of both ends. */
  readonly ends: NativeEnds;
}

/** How sockets that connect are set up. */
export interface OpenOptions extends AcceptOptions {
  readonly to: SocketAddress;
}

/** Makes sockets. */
export interface SocketMaker {
  /** Opens a socket; ends with its `attach()` or `cannotOpen()`. */
  connect(socket: NetSocket, options: OpenOptions): void;
  /**
   * Has the server tell of accepted sockets, paused.
   *
   * @param server Made with `pauseOnConnect` and `options`; it listens already.
   */
  accept(server: net.Server, options: AcceptOptions, take: (accepted: Accepted) => void): void;
}

/** Sockets with `data` events. */
export const plainSockets: SocketMaker = {
  connect: (socket, options) => connectWith((options) => net.connect(options).pause(), socket, options),
  accept: (server, _options, take) => void server.on("connection", (socket) => take(transportOf(socket))),
};

/** Sockets that lend what they read. */
export const lendingSockets: SocketMaker = {
  connect: (socket, options) =>
    connectWith((options) => marked(net.connect(lending(options))).pause(), socket, options),
  accept: (server, options, take) =>
    acceptHandles(server, take, (handle) => transportOf(socketOf(handle, options, true))),
};

/** Handles, which become sockets when somebody wants one. To connect by one there must be an address: a name is Node's to look up. */
export const handleSockets: SocketMaker = {
  connect(socket, options) {
    const { to, keepAlive } = options;
    const tcp = streamHandles?.tcp ?? null;
    const family = "path" in to ? 0 : net.isIP(to.hostname);
    if (tcp === null || "path" in to || family === 0 || keepAlive || opened.hasSubscribers) {
      return lendingSockets.connect(socket, options);
    }
    connectHandle(tcp, family, socket, { ...options, to });
  },
  accept: (server, options, take) =>
    acceptHandles(server, take, (handle) => {
      if (!isStreamHandle(handle) || options.keepAlive) return transportOf(socketOf(handle, options, true));
      return transportOver(handle, options.noDelay);
    }),
};

/** Node tells those who subscribe of each socket that connects. */
const opened = channel("net.client.socket");

/** The best that there is here. */
export const nodeSockets: SocketMaker = "Bun" in globalThis || "Deno" in globalThis
  ? plainSockets
  : streamHandles === null
  ? lendingSockets
  : handleSockets;

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
  transport: (handle: object) => Accepted,
): void {
  server.on("connection", (socket) => take(transportOf(socket)));
  const handle = (server as unknown as { readonly _handle?: ServerHandle | null })._handle;
  const announce = handle?.onconnection;
  if (handle === null || handle === undefined || typeof announce !== "function") return;
  function onconnection(this: unknown, error: number, client: object | undefined): void {
    if (error !== 0 || client === undefined) return void announce!.call(this, error, client);
    take(transport(client));
  }
  handle.onconnection = onconnection;
}

function transportOver(handle: StreamHandle, noDelay: boolean): HandleTransport {
  if (noDelay) handle.setNoDelay?.(true);
  return new HandleTransport(handle);
}

function transportOf(socket: net.Socket): NodeTransport {
  return new NodeTransport(socket, NO_SINK, cutNodeSocket);
}

function connectWith(
  open: (options: net.NetConnectOpts) => net.Socket,
  socket: NetSocket,
  { to, noDelay, keepAlive }: OpenOptions,
): void {
  const where = "path" in to ? { path: to.path } : { host: to.hostname, port: to.port };
  const native = open({ ...where, allowHalfOpen: true, noDelay, keepAlive });
  const onError = (error: Error): void => socket.cannotOpen(error);
  native.on("error", onError);
  const cancel = (): unknown => native.destroy();
  socket.cancel = cancel;
  native.once("connect", () => {
    const transport = new NodeTransport(native, socket.readSide, cutNodeSocket);
    native.off("error", onError);
    socket.attach(transport, connectedInfo(native, to));
  });
}

/** What `connectHandle()` has begun. */
interface Connecting extends HandleRequest {
  readonly handle: TcpHandle;
  readonly socket: NetSocket;
  readonly to: TcpAddress;
  readonly noDelay: boolean;
}

function connectHandle(
  { TCP, TCPConnectWrap, kind }: TcpHandles,
  family: number,
  socket: NetSocket,
  { to, noDelay }: OpenOptions & { readonly to: TcpAddress },
): void {
  const handle = new TCP(kind);
  const request = Object.assign(new TCPConnectWrap(), { handle, socket, to, noDelay, oncomplete: onConnected });
  const cancel = (): void => handle.close();
  socket.cancel = cancel;
  const { hostname, port } = to;
  const code = family === 4 ? handle.connect(request, hostname, port) : handle.connect6(request, hostname, port);
  if (code !== 0) onConnected.call(request, code);
}

function onConnected(this: HandleRequest, code: number): void {
  const { handle, socket, to, noDelay } = this as Connecting;
  if (socket.over) return; // it was given up, and the handle is closed
  if (code === 0) {
    const transport = transportOver(handle, noDelay);
    return void socket.attach(transport, connectedInfo(transport.ends, to));
  }
  handle.close();
  const { hostname: address, port } = to;
  socket.cannotOpen(Object.assign(systemError(code, "connect", ` ${address}:${port}`), { address, port }));
}
