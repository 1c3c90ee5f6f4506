/**
 * What the sockets of every runtime look like: the WinterTC Sockets shape, plus the byte channel. `net/net_socket.ts` is
 * the one implementation.
 *
 * @module
 */

import type { ByteChannel, Duplex } from "./duplex.ts";
import type { TlsInfo } from "./tls_info.ts";
import type { StartTlsOptions } from "./tls_options.ts";

/** A host and a port. */
export interface TcpAddress {
  /** An IP address; a name is allowed where one connects. */
  readonly hostname: string;
  /** 0–65535; 0 lets the system choose where one listens. */
  readonly port: number;
}

/** A unix socket. */
export interface UnixAddress {
  /** Its path; empty for the end that has none. */
  readonly path: string;
}

/** Where a socket leads, or where a listener waits. */
export type SocketAddress = TcpAddress | UnixAddress;

/** What is known once a socket is open. */
export interface SocketInfo {
  /** The peer. */
  readonly remote: SocketAddress;
  /** This side. */
  readonly local: SocketAddress;
  /** The same as text, `host:port`, `[v6]:port` or the path (WinterTC). */
  readonly remoteAddress: string;
  /** The same as text (WinterTC). */
  readonly localAddress: string;
  /** The protocol that ALPN agreed on, or `null`. */
  readonly alpn: string | null;
  /** What is known of its TLS, the peer's certificate among it; `null` without TLS. Asked of the runtime when first looked at. */
  readonly tls: TlsInfo | null;
}

/** What {@linkcode Socket.release} gives back. */
export interface ReleasedSocket {
  /** The runtime's own object, without our listeners. */
  readonly native: unknown;
  /** Bytes that were already taken from it and not read by its holder; empty when there are none. */
  readonly readBuf: Uint8Array;
  /** Whether the peer's FIN was already taken from it, right behind `readBuf`. */
  readonly ended: boolean;
}

/**
 * A stream socket. It exists before it is connected: reads and writes wait for `opened`. Its streams are made when
 * they are first touched; until then {@linkcode ByteChannel} is all there is. Half-open by default: the peer's FIN
 * ends `readable` and leaves `writable` alone.
 */
export interface Socket extends Duplex, ByteChannel, AsyncDisposable {
  /** Resolves when connected, TLS handshake included. Rejects with a `TransportError`; needs no handler. */
  readonly opened: Promise<SocketInfo>;
  /**
   * Resolves when both sides have ended, or the socket was closed or given away on this side; rejects when the
   * transport failed or `abort()` cut it. Needs no handler.
   */
  readonly closed: Promise<void>;
  /** `"on"` for TLS, `"starttls"` for plain text that may become TLS. `"off"` is WinterTC's third, unused here. */
  readonly secureTransport: "off" | "on" | "starttls";
  /** Whether {@linkcode startTls} has given this socket's transport to another one. */
  readonly upgraded: boolean;
  /**
   * The runtime's own object (`Deno.Conn`, `net.Socket`, `Bun.Socket`) while open, else `null`. To look at and to set
   * options on; call {@linkcode release} before you read or write through it.
   */
  readonly native: unknown;
  /**
   * Puts TLS on this connection, once everything written so far has been sent. This socket ends with it: `upgraded`
   * is `true`, `closed` resolves, and its streams and methods are of no more use.
   *
   * @param options Names, certificates and role; client when left out.
   * @returns The socket to go on with, at once; its `opened` settles after the handshake.
   * @throws {StateError} `done` when the socket is TLS already or was given away before.
   */
  startTls(options?: StartTlsOptions): Socket;
  /**
   * Gives the runtime's own object back to the caller. Afterwards this socket's `closed` resolves and its methods
   * reject with a `StateError` `already-taken`. On Node and Bun the object is paused: call its `resume()`, before which
   * nothing more comes. On Bun, where all sockets of a listener share their handlers, it calls those in its `data`: set
   * `native.data = { data, drain, end, close, error }` first.
   *
   * @returns The object, what had already been read from it, and whether the peer had ended.
   * @throws {StateError} `not-ready` before `opened`, `closed` after the end, `busy` while a read or a write is
   * pending. On Deno a read that was withdrawn still counts: the platform cannot take it back.
   */
  release(): ReleasedSocket;
  /**
   * Sends what is written, ends both sides, releases the socket. Idempotent. Resolves when that is done, and does not
   * reject.
   *
   * Before `opened` it cancels the attempt, unless something has been written. If bytes of the peer are unread, the system
   * answers with a reset, which can overtake our last bytes: where more can come from the peer, call `closeWrite()`, read
   * to `null`, and then call `close()`.
   */
  close(): Promise<void>;
  /** {@linkcode close}, or `abort()` when a write has not been accepted yet: leaving a scope does not wait for the peer. */
  [Symbol.asyncDispose](): Promise<void>;
}
