/**
 * Tells what happens on one connection of a server, if anybody wants to know: `exchanges.ts` has one then, and
 * `switched.ts` goes on with it behind a switch.
 *
 * @module
 */

import type { Closed } from "../../http1/options.ts";
import type { ExchangeListener } from "../../http1/exchange_listener.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import type { RequestHead } from "../../semantics/message.ts";
import { type Tracing, UpgradedMeter } from "../trace.ts";
import type { ServerTraceEvents, TracedServerConnection, TracedServerExchange } from "./server_trace.ts";

/** The events of one connection. */
export class ConnectionTrace implements ExchangeListener {
  readonly #tracing: Tracing<ServerTraceEvents>;
  readonly #connection: TracedServerConnection;
  /** The exchange at hand. */
  #exchange: TracedServerExchange | null = null;
  #failure: { readonly error: unknown } | null = null;
  #requestBodyBytes = 0;
  #responseBodyBytes = 0;
  /** The one that has switched. */
  #switched: { readonly exchange: TracedServerExchange; readonly meter: UpgradedMeter } | null = null;

  /** Tells nothing yet. */
  constructor(tracing: Tracing<ServerTraceEvents>, connection: TracedServerConnection) {
    this.#tracing = tracing;
    this.#connection = connection;
  }

  /** Tells of another exchange on the same connection, at the same time. */
  another(): ConnectionTrace {
    return new ConnectionTrace(this.#tracing, this.#connection);
  }

  /** The connection is open. */
  opened(): void {
    this.#tracing.tell("connectionOpened", { connection: this.#connection });
  }

  /** A request has come. */
  begin(head: RequestHead, request: Request | null): void {
    this.#failure = null;
    this.#requestBodyBytes = this.#responseBodyBytes = 0;
    const exchange = this.#exchange = { connection: this.#connection, head, request };
    this.#tracing.tell("requestBegun", { exchange });
  }

  /** The handler has thrown. */
  fail(error: unknown): void {
    this.#failure = { error };
  }

  /** See {@linkcode ExchangeListener}. */
  onHead(request: RequestHead | null, status: number): void {
    const exchange = request === null ? null : this.#exchange;
    this.#tracing.tell("headDecided", { connection: this.#connection, exchange, status });
  }

  /** The connection has switched. */
  switched(upgraded: Upgraded): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#switched = { exchange, meter: new UpgradedMeter(upgraded) };
    this.#tracing.tell("switched", { exchange, protocol: upgraded.protocol });
  }

  /** See {@linkcode ExchangeListener}. */
  onBodyReceived(bytes: number): void {
    this.#requestBodyBytes += bytes;
  }

  /** See {@linkcode ExchangeListener}. */
  onBodySent(bytes: number): void {
    this.#responseBodyBytes += bytes;
  }

  /** See {@linkcode ExchangeListener}. */
  onExchangeOver(why: Closed | null): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#exchange = null;
    const failure = this.#failure ?? (why?.reason === "error" ? why : null);
    const ended = {
      exchange,
      requestBodyBytes: this.#requestBodyBytes,
      responseBodyBytes: this.#responseBodyBytes,
    };
    this.#tracing.tell("exchangeEnded", failure === null ? ended : { ...ended, error: failure.error });
  }

  /** HTTP is over. */
  over(why: Closed): void {
    this.onExchangeOver(why);
    this.#tracing.tell("connectionClosed", { connection: this.#connection, why });
  }

  /** What came behind the switch is over. */
  upgradedOver(): void {
    if (this.#switched === null) return;
    const { exchange, meter } = this.#switched;
    this.#tracing.tell("upgradedClosed", { exchange, ...meter.bytes() });
  }
}
