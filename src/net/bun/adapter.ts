/**
 * Sockets over `Bun.connect` and `Bun.listen`; `networkOf()` calls it.
 *
 * @module
 */

import type { Listener, ListenOptions, SocketOptions, StartTlsOptions, TlsOptions } from "../../duplex/network.ts";
import type { SocketAddress } from "../../duplex/socket.ts";
import type { HeldChannel } from "../../duplex/held_channel.ts";
import { sessionOf, TlsResumption } from "../../duplex/tls_session.ts";
import type { Adapter } from "../adapter.ts";
import { acceptedInfo, connectedInfo, isOneIpv4, type NativeEnds, socketInfo } from "../address.ts";
import { type BunHandlers, type BunSocket, BunTransport, passOn } from "./transport.ts";
import { type AskInfo, NetSocket, type StartTls } from "../net_socket.ts";
import { tlsInfo } from "../tls_info.ts";
import { DEFAULT_BACKLOG, PushListener } from "../listener.ts";
import type { Transport } from "../transport.ts";

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
    open: (native) => void attachSocket(socket, native, (transport) => connectedInfo(endsOf(transport), to), options),
    connectError() {},
  };
  await bun().connect({ ...where, allowHalfOpen: true, socket: handlers });
}

async function listen(startTls: StartTls, at: SocketAddress, options: ListenOptions): Promise<Listener> {
  const { backlog = DEFAULT_BACKLOG, reusePort = false } = options;
  const where = "path" in at ? { unix: at.path } : { ...at, reusePort };
  const tls = options.tls && { ...options.tls, isServer: true as const };
  const handlers: BunHandlers = {
    ...passOn,
    open(native) {
      const socket = new NetSocket(startTls, "starttls", options);
      const transport = attachSocket(socket, native, askInfo, options);
      if (listener.offer(socket)) transport.pause();
    },
  };
  const server = bun().listen({ ...where, allowHalfOpen: true, socket: handlers });
  const address = "path" in at ? at : { hostname: server.hostname, port: server.port };
  const known = isOneIpv4(address);
  const askInfo: AskInfo = (transport) => acceptedInfo(endsOf(transport), address, known);
  const listener = new PushListener(
    address,
    backlog,
    async () => server.stop(),
    tls && ((socket) => startTls(socket, tls, options)),
  );
  return listener;
}

async function secure(
  socket: NetSocket,
  transport: HeldChannel,
  options: StartTlsOptions,
): Promise<void> {
  const { checkServerIdentity } = await import("node:tls");
  const native = transport instanceof NetSocket ? await takePlainSocket(transport) : null;
  if (native === null) return (await import("../node/tls.ts")).secureWithNode(socket, transport, options);
  if (socket.over) return native.terminate();
  const { remote, local } = await (transport as NetSocket).opened;
  const opening = (tlsSocket: BunSocket): boolean => !(tlsSocket.data instanceof BunTransport);
  const authorized = options.isServer !== true || options.requireClientCert === true; // else the handshake fails
  const isTrusted = (tlsSocket: BunSocket): boolean => tlsSocket.authorized === true || !authorized;
  // Bun looks at the name by itself only since 1.4.1.
  const nameError = (tlsSocket: BunSocket): Error | undefined =>
    checkServerIdentity((options as TlsOptions).serverName ?? "", tlsSocket.getPeerCertificate!());
  const session = options.isServer === true ? null : sessionOf(options);
  const resumption = session === null ? null : new TlsResumption(session);
  const fail = (tlsSocket: BunSocket, error: unknown): void => {
    resumption?.failed();
    socket.cannotOpen(error ?? new Error("the connection ended"));
    tlsSocket.terminate();
  };
  native.resume();
  const [, tlsSocket] = native.upgradeTLS({
    data: undefined,
    isServer: options.isServer === true,
    tls: tlsOf(options),
    socket: {
      ...passOn,
      open(tlsSocket: BunSocket): void {
        const ticket = resumption?.ticket ?? null;
        if (ticket !== null) tlsSocket.setSession?.(ticket.session);
      },
      session: (_: BunSocket, session: Uint8Array): void => resumption?.given(session),
      handshake(tlsSocket: BunSocket, success: boolean, error: Error | null): void {
        if (!opening(tlsSocket)) return;
        if (!success || !isTrusted(tlsSocket)) return fail(tlsSocket, error);
        const wrongName = options.isServer === true ? undefined : nameError(tlsSocket);
        if (wrongName !== undefined) return fail(tlsSocket, wrongName);
        resumption?.succeeded(tlsSocket.isSessionReused?.() === true, null);
        const alpn = tlsSocket.alpnProtocol || null;
        const info = socketInfo(remote, local, alpn, () => tlsInfo(tlsSocket, alpn, authorized));
        socket.attach(new BunTransport(tlsSocket, socket.readSide, true), info);
      },
      error: (tlsSocket: BunSocket, error: unknown) =>
        opening(tlsSocket) ? fail(tlsSocket, error) : passOn.error(tlsSocket, error),
      close: (tlsSocket: BunSocket, error: unknown) =>
        opening(tlsSocket) ? fail(tlsSocket, error) : passOn.close(tlsSocket, error),
    },
  });
  // The old object is deaf now: only the new one reaches the connection.
  const cancel = (): void => tlsSocket.terminate();
  if (!socket.over && opening(tlsSocket)) socket.cancel = cancel;
}

/** Takes Bun's object out of a socket, if Bun can put TLS on it: not on one that has TLS already. */
async function takePlainSocket(transport: NetSocket): Promise<BunSocket | null> {
  if (transport.secureTransport === "on") return null;
  await transport.opened;
  await transport.written;
  return transport.untouched ? transport.release().native as BunSocket : null;
}

function tlsOf(options: StartTlsOptions): object {
  const { cert, key, caCerts, alpnProtocols } = options;
  const role = options.isServer === true
    ? { requestCert: options.requireClientCert === true, rejectUnauthorized: options.requireClientCert === true }
    : { serverName: nameToAskFor(options), rejectUnauthorized: true };
  return {
    ...role,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(caCerts === undefined ? {} : { ca: [...caCerts] }),
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: alpnWire(alpnProtocols) }),
  };
}

/** An address is not a name to ask for (RFC 6066 §3). Without a name Bun asks for the host that it has connected to. */
function nameToAskFor({ serverName = "" }: TlsOptions): string {
  return /^[\d.]+$|:/.test(serverName) ? "" : serverName;
}

/** The protocols as ALPN has them on the wire, each behind its length (RFC 7301 §3.1): Bun takes them so. */
function alpnWire(protocols: readonly string[]): Uint8Array {
  const names = protocols.map((protocol) => new TextEncoder().encode(protocol));
  return Uint8Array.from(names.flatMap((name) => [name.byteLength, ...name]));
}

/** Without being told so, Bun sets `TCP_NODELAY` on each of its sockets. */
function attachSocket(socket: NetSocket, native: BunSocket, askInfo: AskInfo, options: SocketOptions): BunTransport {
  if (options.noDelay === false) native.setNoDelay(false);
  if (options.keepAlive === true) native.setKeepAlive(true);
  const transport = new BunTransport(native, socket.readSide);
  socket.attach(transport, askInfo);
  return transport;
}

/** Each address and each port that Bun tells is a system call. */
function endsOf(transport: Transport | null): NativeEnds {
  return (transport?.native ?? {}) as NativeEnds;
}
