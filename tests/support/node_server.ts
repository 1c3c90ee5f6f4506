/**
 * A server of `node:http` on a port of its own, for the tests of what this package does on one.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the server calls. */
export interface Listeners {
  readonly request?: (req: IncomingMessage, res: ServerResponse) => void;
  readonly upgrade?: (req: IncomingMessage, socket: never, head: never) => void;
  readonly connect?: (req: IncomingMessage, socket: never, head: never) => void;
}

/** A server that listens on loopback. */
export interface NodeServer {
  readonly server: Server;
  readonly port: number;
  /** Closes it, and what is open. */
  close(): Promise<void>;
}

/** Listens on a port that the system chooses. */
export async function nodeServer(listeners: Listeners, server: Server = createServer()): Promise<NodeServer> {
  for (const [event, listener] of Object.entries(listeners)) server.on(event, listener as () => void);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { server, port, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections?.();
  });
}
