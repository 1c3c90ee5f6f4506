/**
 * Tells how one request of a client goes, if anybody wants to know: `exchange.ts` has one then.
 *
 * @module
 */

import type { Closed } from "../../http1/options.ts";
import type { ExchangeOverListener } from "../../http1/exchange_listener.ts";
import type { IncomingResponse } from "../../http1/incoming.ts";
import { upgradeOf } from "../../http1/upgrade.ts";
import type { Field } from "../../semantics/fields.ts";
import type { Tracing } from "../trace.ts";
import type { ClientTraceEvents, TracedClientConnection, TracedClientExchange } from "./client_trace.ts";
import type { Pooled } from "./pool.ts";
import type { ClientRequest } from "./request.ts";
import type { Route } from "./way/route.ts";

/** What a route is to those who trace. */
export function tracedConnection({ hostname, port, secure, proxy }: Route): TracedClientConnection {
  return { hostname, port, secure, proxy: proxy?.address ?? null };
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

  /** Tells nothing yet. */
  constructor(tracing: Tracing<ClientTraceEvents>, { method, url }: ClientRequest) {
    this.#tracing = tracing;
    this.#exchange = { method, url, fields: [], connection: null };
  }

  /** Tells that the request begins, and gives it with the fields that were added. */
  begin(request: ClientRequest): ClientRequest {
    const fields = this.#exchange.fields = [...request.fields];
    this.#tracing.tell("requestBegun", { exchange: this.#exchange });
    return { ...request, fields };
  }

  /** Tells that the request is sent again, and gives it with the fields that were added. */
  retry(request: ClientRequest, why: { readonly error: unknown } | { readonly status: number }): ClientRequest {
    const fields: Field[] = this.#exchange.fields = [...request.fields];
    this.#exchange.connection = null;
    this.#tracing.tell("retried", { exchange: this.#exchange, ...why });
    return { ...request, fields };
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
  take(pooled: Pooled, route: Route): void {
    this.#ended = null;
    this.#exchange.connection = pooled.traced ??= tracedConnection(route);
    pooled.connection.tellExchangeOver(this);
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
    if (upgraded !== null) this.#tracing.tell("switched", { exchange, protocol: upgraded.protocol });
    if (this.#ended !== null) this.onExchangeOver(this.#ended.why);
  }

  #end(failure: { readonly error: unknown } | null): void {
    const exchange = this.#exchange;
    this.#tracing.tell("exchangeEnded", failure === null ? { exchange } : { exchange, error: failure.error });
  }
}
