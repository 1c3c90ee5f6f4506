/**
 * What a client tells those who trace it: the events, and the channels that they are published on.
 * `exchange_trace.ts` and `opener.ts` tell them.
 *
 * @module
 */

import type { Closed } from "../../http1/options.ts";
import type { Field } from "../../semantics/fields.ts";
import type { ResponseHead } from "../../semantics/message.ts";
import { type BodyBytes, TraceChannels, type TraceHooks, type UpgradedBytes } from "../trace.ts";

/** A connection of a client: the same object in each event of it. */
export interface TracedClientConnection {
  /** Where it leads: a name or an IP address, without brackets. */
  readonly hostname: string;
  /** 1–65535. */
  readonly port: number;
  /** Whether there is TLS with the server. */
  readonly secure: boolean;
  /** The proxy that it goes through, `host:port`, or `null`. */
  readonly proxy: string | null;
  /** The version of HTTP that is spoken on it. Requests share one of HTTP/2. */
  readonly version: "1.1" | "2";
}

/** One request and its answer, on a client: the same object in each event of it. A redirect begins another one, as an interceptor does. */
export interface TracedClientExchange {
  /** The method. */
  readonly method: string;
  /** The URL, without credentials. */
  readonly url: URL;
  /** The field lines. What is added in `requestBegun` or `retried` goes out with the request, a `traceparent` for example. */
  readonly fields: Field[];
  /** The connection, once there is one. */
  readonly connection: TracedClientConnection | null;
}

/** What each event of a client comes with, by its name. */
export interface ClientTraceEvents {
  /** A request is about to be sent: told in the async context (`AsyncLocalStorage`) of the call. */
  readonly requestBegun: { readonly exchange: TracedClientExchange };
  /** It waits, as there are `maxConnectionsPerOrigin` connections at work. */
  readonly poolWaitBegun: { readonly exchange: TracedClientExchange };
  /** It waits no more; told before `exchangeEnded` too, where it gave up. */
  readonly poolWaitEnded: { readonly exchange: TracedClientExchange };
  /** A connection is open, the handshakes with proxy and TLS over. */
  readonly connectionOpened: { readonly connection: TracedClientConnection };
  /** The request is sent again: for an error of a connection, or for the status of an answer, 407 or 417. */
  readonly retried: { readonly exchange: TracedClientExchange; readonly error?: unknown; readonly status?: number };
  /** The final head of the answer has come. */
  readonly headDecided: { readonly exchange: TracedClientExchange; readonly head: ResponseHead };
  /** The connection, or one stream of HTTP/2, has switched to a protocol. It is the caller's. */
  readonly switched: { readonly exchange: TracedClientExchange; readonly protocol: string | null };
  /** The exchange is over, the body of the answer read or given up. `error` is there if it failed. */
  readonly exchangeEnded: BodyBytes & { readonly exchange: TracedClientExchange; readonly error?: unknown };
  /** HTTP is over on the connection; it is still open if that is because of an `upgrade`. */
  readonly connectionClosed: { readonly connection: TracedClientConnection; readonly why: Closed };
  /** A connection that has switched is over, as far as it is still this package's. */
  readonly upgradedClosed: UpgradedBytes & { readonly exchange: TracedClientExchange };
}

/**
 * The option `trace` of a client: functions that are told what happens, when it happens. What they throw is printed. The same
 * events are published on channels of `node:diagnostics_channel`, `http-upgrade:client:requestBegun` for example.
 */
export interface ClientTrace extends TraceHooks<ClientTraceEvents> {}

/** The channels of clients. */
export const clientChannels: TraceChannels<ClientTraceEvents> = new TraceChannels("http-upgrade:client:", {
  requestBegun: "function",
  poolWaitBegun: "function",
  poolWaitEnded: "function",
  connectionOpened: "function",
  retried: "function",
  headDecided: "function",
  switched: "function",
  exchangeEnded: "function",
  connectionClosed: "function",
  upgradedClosed: "function",
});
