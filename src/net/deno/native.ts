/**
 * As much of Deno's network as is used: its types, and what each file here needs of them.
 *
 * @module
 */

import type { SocketAddress } from "../../duplex/socket.ts";

/** An address. */
type DenoAddr = {
  readonly transport: "tcp";
  readonly hostname: string;
  readonly port: number;
} | {
  readonly transport: "unix";
  readonly path: string | null;
};

/** A connection. */
export interface DenoConn {
  readonly localAddr: DenoAddr;
  readonly remoteAddr: DenoAddr;
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  ref?(): void;
  unref?(): void;
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean): void;
}

/** A connection of Deno's own TLS. */
export interface DenoTlsConn extends DenoConn {
  handshake(): Promise<{ readonly alpnProtocol: string | null }>;
}

/** A listener. */
export interface DenoListener {
  readonly addr: DenoAddr;
  accept(): Promise<DenoConn>;
  close(): void;
}

interface DenoNet {
  readonly version: { readonly deno: string };
  connect(options: object): Promise<DenoConn>;
  startTls(conn: DenoConn, options: object): Promise<DenoTlsConn>;
  listen(options: object): DenoListener;
  listenTls(options: object): DenoListener;
  removeSync(path: string): void;
}

/** Deno itself. */
export function deno(): DenoNet {
  const { Deno } = globalThis as { Deno?: DenoNet };
  if (Deno === undefined) throw new TypeError("Cannot use the network of Deno: this is another runtime");
  return Deno;
}

/** An address in our own shape. */
export function addressOf(addr: DenoAddr): SocketAddress {
  return addr.transport === "unix" ? { path: addr.path ?? "" } : { hostname: addr.hostname, port: addr.port };
}

/** Closes a connection that Deno may have closed already, or made another object of. */
export function closeQuietly(conn: DenoConn): void {
  try {
    conn.close();
  } catch {
    return;
  }
}
