/**
 * As much of `cloudflare:sockets` as the examples need; `@cloudflare/workers-types` has all of it.
 *
 * @module
 */

/** An outgoing TCP connection. */
export interface Socket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly opened: Promise<unknown>;
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** What a connection can be told. */
export interface SocketOptions {
  /** Keeps our side open when the peer ends its own; off unless asked for. */
  readonly allowHalfOpen?: boolean;
  /** Whether there is TLS; off unless asked for. */
  readonly secureTransport?: "off" | "on" | "starttls";
}

/** Connects to `host:port`. */
export function connect(address: string, options?: SocketOptions): Socket;
