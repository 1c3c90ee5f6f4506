/**
 * A server's life: listeners, connections, upgraded connections, and how all of that ends.
 *
 * @module
 */

import { type Clock, systemClock } from "../connection/clock.ts";
import type { IncomingRequest } from "../connection/incoming.ts";
import type { ServerConnectionOptions } from "../connection/options.ts";
import type { OutgoingResponse } from "../connection/respond.ts";
import { serveConnection, type ServerConnection } from "../connection/server.ts";
import { type Settled, settled } from "../connection/settled.ts";
import { onUpgrade } from "../connection/upgrade.ts";
import type { Upgraded } from "../connection/upgraded.ts";
import type { Listener, ListenOptions } from "../duplex/network.ts";
import type { Socket, SocketAddress, SocketInfo } from "../duplex/socket.ts";
import { ProtocolError } from "../http1/errors.ts";
import { ConnectRequest } from "./connect_request.ts";
import { LightRequest } from "./light_request.ts";
import { listen } from "./platform.ts";
import { fieldsOf, outgoing } from "./response_writer.ts";
import type { ServeHandler, ServeOptions } from "./serve_options.ts";
import { ServeInfo } from "./serve_info.ts";
import { acceptanceOf, type OnSwitched } from "./switch.ts";

/** How a server ends. */
export interface ShutdownOptions {
  /**
   * What becomes of upgraded connections and tunnels: `"wait"`, the default, until they end by themselves; `"close"`
   * them; or `"ignore"` them, which leaves them open.
   */
  readonly upgraded?: "wait" | "close" | "ignore" | undefined;
  /** Ends the patience: whatever is open then is cut. */
  readonly signal?: AbortSignal | undefined;
}

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

/** A server; made by `serve`. */
export class Server implements AsyncDisposable {
  /** Resolves with the addresses once connections are taken. Rejects if that fails; needs no handler. */
  readonly listening: Promise<readonly [ServerAddress, ...ServerAddress[]]>;
  readonly #options: ServeOptions;
  readonly #connectionOptions: ServerConnectionOptions;
  readonly #handler: ServeHandler;
  readonly #clock: Clock;
  readonly #finished: Settled<void> = settled<void>();
  readonly #connections: Set<ServerConnection> = new Set();
  readonly #opening: Set<Socket> = new Set();
  readonly #upgraded: Set<Upgraded> = new Set();
  readonly #requests: WeakMap<IncomingRequest, Request> = new WeakMap();
  #listeners: Listener[] = [];
  #ending: "wait" | "close" | "ignore" | null = null;
  #freed: Settled<void> | null = null;

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
    this.listening = this.#listen();
    this.listening.catch((error) => this.#finished.reject(error));
    const { signal } = options;
    if (signal?.aborted) this.shutdown();
    else signal?.addEventListener("abort", () => this.shutdown(), { once: true });
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
   */
  shutdown(options: ShutdownOptions = {}): Promise<void> {
    this.#ending = options.upgraded ?? "wait";
    for (const listener of this.#listeners) listener.close();
    for (const socket of this.#opening) socket.abort();
    for (const connection of this.#connections) connection.gracefulShutdown();
    if (this.#ending === "close") { for (const upgraded of this.#upgraded) upgraded.close(); }
    const { signal } = options;
    if (signal?.aborted) this.#cut(signal.reason);
    else signal?.addEventListener("abort", () => this.#cut(signal.reason), { once: true });
    this.#freed?.resolve();
    this.#checkFinished();
    return this.#finished.promise;
  }

  /** Shuts down and closes upgraded connections. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown({ upgraded: "close" });
  }

  #cut(reason: unknown): void {
    for (const socket of this.#opening) socket.abort(reason);
    for (const connection of this.#connections) connection.abort(reason);
    for (const upgraded of this.#upgraded) upgraded.abort(reason);
  }

  #checkFinished(): void {
    if (this.#ending === null || this.#connections.size > 0 || this.#opening.size > 0) return;
    if (this.#ending !== "ignore" && this.#upgraded.size > 0) return;
    this.listening.then(() => this.#finished.resolve(), () => {});
  }

  #optionsOfConnections(): ServerConnectionOptions {
    const { onResponse } = this.#options;
    return {
      ...this.#options,
      onError: (error) => this.#report(error, null),
      onResponse: onResponse === undefined ? undefined : (incoming, head) => {
        onResponse(incoming === null ? null : this.#requests.get(incoming) ?? null, head);
      },
    };
  }

  async #listen(): Promise<readonly [ServerAddress, ...ServerAddress[]]> {
    const { listen: several, hostname, port, path, tls, reusePort, backlog, noDelay, allowHalfOpen } = this.#options;
    const one = { hostname, port, path, tls, reusePort, backlog, noDelay, allowHalfOpen };
    const places = several ?? [withoutUndefined(one)];
    try {
      for (const place of places) this.#listeners.push(await listen(place));
    } catch (error) {
      for (const listener of this.#listeners) listener.close();
      throw error;
    }
    this.#listeners.forEach((listener, i) => this.#accept(listener, places[i]!.tls !== undefined));
    if (this.#ending !== null) { for (const listener of this.#listeners) listener.close(); }
    const [first, ...others] = this.#listeners.map((listener): ServerAddress => listener.address);
    if (first === undefined) throw new TypeError("Cannot serve: there is no place to listen at");
    return [first, ...others];
  }

  async #accept(listener: Listener, secure: boolean): Promise<void> {
    const most = this.#options.maxConnections ?? Infinity;
    while (this.#ending === null) {
      if (this.connections >= most) {
        await (this.#freed ??= settled<void>()).promise;
        continue;
      }
      const socket = await listener.accept();
      if (socket === null) return;
      this.#open(socket, secure);
    }
  }

  async #open(socket: Socket, secure: boolean): Promise<void> {
    this.#opening.add(socket);
    const timer = secure ? this.#clock.setTimer(() => socket.abort(), this.#options.headTimeoutMs ?? 30_000) : null;
    try {
      this.#serve(socket, await socket.opened, secure);
    } catch {
      socket.abort();
    } finally {
      if (timer !== null) this.#clock.clearTimer(timer);
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
    return this.#respond(incoming, request, () => this.#handler(request, info));
  }

  #answerConnect(incoming: IncomingRequest, info: ServeInfo): OutgoingResponse | Promise<OutgoingResponse> {
    const { connect } = this.#options;
    if (connect === undefined || incoming.proposal.type !== "connect") return { status: 405 };
    const request = new ConnectRequest(incoming, incoming.proposal.authority);
    return this.#respond(incoming, null, () => connect(request, info));
  }

  #respond(
    incoming: IncomingRequest,
    request: Request | null,
    handle: () => Response | Promise<Response>,
  ): OutgoingResponse | Promise<OutgoingResponse> {
    try {
      const response = handle();
      if (response instanceof Response) return this.#written(incoming, response);
      return this.#respondLater(incoming, request, response);
    } catch (error) {
      return this.#failed(incoming, request, error);
    }
  }

  async #respondLater(
    incoming: IncomingRequest,
    request: Request | null,
    answer: Promise<Response>,
  ): Promise<OutgoingResponse> {
    try {
      const response = await this.#inTime(answer);
      if (response === null) return { status: 503, fields: [["connection", "close"]] };
      return await this.#written(incoming, response);
    } catch (error) {
      return await this.#failed(incoming, request, error);
    }
  }

  /** The answer, or `null` when it takes too long. */
  async #inTime(answer: Promise<Response>): Promise<Response | null> {
    const limit = this.#options.requestTimeoutMs ?? 0;
    if (limit <= 0) return await answer;
    const late = settled<null>();
    const timer = this.#clock.setTimer(() => late.resolve(null), limit);
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      this.#clock.clearTimer(timer);
    }
  }

  #written(incoming: IncomingRequest, response: Response): OutgoingResponse | Promise<OutgoingResponse> {
    if (!(response instanceof Response)) throw new TypeError("Cannot answer: the handler returned no Response");
    const acceptance = incoming.proposal.type === "none" ? undefined : acceptanceOf(incoming);
    if (acceptance === undefined || !standsFor(response.status, acceptance.status)) return outgoing(response);
    onUpgrade(incoming).then((upgraded) => this.#switched(upgraded, acceptance.onSwitched), () => {});
    return { status: acceptance.status, fields: fieldsOf(response.headers), body: response.body };
  }

  async #switched(upgraded: Upgraded, onSwitched: OnSwitched | undefined): Promise<void> {
    this.#upgraded.add(upgraded);
    if (this.#ending === "close") upgraded.close();
    try {
      await onSwitched?.(upgraded);
    } catch (error) {
      this.#report(error, null);
      upgraded.abort(error);
    }
    await upgraded.closed;
    this.#upgraded.delete(upgraded);
    this.#free();
  }

  async #failed(incoming: IncomingRequest, request: Request | null, error: unknown): Promise<OutgoingResponse> {
    if (error instanceof ProtocolError) throw error;
    const response = await this.#report(error, request);
    if (!(response instanceof Response)) return { status: 500, body: "Internal Server Error" };
    return await this.#written(incoming, response);
  }

  #report(error: unknown, request: Request | null): Response | void | Promise<Response | void> {
    const { onError } = this.#options;
    if (onError === undefined) return console.error(error);
    return onError(error, request);
  }
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

function withoutUndefined<Options extends object>(options: Options): ListenOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ListenOptions;
}
