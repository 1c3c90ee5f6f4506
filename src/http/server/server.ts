/**
 * A server's life: listeners, connections, upgraded connections, and how all of that ends.
 *
 * @module
 */

import { checkOneOf, checkOptions, type Kinds } from "../../bytes/arguments.ts";
import { type Clock, Deadline, systemClock } from "../../duplex/clock.ts";
import { departed, isDeparture, isPeersDoing, statusOf } from "../../http1/failure.ts";
import { closeWithFarewell } from "../../http1/farewell.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import { type ServerConnectionOptions, serverSettings } from "../../http1/options.ts";
import type { OutgoingResponse } from "../../http1/outgoing_response.ts";
import { serveConnection, type ServerConnection } from "../../http1/server_connection.ts";
import { Deferred } from "../../duplex/deferred.ts";
import { giveUp, type Owned } from "../../http1/owned.ts";
import { onUpgrade, upgradeOf } from "../../http1/upgrade.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import type { Listener, ListenOptions } from "../../duplex/network.ts";
import type { Socket, SocketAddress, SocketInfo } from "../../duplex/socket.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { ConnectRequest } from "./connect_request.ts";
import { LightRequest } from "./light_request.ts";
import { listen } from "../platform.ts";
import { fieldsOf, outgoing, withTrailers } from "./response_writer.ts";
import type { ServeHandler, ServeOptions } from "./serve_options.ts";
import { ServeInfo } from "./serve_info.ts";
import { type Acceptance, acceptanceOf, type OnSwitched } from "../../http1/switch.ts";

/** How a server ends. */
export interface ShutdownOptions {
  /**
   * What becomes of upgraded connections and tunnels: `"wait"`, the default, until they end by themselves; `"close"`
   * them, WebSockets with 1001; or `"ignore"` them, which leaves them open.
   */
  readonly upgraded?: "wait" | "close" | "ignore" | undefined;
  /** Ends the patience: whatever is open then is cut. */
  readonly signal?: AbortSignal | undefined;
}

const SHUTDOWN: Kinds<ShutdownOptions> = {
  upgraded: (value, name) => checkOneOf(value, name, ["wait", "close", "ignore"]),
  signal: "signal",
};

/** Where a server listens; `port` is there for TCP. */
export type ServerAddress = SocketAddress & { readonly port?: number };

/** What belongs to one connection. */
interface Context {
  readonly info: SocketInfo;
  readonly secure: boolean;
  connection: ServerConnection;
  requests: number;
  host: string;
  base: string;
}

/** What belongs to one request. */
interface Exchange {
  readonly incoming: IncomingRequest;
  readonly info: ServeInfo;
  /** What the handler got; `null` for CONNECT. */
  readonly request: Request | null;
}

/** A server; made by `serve`. */
export class Server implements AsyncDisposable {
  /** Resolves with the addresses once connections are taken. Rejects if that fails; needs no handler. */
  readonly listening: Promise<readonly [ServerAddress, ...ServerAddress[]]>;
  readonly #options: ServeOptions;
  readonly #connectionOptions: ServerConnectionOptions;
  readonly #handler: ServeHandler;
  readonly #clock: Clock;
  readonly #finished: Deferred<void> = new Deferred<void>();
  readonly #connections: Set<ServerConnection> = new Set();
  readonly #opening: Set<Socket> = new Set();
  readonly #upgraded: Set<Upgraded> = new Set();
  readonly #requests: WeakMap<IncomingRequest, Request> = new WeakMap();
  #listeners: Listener[] = [];
  #ending: "wait" | "close" | "ignore" | null = null;
  #cutFor: { readonly reason: unknown } | null = null;
  #freed: Deferred<void> | null = null;

  /**
   * Use `serve`.
   *
   * @param options The options.
   * @param handler The handler.
   */
  constructor(options: ServeOptions, handler: ServeHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#clock = options.clock ?? systemClock;
    this.#connectionOptions = this.#optionsOfConnections();
    serverSettings(this.#connectionOptions);
    this.listening = this.#listen();
    this.listening.catch((error) => this.#finished.reject(error));
    this.#onAbort(options.signal, () => this.shutdown());
  }

  /** Resolves when the server is shut down and everything it promised is done. Rejects if it could not listen. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** How many connections are open, upgraded ones included. */
  get connections(): number {
    return this.#connections.size + this.#opening.size + this.#upgraded.size;
  }

  /**
   * Stops listening, lets each connection finish the exchange at hand, and closes; idle ones close at once.
   *
   * @param options What becomes of upgraded connections, and when patience ends.
   * @returns The same as `finished`.
   * @throws {TypeError} An option is of another kind.
   */
  shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkOptions(options, SHUTDOWN);
    this.#ending = options.upgraded ?? "wait";
    this.#stopListening();
    for (const socket of this.#opening) socket.abort();
    for (const connection of this.#connections) connection.gracefulShutdown();
    if (this.#ending === "close") { for (const upgraded of this.#upgraded) closeWithFarewell(upgraded); }
    const { signal } = options;
    this.#onAbort(signal, () => this.#cut(signal!.reason));
    this.#freed?.resolve();
    this.#checkFinished();
    return this.#finished.promise;
  }

  /** Shuts down and closes upgraded connections. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown({ upgraded: "close" });
  }

  /** Listens to a signal until the server is over. */
  #onAbort(signal: AbortSignal | undefined, abort: () => void): void {
    if (signal === undefined) return;
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    const unlisten = (): void => signal.removeEventListener("abort", abort);
    this.#finished.promise.then(unlisten, unlisten);
  }

  #cut(reason: unknown): void {
    this.#cutFor = { reason };
    for (const socket of this.#opening) socket.abort(reason);
    for (const connection of this.#connections) connection.abort(reason);
    for (const upgraded of this.#upgraded) upgraded.abort(reason);
  }

  #checkFinished(): void {
    if (this.#ending === null || this.#connections.size > 0 || this.#opening.size > 0) return;
    if (this.#ending !== "ignore" && this.#upgraded.size > 0) return;
    this.listening.then(() => this.#stopListening()).then(() => this.#finished.resolve(), () => {});
  }

  async #stopListening(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  #optionsOfConnections(): ServerConnectionOptions {
    const { onResponse } = this.#options;
    return {
      ...this.#options,
      onError: (error) => {
        if (!this.#reported.has(Object(error) as object)) this.#tell(error);
      },
      onResponse: onResponse === undefined ? undefined : (incoming, head) => {
        onResponse(incoming === null ? null : this.#requests.get(incoming) ?? null, head);
      },
    };
  }

  async #listen(): Promise<readonly [ServerAddress, ...ServerAddress[]]> {
    const { listen: several, hostname, port, path, tls, reusePort, backlog, noDelay, allowHalfOpen } = this.#options;
    const one = { hostname, port, path, tls, reusePort, backlog, noDelay, allowHalfOpen };
    const places = (several ?? [withoutUndefined(one)]).map(speakingHttp);
    try {
      for (const place of places) this.#listeners.push(await listen(place));
    } catch (error) {
      await this.#stopListening();
      throw error;
    }
    this.#listeners.forEach((listener, i) => this.#accept(listener, places[i]!.tls !== undefined));
    if (this.#ending !== null) this.#stopListening();
    const [first, ...others] = this.#listeners.map((listener): ServerAddress => listener.address);
    if (first === undefined) throw new TypeError("Cannot serve: there is no place to listen at");
    return [first, ...others];
  }

  async #accept(listener: Listener, secure: boolean): Promise<void> {
    while (this.#ending === null) {
      while (this.#full) await this.#freeing;
      const socket = await listener.accept();
      if (socket === null) return;
      // Meanwhile another listener may have filled the last place.
      while (this.#full) await this.#freeing;
      if (this.#ending === null) this.#open(socket, secure);
      else socket.abort();
    }
  }

  get #full(): boolean {
    return this.connections >= (this.#options.maxConnections ?? Infinity) && this.#ending === null;
  }

  /** Resolves when a connection is over, or the server is to end. */
  get #freeing(): Promise<void> {
    return (this.#freed ??= new Deferred<void>()).promise;
  }

  async #open(socket: Socket, secure: boolean): Promise<void> {
    this.#opening.add(socket);
    const handshake = new Deadline(this.#clock);
    if (secure) handshake.set(this.#options.headTimeoutMs ?? 30_000, () => socket.abort());
    try {
      this.#serve(socket, await socket.opened, secure);
    } catch {
      socket.abort();
    } finally {
      handshake.stop();
      this.#opening.delete(socket);
      this.#free();
    }
  }

  #serve(socket: Socket, info: SocketInfo, secure: boolean): void {
    const context: Partial<Context> = { info, secure, requests: 0, host: "", base: "" };
    const connection = serveConnection(
      socket,
      (incoming) => this.#answer(incoming, context as Context),
      this.#connectionOptions,
    );
    context.connection = connection;
    this.#connections.add(connection);
    connection.closed.then(() => {
      this.#connections.delete(connection);
      this.#free();
    });
    if (this.#ending !== null) connection.gracefulShutdown();
  }

  /** A connection is over. */
  #free(): void {
    this.#freed?.resolve();
    this.#freed = null;
    this.#checkFinished();
  }

  #answer(incoming: IncomingRequest, context: Context): OutgoingResponse | Promise<OutgoingResponse> {
    const { maxRequestsPerConnection = Infinity } = this.#options;
    if (++context.requests >= maxRequestsPerConnection) context.connection.gracefulShutdown();
    const info = new ServeInfo(incoming, context.connection, context.info, context.secure);
    if (incoming.method === "CONNECT") return this.#answerConnect(incoming, info);
    const base = baseOf(incoming, context);
    if (base === null) return { status: 400, fields: [["connection", "close"]] };
    const request = new LightRequest(incoming, base) as unknown as Request;
    if (this.#options.onResponse !== undefined) this.#requests.set(incoming, request);
    return this.#respond({ incoming, info, request }, () => this.#handler(request, info));
  }

  #answerConnect(incoming: IncomingRequest, info: ServeInfo): OutgoingResponse | Promise<OutgoingResponse> {
    const { connect } = this.#options;
    if (connect === undefined || incoming.proposal.type !== "connect") return { status: 405 };
    const request = new ConnectRequest(incoming, incoming.proposal.authority);
    return this.#respond({ incoming, info, request: null }, () => connect(request, info));
  }

  #respond(
    exchange: Exchange,
    handle: () => Response | Promise<Response>,
  ): OutgoingResponse | Promise<OutgoingResponse> {
    try {
      const response = handle();
      if (response instanceof Response) return this.#written(exchange, response);
      return this.#respondLater(exchange, response);
    } catch (error) {
      return this.#failed(exchange, error);
    }
  }

  async #respondLater(exchange: Exchange, answer: Promise<Response>): Promise<OutgoingResponse> {
    try {
      return await this.#written(exchange, await answer);
    } catch (error) {
      return await this.#failed(exchange, error);
    }
  }

  #written({ incoming, info }: Exchange, response: Response): OutgoingResponse | Promise<OutgoingResponse> {
    if (!(response instanceof Response)) throw new TypeError("Cannot answer: the handler returned no Response");
    const acceptance = incoming.proposal.type === "none" ? undefined : acceptanceOf(incoming);
    if (acceptance === undefined || !standsFor(response.status, acceptance.status)) {
      const trailers = ServeInfo.trailers(info);
      return trailers === undefined ? outgoing(response) : withTrailers(incoming, outgoing(response), trailers);
    }
    upgradeOf(incoming)?.onSwitched((upgraded) => this.#switched(upgraded, incoming, acceptance));
    return { status: acceptance.status, fields: fieldsOf(response.headers), body: response.body };
  }

  /** Nothing here holds on to the request: what has switched may stay for days. */
  #switched(upgraded: Upgraded, incoming: IncomingRequest, { onSwitched, owns }: Acceptance): void {
    this.#upgraded.add(upgraded);
    if (this.#ending === "close") closeWithFarewell(upgraded);
    if (onSwitched === undefined) this.#untrackOnceClosed(upgraded);
    else this.#callSwitched(upgraded, incoming, onSwitched, owns).then(() => this.#untrackOnceClosed(upgraded));
  }

  async #callSwitched(
    upgraded: Upgraded,
    incoming: IncomingRequest,
    onSwitched: OnSwitched,
    owns: Owned | undefined,
  ): Promise<void> {
    try {
      await onSwitched(await onUpgrade(incoming));
    } catch (error) {
      if (!this.#hasCaused(error)) this.#tell(isCut(error) ? departed(error) : error);
      upgraded.abort(error);
      giveUp(owns, error);
    }
  }

  /** Whether an error of a switched connection only says that this server has ended it. */
  #hasCaused(error: unknown): boolean {
    if (this.#cutFor !== null && error === this.#cutFor.reason) return true;
    return this.#ending === "close" && error instanceof TransportError && error.code === "closed";
  }

  #untrackOnceClosed(upgraded: Upgraded): void {
    upgraded.closed.then(() => {
      this.#upgraded.delete(upgraded);
      this.#free();
    });
  }

  async #failed(exchange: Exchange, error: unknown): Promise<OutgoingResponse> {
    if (error instanceof ProtocolError) throw error;
    const response = await this.#report(error, exchange.request);
    if (response instanceof Response) return await this.#written(exchange, response);
    if (isDeparture(error)) {
      this.#reported.add(error as object);
      throw error;
    }
    const status = statusOf(error);
    return {
      status,
      body: status === 502 ? "Bad Gateway" : status === 504 ? "Gateway Timeout" : "Internal Server Error",
    };
  }

  /** What the connection need not tell again. */
  readonly #reported: WeakSet<object> = new WeakSet();

  /** Reports what needs no answer. Whoever is told cannot change what happens. */
  async #tell(error: unknown): Promise<void> {
    try {
      await this.#report(error, null);
    } catch {
      return;
    }
  }

  #report(error: unknown, request: Request | null): Response | void | Promise<Response | void> {
    const { onError } = this.#options;
    return onError === undefined ? print(error) : onError(error, request);
  }
}

/** What is said where nobody wants to be told: nothing of clients that have left, and no stack of what others did. */
function print(error: unknown): void {
  if (!isDeparture(error)) console.error(isPeersDoing(error) ? `${error}` : error);
}

/** Behind a switch either side may leave as it likes. */
function isCut(error: unknown): boolean {
  return error instanceof TransportError && (error.code === "reset" || error.code === "closed");
}

/** A 426 stands for the 101 that was accepted; a platform that can say 101 may say so itself. */
function standsFor(status: number, accepted: number): boolean {
  return accepted === 101 ? status === 426 || status === 101 : status >= 200 && status < 300;
}

/** Scheme and host of a request; kept for the next one of the connection. `null` for a host that is none. */
function baseOf(incoming: IncomingRequest, context: Context): string | null {
  const host = incoming.fields.get("host") ?? "";
  if (host === context.host && context.base !== "") return context.base;
  const scheme = context.secure ? "https" : "http";
  try {
    const { origin } = new URL(`${scheme}://${host === "" ? "localhost" : host}/`);
    context.host = host;
    return context.base = origin;
  } catch {
    return null;
  }
}

/** Whoever offers several protocols through ALPN is to speak this one. */
function speakingHttp(place: ListenOptions): ListenOptions {
  return place.tls === undefined ? place : { ...place, tls: { alpnProtocols: ["http/1.1"], ...place.tls } };
}

function withoutUndefined<Options extends object>(options: Options): ListenOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ListenOptions;
}
