/**
 * The client's side of one connection: one machine, one transport, one exchange at a time.
 *
 * @module
 */

import type { Duplex } from "../duplex/duplex.ts";
import { accepted } from "../duplex/fast_path.ts";
import { TransportError } from "../duplex/transport_error.ts";
import { ClientMachine } from "../http1/client_machine.ts";
import { StateError } from "../http1/errors.ts";
import { type Field, fieldPairs, type Fields, type FieldsInit } from "../http1/fields.ts";
import type { ResponseHead, Version } from "../http1/message.ts";
import { Deadline } from "./clock.ts";
import { handOver, releaseParts } from "./hand_over.ts";
import { IncomingResponse } from "./incoming.ts";
import { type BodySource, bodyTruncated, IncomingBody } from "./incoming_body.ts";
import { type ClientConnectionOptions, type ClientSettings, clientSettings, type Closed } from "./options.ts";
import {
  bodySize,
  discardBody,
  eachChunk,
  makeTrailers,
  type OutgoingBody,
  type OutgoingTrailers,
  sortBody,
  type SortedBody,
} from "./outgoing_body.ts";
import { type Settled, settled } from "./settled.ts";
import { attachUpgrade, PendingUpgrade, UpgradeRejected } from "./upgrade.ts";
import type { Parts } from "./upgraded.ts";
import { Wire } from "./wire.ts";

/** A request to be sent. Target and fields go on the wire untouched; only the framing of the body is added. */
export interface OutgoingRequest {
  /** Case-sensitive. */
  readonly method: string;
  /** Any of the four forms: `/path`, `http://host/path`, `host:port`, `*`. */
  readonly target: string;
  /** 1.1 when left out. */
  readonly version?: Version | undefined;
  /** The field lines, `Host` among them. */
  readonly fields?: FieldsInit | undefined;
  /** The body; none when left out. With `Expect: 100-continue` it waits for the server's word. */
  readonly body?: OutgoingBody | null | undefined;
  /** Sent behind a chunked body, if the field `Trailer` announces them. */
  readonly trailers?: OutgoingTrailers | undefined;
}

/** What sending can be told. */
export interface SendOptions {
  /** Gives up the exchange. HTTP/1.1 has no other way than to end the connection, which then fails with the reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each 1xx response but 101. */
  readonly onInformational?: ((head: ResponseHead) => void) | undefined;
}

/** A request that never reached the wire: it can be sent again elsewhere without a second thought. */
export class UnsentError extends Error {
  /** The name, for logs. */
  override readonly name = "UnsentError";
  /** What can be checked without `instanceof`. */
  readonly code = "unsent";
  /** The request, its body untouched. */
  readonly request: OutgoingRequest;

  /**
   * Makes the error.
   *
   * @param request The request.
   * @param cause Why it was not sent.
   */
  constructor(request: OutgoingRequest, cause: unknown) {
    super("The request was not sent", { cause });
    this.request = request;
  }
}

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
 * @throws {TypeError} A stream of `io` is locked.
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
export function handshake(io: Duplex, options: ClientConnectionOptions = {}): ClientHandshake {
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
  readonly request: OutgoingRequest;
  readonly options: SendOptions;
  /** Resolves when the request is sent completely, or given up. Never rejects. */
  readonly pumped: Settled<void>;
  /** Holds back the body until the server's word, or `null`. */
  readonly go: Settled<boolean> | null;
  body: IncomingBody | null;
  sendError: unknown;
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
  readonly #over: Settled<Closed> = settled<Closed>();
  readonly #writes: Deadline;
  readonly #source: BodySource;
  #exchange: Exchange | null = null;
  #closed: Closed | null = null;
  #shutdown = false;
  #peerEnded = false;
  #readiness: Settled<void> | null = null;
  #parts: Settled<Parts> | null = null;
  #released: Parts | null = null;

  /**
   * Use {@linkcode handshake}.
   *
   * @param io The transport.
   * @param settings The options, filled in.
   */
  constructor(io: Duplex, settings: ClientSettings) {
    this.#wire = new Wire(io);
    this.#machine = new ClientMachine(settings);
    this.#settings = settings;
    this.#writes = new Deadline(settings.clock);
    this.#source = { pull: () => this.#pullBody(), canceled: () => this.#discardRest() };
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

  /** See {@linkcode Sender.ready}. */
  ready(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    if (this.isClosed) return Promise.reject(this.#closedError());
    this.#readiness ??= settled<void>();
    return this.#readiness.promise;
  }

  /** See {@linkcode Sender.send}. */
  async send(request: OutgoingRequest, options: SendOptions): Promise<IncomingResponse> {
    const { signal } = options;
    if (signal?.aborted) throw signal.reason;
    if (!this.isReady) throw new UnsentError(request, this.isClosed ? this.#closedError() : busy());
    const body = sortBody(request.body);
    const fields = [...fieldPairs(request.fields ?? [])];
    const { method, target, version } = request;
    this.#machine.sendRequest({ method, target, version, fields }, bodySize(body));
    const exchange = this.#begin(request, options, fields);
    const onAbort = () => this.abort(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    exchange.pumped.promise.then(() => this.#settleExchange(exchange));
    this.#pump(exchange, body);
    try {
      return await this.#response(exchange);
    } catch (error) {
      throw this.#failExchange(exchange, error);
    } finally {
      if (signal !== undefined) this.#keepAborting(exchange, () => signal.removeEventListener("abort", onAbort));
    }
  }

  #begin(request: OutgoingRequest, options: SendOptions, fields: readonly Field[]): Exchange {
    const expects = request.body !== undefined && request.body !== null &&
      fields.some(([name, value]) => name.toLowerCase() === "expect" && value.toLowerCase() === "100-continue");
    const go = expects ? settled<boolean>() : null;
    const exchange: Exchange = { request, options, pumped: settled<void>(), go, body: null, sendError: null };
    return this.#exchange = exchange;
  }

  /** The signal counts until the response body is over. */
  #keepAborting(exchange: Exchange, release: () => void): void {
    const { body } = exchange;
    if (body === null || body.over) return release();
    body.trailers.then(release, release);
  }

  async #pump(exchange: Exchange, body: SortedBody): Promise<void> {
    const { request } = exchange;
    try {
      if (exchange.go !== null && !await this.#allowed(exchange, exchange.go)) {
        this.#machine.abandonRequest();
        discardBody(request.body, null);
        return;
      }
      if (body.type === "bytes") this.#machine.sendData(body.bytes);
      if (body.type === "stream") {
        await eachChunk(body.stream, (chunk) => this.#sendData(chunk), () => this.#machine.requestSent);
      }
      if (!this.#machine.requestSent) this.#machine.sendEnd(await makeTrailers(request.trailers));
      await this.#flush();
    } catch (error) {
      this.#sendFailed(exchange, error);
    } finally {
      exchange.pumped.resolve();
    }
  }

  #sendData(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#machine.requestSent) return undefined;
    this.#machine.sendData(chunk);
    return this.#flush();
  }

  /** Sends the head and waits for a 100, a final response (then not), or time to pass. */
  async #allowed(exchange: Exchange, go: Settled<boolean>): Promise<boolean> {
    await this.#flush();
    const deadline = new Deadline(this.#settings.clock);
    deadline.set(this.#settings.continueTimeoutMs, () => go.resolve(true));
    try {
      return await go.promise && this.#exchange === exchange;
    } finally {
      deadline.stop();
    }
  }

  /** The request cannot be completed. A response may have come nevertheless; whoever reads it decides. */
  #sendFailed(exchange: Exchange, error: unknown): void {
    exchange.sendError = error;
    this.#machine.abandonRequest();
    discardBody(exchange.request.body, error);
    if (error instanceof TransportError) return;
    this.#wire.abort(error);
  }

  async #response(exchange: Exchange): Promise<IncomingResponse> {
    while (true) {
      const event = this.#machine.next();
      switch (event.type) {
        case "need-data":
          await this.#receive();
          break;
        case "informational":
          if (event.head.status === 100) exchange.go?.resolve(true);
          exchange.options.onInformational?.(event.head);
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
    const chunk = await this.#wire.read();
    if (chunk !== null) return this.#machine.receive(chunk);
    this.#peerEnded = true;
    this.#machine.receiveEof();
  }

  #answered(exchange: Exchange, head: ResponseHead, framing: IncomingBody["framing"]): IncomingResponse {
    exchange.go?.resolve(false);
    if (!this.#machine.persistent && !this.#machine.requestSent) this.#machine.abandonRequest();
    const body = new IncomingBody(framing, this.#machine.responseComplete ? null : this.#source);
    exchange.body = body;
    const response = new IncomingResponse(head, body, () => {
      body.cancel();
      return Promise.resolve();
    });
    const { proposal } = this.#machine;
    if (proposal.type !== "none") {
      const pending = new PendingUpgrade();
      pending.reject(new UpgradeRejected("refused", { status: head.status, response }));
      attachUpgrade(response, pending);
    }
    if (body.over) this.#settleExchange(exchange);
    return response;
  }

  async #switched(exchange: Exchange, head: ResponseHead, protocol: string | null): Promise<IncomingResponse> {
    exchange.go?.resolve(true);
    await exchange.pumped.promise;
    if (exchange.sendError !== null) throw exchange.sendError;
    if (this.#closed !== null) throw this.#closedError();
    const { clock, unclaimedUpgradeTimeoutMs } = this.#settings;
    const pending = new PendingUpgrade();
    const response = new IncomingResponse(head, new IncomingBody({ type: "none" }, null), async () => {
      if (!pending.claimed) await (await pending.claim()).close();
    });
    attachUpgrade(response, pending);
    const heirs = { pending, parts: this.#parts };
    const agreed = { protocol, response: head };
    this.#released = handOver(
      this.#wire,
      this.#machine.takeTrailing(),
      agreed,
      heirs,
      unclaimedUpgradeTimeoutMs,
      clock,
    );
    this.#finish({ reason: "upgrade" });
    return response;
  }

  async #pullBody(): Promise<Uint8Array | Fields> {
    const exchange = this.#exchange;
    try {
      while (true) {
        const event = this.#machine.next();
        if (event.type === "data") return event.bytes;
        if (event.type === "end") {
          queueMicrotask(() => this.#settleExchange(exchange!));
          return event.trailers;
        }
        if (event.type !== "need-data") throw bodyTruncated(this.#closedError());
        await this.#receive();
      }
    } catch (error) {
      throw this.#failExchange(exchange!, error);
    }
  }

  /** The reader wants no more of a response: what is left is read, within bounds, or the connection ends. */
  async #discardRest(): Promise<void> {
    const { body } = this.#exchange!;
    const deadline = new Deadline(this.#settings.clock);
    deadline.set(this.#settings.closeTimeoutMs, () => this.abort());
    try {
      const reached = this.#machine.persistent && await body!.finish(this.#settings.maxDrainBytes, false);
      if (!reached) this.#close({ reason: "shutdown" });
    } catch {
      this.#close({ reason: "shutdown" });
    } finally {
      deadline.stop();
    }
  }

  /** Goes on to the next exchange once both messages are over. */
  #settleExchange(exchange: Exchange): void {
    if (exchange !== this.#exchange || this.#closed !== null) return;
    if (exchange.body === null || !this.#machine.responseComplete || !this.#machine.requestSent) return;
    this.#exchange = null;
    if (exchange.sendError !== null || this.#shutdown || !this.#machine.nextCycle()) {
      return this.#close(this.#peerEnded ? { reason: "eof" } : { reason: "shutdown" });
    }
    this.#readiness?.resolve();
    this.#readiness = null;
    this.#watchIdle();
  }

  /** Reads ahead between exchanges, to notice a server that leaves or speaks unasked. */
  #watchIdle(): void {
    this.#wire.readAhead().then(
      (chunk) => this.#idleEvent(chunk),
      (error) => {
        if (this.#exchange === null) this.#close({ reason: "error", error });
      },
    );
  }

  #idleEvent(chunk: Uint8Array | null): void {
    if (this.#exchange !== null || this.#closed !== null) return;
    if (chunk === null) {
      this.#peerEnded = true;
      return this.#close({ reason: "eof" });
    }
    this.#machine.receive(chunk);
    try {
      this.#machine.next();
    } catch (error) {
      this.#close({ reason: "error", error });
    }
  }

  #flush(): Promise<void> | undefined {
    const parts = this.#machine.take();
    if (parts.length === 0) return undefined;
    const written = this.#wire.write(parts);
    return written === accepted ? undefined : this.#awaitWritten(written);
  }

  async #awaitWritten(written: Promise<void>): Promise<void> {
    this.#writes.set(this.#settings.writeTimeoutMs, () => {
      this.abort(new TransportError("timeout", "The peer did not take our bytes in time"));
    });
    try {
      await written;
    } finally {
      this.#writes.clear();
    }
  }

  /** Ends a connection whose exchange failed, and says with what. */
  #failExchange(exchange: Exchange, error: unknown): unknown {
    const cause = this.#closed?.reason === "error" ? this.#closed.error : exchange.sendError ?? error;
    exchange.go?.resolve(false);
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
    if (this.#exchange === null && this.#closed === null) this.#close({ reason: "shutdown" });
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
      this.#parts = settled<Parts>();
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
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#finish(closed);
    const cause = this.#closedError();
    exchange?.go?.resolve(false);
    exchange?.body?.fail(bodyTruncated(cause));
    if (this.#parts !== null && closed.reason !== "error" && this.#release(this.#parts)) return;
    this.#parts?.reject(cause);
    if (closed.reason === "error") this.#wire.abort(closed.error);
    else this.#wire.close();
  }

  #release(parts: Settled<Parts>): boolean {
    if (this.#wire.ended || (this.#wire.reading && !this.#wire.withdraw())) return false;
    this.#released = releaseParts(this.#wire, this.#machine.takeTrailing());
    parts.resolve(this.#released);
    return true;
  }

  #finish(closed: Closed): void {
    this.#closed = closed;
    this.#writes.stop();
    this.#readiness?.reject(this.#closedError());
    this.#readiness = null;
    this.#over.resolve(closed);
  }

  #closedError(): unknown {
    if (this.#closed?.reason === "error") return this.#closed.error;
    return new StateError("closed", "The connection takes no more requests");
  }
}

function busy(): StateError {
  return new StateError("not-ready", "The connection is busy: await ready() first");
}
