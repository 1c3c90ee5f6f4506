/**
 * Connects, listens and starts TLS over `node:net` and `node:tls`: on Node, and on Deno and Bun through their versions of
 * these modules.
 *
 * @example An echo, half-closed from the client's side
 * ```ts
 * import { connect, listen } from "@http-upgrade/http-upgrade/node";
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
import { nodeAdapter } from "./adapter.ts";

export * from "../vocabulary.ts";
export { acceptConnect, type AcceptOptions, acceptUpgrade } from "../../node_http/accept.ts";
export { type NodeHandler, toNodeHandler } from "../../node_http/node_handler.ts";
export type { NodeRequest, NodeResponse, NodeSocket } from "../../node_http/messages.ts";

const network: Network = networkOf(() => nodeAdapter);

/** Connects: {@linkcode Network.connect}. */
export const connect: Network["connect"] = network.connect;

/** Listens: {@linkcode Network.listen}. */
export const listen: Network["listen"] = network.listen;

/** Puts TLS on any pair of byte streams: {@linkcode Network.startTls}. */
export const startTls: Network["startTls"] = network.startTls;
