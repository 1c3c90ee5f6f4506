/**
 * What proxies are made of: tunnels, and the fields that may go on to the next hop.
 *
 * @example A tunnel passes on what each side says, and that it has said everything
 * ```ts
 * import { duplexPair } from "@http-upgrade/http-upgrade";
 * import { tunnel } from "@http-upgrade/http-upgrade/proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, accepted] = duplexPair();
 * const [dialed, target] = duplexPair();
 * const passed = tunnel(accepted, dialed);
 *
 * await client.write(new TextEncoder().encode("ping"));
 * await client.closeWrite();
 * assertEquals(new TextDecoder().decode((await target.read())!), "ping");
 * assertEquals(await target.read(), null);
 * await target.closeWrite();
 * assertEquals(await client.read(), null);
 * assertEquals(await passed, { sent: 4, received: 0 });
 * ```
 *
 * @module
 */

export { forwardedFields } from "./forwarded_fields.ts";
export { tunnel, type TunnelBytes, type TunnelOptions } from "./tunnel.ts";
