/**
 * What the sockets of every runtime look like: the WinterTC Sockets shape, plus the byte channel.
 *
 * @module
 */

import type { ByteChannel, Duplex } from "./duplex.ts";

/** Where a socket leads, or where a listener waits. */
export type SocketAddress =
  | {
    /** An IP address; a name is allowed where one connects. */
    readonly hostname: string;
    /** 0–65535; 0 lets the system choose where one listens. */
    readonly port: number;
  }
  | {
    /** The path of a unix socket. */
    readonly path: string;
  };

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
}

/**
 * A stream socket. Its streams are made when they are first touched; until then {@linkcode ByteChannel} is all there
 * is. Half-open by default: the peer's FIN ends `readable` and leaves `writable` alone.
 */
export interface Socket extends Duplex, ByteChannel, AsyncDisposable {
  /** Resolves when connected, TLS handshake included. Rejects with a `TransportError`; needs no handler. */
  readonly opened: Promise<SocketInfo>;
  /** Resolves when both sides have ended; rejects when the transport failed. Needs no handler. */
  readonly closed: Promise<void>;
  /** `"on"` for TLS, `"starttls"` for plain text that may become TLS, else `"off"`. */
  readonly secureTransport: "off" | "on" | "starttls";
  /** Whether {@linkcode startTls} has given this socket's transport to another one. */
  readonly upgraded: boolean;
  /** The runtime's own object (`Deno.Conn`, `net.Socket`, `Bun.Socket`) once open, else `null`. */
  readonly native: unknown;
  /** Sends what is written, ends both sides, releases the socket. Idempotent. Resolves with `closed`. */
  close(): Promise<void>;
}
