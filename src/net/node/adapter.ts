/**
 * Sockets over `node:net` and `node:tls`; `networkOf()` calls it.
 *
 * @module
 */

import net from "node:net";
import type { Listener, ListenOptions } from "../../duplex/network.ts";
import type { SocketAddress, SocketInfo } from "../../duplex/socket.ts";
import type { Adapter } from "../adapter.ts";
import { acceptedInfo } from "../address.ts";
import { NetSocket, type StartTls } from "../net_socket.ts";
import { secureWithNode } from "./tls.ts";
import { type Accepted, nodeSockets, type SocketMaker } from "./sockets.ts";
import { DEFAULT_BACKLOG, PushListener } from "../listener.ts";
import type { Transport } from "../transport.ts";

/** Over sockets that somebody makes. */
export function nodeAdapterOver(sockets: SocketMaker): Adapter {
  return {
    connect: (socket, to, { noDelay = true, keepAlive = false }) => sockets.connect(socket, { to, noDelay, keepAlive }),
    listen: (startTls, at, options) => listen(sockets, startTls, at, options),
    secure: secureWithNode,
  };
}

/** Node; and Deno and Bun, through their versions of its modules. */
export const nodeAdapter: Adapter = nodeAdapterOver(nodeSockets);

function listen(
  sockets: SocketMaker,
  startTls: StartTls,
  at: SocketAddress,
  options: ListenOptions,
): Promise<Listener> {
  const { backlog = DEFAULT_BACKLOG, reusePort = false } = options;
  const tls = options.tls && { ...options.tls, isServer: true as const };
  const accepting = { noDelay: options.noDelay ?? true, keepAlive: options.keepAlive ?? false };
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, ...accepting });
  // Its callback would wait for the accepted connections, which live on.
  const stop = async (): Promise<void> => void server.close();
  const where = "path" in at ? { path: at.path } : { host: at.hostname, port: at.port, reusePort };
  return new Promise((resolve, reject) => {
    // Stays on: later errors are those of single connections that could not be accepted.
    server.on("error", reject);
    server.listen(where, () => {
      const address = "path" in at ? at : boundAddress(server);
      const known = isOneAddress(address);
      const askInfo = (transport: Transport | null): SocketInfo =>
        acceptedInfo((transport as Accepted | null)?.ends ?? {}, address, known);
      const listener = new PushListener(address, backlog, stop, tls && ((socket) => startTls(socket, tls, options)));
      sockets.accept(server, accepting, (accepted) => {
        const socket = new NetSocket(startTls, "starttls", options);
        socket.attach(accepted, askInfo);
        listener.offer(socket);
      });
      resolve(listener);
    });
  });
}

function boundAddress(server: net.Server): SocketAddress {
  const { address, port } = server.address() as net.AddressInfo;
  return { hostname: address, port };
}

/** Whether all that is accepted there has this very address on our side. */
function isOneAddress(bound: SocketAddress): boolean {
  return !("path" in bound) && net.isIP(bound.hostname) !== 0 && !/^[0:.]+$/.test(bound.hostname);
}
