/**
 * What proxies are made of: tunnels, and the fields that may go on to the next hop.
 *
 * @module
 */

export { forwardedFields } from "./forwarded_fields.ts";
export { tunnel, type TunnelBytes, type TunnelOptions } from "./tunnel.ts";
