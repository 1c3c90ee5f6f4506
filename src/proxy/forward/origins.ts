/**
 * The connections to origins that requests go over, kept for the next request. They are shared only by requests that could
 * have opened them: of one rule, one identity and one way out.
 *
 * @module
 */

import { onAbort } from "../../duplex/abort.ts";
import type { Clock } from "../../duplex/clock.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import type { TlsOptions } from "../../duplex/tls_options.ts";
import { TlsSession } from "../../duplex/tls_session.ts";
import { Client, partsOf } from "../../http/client/client.ts";
import { secured } from "../../http/client/way/connector.ts";
import { proxyServer } from "../../http/client/way/proxy_rules.ts";
import type { Route } from "../../http/client/way/route.ts";
import type { Owned } from "../../http1/owned.ts";
import { decideAddress, messageKey } from "./decide.ts";
import type { Dialed } from "./destination.ts";
import { type Admitted, reach, type Ways } from "./gate.ts";
import { authorityOf, authorityText, canonicalHost } from "./host.ts";
import { refusalBy } from "./refusal.ts";

/** Where a request goes. */
export interface Origin {
  readonly client: Client;
  readonly route: Route;
  /** What messages call it. */
  readonly host: string;
  /** Whether it speaks TLS. */
  readonly secure: boolean;
  /** What was dialed for a connection of it. */
  dialed(io: DuplexLike): Omit<Dialed, "io">;
}

/** How an origin is spoken to. */
export interface Manner {
  /** TLS with it, and the name that its certificate must have; `null` for plain http. */
  readonly secure: { readonly serverName: string; readonly tls: TlsOptions } | null;
  /** Whether the connection is to switch: then a tunnel leads through HTTP proxies. */
  readonly switches: boolean;
}

const HTTP_1: readonly string[] = ["http/1.1"];
/** How many groups of connections are kept. */
const MAX_GROUPS = 256;
/** How many connections wait for a request at each origin, for one group: as browsers. */
const MAX_IDLE = 6;

/** The connections of one proxy, as long as its rules stay. */
export class Origins {
  readonly #clock: Clock;
  readonly #groups: Map<string, Client> = new Map();
  readonly #dialed: WeakMap<DuplexLike, Omit<Dialed, "io">> = new WeakMap();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The way to what was admitted. */
  find(admitted: Admitted, manner: Manner, ways: Ways): Origin {
    const { question: { host, port }, proxies } = admitted;
    const authority = authorityText(host, port);
    const last = proxies.at(-1);
    const forwards = last !== undefined && proxyServer(last).scheme !== "socks5" && manner.secure === null &&
      !manner.switches;
    const client = this.#group(admitted, manner, ways, forwards);
    const { routes } = partsOf(client);
    // In a tunnel to an address it is TLS that says which name the requests are for.
    const called = manner.secure === null ? authority : authorityOf(manner.secure.serverName, port);
    return {
      client,
      route: routes.find(new URL(`http://${authority}/`), {}, false),
      host: port === (manner.secure === null ? 80 : 443) ? called.slice(0, called.lastIndexOf(":")) : called,
      secure: manner.secure !== null,
      dialed: (io) =>
        this.#dialed.get(io) ?? { address: null, via: proxies.map((proxy) => proxyServer(proxy).address) },
    };
  }

  /** Takes no more requests. What is under way goes on. */
  close(): void {
    for (const client of this.#groups.values()) client.close().catch(() => {});
    this.#groups.clear();
  }

  /** Ends all connections. */
  async abort(): Promise<void> {
    const clients = [...this.#groups.values()];
    this.#groups.clear();
    await Promise.all(clients.map((client) => client.abort()));
  }

  #group(admitted: Admitted, manner: Manner, ways: Ways, forwards: boolean): Client {
    const { question, allowed, proxies } = admitted;
    const { secure } = manner;
    const key = JSON.stringify([
      allowed.by,
      allowed.addresses.key,
      question.identity,
      messageKey(ways.settings.rules, question),
      proxies,
      forwards,
      secure?.serverName,
    ]);
    let client = this.#groups.get(key);
    if (client === undefined) {
      if (this.#groups.size === MAX_GROUPS) this.close();
      client = forwards ? this.#forwarding(admitted, ways) : this.#direct(admitted, secure, ways);
      this.#groups.set(key, client);
    }
    return client;
  }

  /** Connections to an HTTP proxy that is asked itself. */
  #forwarding({ proxies }: Admitted, { upstreams, settings }: Ways): Client {
    return new Client({
      ...upstreams.optionsTo(proxies),
      http2: false,
      maxIdlePerOrigin: MAX_IDLE,
      connectTimeoutMs: settings.connectTimeoutMs,
    });
  }

  /** Connections to origins, or tunnels to them. TLS is part of dialing, so that what was dialed is known of each. */
  #direct({ question, allowed, proxies }: Admitted, secure: Manner["secure"], ways: Ways): Client {
    // All that shares connections asks for one name by one set of options.
    const session = new TlsSession();
    const tls = secure === null ? undefined : { ...secure.tls, serverName: secure.serverName, alpnProtocols: HTTP_1 };
    return new Client({
      http2: false,
      clock: this.#clock,
      connectTimeoutMs: ways.settings.connectTimeoutMs,
      maxIdlePerOrigin: MAX_IDLE,
      dial: async ({ hostname, port }, { signal }) => {
        const asked = { ...question, host: canonicalHost(hostname)!, port };
        const { host } = asked;
        if (host.type === "address") {
          const decision = decideAddress(ways.settings.rules, asked, allowed, host.address);
          if (decision.type === "denied") throw refusalBy(decision);
        }
        const asker = { signal, own: (owned: Owned) => void onAbort(signal, () => owned.abort(signal.reason)) };
        const { io, ...dialed } = await reach({ question: asked, allowed, proxies }, ways, asker);
        const opened = secure === null ? io : (await secured(io, secure.serverName, tls, session, signal)).io;
        this.#dialed.set(opened, dialed);
        return opened;
      },
    });
  }
}
