/**
 * The client's side of one connection: one machine, one transport, one exchange at a time.
 *
 * @module
 */

import { checkFunction, checkKind, checkNumber, checkObject, checkSignal } from "../bytes/arguments.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { TransportError } from "../errors/transport_error.ts";
import { ClientMachine } from "./machine/client_machine.ts";
import { StateError } from "../errors/state_error.ts";
import { type Field, fieldPairs, type Fields } from "../semantics/fields.ts";
import type { ResponseHead } from "../semantics/message.ts";
import { Deadline } from "../duplex/clock.ts";
import { handOver, releaseParts } from "./hand_over.ts";
import { IncomingResponse } from "./incoming.ts";
import { type BodySource, bodyTruncated, IncomingBody } from "./incoming_body.ts";
import { type ClientConnectionOptions, type ClientSettings, clientSettings, type Closed } from "./options.ts";
import { bodySize, checkTrailers, sortBody, type SortedBody } from "./outgoing_body.ts";
import { UnsentError } from "../errors/unsent_error.ts";
import type { OutgoingRequest, SendOptions } from "./outgoing_request.ts";
import { Outlet } from "../duplex/outlet.ts";
import { type ContinueWait, type RequestOwner, RequestPump } from "./request_pump.ts";
import { Deferred } from "../duplex/deferred.ts";
import { MESSAGE_COST, PART_COST } from "../duplex/turn.ts";
import { attachUpgrade, PendingUpgrade } from "./upgrade.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import type { Parts } from "./upgraded.ts";
import { Wire } from "../duplex/wire.ts";

/** Both ends of a client's connection. */
export interface ClientHandshake {
  /** Sends requests. */
  readonly sender: Sender;
  /** Says when the connection is over, and ends it. */
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
  return { sender: connection.sender, connection };
}

/** Sends requests on one connection, one after the other; made by {@linkcode handshake}. */
export class Sender {
  readonly #connection: ClientConnection;

  /**
   * Use {@linkcode handshake}.
   *
   * @param connection The connection.
   */
  constructor(connection: ClientConnection) {
    this.#connection = connection;
  }

  /** Whether a request can be sent right now. */
  get isReady(): boolean {
    return this.#connection.isReady;
  }

  /** Whether no request can be sent any more. */
  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  /** Whether anything has come from the server since the last request was begun. */
  get heard(): boolean {
    return this.#connection.heard;
  }

  /**
   * Waits until a request can be sent: the exchange before is over, its body read to the end or canceled.
   *
   * @throws {StateError} `closed`: there will be no other exchange.
   */
  ready(): Promise<void> {
    return this.#connection.ready();
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
    return this.#connection.send(request, options);
  }
}

/** What is under way. */
interface Exchange {
  readonly options: SendOptions;
  readonly pump: RequestPump;
  /** The body of the response, once its head has come. */
  body: IncomingBody | null;
  /** Takes our listener from the caller's signal. */
  unlisten: (() => void) | null;
}

/** A connection that sends; made by {@linkcode handshake}. */
export class ClientConnection implements AsyncDisposable {
  /** Resolves when the connection is over and says why; never rejects. */
  readonly closed: Promise<Closed>;
  /** The end that sends. */
  readonly sender: Sender;
  readonly #wire: Wire;
  readonly #machine: ClientMachine;
  readonly #settings: ClientSettings;
  readonly #over: Deferred<Closed> = new Deferred<Closed>();
  readonly #outlet: Outlet;
  readonly #source: BodySource;
  readonly #owner: RequestOwner;
  readonly #continueWait: ContinueWait;
  #exchange: Exchange | null = null;
  #closed: Closed | null = null;
  #shutdown = false;
  #peerEnded = false;
  #heard = false;
  #readiness: Deferred<void> | null = null;
  #parts: Deferred<Parts> | null = null;
  #released: Parts | null = null;

  /**
   * Use {@linkcode handshake}.
   *
   * @param io The transport.
   * @param settings The options, filled in.
   */
  constructor(io: DuplexLike, settings: ClientSettings) {
    this.#wire = new Wire(io);
    this.#machine = new ClientMachine(settings);
    this.#settings = settings;
    this.#outlet = new Outlet(this.#machine, this.#wire, settings, (error) => this.abort(error));
    this.#source = {
      next: () => this.#nextPart(),
      more: () => this.#wire.turn.over ? this.#rest() : this.#receive(),
      failed: (error) => this.#failExchange(this.#exchange, error),
      canceled: () => this.#discardRest(),
    };
    this.#owner = {
      flush: () => this.#outlet.flush(),
      failed: (error) => this.#sendFailed(error),
      over: () => this.#settleExchange(),
    };
    this.#continueWait = { timeoutMs: settings.continueTimeoutMs, clock: settings.clock };
    this.sender = new Sender(this);
    this.closed = this.#over.promise;
    this.#watchIdle();
  }

  /** See {@linkcode Sender.isReady}. */
  get isReady(): boolean {
    return this.#closed === null && !this.#shutdown && this.#exchange === null && this.#machine.idle;
  }

  /** See {@linkcode Sender.isClosed}. */
  get isClosed(): boolean {
    return this.#closed !== null || this.#shutdown;
  }

  /** See {@linkcode Sender.heard}. */
  get heard(): boolean {
    return this.#heard;
  }

  /** See {@linkcode Sender.ready}. */
  ready(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    const readiness = this.#readiness ??= new Deferred<void>();
    if (this.isClosed) this.#rejectReadiness();
    return readiness.promise;
  }

  /** See {@linkcode Sender.send}. */
  async send(request: OutgoingRequest, options: SendOptions): Promise<IncomingResponse> {
    checkRequest(request);
    checkSendOptions(options);
    const { signal } = options;
    if (signal?.aborted) throw signal.reason;
    if (!this.isReady) throw new UnsentError(request, this.isClosed ? this.#closedError() : busy());
    const body = sortBody(request.body);
    const fields = Array.isArray(request.fields) ? request.fields : [...fieldPairs(request.fields ?? [])];
    const { method, target, version, hijack } = request;
    this.#machine.sendRequest({ method, target, version, fields, hijack }, bodySize(body));
    this.#heard = false;
    const exchange = this.#begin(request, options, body, fields);
    exchange.pump.run();
    try {
      return await this.#response(exchange);
    } catch (error) {
      throw this.#failExchange(exchange, error);
    }
  }

  #begin(request: OutgoingRequest, options: SendOptions, body: SortedBody, fields: readonly Field[]): Exchange {
    const size = bodySize(body);
    const waits = size !== "none" && size !== 0 && fields.some(isExpectContinue);
    const { continueTimeoutMs } = options;
    const own = continueTimeoutMs === undefined ? {} : { timeoutMs: continueTimeoutMs };
    const wait = waits ? { ...this.#continueWait, ...own } : null;
    const pump = new RequestPump(this.#machine, this.#owner, body, request.trailers, wait);
    const { signal } = options;
    const unlisten = signal === undefined ? null : this.#abortWith(signal);
    return this.#exchange = { options, pump, body: null, unlisten };
  }

  /** The signal counts until both messages of the exchange are over. */
  #abortWith(signal: AbortSignal): () => void {
    const abort = (): void => this.abort(signal.reason);
    signal.addEventListener("abort", abort);
    return () => signal.removeEventListener("abort", abort);
  }

  /**
   * The request cannot be completed. Where the transport took no more, the server may have answered before; whoever
   * reads that decides. Else the request is at fault, and must not look complete.
   */
  #sendFailed(error: unknown): void {
    if (!this.#outlet.broken) this.#close({ reason: "error", error });
  }

  async #response(exchange: Exchange): Promise<IncomingResponse> {
    while (true) {
      const event = this.#machine.next();
      switch (event.type) {
        case "need-data":
          await this.#receive();
          break;
        case "informational":
          if (event.head.status === 100) exchange.pump.proceed();
          exchange.options.onInformational?.(event.head);
          if (this.#wire.turn.spend(MESSAGE_COST)) await this.#rest();
          break;
        case "response":
          return this.#answered(exchange, event.head, event.framing);
        case "switched":
          return await this.#switched(exchange, event.head, event.protocol);
        default:
          throw bodyTruncated(this.#closedError());
      }
    }
  }

  async #receive(): Promise<void> {
    this.#received(await this.#wire.read());
  }

  /** Others have their turn, however much the server has sent. */
  async #rest(): Promise<void> {
    await this.#wire.turn.rest();
    if (this.#closed !== null) throw bodyTruncated(this.#closedError());
  }

  #received(chunk: Uint8Array | null): void {
    if (chunk !== null) {
      this.#heard = true;
      return this.#machine.receive(chunk);
    }
    this.#peerEnded = true;
    this.#machine.receiveEof();
  }

  #answered(exchange: Exchange, head: ResponseHead, framing: IncomingBody["framing"]): IncomingResponse {
    exchange.pump.answered(head.status, this.#machine.refusesRest(head.status));
    const body = new IncomingBody(framing, this.#machine.responseComplete ? null : this.#source);
    exchange.body = body;
    const response = new IncomingResponse(head, body, () => {
      body.cancel();
      return Promise.resolve();
    });
    const { proposal } = this.#machine;
    if (proposal.type !== "none" || proposal.why !== "not-requested") {
      const pending = new PendingUpgrade();
      const reason = proposal.type === "none" ? proposal.why : "refused";
      pending.reject(new UpgradeRejected(reason, { status: head.status, response }));
      attachUpgrade(response, pending);
    }
    if (body.over) this.#settleExchange();
    return response;
  }

  async #switched(exchange: Exchange, head: ResponseHead, protocol: string | null): Promise<IncomingResponse> {
    exchange.pump.proceed();
    await exchange.pump.run();
    if (exchange.pump.failure !== null) throw exchange.pump.failure.error;
    if (this.#closed !== null) throw this.#closedError();
    const pending = new PendingUpgrade();
    const response = new IncomingResponse(head, new IncomingBody({ type: "none" }, null), async () => {
      if (!pending.claimed && this.#released === null) await (await pending.claim()).close();
    });
    attachUpgrade(response, pending);
    const heirs = { pending, parts: this.#parts };
    const { status, reason, version, fields } = head;
    const agreed = { protocol, response: { status, reason, version, fields: fields.compact() } };
    this.#released = handOver(this.#wire, this.#machine.takeTrailing(), agreed, heirs, this.#settings);
    this.#finish({ reason: "upgrade" });
    return response;
  }

  /** The next part of the response's body, if it is there and others have had their turn. */
  #nextPart(): Uint8Array | Fields | null {
    if (this.#wire.turn.over) return null;
    const event = this.#machine.next();
    switch (event.type) {
      case "need-data":
        return null;
      case "data":
        this.#wire.turn.spend(PART_COST);
        return event.bytes;
      case "end":
        queueMicrotask(() => this.#settleExchange());
        return event.trailers;
      default:
        throw bodyTruncated(this.#closedError());
    }
  }

  /** The reader wants no more of a response: what is left is read, within bounds, or the connection ends. */
  async #discardRest(): Promise<void> {
    const body = this.#exchange?.body;
    if (!body) return;
    const deadline = new Deadline(this.#settings.clock);
    deadline.set(this.#settings.closeTimeoutMs, () => this.#close({ reason: "shutdown" }));
    try {
      const reached = this.#machine.persistent && await body.finish(this.#settings.maxDrainBytes, false);
      if (!reached) this.#close({ reason: "shutdown" });
    } catch {
      this.#close({ reason: "shutdown" });
    } finally {
      deadline.stop();
    }
  }

  /** Goes on to the next exchange once both messages are over. */
  #settleExchange(): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.body === null || !this.#machine.responseComplete) return;
    if (!exchange.pump.over) return;
    this.#leaveExchange();
    const { failure } = exchange.pump;
    if (failure !== null) return this.#close({ reason: "error", error: failure.error });
    if (this.#shutdown || !this.#machine.nextCycle()) {
      return this.#close(this.#peerEnded ? { reason: "eof" } : { reason: "shutdown" });
    }
    this.#outlet.rest();
    if (!this.#watchIdle()) return;
    this.#readiness?.resolve();
    this.#readiness = null;
  }

  #leaveExchange(): Exchange | null {
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.unlisten?.();
    return exchange;
  }

  /**
   * Reads ahead between exchanges, to notice a server that leaves or speaks unasked (RFC 9112 §9.2).
   *
   * @returns False if that has happened already.
   */
  #watchIdle(): boolean {
    try {
      if (this.#machine.next().type === "closed") this.#close({ reason: "eof" });
    } catch (error) {
      this.#close({ reason: "error", error });
    }
    if (this.#closed !== null) return false;
    this.#wire.readAhead().then(
      (chunk) => this.#idleEvent(chunk),
      (error) => {
        if (this.#exchange === null) this.#close({ reason: "error", error });
      },
    );
    return true;
  }

  #idleEvent(chunk: Uint8Array | null): void {
    if (this.#exchange !== null || this.#closed !== null) return;
    this.#received(chunk);
    this.#watchIdle();
  }

  /** Ends a connection whose exchange failed, and says with what. */
  #failExchange(exchange: Exchange | null, error: unknown): unknown {
    const sent = exchange?.pump.failure ?? { error };
    const cause = this.#closed?.reason === "error" ? this.#closed.error : sent.error;
    this.#close({ reason: "error", error: cause });
    return cause;
  }

  /**
   * Lets the exchange at hand end and closes then; an idle connection closes at once. A connection that has switched,
   * or is over, is left alone. Idempotent.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Closed> {
    this.#shutdown = true;
    this.#rejectReadiness();
    if (this.#exchange === null) this.#close({ reason: "shutdown" });
    return this.closed;
  }

  /** Ends the connection at once; what is under way fails with `reason`. Idempotent; without effect after a switch. */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    if (this.#closed !== null) return;
    this.#wire.abort(reason);
    this.#close({ reason: "error", error: reason });
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
    if (this.#parts === null) {
      this.#parts = new Deferred<Parts>();
      if (this.#closed !== null) {
        this.#parts.reject(new StateError("closed", "Cannot give parts: the connection is over"));
      }
    }
    return this.#parts.promise;
  }

  /**
   * The transport and the bytes read beyond HTTP, once `withoutShutdown()` has resolved.
   *
   * @throws {StateError} `busy`: HTTP is not over, or the transport went elsewhere.
   */
  intoParts(): Parts {
    if (this.#released === null) throw new StateError("busy", "Cannot give parts: await withoutShutdown() first");
    return this.#released;
  }

  /** Aborts what is unfinished, else closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exchange === null) this.gracefulShutdown();
    else this.abort();
    await this.closed;
  }

  #close(closed: Closed): void {
    if (this.#closed !== null) return;
    const unfinished = this.#finish(closed);
    const cause = this.#closedError();
    unfinished?.pump.stop(cause);
    unfinished?.body?.fail(closed.reason === "error" ? cause : bodyTruncated(cause));
    const whole = closed.reason !== "error" && unfinished === null && !this.#outlet.writing;
    if (this.#parts !== null && whole && this.#release(this.#parts)) return;
    this.#parts?.reject(cause);
    if (closed.reason === "error") this.#wire.abort(cause);
    else if (this.#outlet.writing) this.#wire.abort();
    else this.#wire.close();
  }

  #release(parts: Deferred<Parts>): boolean {
    if (this.#wire.ended || (this.#wire.reading && !this.#wire.withdraw())) return false;
    this.#released = releaseParts(this.#wire, this.#machine.takeTrailing());
    parts.resolve(this.#released);
    return true;
  }

  /** @returns The exchange that was not over. */
  #finish(closed: Closed): Exchange | null {
    this.#closed = closed;
    this.#outlet.stop();
    this.#rejectReadiness();
    this.#over.resolve(closed);
    return this.#leaveExchange();
  }

  #rejectReadiness(): void {
    this.#readiness?.reject(this.#closedError());
    this.#readiness = null;
  }

  #closedError(): unknown {
    if (this.#closed?.reason === "error") return this.#closed.error;
    return new StateError("closed", "The connection takes no more requests");
  }
}

/** What is written is checked when it is written. */
function checkRequest(request: OutgoingRequest): void {
  checkObject(request, "request");
  if (request.trailers !== undefined) checkTrailers(request.trailers, "request.trailers");
  if (request.hijack !== undefined) checkKind(request.hijack, "boolean", "request.hijack");
}

function checkSendOptions(options: SendOptions): void {
  checkObject(options, "options");
  const { signal, onInformational, continueTimeoutMs } = options;
  if (signal !== undefined) checkSignal(signal, "options.signal");
  if (onInformational !== undefined) checkFunction(onInformational, "options.onInformational");
  if (continueTimeoutMs !== undefined) checkNumber(continueTimeoutMs, "options.continueTimeoutMs");
}

function isExpectContinue([name, value]: Field): boolean {
  return name.length === 6 && name.toLowerCase() === "expect" && value.toLowerCase() === "100-continue";
}

function busy(): StateError {
  return new StateError("not-ready", "The connection is busy: await ready() first");
}
