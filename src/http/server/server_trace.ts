/**
 * What a server tells those who trace it: the events, and the channels that they are published on.
 * `connection_trace.ts` tells them.
 *
 * @module
 */

import type { SocketInfo } from "../../duplex/socket.ts";
import type { Closed } from "../../http1/options.ts";
import type { RequestHead } from "../../semantics/message.ts";
import { type BodyBytes, TraceChannels, type TraceHooks, type UpgradedBytes } from "../trace.ts";

/** A connection of a server: the same object in each event of it. */
export type TracedServerConnection = SocketInfo;

/** One request and its answer, on a server: the same object in each event of it. */
export interface TracedServerExchange {
  /** The connection. */
  readonly connection: TracedServerConnection;
  /** The head of the request as it stood on the wire. */
  readonly head: RequestHead;
  /** What the handler gets, to find it again there; `null` for CONNECT, and for a `Host` that no URL can have. */
  readonly request: Request | null;
}

/** What each event of a server comes with, by its name. */
export interface ServerTraceEvents {
  /** A connection is open, its TLS handshake over. */
  readonly connectionOpened: { readonly connection: TracedServerConnection };
  /** The head of a request has come; the handler is called next. */
  readonly requestBegun: { readonly exchange: TracedServerExchange };
  /** The status of an answer is decided, 101 of a switch as well. `exchange` is `null` if no request could be read. */
  readonly headDecided: {
    readonly connection: TracedServerConnection;
    readonly exchange: TracedServerExchange | null;
    readonly status: number;
  };
  /** The connection has switched: to a protocol, or to a tunnel if that is `null`. */
  readonly switched: { readonly exchange: TracedServerExchange; readonly protocol: string | null };
  /** The exchange is over. `error` is there if it failed: what the handler threw, or what ended the connection. */
  readonly exchangeEnded: BodyBytes & { readonly exchange: TracedServerExchange; readonly error?: unknown };
  /** HTTP is over on the connection; it is still open if that is because of an `upgrade`. */
  readonly connectionClosed: { readonly connection: TracedServerConnection; readonly why: Closed };
  /** A connection that has switched is over, and so is its callback. */
  readonly upgradedClosed: UpgradedBytes & { readonly exchange: TracedServerExchange };
}

/**
 * The option `trace` of `serve`: functions that are told what happens, when it happens. What they throw goes to `onError`.
 * The same events are published on channels of `node:diagnostics_channel`, `http-upgrade:server:requestBegun` for example.
 */
export interface ServerTrace extends TraceHooks<ServerTraceEvents> {}

/** The channels of servers. */
export const serverChannels: TraceChannels<ServerTraceEvents> = new TraceChannels("http-upgrade:server:", {
  connectionOpened: "function",
  requestBegun: "function",
  headDecided: "function",
  switched: "function",
  exchangeEnded: "function",
  connectionClosed: "function",
  upgradedClosed: "function",
});
