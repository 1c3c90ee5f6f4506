/**
 * A forward proxy for `serve()`. Users call {@linkcode forwardProxy}; it holds the rules that are in force, what is open, and
 * the ways out.
 *
 * @module
 */

import { systemClock } from "../../duplex/clock.ts";
import type { Clock } from "../../duplex/clock.ts";
import type { ConnectRequest } from "../../http/server/connect_request.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import { Audit, type OpenExchange, type Traffic } from "./audit.ts";
import { clientAddress } from "./gate.ts";
import { TunnelCount } from "./limits.ts";
import type { ForwardProxy, ForwardProxyOptions } from "./options.ts";
import { readSettings, type Settings } from "./settings.ts";
import { answerConnect, type TunnelHouse } from "./tunnels.ts";
import { Upstreams } from "./proxy_chain.ts";

/**
 * Makes a forward proxy.
 *
 * It leads nowhere that no rule allows. A name is looked up once, each of its addresses is checked, and one of those is
 * dialed: loopback, private and link-local networks, metadata services and the like are out of reach unless a rule names
 * them. A refusal is a text that says which rule it was, with Proxy-Status (RFC 9209).
 *
 * @param rules What may be reached, by whom, and how.
 * @returns `connect` for `serve()`, what is open, and how much went through.
 * @throws {TypeError} An option is of another kind or unknown, or a rule cannot be read.
 * @throws {RangeError} A number is out of range.
 *
 * @example
 * ```ts
 * import { Client, serve } from "@http-upgrade/http-upgrade";
 * import { forwardProxy } from "@http-upgrade/http-upgrade/proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const proxy = forwardProxy({ allow: ["*.example.com:443"], deny: ["admin.example.com"] });
 * await using server = serve({ port: 0, hostname: "127.0.0.1", connect: proxy.connect }, () => new Response());
 * const [{ port }] = await server.listening;
 *
 * await using client = new Client({ proxy: `http://127.0.0.1:${port}` });
 * const refused = await client.connect("169.254.169.254:80").catch((error) => error.response);
 * assertEquals(refused.status, 403);
 * assertEquals(await refused.text(), "This proxy does not lead to 169.254.169.254:80: no rule allows it\n");
 * ```
 */
export function forwardProxy(rules: ForwardProxyOptions): ForwardProxy {
  return new RunningForwardProxy(rules);
}

/** A forward proxy at work. */
class RunningForwardProxy implements ForwardProxy {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #audit: Audit;
  readonly #count: TunnelCount = new TunnelCount();
  #settings: Settings;
  #upstreams: Upstreams;

  constructor(options: ForwardProxyOptions) {
    this.#settings = readSettings(options);
    this.#clock = options.clock ?? systemClock;
    this.#name = options.name ?? `http-upgrade-${crypto.randomUUID().slice(0, 8)}`;
    this.#audit = new Audit(this.#clock);
    this.#audit.listener = options.audit;
    this.#upstreams = this.#upstreamsOf(options);
  }

  get open(): readonly OpenExchange[] {
    return this.#audit.open;
  }

  get traffic(): Traffic {
    return this.#audit.traffic;
  }

  readonly connect = async (request: ConnectRequest, info: ServeInfo): Promise<Response> => {
    const exchange = this.#audit.begin({
      kind: "tunnel",
      client: clientAddress(info),
      method: "CONNECT",
      authority: request.authority,
      path: null,
      tunnel: null,
    });
    return await answerConnect(request, info, exchange, this.#house);
  };

  reload(options: ForwardProxyOptions): void {
    this.#settings = readSettings(options);
    this.#audit.listener = options.audit;
    this.#upstreams = this.#upstreamsOf(options);
  }

  get #house(): TunnelHouse {
    return {
      name: this.#name,
      settings: this.#settings,
      upstreams: this.#upstreams,
      clock: this.#clock,
      count: this.#count,
    };
  }

  #upstreamsOf({ dial, upstreamTls }: ForwardProxyOptions): Upstreams {
    const { connectTimeoutMs } = this.#settings;
    return new Upstreams({ dial, connectTimeoutMs, proxyTls: upstreamTls, clock: this.#clock });
  }
}
