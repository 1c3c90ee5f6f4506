/**
 * What connects and listens: the options, and the three functions that every runtime offers under the same names.
 *
 * @module
 */

import type { DuplexLike } from "./duplex.ts";
import type { Socket, SocketAddress } from "./socket.ts";
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
   * themselves; on Deno they wait in the system's queue. 512 when left out (511 is Node's and Deno's queue).
   */
  readonly backlog?: number;
}

/** Waits for connections. */
export interface Listener extends AsyncIterable<Socket>, AsyncDisposable {
  /** Where it waits, with the port that the system chose. */
  readonly address: SocketAddress;
  /**
   * Waits for a connection. Nothing is read from it before somebody reads.
   *
   * @returns The socket, or `null` once the listener is closed.
   */
  accept(): Promise<Socket | null>;
  /** Stops listening and cuts the connections that nobody has accepted. Accepted ones live on. Idempotent. */
  close(): Promise<void>;
}

/** A runtime's door to the network. Each runtime's module exports these functions, and so does `./net`. */
export interface Network {
  /**
   * Connects.
   *
   * @param address Where to; as text `host:port`, `[v6]:port`.
   * @param options TLS, signal and socket options.
   * @returns The socket, at once; its `opened` tells how it went.
   */
  connect(address: SocketAddress | string, options?: ConnectOptions): Socket;
  /**
   * Listens.
   *
   * @param options Where, and with what.
   * @returns The listener, once it listens.
   * @throws {TransportError} `address` when it cannot.
   */
  listen(options?: ListenOptions): Promise<Listener>;
  /**
   * Puts TLS on any duplex.
   *
   * @param duplex From now on in the hands of the TLS socket.
   * @param options Role, names, certificates.
   * @returns The socket to go on with, at once; its `opened` settles after the handshake.
   */
  startTls(duplex: DuplexLike, options?: StartTlsOptions): Socket;
}
