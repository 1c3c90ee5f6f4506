/**
 * Sockets over `Deno.connect`, `Deno.listen` and `Deno.startTls`.
 *
 * @module
 */

import type { Listener, ListenOptions, SocketOptions, StartTlsOptions } from "../duplex/network.ts";
import type { Socket, SocketAddress } from "../duplex/socket.ts";
import type { HeldChannel } from "../duplex/stream_channel.ts";
import type { Adapter } from "./adapter.ts";
import { socketInfo } from "./address.ts";
import { type DenoAddr, type DenoConn, DenoTransport } from "./deno_transport.ts";
import { transportError } from "./errors.ts";
import { NetSocket, type StartTls } from "./net_socket.ts";
import { acceptAll } from "./listener.ts";

interface DenoListener {
  readonly addr: DenoAddr;
  accept(): Promise<DenoConn>;
  close(): void;
}

/** As much of Deno as is used. */
interface DenoNet {
  connect(options: object): Promise<DenoConn>;
  listen(options: object): DenoListener;
  errors: Readonly<Record<"BadResource" | "Interrupted", new () => Error>>;
}

function deno(): DenoNet {
  const { Deno } = globalThis as { Deno?: DenoNet };
  if (Deno === undefined) throw new TypeError("Cannot use the network of Deno: this is another runtime");
  return Deno;
}

/** Deno. */
export const denoAdapter: Adapter = { connect, listen, secure };

async function connect(socket: NetSocket, to: SocketAddress, options: SocketOptions): Promise<void> {
  const canceler = new AbortController();
  socket.cancel = () => canceler.abort();
  const where = "path" in to ? { transport: "unix", path: to.path } : { hostname: to.hostname, port: to.port };
  attachConn(socket, await deno().connect({ ...where, signal: canceler.signal }), options);
}

async function listen(startTls: StartTls, options: ListenOptions): Promise<Listener> {
  const { hostname = "0.0.0.0", port = 0, path, reusePort = false } = options;
  const where = path === undefined ? { hostname, port, reusePort } : { transport: "unix", path };
  try {
    return new PullListener(deno().listen({ ...where, tcpBacklog: options.backlog ?? 511 }), startTls, options);
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

/** Takes a connection from Deno when one is asked for; until then it waits in the system's queue. */
class PullListener implements Listener {
  readonly address: SocketAddress;
  readonly #native: DenoListener;
  readonly #startTls: StartTls;
  readonly #options: ListenOptions;
  #closed = false;

  constructor(native: DenoListener, startTls: StartTls, options: ListenOptions) {
    this.address = addressOf(native.addr);
    this.#native = native;
    this.#startTls = startTls;
    this.#options = options;
  }

  async accept(): Promise<Socket | null> {
    if (this.#closed) return null;
    try {
      const conn = await this.#native.accept();
      const socket = new NetSocket(this.#startTls, "starttls", this.#options);
      attachConn(socket, conn, this.#options);
      return socket;
    } catch (error) {
      if (this.#closed) return null;
      throw transportError(error, "listen");
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Socket> {
    return acceptAll(this);
  }
}

function attachConn(socket: NetSocket, conn: DenoConn, options: SocketOptions): void {
  if (options.noDelay !== false) conn.setNoDelay?.(true);
  if (options.keepAlive === true) conn.setKeepAlive?.(true);
  const info = socketInfo(addressOf(conn.remoteAddr), addressOf(conn.localAddr), null);
  socket.attach(new DenoTransport(conn, socket), info);
}

function addressOf(addr: DenoAddr): SocketAddress {
  return addr.transport === "unix" ? { path: addr.path ?? "" } : { hostname: addr.hostname, port: addr.port };
}
