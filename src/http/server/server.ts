/**
 * A server's life: it listens, has connections, and ends when those have. `serve()` makes it; it holds `listeners.ts`, one
 * `exchanges.ts` for each connection, and `switched.ts`.
 *
 * @module
 */

import { checkOptions } from "../../bytes/arguments.ts";
import { onAbort } from "../../duplex/abort.ts";
import { Deferred } from "../../duplex/deferred.ts";
import { LinkedSet } from "../../duplex/linked_set.ts";
import type { Socket, SocketInfo } from "../../duplex/socket.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import { type ServerConnectionOptions, serverSettings } from "../../http1/options.ts";
import { connectionOptions, Exchanges, type Handling, tracingOf } from "./exchanges.ts";
import { Listeners } from "./listeners.ts";
import { replaceGlobalRequest } from "./global_request.ts";
import { replaceGlobalResponse } from "./global_response.ts";
import { Reports } from "./reports.ts";
import {
  type ServeHandler,
  serveHttp2,
  type ServeOptions,
  type Server,
  type ServerAddress,
  type ServerStats,
  SHUTDOWN,
  type ShutdownOptions,
} from "./serve_options.ts";
import { Switched } from "./switched.ts";

/** A server that runs. */
export class RunningServer implements Server {
  readonly listening: Promise<readonly [ServerAddress, ...ServerAddress[]]>;
  readonly #maxConnections: number;
  readonly #handling: Handling;
  readonly #connectionOptions: ServerConnectionOptions;
  readonly #listeners: Listeners;
  readonly #switched: Switched;
  /** Those that speak HTTP. */
  readonly #open: LinkedSet<Exchanges> = new LinkedSet();
  readonly #finished: Deferred<void> = new Deferred<void>();
  /** Of connections on which HTTP is over. */
  #requestsBefore = 0;
  #receivedBefore = 0;
  #sentBefore = 0;
  #ending: "wait" | "close" | "ignore" | null = null;

  constructor(options: ServeOptions, handler: ServeHandler) {
    const reports = new Reports(options.onError);
    this.#maxConnections = options.maxConnections ?? Infinity;
    this.#switched = new Switched(reports, () => this.#free());
    const over = (exchanges: Exchanges): void => {
      this.#open.delete(exchanges);
      this.#requestsBefore += exchanges.requests;
      const { receivedBytes, sentBytes } = exchanges.connection.traffic;
      this.#receivedBefore += receivedBytes;
      this.#sentBefore += sentBytes;
      this.#free();
    };
    const tracing = tracingOf(options, reports);
    const requests = new WeakMap<IncomingRequest, Request>();
    this.#connectionOptions = connectionOptions({ options, reports, requests });
    const settings = serverSettings(this.#connectionOptions);
    const { headTimeoutMs, clock } = settings;
    const http2 = serveHttp2(options.http2, settings);
    this.#handling = { options, handler, reports, switched: this.#switched, tracing, over, requests, http2 };
    this.#listeners = new Listeners(options, {
      clock,
      handshakeTimeoutMs: headTimeoutMs,
      full: () => this.connections >= this.#maxConnections,
      enter: (socket, info, secure) => this.#enter(socket, info, secure),
      settled: () => this.#free(),
    });
    this.listening = this.#listeners.listen();
    this.listening.catch((error) => this.#finished.reject(error));
    if (options.replaceGlobalRequest === true) this.#untilFinished(replaceGlobalRequest());
    if (options.replaceGlobalResponse === true) this.#untilFinished(replaceGlobalResponse());
    this.#onAbort(options.signal, () => this.shutdown());
  }

  #untilFinished(restore: () => void): void {
    this.#finished.promise.then(restore, restore);
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  get connections(): number {
    return this.#open.size + this.#listeners.opening + this.#switched.transports;
  }

  stats(): ServerStats {
    let idle = 0;
    let requests = this.#requestsBefore;
    let { receivedBytes, sentBytes } = this.#switched.traffic;
    receivedBytes += this.#receivedBefore;
    sentBytes += this.#sentBefore;
    for (const exchanges of this.#open) {
      const { idle: waits, traffic } = exchanges.connection;
      requests += exchanges.requests;
      receivedBytes += traffic.receivedBytes;
      sentBytes += traffic.sentBytes;
      if (waits) idle++;
    }
    return {
      open: this.connections,
      opening: this.#listeners.opening,
      idle,
      active: this.#open.size - idle,
      upgraded: this.#switched.size,
      requests,
      receivedBytes,
      sentBytes,
    };
  }

  shutdown(options: ShutdownOptions = {}): Promise<void> {
    checkOptions(options, SHUTDOWN);
    this.#ending = options.upgraded ?? "wait";
    this.#listeners.stop();
    for (const exchanges of this.#open) exchanges.gracefulShutdown();
    if (this.#ending === "close") this.#switched.close(serverSettings(this.#connectionOptions));
    const { signal } = options;
    this.#onAbort(signal, () => this.#cut(signal!.reason));
    this.#checkFinished();
    return this.#finished.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown({ upgraded: "close" });
  }

  #enter(socket: Socket, info: SocketInfo, secure: boolean): void {
    const exchanges = new Exchanges(socket, info, secure, this.#handling, this.#connectionOptions);
    this.#open.add(exchanges);
    if (this.#ending !== null) exchanges.gracefulShutdown();
  }

  /** A connection is over. */
  #free(): void {
    this.#listeners.free();
    this.#checkFinished();
  }

  /** Listens to a signal until the server is over. */
  #onAbort(signal: AbortSignal | undefined, abort: () => void): void {
    const unlisten = onAbort(signal, abort);
    this.#finished.promise.then(unlisten, unlisten);
  }

  #cut(reason: unknown): void {
    for (const { connection } of this.#open) connection.abort(reason);
    this.#switched.cut(reason);
  }

  #checkFinished(): void {
    if (this.#ending === null || this.#open.size > 0 || this.#listeners.opening > 0) return;
    if (this.#ending !== "ignore" && this.#switched.size > 0) return;
    this.listening.then(() => this.#listeners.stop()).then(() => this.#finished.resolve(), () => {});
  }
}
