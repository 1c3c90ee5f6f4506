/**
 * Connects, listens and starts TLS on Bun, over `Bun.connect` and `Bun.listen`.
 *
 * Made for Bun 1.4. Before, Bun tells a reset by the peer as its end, and takes certificates of any authority: TLS is
 * refused there.
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

import { networkOf } from "../adapter.ts";
import type { Network } from "../vocabulary.ts";
import { bunAdapter } from "./adapter.ts";

export * from "../vocabulary.ts";

const network: Network = networkOf(() => bunAdapter);

/** Connects: {@linkcode Network.connect}. */
export const connect: Network["connect"] = network.connect;

/** Listens: {@linkcode Network.listen}. */
export const listen: Network["listen"] = network.listen;

/** Puts TLS on any pair of byte streams: {@linkcode Network.startTls}. */
export const startTls: Network["startTls"] = network.startTls;
