/**
 * Connects, listens and starts TLS on Bun, over `Bun.connect` and `Bun.listen`.
 *
 * Made for Bun 1.4. Before, Bun tells a reset by the peer as its end, and takes certificates from anybody: TLS is refused
 * there.
 *
 * @example An echo, half-closed from the client's side
 * ```ts ignore
 * import { connect, listen } from "@http-upgrade/http-upgrade/bun";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = await listen({ hostname: "127.0.0.1" });
 * await using client = connect(listener.address);
 * await using server = (await listener.accept())!;
 *
 * server.readable.pipeTo(server.writable);
 * await client.write(new TextEncoder().encode("hello"));
 * await client.closeWrite();
 * assertEquals(new TextDecoder().decode((await client.read())!), "hello");
 * assertEquals(await client.read(), null);
 * ```
 *
 * @module
 */

import type { DuplexLike } from "../../duplex/duplex.ts";
import type { ConnectOptions, Listener, ListenOptions, StartTlsOptions } from "../../duplex/network.ts";
import type { Socket, SocketAddress } from "../../duplex/socket.ts";
import { networkOf } from "../adapter.ts";
import { bunAdapter } from "./adapter.ts";

export type { ByteChannel, Duplex, DuplexLike } from "../../duplex/duplex.ts";
export type {
  ConnectOptions,
  Listener,
  ListenOptions,
  SocketOptions,
  StartTlsOptions,
  TlsOptions,
  TlsServerOptions,
} from "../../duplex/network.ts";
export type { ReleasedSocket, Socket, SocketAddress, SocketInfo } from "../../duplex/socket.ts";
export { TransportError, type TransportErrorCode, type TransportErrorOptions } from "../../errors/transport_error.ts";

const network = networkOf(() => bunAdapter);

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
export function connect(address: SocketAddress | string, options?: ConnectOptions): Socket {
  return network.connect(address, options);
}

/**
 * Listens.
 *
 * @param options Where, TLS, how many connections may wait, options of the sockets.
 * @returns The listener, once connections are taken.
 * @throws {TransportError} `address` when the address is taken, forbidden or not ours.
 * @throws {TypeError} An option is of another kind.
 * @throws {RangeError} The port is not in 0–65535, or the path has more bytes than the system takes.
 */
export function listen(options?: ListenOptions): Promise<Listener> {
  return network.listen(options);
}

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
export function startTls(duplex: DuplexLike, options?: StartTlsOptions): Socket {
  return network.startTls(duplex, options);
}
