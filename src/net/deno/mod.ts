/**
 * Connects, listens and starts TLS on Deno, over `Deno.connect`, `Deno.listen` and `Deno.startTls`; over `node:tls` where
 * those cannot do what is asked: client certificates, TLS in TLS, the server's side of `startTls()`.
 *
 * Two things Deno cannot do: send a reset (`abort()` ends the connection instead), and let go of a TLS connection before
 * its handshake is over (when that is given up, the connection stays until the peer closes it).
 *
 * @example An echo, half-closed from the client's side
 * ```ts
 * import { connect, listen } from "@http-upgrade/http-upgrade/deno";
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
import { denoAdapter } from "./adapter.ts";

export * from "../vocabulary.ts";

const network: Network = networkOf(() => denoAdapter);

/** Connects: {@linkcode Network.connect}. */
export const connect: Network["connect"] = network.connect;

/** Listens: {@linkcode Network.listen}. */
export const listen: Network["listen"] = network.listen;

/** Puts TLS on any pair of byte streams: {@linkcode Network.startTls}. */
export const startTls: Network["startTls"] = network.startTls;
