/**
 * Sockets over `Bun.connect` and `Bun.listen`.
 *
 * @module
 */

import type { Listener, ListenOptions, SocketOptions, StartTlsOptions } from "../duplex/network.ts";
import type { SocketAddress, SocketInfo } from "../duplex/socket.ts";
import type { HeldChannel } from "../duplex/stream_channel.ts";
import type { Adapter } from "./adapter.ts";
import { socketInfo } from "./address.ts";
import { type BunHandlers, type BunSocket, BunTransport, passOn } from "./bun_transport.ts";
import { transportError } from "./errors.ts";
import { NetSocket, type StartTls } from "./net_socket.ts";
import { DEFAULT_BACKLOG, PushListener } from "./listener.ts";

interface BunListener {
  readonly hostname: string;
  readonly port: number;
  stop(closeActiveConnections?: boolean): void;
}

/** As much of Bun as is used. */
interface BunNet {
  connect(options: object): Promise<BunSocket>;
  listen(options: object): BunListener;
}

function bun(): BunNet {
  const { Bun } = globalThis as { Bun?: BunNet };
  if (Bun === undefined) throw new TypeError("Cannot use the network of Bun: this is another runtime");
  return Bun;
}

/** Bun. */
export const bunAdapter: Adapter = { connect, listen, secure };

async function connect(socket: NetSocket, to: SocketAddress, options: SocketOptions): Promise<void> {
  const where = "path" in to ? { unix: to.path } : { hostname: to.hostname, port: to.port };
  const handlers: BunHandlers = {
    ...passOn,
    open: (native) => attachSocket(socket, native, to, options),
    connectError() {},
  };
  await bun().connect({ ...where, allowHalfOpen: true, socket: handlers });
}

async function listen(startTls: StartTls, options: ListenOptions): Promise<Listener> {
  const { hostname = "0.0.0.0", port = 0, path, backlog = DEFAULT_BACKLOG, reusePort = false } = options;
  const where = path === undefined ? { hostname, port, reusePort } : { unix: path };
  const handlers: BunHandlers = {
    ...passOn,
    open(native) {
      const socket = new NetSocket(startTls, "starttls", options);
      attachSocket(socket, native, listener.address, options);
      listener.offer(socket);
    },
  };
  const server = listenNow({ ...where, allowHalfOpen: true, socket: handlers });
  const address = path === undefined ? { hostname: server.hostname, port: server.port } : { path };
  const listener = new PushListener(address, backlog, async () => server.stop());
  return listener;
}

function listenNow(options: object): BunListener {
  try {
    return bun().listen(options);
  } catch (error) {
    throw transportError(error, "listen");
  }
}

async function secure(
  _socket: NetSocket,
  _transport: NetSocket | HeldChannel,
  _options: StartTlsOptions,
): Promise<void> {
  throw new TypeError("not yet");
}

function attachSocket(socket: NetSocket, native: BunSocket, known: SocketAddress, options: SocketOptions): void {
  if (options.noDelay !== false) native.setNoDelay(true);
  if (options.keepAlive === true) native.setKeepAlive(true);
  socket.attach(new BunTransport(native, socket), infoOf(native, known));
}

function infoOf(native: BunSocket, known: SocketAddress): SocketInfo {
  if ("path" in known) return socketInfo(known, known, null);
  const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = native;
  return socketInfo({ hostname: remoteAddress, port: remotePort }, { hostname: localAddress, port: localPort }, null);
}
