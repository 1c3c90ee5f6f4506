/**
 * A server behind the proxy: the way there, what goes in front of each target, and how it has been lately. `upstreams.ts`
 * chooses one of them, `exchange.ts` sends to it.
 *
 * @module
 */

import type { TlsOptions } from "../../duplex/tls_options.ts";
import { type Client, partsOf } from "../../http/client/client.ts";
import type { Dial } from "../../http/client/options.ts";
import type { Route } from "../../http/client/way/route.ts";
import { connect } from "../platform.ts";
import type { Upstream, UpstreamInit } from "./options.ts";

/** One server, and what is known of it. */
export class UpstreamServer {
  /** See {@linkcode keyOf}. */
  readonly key: string;
  /** Where it is. */
  readonly url: URL;
  /** What goes in front of a path; empty, or begins with a slash and does not end with one. */
  readonly basePath: string;
  /** The value of `Host` that it calls its own. */
  readonly host: string;
  /** Whose connections lead there. */
  readonly client: Client;
  /** How many requests are at work. */
  active = 0;
  /** How many failures have come without a success between them. */
  failures = 0;
  /** Until when it is left alone, in the time of the clock. */
  restsUntil = 0;
  readonly #tls: TlsOptions | undefined;
  readonly #dial: Dial | undefined;
  #route: Route | null = null;

  /**
   * Connects to nothing yet.
   *
   * @param upstream What the program has said.
   * @param shared What holds where it says nothing.
   */
  constructor(upstream: Upstream, shared: { readonly tls: TlsOptions | undefined; readonly client: Client }) {
    const { url = "http://localhost", unix, tls, client }: UpstreamInit =
      typeof upstream === "string" || upstream instanceof URL ? { url: upstream } : upstream;
    this.key = keyOf(upstream);
    this.url = new URL(url);
    this.basePath = this.url.pathname.replace(/\/$/, "");
    this.host = this.url.host;
    this.client = client ?? shared.client;
    this.#tls = tls ?? shared.tls;
    this.#dial = unix === undefined ? undefined : (_address, { signal }) => connect({ path: unix }, { signal });
  }

  /** Whether it speaks TLS. */
  get secure(): boolean {
    return this.url.protocol === "https:";
  }

  /**
   * The way there.
   *
   * @throws {StateError} `closed`: the client is.
   */
  get route(): Route {
    const { routes } = partsOf(this.client);
    return this.#route ??= routes.find(this.url, { tls: this.#tls, dial: this.#dial }, false);
  }
}

/** The same for the same server: a function that chooses may name it anew for each request. */
export function keyOf(upstream: Upstream): string {
  if (typeof upstream === "string") return upstream;
  if (upstream instanceof URL) return upstream.href;
  return `${upstream.unix ?? ""} ${upstream.url ?? ""}`;
}
