/**
 * From a request to its answer: the exchanges of one connection. `server.ts` makes one of these for each connection that
 * is let in, and `serveConnection()` below calls it with each request; it calls the handler and `response_writer.ts`.
 *
 * @module
 */

import { ignore } from "../../duplex/deferred.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import type { OverListener } from "../../duplex/held_channel.ts";
import type { Linked } from "../../duplex/linked_set.ts";
import type { SocketInfo } from "../../duplex/socket.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { isDeparture, statusOf } from "../../http1/failure.ts";
import { headerLines } from "../../http1/header_lines.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import { LightResponse } from "../../http1/light_response.ts";
import type { ServerConnectionOptions } from "../../http1/options.ts";
import type { OutgoingResponse } from "../../http1/outgoing_response.ts";
import { serveConnection } from "../../http1/server_connection.ts";
import { upgradeOf } from "../../http1/upgrade.ts";
import { Http2ServerConnection } from "../../http2/server_connection.ts";
import { Tracing } from "../trace.ts";
import { ConnectRequest } from "./connect_request.ts";
import { ConnectionTrace } from "./connection_trace.ts";
import { LightRequest } from "./light_request.ts";
import { Reports } from "./reports.ts";
import { outgoing, withTrailers } from "./response_writer.ts";
import { ExchangeInfo, type Place } from "./serve_info.ts";
import type { ServeHandler, ServeHttp2, ServeOptions } from "./serve_options.ts";
import type { ServedConnection } from "./served_connection.ts";
import { serverChannels, type ServerTraceEvents } from "./server_trace.ts";
import { Switched } from "./switched.ts";

/** What the exchanges of all connections of a server share. */
export interface Handling {
  /** What the server was told. */
  readonly options: ServeOptions;
  /** What answers requests. */
  readonly handler: ServeHandler;
  /** Where errors go. */
  readonly reports: Reports;
  /** Where connections go that switch. */
  readonly switched: Switched;
  /** Who is told of what happens. */
  readonly tracing: Tracing<ServerTraceEvents>;
  /** Is told that a connection is over. */
  readonly over: (exchanges: Exchanges) => void;
  /** What the handler got for a request; kept for `onResponse` only. */
  readonly requests: WeakMap<IncomingRequest, Request>;
  /** What holds for connections of HTTP/2; `null` where that is not spoken. */
  readonly http2: ServeHttp2 | null;
}

/**
 * What holds for connections that no server counts: those of a `node:http` server, and what runs inside of a tunnel.
 *
 * @param onSwitchedEnd Called when one that has switched has ended.
 */
export function uncounted(options: ServeOptions, handler: ServeHandler, onSwitchedEnd: () => void = ignore): Handling {
  const reports = new Reports(options.onError);
  const switched = new Switched(reports, onSwitchedEnd);
  const tracing = tracingOf(options, reports);
  return { options, handler, reports, switched, tracing, over: ignore, requests: new WeakMap(), http2: null };
}

/** Tells what happens on connections with these options. `reports` gets what a function of `trace` throws. */
export function tracingOf({ trace }: ServeOptions, reports: Reports): Tracing<ServerTraceEvents> {
  return new Tracing(serverChannels, trace, (error) => void reports.tell(error));
}

/** What `serveConnection()` is told for each connection of a server. */
export function connectionOptions(
  { options, reports, requests }: Pick<Handling, "options" | "reports" | "requests">,
): ServerConnectionOptions {
  const { onResponse } = options;
  return {
    ...options,
    onError: (error) => void reports.tell(error),
    onResponse: onResponse && ((incoming, head) => {
      onResponse(incoming === null ? null : requests.get(incoming) ?? null, head);
    }),
  };
}

/** One request. */
interface Exchange {
  readonly incoming: IncomingRequest;
  readonly info: ExchangeInfo;
  /** What the handler got; `null` for CONNECT. */
  readonly request: Request | null;
  /** Tells what happens; `null` if there is no listener. */
  readonly trace: ConnectionTrace | null;
}

/** The exchanges of one connection. */
export class Exchanges implements Place, OverListener, Linked<Exchanges> {
  /** See {@linkcode Linked}. */
  previous: Exchanges | null = null;
  /** See {@linkcode Linked}. */
  next: Exchanges | null = null;
  readonly info: SocketInfo;
  /** Only this class writes it: a client may begin with the preface of HTTP/2. */
  connection: ServedConnection;
  /** How many requests have come. Only this class writes it. */
  requests = 0;
  readonly #secure: boolean;
  readonly #handling: Handling;
  /** Tells what happens here; `null` if there was no listener when the connection was opened. */
  readonly #trace: ConnectionTrace | null;
  /** The connection, if it speaks HTTP/2: each of its exchanges is told apart. */
  #http2: Http2ServerConnection | null = null;
  /** Whether the connection is to end. One that the client begins anew, with the preface of HTTP/2, is told so as well. */
  #ends = false;
  /** The last `Host`, and the scheme and host that URLs begin with: both seldom change. */
  #host: string | null = null;
  #base = "";

  constructor(
    io: DuplexLike,
    info: SocketInfo,
    secure: boolean,
    handling: Handling,
    options: ServerConnectionOptions,
  ) {
    this.info = info;
    this.#secure = secure;
    this.#handling = handling;
    const tracing = handling.tracing.active;
    this.#trace = tracing === null ? null : new ConnectionTrace(tracing, info);
    if (this.#trace !== null) this.#trace.opened();
    const http2 = handling.http2;
    const agreed = http2 !== null && secure && info.alpn === "h2";
    if (!agreed) {
      this.connection = this.#serveHttp1(io, options);
      return;
    }
    const connection = this.connection = this.#serveHttp2(io, http2);
    connection.start(null);
  }

  #serveHttp1(io: DuplexLike, options: ServerConnectionOptions): ServedConnection {
    const connection = serveConnection(io, this.#answer.bind(this), options);
    connection.tellOver(this);
    if (this.#trace !== null) connection.tellExchanges(this.#trace);
    const { http2 } = this.#handling;
    if (http2?.h2c === true && !this.#secure) {
      connection.tellPreface((readBuf) => {
        const successor = this.connection = this.#serveHttp2(io, http2);
        successor.start(readBuf);
        if (this.#ends) successor.gracefulShutdown();
      });
    }
    return connection;
  }

  #serveHttp2(io: DuplexLike, { settings }: ServeHttp2): Http2ServerConnection {
    const connection = this.#http2 = new Http2ServerConnection(io, this.#answer.bind(this), settings);
    connection.tellOver(this);
    return connection;
  }

  /** Lets what is under way end, and closes the connection. */
  gracefulShutdown(): void {
    this.#ends = true;
    this.connection.gracefulShutdown();
  }

  /** What tells of the request that has just come. */
  #traceOf(): ConnectionTrace | null {
    if (this.#trace === null || this.#http2 === null) return this.#trace;
    const trace = this.#trace.another();
    this.#http2.tellExchange(trace);
    return trace;
  }

  /** See {@linkcode OverListener}. */
  onOver(): void {
    if (this.#trace !== null) this.#trace.over(this.connection.why!);
    this.#handling.over(this);
  }

  #answer(incoming: IncomingRequest): OutgoingResponse | Promise<OutgoingResponse> {
    const { options, handler, requests } = this.#handling;
    if (++this.requests >= (options.maxRequestsPerConnection ?? Infinity)) this.gracefulShutdown();
    const info = new ExchangeInfo(incoming, this);
    const trace = this.#traceOf();
    if (incoming.method === "CONNECT") return this.#answerConnect(incoming, info, trace);
    const host = incoming.fields.get("host") ?? "";
    if (host !== this.#host && !this.#keepHost(host)) {
      if (trace !== null) trace.begin(incoming, null);
      return { status: 400, fields: [["connection", "close"]] };
    }
    const request = new LightRequest(incoming, this.#base) as unknown as Request;
    if (options.onResponse !== undefined) requests.set(incoming, request);
    if (trace !== null) trace.begin(incoming, request);
    const exchange = { incoming, info, request, trace };
    try {
      return this.#written(exchange, handler(request, info));
    } catch (error) {
      return this.#failed(exchange, error);
    }
  }

  #answerConnect(
    incoming: IncomingRequest,
    info: ExchangeInfo,
    trace: ConnectionTrace | null,
  ): OutgoingResponse | Promise<OutgoingResponse> {
    const { connect } = this.#handling.options;
    if (trace !== null) trace.begin(incoming, null);
    if (connect === undefined || incoming.proposal.type !== "connect") return { status: 405 };
    const exchange = { incoming, info, request: null, trace };
    try {
      return this.#written(exchange, connect(new ConnectRequest(incoming, incoming.proposal.authority), info));
    } catch (error) {
      return this.#failed(exchange, error);
    }
  }

  /** Whether a URL can begin with `host`. */
  #keepHost(host: string): boolean {
    try {
      this.#base = new URL(`${this.#secure ? "https" : "http"}://${host === "" ? "localhost" : host}/`).origin;
      this.#host = host;
      return true;
    } catch {
      return false;
    }
  }

  #written(exchange: Exchange, response: Response | Promise<Response>): OutgoingResponse | Promise<OutgoingResponse> {
    if (!(response instanceof Response)) return this.#writtenLater(exchange, response);
    const message = this.#message(exchange, response);
    return message instanceof Promise ? message.catch((error) => this.#failed(exchange, error)) : message;
  }

  /** What is sent of a response; it fails if that has a body of which nothing can be sent. */
  #message(exchange: Exchange, response: Response): OutgoingResponse | Promise<OutgoingResponse> {
    const { incoming, info } = exchange;
    const given = LightResponse.given(response);
    if (incoming.proposal.type !== "none") {
      const switching = this.#switching(exchange, response, given);
      if (switching !== null) return switching;
    }
    const trailers = info.decide();
    const message = given ?? outgoing(response);
    return trailers === undefined ? message : withTrailers(incoming, message, trailers);
  }

  async #writtenLater(exchange: Exchange, answer: Promise<Response>): Promise<OutgoingResponse> {
    try {
      const response = await answer;
      if (!(response instanceof Response)) throw new TypeError("Cannot answer: the handler returned no Response");
      const message = this.#message(exchange, response);
      return message instanceof Promise ? await message : message;
    } catch (error) {
      return await this.#failed(exchange, error);
    }
  }

  /** The head that switches, if the handler has accepted and its response still says so; middleware may replace that. */
  #switching(
    { incoming, trace }: Exchange,
    response: Response,
    given: OutgoingResponse | null,
  ): OutgoingResponse | null {
    const pending = upgradeOf(incoming);
    const acceptance = pending?.acceptance ?? null;
    if (acceptance === null || !standsFor((given ?? response).status, acceptance.status)) return null;
    this.#handling.switched.await(pending!, acceptance, trace, this.#http2 === null);
    const { status, reason } = acceptance;
    if (given !== null) return { status, reason, fields: given.fields, body: given.body };
    return { status, reason, fields: headerLines(response.headers), body: response.body };
  }

  async #failed(exchange: Exchange, error: unknown): Promise<OutgoingResponse> {
    const { reports } = this.#handling;
    if (exchange.trace !== null) exchange.trace.fail(error);
    if (error instanceof ProtocolError) throw error;
    const response = await reports.ask(error, exchange.request);
    if (response instanceof Response) return await this.#message(exchange, response);
    if (isDeparture(error)) {
      reports.passOn(error as object);
      throw error;
    }
    const status = statusOf(error);
    return {
      status,
      body: status === 502 ? "Bad Gateway" : status === 504 ? "Gateway Timeout" : "Internal Server Error",
    };
  }
}

/** A 426 stands for the 101 that was accepted; a platform that can say 101 may say so itself. */
function standsFor(status: number, accepted: number): boolean {
  return accepted === 101 ? status === 426 || status === 101 : status >= 200 && status < 300;
}
