/**
 * Tells how one request of a client goes, if anybody wants to know: `exchange.ts` has one then.
 *
 * @module
 */

import type { Closed } from "../../http1/options.ts";
import type { ExchangeOverListener } from "../../http1/exchange_listener.ts";
import type { IncomingResponse } from "../../http1/incoming.ts";
import { upgradeOf } from "../../http1/upgrade.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import type { Field } from "../../semantics/fields.ts";
import { type Tracing, UpgradedMeter } from "../trace.ts";
import type { Carrier } from "./carrier.ts";
import type { ClientTraceEvents, TracedClientConnection, TracedClientExchange } from "./client_trace.ts";
import type { Route } from "./way/route.ts";

/** What a route is to those who trace. */
export function tracedConnection(
  { hostname, port, secure, proxy }: Route,
  version: TracedClientConnection["version"],
): TracedClientConnection {
  return { hostname, port, secure, proxy: proxy?.address ?? null, version };
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** The events of one exchange. */
export class ExchangeTrace implements ExchangeOverListener {
  readonly #tracing: Tracing<ClientTraceEvents>;
  readonly #exchange: Writable<TracedClientExchange>;
  #waits = false;
  /** Whether the answer is the caller's: until then a connection that ends may lead to another attempt. */
  #decided = false;
  #ended: { readonly why: Closed | null } | null = null;
  #requestBodyBytes = 0;
  #responseBodyBytes = 0;

  /** Tells nothing yet. */
  constructor(tracing: Tracing<ClientTraceEvents>, { method, url }: Pick<TracedClientExchange, "method" | "url">) {
    this.#tracing = tracing;
    this.#exchange = { method, url, fields: [], connection: null };
  }

  /** Tells that a request with these fields begins, and gives them with those that were added. */
  begin(fields: readonly Field[]): readonly Field[] {
    const own = this.#exchange.fields = [...fields];
    this.#tracing.tell("requestBegun", { exchange: this.#exchange });
    return own;
  }

  /** Tells that the request is sent again, and gives these fields with those that were added. */
  retry(fields: readonly Field[], why: { readonly error: unknown } | { readonly status: number }): readonly Field[] {
    const own = this.#exchange.fields = [...fields];
    this.#exchange.connection = null;
    this.#tracing.tell("retried", { exchange: this.#exchange, ...why });
    return own;
  }

  /** Waits for a place. */
  wait(): void {
    this.#waits = true;
    this.#tracing.tell("poolWaitBegun", { exchange: this.#exchange });
  }

  /** Waits no more. */
  endWait(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#tracing.tell("poolWaitEnded", { exchange: this.#exchange });
  }

  /** There is a connection. */
  take(carrier: Carrier, route: Route): void {
    this.#ended = null;
    this.#requestBodyBytes = this.#responseBodyBytes = 0;
    this.#exchange.connection = carrier.traced ??= tracedConnection(route, carrier.version);
    if (carrier.version === "1.1") carrier.connection.tellExchange(this);
  }

  /** See {@linkcode ExchangeOverListener}. */
  onBodyReceived(bytes: number): void {
    this.#responseBodyBytes += bytes;
  }

  /** See {@linkcode ExchangeOverListener}. */
  onBodySent(bytes: number): void {
    this.#requestBodyBytes += bytes;
  }

  /** See {@linkcode ExchangeOverListener}. */
  onExchangeOver(why: Closed | null): void {
    if (this.#decided) this.#end(why?.reason === "error" ? why : null);
    else this.#ended = { why };
  }

  /** Tells how it goes on, as `sending` does. */
  async follow(sending: Promise<IncomingResponse>): Promise<IncomingResponse> {
    try {
      const response = await sending;
      this.#answered(response);
      return response;
    } catch (error) {
      this.endWait();
      this.#end({ error });
      throw error;
    }
  }

  #answered(response: IncomingResponse): void {
    const exchange = this.#exchange;
    this.#decided = true;
    this.#tracing.tell("headDecided", { exchange, head: response });
    const upgraded = upgradeOf(response)?.upgraded ?? null;
    if (upgraded !== null) this.#switched(upgraded, response.version === "2");
    if (this.#ended !== null) this.onExchangeOver(this.#ended.why);
  }

  #switched(upgraded: Upgraded, stream: boolean): void {
    const exchange = this.#exchange;
    const meter = new UpgradedMeter(upgraded, stream);
    this.#tracing.tell("switched", { exchange, protocol: upgraded.protocol });
    upgraded.closed.then(() => this.#tracing.tell("upgradedClosed", { exchange, ...meter.bytes() }));
  }

  #end(failure: { readonly error: unknown } | null): void {
    const exchange = this.#exchange;
    const ended = {
      exchange,
      requestBodyBytes: this.#requestBodyBytes,
      responseBodyBytes: this.#responseBodyBytes,
    };
    this.#tracing.tell("exchangeEnded", failure === null ? ended : { ...ended, error: failure.error });
  }
}
