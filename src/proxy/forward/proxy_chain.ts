/**
 * Where another proxy, or several in a row, stand between this one and the targets: HTTP, HTTPS and SOCKS5. Each is asked
 * for a tunnel to the next one, and the last for one to the target, whose name it looks up by itself.
 *
 * @module
 */

import { wrongType } from "../../bytes/arguments.ts";
import { UpgradeRejected } from "../../errors/upgrade_rejected.ts";
import { Client } from "../../http/client/client.ts";
import type { ClientOptions } from "../../http/client/options.ts";
import { proxyServer } from "../../http/client/way/proxy_rules.ts";
import type { Dialed } from "./destination.ts";

/** `http://`, `https://` or `socks5://`, with `user:pw@` where the proxy asks for that; several: one behind the other. */
export type ProxyChain = string | URL | readonly (string | URL)[] | null | undefined;

/** How connections to proxies are made. */
export type UpstreamOptions = Pick<ClientOptions, "dial" | "connectTimeoutMs" | "proxyTls" | "clock">;

/**
 * The proxies, in their order.
 *
 * @throws {TypeError} One is none.
 */
export function readUpstream(upstream: ProxyChain, place: string): readonly string[] {
  if (upstream === null || upstream === undefined || upstream === "") return [];
  const list = typeof upstream === "string" || upstream instanceof URL ? [upstream] : upstream;
  if (!Array.isArray(list)) throw wrongType(place, "the URL of a proxy, or several", upstream);
  const texts = list.map(String);
  for (const text of texts) proxyServer(text);
  return texts;
}

/** What a proxy says of a refusal is for its own client: nothing of it is read here. */
function cancelAnswer(error: unknown): never {
  if (error instanceof UpgradeRejected && error.response instanceof Response) error.response.body?.cancel();
  throw error;
}

/** How many chains are kept. */
const MAX_CHAINS = 100;

/** Makes tunnels through proxies. */
export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #chains: Map<string, Client> = new Map();

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** Opens a tunnel to `authority`. */
  async dial(proxies: readonly string[], authority: string, signal: AbortSignal): Promise<Dialed> {
    const io = await this.#client(proxies).connect(authority, { signal }).catch(cancelAnswer);
    return { io, address: null, via: proxies.map((proxy) => proxyServer(proxy).address) };
  }

  /** What a client is told whose requests go to the last of these proxies. */
  optionsTo(proxies: readonly string[]): ClientOptions {
    const before = proxies.slice(0, -1);
    const proxy = proxies.at(-1)!;
    if (before.length === 0) return { ...this.#options, proxy };
    return {
      ...this.#options,
      proxy,
      dial: ({ hostname, port }, { signal }) =>
        this.#client(before).connect(`${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`, { signal }),
    };
  }

  /** Keeps no connection to a proxy any more. Tunnels are those of who asked, and what is under way goes on. */
  close(): void {
    const clients = [...this.#chains.values()];
    this.#chains.clear();
    for (const client of clients) client.close().catch(() => {});
  }

  /** The same, and gives up what is under way. */
  async abort(): Promise<void> {
    const clients = [...this.#chains.values()];
    this.#chains.clear();
    await Promise.all(clients.map((client) => client.abort()));
  }

  /** All it keeps open are connections of HTTP/2 to proxies, which tunnels share. */
  #client(proxies: readonly string[]): Client {
    const key = proxies.join(" ");
    let client = this.#chains.get(key);
    if (client === undefined) {
      if (this.#chains.size === MAX_CHAINS) this.close();
      this.#chains.set(key, client = new Client(this.optionsTo(proxies)));
    }
    return client;
  }
}
