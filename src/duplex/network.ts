/**
 * What connects and listens: the options, and the three functions that every entry of `net/` exports under the same
 * names. `serve()` and `Client` take the same options; they call `./net` through `http/platform.ts`.
 *
 * @module
 */

import type { DuplexLike } from "./duplex.ts";
import type { Socket, SocketAddress, TcpAddress } from "./socket.ts";
import type { StartTlsOptions, TlsOptions, TlsServerOptions } from "./tls_options.ts";

export type { StartTlsOptions, TlsOptions, TlsServerOptions } from "./tls_options.ts";

/** What holds for every socket of ours, connected or accepted. */
export interface SocketOptions {
  /** Send small writes at once (TCP_NODELAY). `true` when left out. */
  readonly noDelay?: boolean;
  /** Let the system probe an idle connection (SO_KEEPALIVE). `false` when left out. */
  readonly keepAlive?: boolean;
  /** `false` ends our side when the peer ends its own (and that is read). `true` when left out. */
  readonly allowHalfOpen?: boolean;
}

/** What `connect()` takes. */
export interface ConnectOptions extends SocketOptions {
  /** TLS from the first byte; `{}` for the defaults. */
  readonly tls?: TlsOptions;
  /** Gives up the attempt, TLS handshake included; `opened` rejects with its reason. Without effect once open. */
  readonly signal?: AbortSignal;
}

/** What `listen()` takes: a port, or the path of a unix socket. */
export interface ListenOptions extends SocketOptions {
  /** The interface's address. `"0.0.0.0"`, every IPv4 interface, when left out. */
  readonly hostname?: string;
  /** 0–65535; 0, the default, lets the system choose. */
  readonly port?: number;
  /** The path of a unix socket, instead of `hostname` and `port`. Removed when the listener closes. */
  readonly path?: string;
  /** TLS for every socket. A socket is handed out before its handshake; its `opened` tells how that went. */
  readonly tls?: TlsServerOptions;
  /**
   * Let several processes listen at one port and share its connections (SO_REUSEPORT, Linux). Node
   * since 22.12; Deno with `--unstable-net` only.
   */
  readonly reusePort?: boolean;
  /**
   * How many connections may wait for `accept()`. Further ones are cut at once on Node and Bun, which accept by
   * themselves; on Deno they wait in the system's queue. 512 when left out.
   */
  readonly backlog?: number;
}

/** What `listen()` takes for a port, and for nothing else. */
export interface TcpListenOptions extends ListenOptions {
  /** There is none. */
  readonly path?: never;
}

/**
 * Waits for connections.
 *
 * @typeParam Address {@linkcode TcpAddress} where it was told no path.
 */
export interface Listener<Address extends SocketAddress = SocketAddress>
  extends AsyncIterable<Socket>, AsyncDisposable {
  /** Where it waits, with the port that the system chose. */
  readonly address: Address;
  /**
   * Waits for a connection. Nothing is read from it before its first `read()`.
   *
   * @returns The socket, or `null` once the listener is closed.
   */
  accept(): Promise<Socket | null>;
  /** Stops listening and cuts the connections that were not accepted yet. Accepted ones live on. Idempotent. */
  close(): Promise<void>;
}

/** The type of `listen()`: without a path the address has a port. */
export interface Listen {
  /**
   * Listens at a port.
   *
   * @param options Where, TLS, how many connections may wait, options of the sockets.
   * @returns The listener, once connections are taken.
   * @throws {TransportError} `address` when the address is taken, forbidden or not ours.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} The port is not in 0–65535.
   */
  (options?: TcpListenOptions): Promise<Listener<TcpAddress>>;
  /**
   * Listens at a port, or at the path of a unix socket.
   *
   * @param options Where, TLS, how many connections may wait, options of the sockets.
   * @returns The listener, once connections are taken.
   * @throws {TransportError} `address` when the address is taken, forbidden or not ours.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} The port is not in 0–65535, or the path has more bytes than the system takes.
   */
  (options?: ListenOptions): Promise<Listener>;
}

/** What connects and listens: each of the entries `./net`, `./deno`, `./bun` and `./node` exports these functions. */
export interface Network {
  /**
   * Connects.
   *
   * @param address Where to; as text `host:port` or `[v6]:port`.
   * @param options TLS, a signal to give up, socket options.
   * @returns The socket, at once; its `opened` tells how it went, and reads and writes wait for it.
   * @throws {TypeError} The address is none, `serverName` is missing, or an option is of another kind. What comes later
   * rejects `opened`.
   * @throws {RangeError} The port is not in 0–65535, or the path has more bytes than the system takes.
   */
  readonly connect: (address: SocketAddress | string, options?: ConnectOptions) => Socket;
  /** Listens. */
  readonly listen: Listen;
  /**
   * Puts TLS on any pair of byte streams: a socket of ours, a tunnel, another TLS socket.
   *
   * @param duplex From now on in the hands of the TLS socket, which also closes it.
   * @param options Role, names, certificates, a signal to give up.
   * @returns The socket to go on with, at once; its `opened` tells how the handshake went.
   * @throws {TypeError} It is no pair of streams, or one of them is locked; `serverName` is missing, or an option is of
   * another kind.
   * @throws {StateError} A socket of ours is closed or was given away.
   */
  readonly startTls: (duplex: DuplexLike, options?: StartTlsOptions) => Socket;
}
