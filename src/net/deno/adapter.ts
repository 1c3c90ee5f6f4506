/**
 * Sockets over `Deno.connect`, `Deno.listen` and `Deno.startTls`; `networkOf()` calls it.
 *
 * @module
 */

import type { Listener, ListenOptions, SocketOptions, StartTlsOptions, TlsOptions } from "../../duplex/network.ts";
import type { SocketAddress } from "../../duplex/socket.ts";
import type { TlsInfo } from "../../duplex/tls_info.ts";
import { TransportError } from "../../errors/transport_error.ts";
import type { HeldChannel } from "../../duplex/held_channel.ts";
import type { Adapter } from "../adapter.ts";
import { addressText, socketInfo } from "../address.ts";
import { addressOf, closeQuietly, deno, type DenoConn, type DenoTlsConn } from "./native.ts";
import { PullListener } from "./pull_listener.ts";
import { DenoTransport } from "./transport.ts";
import { NetSocket, type StartTls } from "../net_socket.ts";
import { openInBackground } from "../open_in_background.ts";
import { tlsInfo } from "../tls_info.ts";
import { DEFAULT_BACKLOG } from "../listener.ts";
import { isAtLeast } from "../../platform/version.ts";

/**
 * Deno loses a connection that is made at the very moment when its signal aborts, and nothing can close it then (seen on
 * 2.9). So an attempt that was given up has this long to come to its end, which closes it.
 */
const CANCEL_AFTER_MS = 1000;

/** Deno. */
export const denoAdapter: Adapter = { connect, listen, secure };

async function connect(socket: NetSocket, to: SocketAddress, options: SocketOptions): Promise<void> {
  const canceler = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = (): void => {
    timer = setTimeout(() => canceler.abort(), CANCEL_AFTER_MS);
  };
  socket.cancel = cancel;
  const where = "path" in to ? { transport: "unix", path: to.path } : { hostname: to.hostname, port: to.port };
  try {
    attachConn(socket, await deno().connect({ ...where, signal: canceler.signal }), options);
  } finally {
    clearTimeout(timer);
  }
}

async function listen(startTls: StartTls, at: SocketAddress, options: ListenOptions): Promise<Listener> {
  const { reusePort = false, backlog = DEFAULT_BACKLOG, tls } = options;
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
    return openInBackground(socket, undefined, () => handshake(socket, conn as DenoTlsConn, options, false));
  }
}

async function secure(
  socket: NetSocket,
  transport: HeldChannel,
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
    await handshake(socket, tlsConn, {}, true);
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
  return isAtLeast(deno().version.deno, 2, 9, 1);
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

async function handshake(
  socket: NetSocket,
  conn: DenoTlsConn,
  options: SocketOptions,
  authorized: boolean,
): Promise<void> {
  const cancel = (): void => closeQuietly(conn);
  socket.cancel = cancel;
  try {
    const { alpnProtocol } = await conn.handshake();
    const alpn = alpnProtocol ?? null;
    attachConn(socket, conn, options, alpn, () => tlsInfo({}, alpn, authorized)); // Deno's own TLS tells nothing else
  } catch (error) {
    closeQuietly(conn);
    throw error;
  }
}

function attachConn(
  socket: NetSocket,
  conn: DenoConn,
  options: SocketOptions,
  alpn: string | null = null,
  describeTls: (() => TlsInfo) | null = null,
): void {
  if (options.noDelay !== false) conn.setNoDelay?.(true);
  if (options.keepAlive === true) conn.setKeepAlive?.(true);
  const info = socketInfo(addressOf(conn.remoteAddr), addressOf(conn.localAddr), alpn, describeTls);
  socket.attach(new DenoTransport(conn, socket.readSide), info);
}
