/**
 * Connects, listens and starts TLS on whichever runtime this is: Deno, Bun or Node. The runtime's part is loaded when it
 * is first used; importing this module needs no permission and touches no network.
 *
 * @example An echo, half-closed from the client's side
 * ```ts
 * import { connect, listen } from "@http-upgrade/http-upgrade/net";
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

import { type Adapter, networkOf } from "./adapter.ts";
import type { Network } from "./vocabulary.ts";

export * from "./vocabulary.ts";

let adapter: Adapter | Promise<Adapter> | null = null;
const network: Network = networkOf(() => adapter ??= loadAdapter());

async function loadAdapter(): Promise<Adapter> {
  if ("Deno" in globalThis) return (await import("./deno/adapter.ts")).denoAdapter;
  if ("Bun" in globalThis) return (await import("./bun/adapter.ts")).bunAdapter;
  // Once it is there, a connection is begun without waiting.
  return adapter = (await import("./node/adapter.ts")).nodeAdapter;
}

/** Connects: {@linkcode Network.connect}. */
export const connect: Network["connect"] = network.connect;

/** Listens: {@linkcode Network.listen}. */
export const listen: Network["listen"] = network.listen;

/** Puts TLS on any pair of byte streams: {@linkcode Network.startTls}. */
export const startTls: Network["startTls"] = network.startTls;
