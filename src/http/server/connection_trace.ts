/**
 * Tells what happens on one connection of a server, if anybody wants to know: `exchanges.ts` has one then, and
 * `switched.ts` goes on with it behind a switch.
 *
 * @module
 */

import type { Closed } from "../../http1/options.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import type { ExchangeListener } from "../../http1/exchange_listener.ts";
import type { Tracing } from "../trace.ts";
import type { ServerTraceEvents, TracedServerConnection, TracedServerExchange } from "./server_trace.ts";

/** The events of one connection. */
export class ConnectionTrace implements ExchangeListener {
  readonly #tracing: Tracing<ServerTraceEvents>;
  readonly #connection: TracedServerConnection;
  /** The exchange at hand. */
  #exchange: TracedServerExchange | null = null;
  #failure: { readonly error: unknown } | null = null;
  /** The one that has switched. */
  #switched: TracedServerExchange | null = null;

  /** The connection is open. */
  constructor(tracing: Tracing<ServerTraceEvents>, connection: TracedServerConnection) {
    this.#tracing = tracing;
    this.#connection = connection;
    tracing.tell("connectionOpened", { connection });
  }

  /** A request has come. */
  begin(head: IncomingRequest, request: Request | null): void {
    this.#failure = null;
    const exchange = this.#exchange = { connection: this.#connection, head, request };
    this.#tracing.tell("requestBegun", { exchange });
  }

  /** The handler has thrown. */
  fail(error: unknown): void {
    this.#failure = { error };
  }

  /** See {@linkcode ExchangeListener}. */
  onHead(request: IncomingRequest | null, status: number): void {
    const exchange = request === null ? null : this.#exchange;
    this.#tracing.tell("headDecided", { connection: this.#connection, exchange, status });
  }

  /** The connection has switched. */
  switched(protocol: string | null): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#switched = exchange;
    this.#tracing.tell("switched", { exchange, protocol });
  }

  /** See {@linkcode ExchangeListener}. */
  onExchangeOver(why: Closed | null): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#exchange = null;
    const failure = this.#failure ?? (why?.reason === "error" ? why : null);
    this.#tracing.tell("exchangeEnded", failure === null ? { exchange } : { exchange, error: failure.error });
  }

  /** HTTP is over. */
  over(why: Closed): void {
    this.onExchangeOver(why);
    this.#tracing.tell("connectionClosed", { connection: this.#connection, why });
  }

  /** What came behind the switch is over. */
  upgradedOver(): void {
    if (this.#switched !== null) this.#tracing.tell("upgradedClosed", { exchange: this.#switched });
  }
}
