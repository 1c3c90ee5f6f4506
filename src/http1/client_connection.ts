/**
 * The life of a client's connection: it takes a request when it is idle, watches for a server that leaves between two, and
 * ends. `handshake()` makes it; `client_exchange.ts` sends one request and receives its answer, and `connection_phase.ts`
 * says what may follow what.
 *
 * @module
 */

import { Deferred } from "../duplex/deferred.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { UnsentError } from "../errors/unsent_error.ts";
import { fieldList } from "../semantics/fields.ts";
import { type ClientCore, ClientExchange } from "./client_exchange.ts";
import { ConnectionCore } from "./connection_core.ts";
import type { ExchangeOverListener, ReadyListener } from "./exchange_listener.ts";
import { IdleWatch } from "./idle_watch.ts";
import type { IncomingResponse } from "./incoming.ts";
import { ClientMachine } from "./machine/client_machine.ts";
import { type ClientConnectionOptions, type ClientSettings, clientSettings, type Closed } from "./options.ts";
import { bodySize, sizeBeforeTrailers, sortBody } from "./outgoing_body.ts";
import { checkOutgoingRequest, checkSendOptions, type OutgoingRequest, type SendOptions } from "./outgoing_request.ts";
import type { Parts } from "./parts.ts";

/** A client's connection under its two names. */
export interface ClientHandshake {
  /** Sends requests. */
  readonly sender: ClientConnection;
  /** The same object: says when the connection is over, and ends it. */
  readonly connection: ClientConnection;
}

/**
 * Speaks HTTP/1.1 as a client over any pair of byte streams. Nothing is sent before the first request.
 *
 * @param io The transport. It is this connection's until it is closed, handed over or given back.
 * @param options What to do differently.
 * @throws {TypeError} `io` is no pair of streams, or one of them is locked; or an option is of another kind. `io` is
 * untouched.
 * @throws {RangeError} A number is below 0 or NaN. `io` is untouched.
 *
 * @example
 * ```ts
 * import { duplexPair, handshake, serveConnection } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = duplexPair();
 * serveConnection(far, (request) => ({ status: 200, body: `hello ${request.authority}` }));
 *
 * const { sender, connection } = handshake(near);
 * const response = await sender.send({ method: "GET", target: "/", fields: [["Host", "world"]] });
 * assertEquals(await response.body.text(), "hello world");
 * await connection.gracefulShutdown();
 * ```
 */
export function handshake(io: DuplexLike, options: ClientConnectionOptions = {}): ClientHandshake {
  const connection = new ClientConnection(io, clientSettings(options));
  return { sender: connection, connection };
}

/** Sends requests on one connection, one after the other, and ends it; made by {@linkcode handshake}. */
export class ClientConnection implements AsyncDisposable {
  readonly #core: ClientCore;
  readonly #idleWatch: IdleWatch;
  #exchange: ClientExchange | null = null;
  #readiness: Deferred<void> | null = null;
  #readyListener: ReadyListener | null = null;
  readonly #onSettled = (exchange: ClientExchange): void => this.#settle(exchange);

  /**
   * Use {@linkcode handshake}.
   *
   * @param io The transport.
   * @param settings The options, filled in.
   */
  constructor(io: DuplexLike, settings: ClientSettings) {
    const close = (why: Closed): void => this.#close(why);
    this.#core = new ConnectionCore(io, new ClientMachine(settings), settings, "idle", { closedError, close });
    this.#idleWatch = new IdleWatch(this.#core);
    this.#idleWatch.begin();
  }

  /** Resolves when the connection is over and says why; never rejects. */
  get closed(): Promise<Closed> {
    return this.#core.closed;
  }

  /** The end that sends: this object. */
  get sender(): ClientConnection {
    return this;
  }

  /** Whether a request can be sent right now. */
  get isReady(): boolean {
    return this.#core.phase === "idle" && this.#core.machine.idle;
  }

  /** Whether no request can be sent any more. */
  get isClosed(): boolean {
    return this.#core.phase !== "idle" && this.#core.phase !== "exchange";
  }

  /** Whether anything has come from the server since the last request was begun. */
  get heard(): boolean {
    return this.#core.heard;
  }

  /**
   * Waits until a request can be sent: the exchange before is over, its body read to the end or canceled.
   *
   * @throws {StateError} `closed`: there will be no other exchange.
   */
  ready(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    const readiness = this.#readiness ??= new Deferred<void>();
    if (this.isClosed) this.#neverReady();
    return readiness.promise;
  }

  /**
   * Tells `listener` once what {@linkcode ready} tells, without a promise; at once if that is so already. Internal.
   *
   * @ignore
   */
  tellReady(listener: ReadyListener): void {
    if (this.isReady || this.isClosed) listener.onReadiness(this.isReady);
    else this.#readyListener = listener;
  }

  /**
   * Tells how the next exchange goes, and once when it is over, or the connection before that. Internal.
   *
   * @ignore
   */
  tellExchange(listener: ExchangeOverListener | null): void {
    this.#core.listener = listener;
  }

  /** @ignore Says whether it keeps the program alive, as it does at first. */
  holdProgram(holds: boolean): void {
    this.#core.wire.holdProgram(holds);
  }

  /**
   * Sends a request and waits for the head of its response. The body of the request may go on after that.
   *
   * @param request Goes on the wire as it is.
   * @param options Cancellation, informational responses.
   * @throws {UnsentError} Nothing of it was sent: the connection was busy, closed, or went away before.
   * @throws {ProtocolError} The response breaks the protocol. The connection is closed.
   * @throws {TransportError} The transport failed.
   * @throws {TypeError} The request cannot be written. The connection is as it was.
   */
  send(request: OutgoingRequest, options: SendOptions = {}): Promise<IncomingResponse> {
    try {
      return this.#begin(request, options).run();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends the head. */
  #begin(request: OutgoingRequest, options: SendOptions): ClientExchange {
    checkOutgoingRequest(request);
    checkSendOptions(options);
    if (options.signal?.aborted) throw options.signal.reason;
    if (!this.isReady) throw new UnsentError(request, this.isClosed ? this.#core.cause : busy());
    const core = this.#core;
    const body = sortBody(request.body);
    const fields = fieldList(request.fields);
    const { method, target, version, hijack } = request;
    const size = request.trailers === undefined ? bodySize(body) : sizeBeforeTrailers(body, fields);
    core.machine.sendRequest({ method, target, version, fields, hijack }, size);
    core.heard = false;
    core.enter("exchange");
    return this.#exchange = new ClientExchange(core, { request, fields, body }, options, this.#onSettled);
  }

  /** Goes on to the next exchange once both messages of this one are over, or the connection has switched. */
  #settle(exchange: ClientExchange): void {
    const core = this.#core;
    if (exchange !== this.#exchange || !(exchange.over || core.over)) return;
    this.#leaveExchange();
    if (core.over) return this.#neverReady();
    const { failure } = exchange;
    if (failure !== null) return core.close({ reason: "error", error: failure.error });
    if (core.phase === "last" || !core.machine.nextCycle()) {
      return core.close({ reason: core.peerEnded ? "eof" : "shutdown" });
    }
    core.outlet.rest();
    core.enter("idle");
    if (!this.#idleWatch.begin()) return;
    this.#readiness?.resolve();
    this.#readiness = null;
    if (this.#readyListener !== null) this.#tellReady(true);
  }

  /** @returns The exchange that was at hand. */
  #leaveExchange(): ClientExchange | null {
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.leave();
    if (this.#core.listener !== null) this.#tellExchangeOver(exchange);
    return exchange;
  }

  #tellExchangeOver(exchange: ClientExchange | null): void {
    const listener = this.#core.listener!;
    const failure = exchange?.failure ?? null;
    this.#core.listener = null;
    listener.onExchangeOver(failure === null ? this.#core.why : { reason: "error", error: failure.error });
  }

  /**
   * Lets the exchange at hand end and closes then; an idle connection closes at once. A connection that has switched,
   * or is over, is left alone. Idempotent.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Closed> {
    const core = this.#core;
    if (core.phase === "idle") core.close({ reason: "shutdown" });
    else if (core.phase === "exchange") core.enter("last");
    this.#neverReady();
    return this.closed;
  }

  /** Ends the connection at once; what is under way fails with `reason`. Idempotent; without effect after a switch. */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    this.#core.abort(reason);
  }

  /**
   * Goes on until HTTP is over, and then gives the transport back instead of closing it. Upgrades are not delivered to
   * anybody else then.
   *
   * @returns The transport and the bytes that were read beyond HTTP.
   * @throws {StateError} `closed`: the connection is over already, or its transport has ended.
   * @throws {unknown} What the connection failed with; its transport is closed then.
   */
  withoutShutdown(): Promise<Parts> {
    return this.#core.parts.claim(this.#core.over);
  }

  /**
   * The transport and the bytes read beyond HTTP, once `withoutShutdown()` has resolved.
   *
   * @throws {StateError} `busy`: HTTP is not over, or the transport went elsewhere.
   */
  intoParts(): Parts {
    return this.#core.parts.take();
  }

  /** Aborts what is unfinished, else closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exchange === null) this.gracefulShutdown();
    else this.abort();
    await this.closed;
  }

  /** Ends what is under way, then the transport. */
  #close(why: Closed): void {
    const core = this.#core;
    const { outlet, wire, parts } = core;
    const failed = why.reason === "error";
    outlet.stop();
    this.#neverReady();
    const unfinished = this.#leaveExchange();
    unfinished?.stop(core.cause, failed);
    const whole = !failed && unfinished === null && !outlet.writing;
    if (parts.wanted && whole && !wire.ended) return void this.#giveParts(why);
    if (parts.wanted) parts.refuse(core.cause);
    if (failed) wire.abort(core.cause);
    else if (outlet.writing) wire.abort();
    else wire.close();
    core.finish("closed", why);
  }

  async #giveParts(why: Closed): Promise<void> {
    const core = this.#core;
    if (await core.giveParts(why)) return;
    core.parts.refuse(core.cause);
    core.wire.close();
    core.finish("closed", why);
  }

  #neverReady(): void {
    this.#readiness?.reject(this.#core.cause);
    this.#readiness = null;
    if (this.#readyListener !== null) this.#tellReady(false);
  }

  #tellReady(ready: boolean): void {
    const listener = this.#readyListener!;
    this.#readyListener = null;
    listener.onReadiness(ready);
  }
}

export { ClientConnection as Sender };

function busy(): StateError {
  return new StateError("not-ready", "The connection is busy: await ready() first");
}

function closedError(): StateError {
  return new StateError("closed", "The connection takes no more requests");
}
