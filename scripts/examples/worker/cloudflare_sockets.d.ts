/**
 * As much of `cloudflare:sockets` as the example needs; `@cloudflare/workers-types` has all of it.
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

/**
 * Connects to `host:port`.
 *
 * @param options `allowHalfOpen` keeps our side open when the peer ends its own; off unless asked for.
 */
export function connect(address: string, options?: { readonly allowHalfOpen?: boolean }): Socket;
