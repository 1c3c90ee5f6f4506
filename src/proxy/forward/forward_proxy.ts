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
import { pseudonym } from "../via.ts";
import { Audit, type OpenExchange, type Traffic } from "./audit.ts";
import { clientAddress } from "./gate.ts";
import { TunnelCount } from "./limits.ts";
import type { ForwardProxy, ForwardProxyOptions } from "./options.ts";
import { readSettings, type Settings } from "./settings.ts";
import { answerConnect } from "./tunnels.ts";
import type { TunnelHouse } from "./house.ts";
import { Origins } from "./origins.ts";
import { answerRequest, type Source } from "./requests.ts";
import { TimeLimit } from "../../duplex/time_limit.ts";
import { IncomingRequest } from "../../http1/incoming.ts";
import { messageOf } from "../../http1/stand_in.ts";
import { wrongType } from "../../bytes/arguments.ts";
import { Upstreams } from "./proxy_chain.ts";

/**
 * Makes a forward proxy.
 *
 * It leads nowhere that no rule allows. A name is looked up once, each of its addresses is checked, and one of those is
 * dialed: loopback, private and link-local networks, metadata services and the like are out of reach unless a rule names
 * them. A refusal is a text that says which rule it was, with Proxy-Status (RFC 9209).
 *
 * @param rules What may be reached, by whom, and how.
 * @returns `connect` and `handler` for `serve()`, what is open, and how much went through.
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
 * await using server = serve({ port: 0, hostname: "127.0.0.1", connect: proxy.connect }, proxy.handler);
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
  #origins: Origins;
  #firstByte: TimeLimit;
  #connecting: TimeLimit;
  /** Made anew with the settings. */
  #house: TunnelHouse;

  constructor(options: ForwardProxyOptions) {
    this.#settings = readSettings(options);
    this.#clock = options.clock ?? systemClock;
    this.#name = options.name ?? pseudonym();
    this.#audit = new Audit(this.#clock);
    this.#audit.listener = options.audit;
    this.#upstreams = this.#upstreamsOf(options);
    this.#origins = new Origins(this.#clock);
    this.#firstByte = new TimeLimit(this.#settings.responseTimeoutMs, this.#clock);
    this.#connecting = new TimeLimit(this.#settings.connectTimeoutMs, this.#clock);
    this.#house = this.#houseOf();
  }

  get open(): readonly OpenExchange[] {
    return this.#audit.open;
  }

  get traffic(): Traffic {
    return this.#audit.traffic;
  }

  readonly connect = (request: ConnectRequest, info: ServeInfo): Promise<Response> => {
    const exchange = this.#audit.begin({
      kind: "tunnel",
      client: clientAddress(info),
      method: "CONNECT",
      authority: request.authority,
      path: null,
      tunnel: null,
    });
    return answerConnect(request, info, exchange, this.#house);
  };

  readonly handler = async (request: Request, info: ServeInfo): Promise<Response> => {
    return await this.#answer(request, info, { type: "client" }, null);
  };

  async #answer(request: Request, info: ServeInfo, source: Source, tunnel: number | null): Promise<Response> {
    const incoming = messageOf(request);
    if (!(incoming instanceof IncomingRequest)) throw wrongType("request", "one that serve() gave out", request);
    const exchange = this.#audit.begin({
      kind: "request",
      client: clientAddress(info),
      method: incoming.method,
      authority: incoming.authority,
      path: pathOf(incoming),
      tunnel,
    });
    return await answerRequest(incoming, info, source, exchange, this.#house);
  }

  reload(options: ForwardProxyOptions): void {
    this.#settings = readSettings(options);
    this.#origins.close();
    this.#origins = new Origins(this.#clock);
    this.#firstByte = new TimeLimit(this.#settings.responseTimeoutMs, this.#clock);
    this.#audit.listener = options.audit;
    this.#upstreams.close();
    this.#upstreams = this.#upstreamsOf(options);
    this.#connecting = new TimeLimit(this.#settings.connectTimeoutMs, this.#clock);
    this.#house = this.#houseOf();
  }

  async close(): Promise<void> {
    this.#firstByte.stop();
    this.#connecting.rest();
    await this.#origins.abort();
    await this.#upstreams.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #houseOf(): TunnelHouse {
    return {
      origins: this.#origins,
      firstByte: this.#firstByte,
      answerInside: (request, info, source, tunnel) => this.#answer(request, info, source, tunnel),
      name: this.#name,
      settings: this.#settings,
      upstreams: this.#upstreams,
      connecting: this.#connecting,
      clock: this.#clock,
      count: this.#count,
    };
  }

  #upstreamsOf({ dial, upstreamTls }: ForwardProxyOptions): Upstreams {
    const { connectTimeoutMs } = this.#settings;
    return new Upstreams({ dial, connectTimeoutMs, proxyTls: upstreamTls, clock: this.#clock });
  }
}

/** The path without its query, in which there may be secrets. */
function pathOf({ target }: IncomingRequest): string {
  const rest = target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?]*/, "");
  return rest.replace(/[?#].*$/s, "") || "/";
}
