/**
 * What a forward proxy is told, and what it is: the types that its callers see.
 *
 * @module
 */

import type { Clock } from "../../duplex/clock.ts";
import type { TlsOptions } from "../../duplex/tls_options.ts";
import type { Dial } from "../../http/client/options.ts";
import type { ConnectHandler, ServeHandler } from "../../http/server/serve_options.ts";
import type { Asked, Verdict } from "./asked.ts";
import type { AuditEvent, OpenExchange, Traffic } from "./audit.ts";
import type { Resolve } from "./destination.ts";
import type { ProxyAuth } from "./identity.ts";
import type { ClientHelloRules } from "./inspect.ts";
import type { InterceptOptions } from "./intercept_options.ts";
import type { Rule } from "./rule.ts";
import type { Fields } from "../../semantics/fields.ts";
import type { ProxyChain } from "./proxy_chain.ts";

/** What a forward proxy is told. All time limits are in milliseconds; 0 switches one off. */
export interface ForwardProxyOptions {
  /** What may be reached. Nothing when left out. The first rule that covers it counts. */
  readonly allow?: readonly Rule[] | undefined;
  /** What may not, whatever else is said. */
  readonly deny?: readonly Rule[] | undefined;
  /** Decides about what no rule denies, before those that allow are asked. */
  readonly decide?: ((asked: Asked) => Verdict | Promise<Verdict>) | undefined;
  /** Who may ask. Anyone when left out. */
  readonly auth?: ProxyAuth | undefined;
  /** The proxy behind this one, or several in a row; or a function that chooses for what is asked. None when left out. */
  readonly upstream?: ProxyChain | ((asked: Asked) => ProxyChain) | undefined;
  /** TLS with `https:` proxies behind this one. Without `alpnProtocols` they are offered HTTP/2: tunnels share a connection then. */
  readonly upstreamTls?: TlsOptions | undefined;
  /** How many tunnels may be open, those that are being opened included. Unlimited. */
  readonly maxTunnels?: number | undefined;
  /** How many of them may be one client's: an identity's, or an address's where there is none. Unlimited. */
  readonly maxTunnelsPerClient?: number | undefined;
  /** How many bytes may go through a tunnel, both ways together. Unlimited. */
  readonly maxTunnelBytes?: number | undefined;
  /** How long a tunnel may be open. 0, which is without limit. */
  readonly maxTunnelMs?: number | undefined;
  /** How long a tunnel may be silent in both directions. 300,000. */
  readonly tunnelIdleTimeoutMs?: number | undefined;
  /** How long it may take to look a name up and to connect. 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** What a tunnel must begin with: TLS for the name that was asked for. Anything when left out. */
  readonly clientHello?: ClientHelloRules | undefined;
  /** Which tunnels are looked into. None when left out. */
  readonly intercept?: InterceptOptions | undefined;
  /**
   * Changes the fields of each request that goes on, plain or inside of a tunnel that is looked into: adds credentials, for
   * example, that the client never sees.
   */
  readonly headers?: ((fields: Fields, asked: Asked) => void | Promise<void>) | undefined;
  /** How long the head of a response may take. 60,000. */
  readonly responseTimeoutMs?: number | undefined;
  /** Told of each request and tunnel when it is decided, and when it is over. If it throws at first, that is refused. */
  readonly audit?: ((event: AuditEvent) => void) | undefined;
  /** Looks names up. The system's resolver when left out. */
  readonly resolve?: Resolve | undefined;
  /** Connects to an address that was checked, or to a proxy. TCP when left out. */
  readonly dial?: Dial | undefined;
  /** How the proxy calls itself in `Via` and `Proxy-Status`. `http-upgrade-` and a random number when left out. */
  readonly name?: string | undefined;
  /** The source of time. The platform's by default. */
  readonly clock?: Clock | undefined;
}

/** A forward proxy; made by {@linkcode forwardProxy}. */
export interface ForwardProxy extends AsyncDisposable {
  /** The option `connect` of `serve()`: answers CONNECT. */
  readonly connect: ConnectHandler;
  /** The handler of `serve()`: answers requests for `http://host/path`, and refuses all others. */
  readonly handler: ServeHandler;
  /** What is under way, the oldest first. */
  readonly open: readonly OpenExchange[];
  /** How much there was until now. */
  readonly traffic: Traffic;
  /**
   * Takes other rules for what is asked from now on. What is open goes on by those that let it in.
   *
   * @param options All options anew; `name` and `clock` stay what they were.
   * @throws {TypeError} As {@linkcode forwardProxy}; then the rules before stay in force.
   */
  reload(options: ForwardProxyOptions): void;
  /**
   * Ends the connections to origins; what is under way over them fails. Tunnels end with the server. Leaving an `await using`
   * scope calls it.
   */
  close(): Promise<void>;
}
