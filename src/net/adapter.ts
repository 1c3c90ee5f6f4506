/**
 * What differs between the runtimes, and `connect()`, `listen()` and `startTls()` made of it. Each entry of `net/` calls
 * `networkOf()` with the adapter of its runtime.
 *
 * @module
 */

import { checkOptions } from "../bytes/arguments.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import type {
  Listen,
  Listener,
  ListenOptions,
  Network,
  SocketOptions,
  StartTlsOptions,
  TlsOptions,
} from "../duplex/network.ts";
import type { SocketAddress } from "../duplex/socket.ts";
import { checkStartTlsOptions, CONNECT, LISTEN } from "../duplex/check_network.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { HeldChannel } from "../duplex/held_channel.ts";
import { holdChannel } from "../duplex/hold_channel.ts";
import { isAtLeast } from "../platform/version.ts";
import { addressText, parseAddress, placeOf } from "./address.ts";
import { transportError } from "./errors.ts";
import { NetSocket, type StartTls } from "./net_socket.ts";
import { openInBackground } from "./open_in_background.ts";

/** One runtime. */
export interface Adapter {
  /** Connects a socket that is opening, without TLS: ends with its `attach()` or `failed()`, or throws. */
  connect(socket: NetSocket, to: SocketAddress, options: SocketOptions): void | Promise<void>;
  /** Listens; the sockets' own `startTls()` is handed in. */
  listen(startTls: StartTls, at: SocketAddress, options: ListenOptions): Promise<Listener>;
  /** Opens a TLS socket over a transport that is its own, and that may still be opening. */
  secure(socket: NetSocket, transport: HeldChannel, options: StartTlsOptions): Promise<void>;
}

/**
 * Makes the three functions of a runtime.
 *
 * @param load Gives the runtime's adapter, when it is first needed and every time after.
 */
export function networkOf(load: () => Adapter | Promise<Adapter>): Network {
  function startTls(duplex: DuplexLike, options: StartTlsOptions = {}, socketOptions: SocketOptions = {}): NetSocket {
    checkStartTlsOptions(options);
    const host = duplex instanceof NetSocket ? duplex.host : undefined;
    const complete = options.isServer === true ? options : withServerName(options, host);
    const transport = duplex instanceof NetSocket ? duplex.moveToSuccessor() : holdChannel(duplex, "duplex");
    const socket = new NetSocket(startTls, "on", socketOptions);
    const name = complete.isServer === true ? undefined : complete.serverName;
    const cancel = (): void => transport.abort();
    socket.cancel = cancel;
    socket.opening = { doing: "handshake", place: name ?? "a client" };
    return openInBackground(socket, options.signal, async () => {
      try {
        if (transport instanceof NetSocket) {
          const { remote } = await transport.opened;
          socket.opening = { doing: "handshake", place: peerText(remote, name) };
        }
      } catch (reason) {
        return socket.failed(reason);
      }
      try {
        refuseUnsafeTls();
        const adapter = await load();
        await adapter.secure(socket, transport, complete);
      } catch (error) {
        transport.close().catch(() => {});
        throw error;
      }
    });
  }

  async function listen(options: ListenOptions = {}): Promise<Listener> {
    checkOptions(options, LISTEN);
    const at = placeOf(options);
    try {
      return await (await load()).listen(startTls, at, options);
    } catch (error) {
      throw transportError(error, "listen", addressText(at));
    }
  }

  return {
    connect(address, options = {}) {
      const to = parseAddress(address);
      checkOptions(options, CONNECT);
      const { tls, signal } = options;
      const host = "hostname" in to ? to.hostname : undefined;
      const secure = tls && withServerName({ ...tls, ...(signal === undefined ? {} : { signal }) }, host);
      const socket = new NetSocket(startTls, "starttls", options, host);
      socket.opening = { doing: "connect", place: addressText(to) };
      openInBackground(socket, signal, () => {
        const adapter = load();
        if (!(adapter instanceof Promise)) return adapter.connect(socket, to, options);
        return adapter.then((adapter) => socket.over ? undefined : adapter.connect(socket, to, options));
      });
      return secure === undefined ? socket : startTls(socket, secure, options);
    },
    listen: listen as Listen, // without a path, the address that it gives has a port
    startTls(duplex, options) {
      return startTls(duplex, options);
    },
  };
}

/** The other end, for messages; the end of a unix socket may have no name. */
function peerText(remote: SocketAddress, name: string | undefined): string {
  const address = addressText(remote);
  if (address === "") return name ?? "a client";
  return name === undefined || ("hostname" in remote && remote.hostname === name) ? address : `${name} at ${address}`;
}

/** The name to look for in the server's certificate: without one, a certificate for any name would do. */
function withServerName<Options extends TlsOptions>(options: Options, host: string | undefined): Options {
  const serverName = options.serverName ?? host;
  if (serverName === undefined) throw new TypeError("Cannot start TLS: serverName is missing");
  return { ...options, serverName };
}

/**
 * Bun before 1.4 calls a certificate from an authority that is not trusted `authorized` (tried on 1.2.23 and 1.3.14), and
 * plays the server over `upgradeTLS()` or a duplex only to hang or to crash.
 */
function refuseUnsafeTls(): void {
  const { Bun } = globalThis as { Bun?: { readonly version: string } };
  if (Bun === undefined || isAtLeast(Bun.version, 1, 4)) return;
  throw new TransportError("tls", "Cannot start TLS: Bun checks certificates since 1.4 only");
}
