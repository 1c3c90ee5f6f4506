/**
 * Proxies, and what they are made of: tunnels, and the fields that may go on to the next hop.
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

export type { Asked, Verdict } from "./forward/asked.ts";
export type { AuditEvent, EndReason, OpenExchange, Traffic } from "./forward/audit.ts";
export type { Resolve } from "./forward/destination.ts";
export { forwardProxy } from "./forward/forward_proxy.ts";
export type { Identity, ProxyAuth, Recognized } from "./forward/identity.ts";
export type { ClientHelloRules } from "./forward/inspect.ts";
export type { Certificate, InterceptOptions } from "./forward/intercept_options.ts";
export type { ForwardProxy, ForwardProxyOptions } from "./forward/options.ts";
export type { Rule, RuleInit } from "./forward/rule.ts";
export type { ProxyChain } from "./forward/proxy_chain.ts";
export { forwardedFields } from "./forwarded_fields.ts";
export { type ReverseProxy, reverseProxy } from "./reverse/reverse_proxy.ts";
export type {
  FieldChanges,
  ForwardedOptions,
  HealthOptions,
  Replacements,
  ReverseProxyOptions,
  ReverseProxyTarget,
  RewriteOptions,
  Upstream,
  UpstreamChoice,
  UpstreamInit,
} from "./reverse/options.ts";
export { tunnel, type TunnelBytes, type TunnelOptions } from "./tunnel.ts";
