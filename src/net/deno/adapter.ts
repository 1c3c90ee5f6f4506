/**
 * Sockets over `Deno.connect`, `Deno.listen` and `Deno.startTls`.
 *
 * @module
 */

import type { Listener, ListenOptions, SocketOptions, StartTlsOptions, TlsOptions } from "../../duplex/network.ts";
import type { Socket, SocketAddress } from "../../duplex/socket.ts";
import { TransportError } from "../../errors/transport_error.ts";
import type { HeldChannel } from "../../duplex/held_channel.ts";
import type { Adapter } from "../adapter.ts";
import { addressText, socketInfo } from "../address.ts";
import { type DenoAddr, type DenoConn, DenoTransport } from "./transport.ts";
import { NetSocket, openInBackground, type StartTls } from "../net_socket.ts";
import { acceptAll } from "../listener.ts";

interface DenoListener {
  readonly addr: DenoAddr;
  accept(): Promise<DenoConn>;
  close(): void;
}

interface DenoTlsConn extends DenoConn {
  handshake(): Promise<{ readonly alpnProtocol: string | null }>;
}

/** As much of Deno as is used. */
interface DenoNet {
  readonly version: { readonly deno: string };
  connect(options: object): Promise<DenoConn>;
  startTls(conn: DenoConn, options: object): Promise<DenoTlsConn>;
  listen(options: object): DenoListener;
  listenTls(options: object): DenoListener;
  removeSync(path: string): void;
}

/** 100 ms: as soon as somebody may have closed something. hyper's server example waits a second. */
const ACCEPT_AGAIN_MS = 100;

function deno(): DenoNet {
  const { Deno } = globalThis as { Deno?: DenoNet };
  if (Deno === undefined) throw new TypeError("Cannot use the network of Deno: this is another runtime");
  return Deno;
}

/** Deno. */
export const denoAdapter: Adapter = { connect, listen, secure };

/**
 * Deno 2.9 loses a connection that stands at the very moment when its signal aborts: nobody can close it then. So an
 * attempt that nobody wants any more has this long to come to its end, which closes it.
 */
const CANCEL_AFTER_MS = 1000;

async function connect(socket: NetSocket, to: SocketAddress, options: SocketOptions): Promise<void> {
  const canceler = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  socket.cancel = () => {
    timer = setTimeout(() => canceler.abort(), CANCEL_AFTER_MS);
  };
  const where = "path" in to ? { transport: "unix", path: to.path } : { hostname: to.hostname, port: to.port };
  try {
    attachConn(socket, await deno().connect({ ...where, signal: canceler.signal }), options);
  } finally {
    clearTimeout(timer);
  }
}

async function listen(startTls: StartTls, at: SocketAddress, options: ListenOptions): Promise<Listener> {
  const { reusePort = false, backlog = 511, tls } = options;
  if (reusePort && !("listenDatagram" in deno())) {
    throw new TransportError("address", "Cannot listen: Deno shares ports with --unstable-net only"); // it would exit
  }
  const where = "path" in at ? { transport: "unix", ...at } : { ...at, reusePort, tcpBacklog: backlog };
  // Deno's TLS listener knows nothing of client certificates, nor of unix sockets.
  if (tls === undefined) return new PullListener(deno().listen(where), acceptPlain);
  if (nodeTlsWillDo() || "path" in at || tls.requireClientCert === true) {
    const serverTls = { ...tls, isServer: true as const };
    return new PullListener(deno().listen(where), (conn) => startTls(acceptPlain(conn), serverTls, options));
  }
  const { cert, key, alpnProtocols } = tls;
  const alpn = alpnProtocols === undefined ? {} : { alpnProtocols: [...alpnProtocols] };
  return new PullListener(deno().listenTls({ ...where, cert, key, ...alpn }), acceptTls);

  function acceptPlain(conn: DenoConn): NetSocket {
    const socket = new NetSocket(startTls, "starttls", options);
    attachConn(socket, conn, options);
    return socket;
  }

  function acceptTls(conn: DenoConn): NetSocket {
    const socket = new NetSocket(startTls, "on", options);
    socket.opening = { doing: "handshake", place: addressText(addressOf(conn.remoteAddr)) };
    return openInBackground(socket, undefined, () => handshake(socket, conn as DenoTlsConn, options));
  }
}

async function secure(
  socket: NetSocket,
  transport: NetSocket | HeldChannel,
  options: StartTlsOptions,
): Promise<void> {
  const conn = transport instanceof NetSocket ? await takePlainConn(transport, options) : null;
  if (conn === null) return (await import("../node/tls.ts")).secureWithNode(socket, transport, options);
  if (socket.over) return closeQuietly(conn);
  const { serverName, caCerts, alpnProtocols } = options as TlsOptions;
  try {
    const tlsConn = await deno().startTls(conn, {
      hostname: serverName,
      ...(caCerts === undefined ? {} : { caCerts: [...caCerts] }),
      ...(alpnProtocols === undefined ? {} : { alpnProtocols: [...alpnProtocols] }),
    });
    await handshake(socket, tlsConn, {});
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

/**
 * Whether `node:tls` does what Deno's own TLS does, half-closing among it: since Deno 2.9.1.
 *
 * Then it does all the work, for Deno's own never closes a connection whose handshake does not get on (seen up to 2.9.6):
 * `close()` returns, and the socket stays until the peer goes. Below `node:tls` there is a connection that can be closed.
 */
function nodeTlsWillDo(): boolean {
  const [major = 0, minor = 0, patch = 0] = deno().version.deno.split(".").map((part) => Number.parseInt(part));
  return major > 2 || (major === 2 && (minor > 9 || (minor === 9 && patch >= 1)));
}

/** Takes the connection out of a socket, if Deno can do the TLS that is asked for: as a client, without a certificate. */
async function takePlainConn(transport: NetSocket, options: StartTlsOptions): Promise<DenoConn | null> {
  if (
    nodeTlsWillDo() || options.isServer === true || options.cert !== undefined || transport.secureTransport === "on"
  ) return null;
  const { remote } = await transport.opened;
  await transport.written;
  if ("path" in remote || !transport.untouched) return null;
  const conn = transport.native as DenoConn;
  transport.release();
  return conn;
}

async function handshake(socket: NetSocket, conn: DenoTlsConn, options: SocketOptions): Promise<void> {
  socket.cancel = () => closeQuietly(conn);
  try {
    const { alpnProtocol } = await conn.handshake();
    attachConn(socket, conn, options, alpnProtocol ?? null);
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

/** Whether a peer had left before it was accepted: those behind it must not wait for that. */
function isGone(error: unknown): boolean {
  const { name } = Object(error) as { name?: unknown };
  return name === "NotConnected" || name === "ConnectionReset" || name === "ConnectionAborted";
}

/** Takes a connection from Deno when one is asked for; until then it waits in the system's queue. */
class PullListener implements Listener {
  readonly address: SocketAddress;
  readonly #native: DenoListener;
  readonly #open: (conn: DenoConn) => Socket;
  #closed: Promise<void> | null = null;
  #turn: Promise<Socket | null> = Promise.resolve(null);
  #goOn: () => void = () => {};

  constructor(native: DenoListener, open: (conn: DenoConn) => Socket) {
    this.address = addressOf(native.addr);
    this.#native = native;
    this.#open = open;
  }

  accept(): Promise<Socket | null> {
    // Deno takes one call at a time.
    return this.#turn = this.#turn.then(this.#accept, this.#accept);
  }

  readonly #accept = async (): Promise<Socket | null> => {
    while (this.#closed === null) {
      try {
        return this.#open(await this.#native.accept());
      } catch (error) {
        // The listener is closed, or one connection could not be accepted: it was gone already, or there are too many.
        if (this.#closed === null && !isGone(error)) await this.#pause();
      }
    }
    return null;
  };

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /**
   * Deno listens on until the pending `accept()` has failed, and only then removes the file of a unix socket (it does so
   * since 2.6): whose file that is by then, it does not ask.
   */
  async #close(): Promise<void> {
    if ("path" in this.address) removeQuietly(this.address.path);
    this.#native.close();
    this.#goOn();
    await this.#turn.catch(ignore);
  }

  /** With no file left to open, trying again at once would keep the processor busy. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ACCEPT_AGAIN_MS);
      this.#goOn = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Socket> {
    return acceptAll(this);
  }
}

function attachConn(socket: NetSocket, conn: DenoConn, options: SocketOptions, alpn: string | null = null): void {
  if (options.noDelay !== false) conn.setNoDelay?.(true);
  if (options.keepAlive === true) conn.setKeepAlive?.(true);
  const info = socketInfo(addressOf(conn.remoteAddr), addressOf(conn.localAddr), alpn);
  socket.attach(new DenoTransport(conn, socket), info);
}

/** Before 2.6, Deno leaves the file of a unix socket behind. */
function removeQuietly(path: string): void {
  try {
    deno().removeSync(path);
  } catch {
    // Somebody else has removed it.
  }
}

function closeQuietly(conn: DenoConn): void {
  try {
    conn.close();
  } catch {
    // Deno has closed it already, or has made another object of it.
  }
}

function addressOf(addr: DenoAddr): SocketAddress {
  return addr.transport === "unix" ? { path: addr.path ?? "" } : { hostname: addr.hostname, port: addr.port };
}

function ignore(): void {}
