/**
 * The server's side of one connection: one machine, one transport, one request at a time.
 *
 * The driver reads where exactly one of three needs bytes: the wait for a head, the reader of a body, the drain of an
 * unwanted one. Behind a request that proposes a switch nobody reads until the answer is decided.
 *
 * @module
 */

import { checkFunction, checkObject, wrongType } from "../bytes/arguments.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { accepted } from "../duplex/held_channel.ts";
import { TransportError } from "../errors/transport_error.ts";
import { ProtocolError } from "../errors/protocol_error.ts";
import { StateError } from "../errors/state_error.ts";
import { type Field, fieldPairs, type FieldsInit } from "../semantics/fields.ts";
import { type RequestEvent, ServerMachine } from "./machine/server_machine.ts";
import { Deadline, httpDate } from "../duplex/clock.ts";
import { departed, isDeparture, statusOf } from "./failure.ts";
import { handOver, releaseParts } from "./hand_over.ts";
import { IncomingRequest, type RequestHost } from "./incoming.ts";
import { bodyTruncated, IncomingBody } from "./incoming_body.ts";
import { linger } from "../duplex/linger.ts";
import { type Closed, type ServerConnectionOptions, type ServerSettings, serverSettings } from "./options.ts";
import {
  bodySize,
  type ByteSource,
  discardBody,
  makeTrailers,
  OutgoingStream,
  sortBody,
  type SortedBody,
} from "./outgoing_body.ts";
import { Outlet } from "../duplex/outlet.ts";
import { RequestIntake } from "./request_intake.ts";
import type { OutgoingResponse } from "./outgoing_response.ts";
import { Deferred } from "../duplex/deferred.ts";
import { headCost, MESSAGE_COST } from "../duplex/turn.ts";
import { attachUpgrade, PendingUpgrade } from "./upgrade.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import type { Parts } from "./upgraded.ts";
import { Vigil } from "./vigil.ts";
import { Wire } from "../duplex/wire.ts";

/**
 * Answers a request. What it throws becomes a 500, and closes the connection; the failure of a server behind it that it
 * passes on is a 502 (`TransportError`) or 504 (`timeout`, or the `TimeoutError` of `AbortSignal.timeout()`), a
 * `ProtocolError` has a status of its own. If it passes on the reason of `request.signal`, because the client has ended its
 * side, nothing is answered.
 */
export type Handler = (request: IncomingRequest) => OutgoingResponse | Promise<OutgoingResponse>;

/** What an exchange leads to. */
type Next = "next" | "close" | "upgraded";

/**
 * Serves HTTP/1.1 over any pair of byte streams, until one side closes or a response switches protocols.
 *
 * @param io The transport. It is this connection's until it is closed, handed over or given back.
 * @param handler Called for one request after the other.
 * @param options What to do differently.
 * @returns The connection, which is running already.
 * @throws {TypeError} `io` is no pair of streams, or one of them is locked; `handler` is no function, or an option of
 * another kind. `io` is untouched.
 * @throws {RangeError} A number is below 0 or NaN. `io` is untouched.
 *
 * @example
 * ```ts
 * import { duplexPair, serveConnection } from "@http-upgrade/http-upgrade";
 * import { assertMatch } from "@std/assert";
 *
 * const [client, server] = duplexPair();
 * serveConnection(server, (request) => ({ status: 200, body: `you asked for ${request.target}` }));
 * await client.write(new TextEncoder().encode("GET /tea HTTP/1.1\r\nHost: a\r\n\r\n"));
 * assertMatch(new TextDecoder().decode((await client.read())!), /^HTTP\/1\.1 200 OK\r\n.*\/tea$/s);
 * await client.close();
 * ```
 */
export function serveConnection(
  io: DuplexLike,
  handler: Handler,
  options?: ServerConnectionOptions,
): ServerConnection {
  checkFunction(handler, "handler");
  return new ServerConnection(io, handler, serverSettings(options));
}

/** A connection that serves; made by {@linkcode serveConnection}. */
export class ServerConnection implements AsyncDisposable {
  /** Resolves when the connection is over and says why; never rejects. */
  readonly closed: Promise<Closed>;
  readonly #wire: Wire;
  readonly #machine: ServerMachine;
  readonly #handler: Handler;
  readonly #settings: ServerSettings;
  readonly #outlet: Outlet;
  readonly #intake: RequestIntake;
  readonly #headTime: Deadline;
  readonly #decision: Deadline;
  readonly #host: RequestHost;
  readonly #over: Deferred<Closed> = new Deferred<Closed>();
  #request: IncomingRequest | null = null;
  #pending: PendingUpgrade | null = null;
  #controller: AbortController | null = null;
  #served = false;
  #waiting = false;
  #shuttingDown = false;
  #concluded = false;
  #finished = false;
  #stopped: Closed | null = null;
  #parts: Deferred<Parts> | null = null;
  #released: Parts | null = null;

  /**
   * Use {@linkcode serveConnection}.
   *
   * @param io The transport.
   * @param handler The handler.
   * @param settings The options, filled in.
   */
  constructor(io: DuplexLike, handler: Handler, settings: ServerSettings) {
    this.#wire = new Wire(io);
    this.#machine = new ServerMachine(settings);
    this.#handler = handler;
    this.#settings = settings;
    this.#outlet = new Outlet(this.#machine, this.#wire, settings, (error) => this.abort(error));
    this.#intake = new RequestIntake(this.#machine, this.#wire, this.#outlet, settings, {
      truncated: () => bodyTruncated(this.#cause),
      onData: () => this.#knownVigil?.stir(),
      bodyOver: (error) => this.#bodyOver(error),
      tooSlow: (error) => this.#tooSlow(error),
      giveUp: () => this.#conclude({ reason: "shutdown" }),
    });
    this.#headTime = new Deadline(settings.clock);
    this.#decision = new Deadline(settings.clock);
    this.#host = {
      sendInformational: (request, status, fields) => {
        const sent = this.#sendInformational(request, status, fields);
        sent.catch(() => {});
        return sent;
      },
      watch: (request, controller) => this.#watch(request, controller),
    };
    this.closed = this.#over.promise;
    this.#run();
  }

  /**
   * Finishes the exchange at hand, saying `Connection: close`, and closes; an idle connection closes at once. A
   * connection that has switched, or is over, is left alone. Idempotent.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Closed> {
    this.#machine.disableKeepAlive();
    this.#shuttingDown = true;
    if (this.#idle) this.#conclude({ reason: "shutdown" });
    return this.closed;
  }

  /** Whether nothing has come of the next request. */
  get #idle(): boolean {
    return this.#waiting && !this.#machine.headBegun && this.#stopped === null;
  }

  /**
   * Serves on until HTTP is over, and then gives the transport back instead of closing it: after a switch, or after the
   * last response. Upgrades are not delivered to anybody else then.
   *
   * @returns The transport and the bytes that were read beyond HTTP.
   * @throws {StateError} `already-taken` or `closed`: the connection is over already.
   * @throws {unknown} What the connection failed with; its transport is closed then.
   */
  withoutShutdown(): Promise<Parts> {
    if (this.#parts === null) {
      this.#parts = new Deferred<Parts>();
      this.closed.then(() =>
        this.#parts!.reject(new StateError("closed", "Cannot give parts: the connection is over"))
      );
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

  /**
   * Gives the transport to the handler of the request at hand, with nothing written in answer. What the handler returns
   * is not sent. An unread body is part of `readBuf`.
   *
   * @param request The request that is being handled.
   * @throws {StateError} `done`: it is not, or its response was decided; `busy`: a read is pending that cannot be taken
   * back.
   */
  takeOver(request: IncomingRequest): Parts {
    checkObject(request, "request");
    if (request !== this.#request || !this.#machine.canRespond || this.#stopped !== null) {
      throw new StateError("done", "Cannot take over: the request is not being handled any more");
    }
    if (!this.#reclaim()) throw new StateError("busy", "Cannot take over: a read is pending");
    this.#conclude({ reason: "upgrade" });
    this.#pending?.reject(new UpgradeRejected("low-level"));
    return releaseParts(this.#wire, this.#machine.takeTrailing());
  }

  /**
   * Ends the connection at once, whatever the handler is doing; what is under way fails with `reason`. Idempotent;
   * without effect after a switch and once the transport was given back.
   */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    if (this.#finished || this.#released !== null || this.#stopped?.reason === "upgrade") return;
    this.#stopped ??= { reason: "error", error: reason };
    this.#wire.abort(reason);
    this.#conclude(this.#stopped);
  }

  /** Aborts what is unfinished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#idle) this.gracefulShutdown();
    else if (this.#stopped === null) this.abort();
    await this.closed;
  }

  async #run(): Promise<void> {
    let closed: Closed;
    try {
      closed = await this.#serve();
    } catch (error) {
      closed = await this.#fail(error);
    }
    this.#conclude(closed);
  }

  /** The connection is over, wherever its loop stands: that may wait for a handler which never comes back. */
  #conclude(closed: Closed): void {
    if (this.#concluded) return;
    this.#concluded = true;
    const reason = this.#stopped ??= closed;
    this.#end(reason).then(() => {
      this.#finished = true;
      this.#over.resolve(reason);
    });
  }

  async #serve(): Promise<Closed> {
    while (true) {
      const event = this.#machine.next();
      if (event.type === "need-data") {
        const written = this.#outlet.flush();
        if (written !== undefined) await written;
        if (this.#stopped !== null) return this.#stopped;
        if (this.#shuttingDown && !this.#machine.headBegun) return { reason: "shutdown" };
        this.#timeHead();
        this.#waiting = true;
        const chunk = await this.#wire.read();
        this.#waiting = false;
        if (this.#stopped !== null) return this.#stopped;
        this.#receive(chunk);
        if (chunk !== null) this.#wire.turn.spend(headCost(chunk.length));
      } else if (event.type === "request") {
        const outcome = this.#exchange(event);
        const next = typeof outcome === "string" ? outcome : await outcome;
        this.#served = true;
        if (next === "upgraded") return { reason: "upgrade" };
        if (next === "close" || this.#stopped !== null) return this.#stopped ?? { reason: "shutdown" };
        this.#request = null;
        this.#controller = null;
        if (!this.#wire.turn.spend(MESSAGE_COST)) continue;
        await this.#rest();
        if (this.#stopped !== null) return this.#stopped;
      } else {
        return { reason: "eof" };
      }
    }
  }

  /** Other connections have their turn, however many requests have come. What was answered need not wait for that. */
  async #rest(): Promise<void> {
    await this.#outlet.flush();
    await this.#wire.turn.rest();
  }

  #timeHead(): void {
    const begun = this.#machine.headBegun;
    const limit = begun || !this.#served ? this.#settings.headTimeoutMs : this.#settings.idleTimeoutMs;
    if (!begun || !this.#headTimed) this.#headTime.set(limit, this.#onHeadExpired);
    this.#headTimed = begun || !this.#served;
  }

  readonly #onHeadExpired = (): void => this.#headExpired();

  /** Whether the time limit of the head at hand runs; it is not begun anew with every byte. */
  #headTimed = false;

  #receive(chunk: Uint8Array | null): void {
    if (chunk !== null) this.#machine.receive(chunk);
    else this.#machine.receiveEof();
  }

  #headExpired(): void {
    const error = new TransportError("timeout", "The head of a request did not come in time");
    if (!this.#machine.headBegun) return this.#conclude({ reason: "error", error });
    this.#tooSlow(error);
  }

  /** Tells a client that does not go on so, unless the answer is on its way already, and ends the connection. */
  #tooSlow(error: TransportError): void {
    const closed: Closed = this.#stopped ??= { reason: "error", error };
    if (!this.#machine.canRespond) return this.#conclude(closed);
    this.#refuse(408);
    const flushed = this.#outlet.flush() ?? accepted;
    flushed.then(() => this.#conclude(closed), () => this.#conclude(closed));
  }

  #exchange(event: RequestEvent): Next | Promise<Next> {
    this.#headTime.clear();
    this.#headTimed = false;
    const source = this.#machine.requestComplete ? null : this.#intake;
    const body = new IncomingBody(event.framing, source);
    const request = new IncomingRequest(event.head, event.proposal, body, this.#host);
    this.#request = request;
    this.#controller = null;
    this.#pending = null;
    this.#intake.awaitsContinue = event.expectsContinue;
    this.#propose(request);
    try {
      const answer = this.#handler(request);
      return isPromise(answer) ? this.#answerLater(answer) : this.#answer(answer);
    } catch (error) {
      return this.#handlerFailed(error);
    }
  }

  #propose(request: IncomingRequest): void {
    const { proposal } = request;
    if (proposal.type === "none" && proposal.why === "not-requested") return;
    const pending = new PendingUpgrade();
    attachUpgrade(request, pending);
    if (proposal.type === "none") return pending.reject(new UpgradeRejected(proposal.why));
    this.#pending = pending;
  }

  async #answerLater(answer: Promise<OutgoingResponse>): Promise<Next> {
    this.#watchIfLong();
    const limitMs = this.#answerLimitMs;
    const gaveUp = limitMs <= 0 ? null : this.#gaveUp = new Deferred<null>();
    if (gaveUp !== null) this.#decision.set(limitMs, () => this.#giveUp(limitMs));
    try {
      const response = await (gaveUp === null ? answer : Promise.race([answer, gaveUp.promise]));
      if (response !== null || gaveUp === null) return await this.#answer(response!);
      answer.then((late) => discardBody(late.body, null)).catch(() => {});
      await this.#outlet.flush();
      return "close";
    } catch (error) {
      return await this.#handlerFailed(error);
    }
  }

  #gaveUp: Deferred<null> | null = null;

  /** How long the handler of the request at hand may take, or 0. */
  get #answerLimitMs(): number {
    const { requestTimeoutMs, upgradeTimeoutMs } = this.#settings;
    if (this.#pending === null || upgradeTimeoutMs <= 0) return requestTimeoutMs;
    return requestTimeoutMs <= 0 ? upgradeTimeoutMs : Math.min(requestTimeoutMs, upgradeTimeoutMs);
  }

  /** The handler did not answer in time. */
  #giveUp(limitMs: number): void {
    if (!this.#machine.canRespond || this.#gaveUp === null) return;
    this.#knownVigil?.end();
    this.#pending?.reject(new UpgradeRejected("timeout", { status: 503 }));
    this.#controller?.abort(new TransportError("timeout", `The request was not answered within ${limitMs} ms`));
    this.#refuse(503);
    this.#gaveUp.resolve(null);
  }

  #answer(response: OutgoingResponse): Next | Promise<Next> {
    this.#decision.clear();
    if (typeof response !== "object" || response === null) {
      throw wrongType("what the handler returns", "a response", response);
    }
    const refusal = this.#stopped ?? this.#intake.error;
    if (refusal !== null) {
      discardBody(response.body, refusal);
      return this.#stopped !== null ? "close" : this.#handlerFailed(refusal);
    }
    const body = sortBody(response.body);
    if (this.#machine.switches(response.status)) {
      this.#knownVigil?.end();
      return this.#switch(response, body);
    }
    if (this.#intake.awaitsContinue && !this.#machine.requestComplete) this.#machine.disableKeepAlive();
    const { framing } = this.#decide(response, body) as { readonly framing: { readonly type: string } };
    this.#pending?.reject(new UpgradeRejected("refused", { status: response.status }));
    if (body.type === "stream" || response.trailers !== undefined) {
      return this.#stream(response, body, framing.type !== "none");
    }
    this.#knownVigil?.end();
    if (body.type === "bytes" && framing.type !== "none") this.#machine.sendData(body.bytes);
    this.#machine.sendEnd(null);
    return this.#finish();
  }

  #decide(response: OutgoingResponse, body: SortedBody): ReturnType<ServerMachine["sendResponse"]> {
    try {
      return this.#sendHead(response, body);
    } catch (error) {
      discardBody(response.body, error);
      throw error;
    }
  }

  #sendHead(response: OutgoingResponse, body: SortedBody): ReturnType<ServerMachine["sendResponse"]> {
    const { status, reason, fields } = response;
    const head = { status, reason, fields: pairsOf(fields) };
    const outcome = this.#machine.sendResponse(head, bodySize(body), this.#date);
    if (this.#settings.onResponse !== undefined) this.#tellResponse(status);
    return outcome;
  }

  get #date(): string | null {
    return this.#settings.dateHeader ? httpDate(this.#settings.clock) : null;
  }

  #tellResponse(status: number): void {
    try {
      this.#settings.onResponse!(this.#request, { status });
    } catch (error) {
      this.#report(error);
    }
  }

  async #stream(response: OutgoingResponse, body: SortedBody, wanted: boolean): Promise<Next> {
    this.#watchIfLong();
    try {
      if (!wanted) discardBody(response.body, null);
      else if (body.type === "bytes") this.#machine.sendData(body.bytes);
      else if (body.type === "stream") await this.#sendStream(body.stream);
      this.#machine.sendEnd(wanted ? await makeTrailers(response.trailers) : null);
    } catch (error) {
      return await this.#cutShort(error);
    } finally {
      this.#knownVigil?.end();
    }
    return await this.#finish();
  }

  /** Sends a stream, which ends early, and is told so, when the connection does. */
  async #sendStream(source: ByteSource): Promise<void> {
    const stream = this.#outgoing = new OutgoingStream(source);
    const ended = await stream.run((chunk) => this.#sendData(chunk));
    if (!ended) throw this.#cause;
  }

  #outgoing: OutgoingStream | null = null;

  #sendData(chunk: Uint8Array): Promise<void> | undefined {
    this.#knownVigil?.stir();
    this.#machine.sendData(chunk);
    return this.#outlet.flush();
  }

  /** A response that cannot be completed must not look complete: its end is missing, or the connection is reset. */
  async #cutShort(error: unknown): Promise<Next> {
    this.#report(this.#outlet.broken ? departed(error) : error);
    this.#stopped ??= { reason: "error", error };
    this.#controller?.abort(error);
    const flushed = this.#outlet.flush();
    if (flushed !== undefined) await flushed.catch(() => {});
    return "close";
  }

  #finish(): Next | Promise<Next> {
    const machine = this.#machine;
    if (this.#settings.pipelineFlush && machine.hasBuffered && machine.requestComplete && machine.persistent) {
      if (machine.unsentBytes < MAX_GATHERED_BYTES) return this.#nextCycle();
    }
    const written = this.#outlet.flush();
    if (written === undefined && machine.requestComplete) return this.#nextCycle();
    return this.#finishLater(written);
  }

  async #finishLater(written: Promise<void> | undefined): Promise<Next> {
    if (written !== undefined) await written;
    if (this.#machine.requestComplete) return this.#nextCycle();
    const lasts = this.#machine.persistent || this.#parts !== null;
    return await this.#intake.settle(this.#request!.body, lasts) ? this.#nextCycle() : "close";
  }

  #nextCycle(): Next {
    return this.#machine.nextCycle() ? "next" : "close";
  }

  async #switch(response: OutgoingResponse, sorted: SortedBody): Promise<Next> {
    try {
      return await this.#decideSwitch(response, sorted);
    } catch (error) {
      discardBody(response.body, error);
      if (this.#machine.canRespond && !(error instanceof TransportError)) return await this.#handlerFailed(error);
      this.#stopped ??= { reason: "error", error };
      return "close";
    }
  }

  async #decideSwitch(response: OutgoingResponse, sorted: SortedBody): Promise<Next> {
    const { status, reason } = response;
    const machine = this.#machine;
    const plan = machine.checkSwitch({ status, reason, fields: pairsOf(response.fields) }, bodySize(sorted));
    if (this.#intake.awaitsContinue) await this.#intake.sendContinue();
    if (!machine.requestComplete && !await this.#intake.drain(this.#request!.body, true, () => this.#switchExpired())) {
      this.#pending!.reject(new UpgradeRejected("request-body", { status: 413 }));
      this.#refuse(413);
      await this.#outlet.flush();
      return "close";
    }
    machine.sendSwitch(plan, this.#date);
    if (this.#settings.onResponse !== undefined) this.#tellResponse(status);
    await this.#outlet.flush();
    if (this.#stopped !== null) return "close";
    this.#handOver(plan.protocol);
    return "upgraded";
  }

  /** The body in front of a switch does not end in time. */
  #switchExpired(): void {
    const error = new TransportError("timeout", "The body of a request that switches did not end in time");
    this.#pending!.reject(new UpgradeRejected("request-body", { status: 408, cause: error }));
    this.#tooSlow(error);
    this.#request!.body.fail(bodyTruncated(error));
  }

  #handOver(protocol: string | null): void {
    const heirs = { pending: this.#pending!, parts: this.#parts };
    const { method, target, version, fields } = this.#request!;
    const agreed = { protocol, request: { method, target, version, fields: fields.compact() } };
    this.#stopTimers();
    this.#released = handOver(this.#wire, this.#machine.takeTrailing(), agreed, heirs, this.#settings);
    this.#stopped = { reason: "upgrade" };
  }

  /** What a handler threw, or a response that cannot be sent. */
  #handlerFailed(error: unknown): Next | Promise<Next> {
    this.#decision.clear();
    this.#knownVigil?.end();
    this.#report(error);
    if (this.#stopped !== null) return "close";
    const status = statusOf(this.#intake.error ?? error);
    const bodied = error instanceof StateError && error.code === "upgrade-body";
    this.#pending?.reject(new UpgradeRejected(bodied ? "upgrade-body" : "canceled", { status, cause: error }));
    this.#controller?.abort(error);
    this.#stopped = { reason: "error", error };
    // A client that has ended its side made the handler give up: there is nothing to tell it.
    const gone = isDeparture(error) && !(error instanceof ProtocolError);
    if (!this.#machine.canRespond || gone) return "close";
    this.#refuse(status);
    const written = this.#outlet.flush();
    return written === undefined ? "close" : written.then(() => "close");
  }

  /** Whoever is told cannot change what happens. */
  #report(error: unknown): void {
    try {
      this.#settings.onError?.(error);
    } catch {
      return;
    }
  }

  /** An answer of ours, without a body, that ends the connection. */
  #refuse(status: number): void {
    this.#machine.disableKeepAlive();
    this.#sendHead({ status }, { type: "none" });
    this.#machine.sendEnd(null);
  }

  async #sendInformational(request: IncomingRequest, status: number, fields: readonly Field[]): Promise<void> {
    if (request !== this.#request || this.#stopped !== null) {
      throw new StateError("done", "Cannot send an informational response: it is answered");
    }
    this.#machine.sendInformational(status, fields);
    if (status === 100) this.#intake.awaitsContinue = false;
    await this.#outlet.flush();
  }

  /** A request that has come in whole can be watched better; one that never will is aborted. */
  #bodyOver(error: unknown): void {
    if (error === null) {
      this.#knownVigil?.requestCompleted();
      if (this.#controller !== null) this.#watch(this.#request!, this.#controller);
    } else if (error instanceof ProtocolError) {
      if (error.code === "truncated") departed(error);
      this.#controller?.abort(error);
    } else {
      this.#transportFailed(error);
    }
  }

  /** Somebody waits for the client to leave. Behind a request that may switch the watch begins when it takes long. */
  #watch(request: IncomingRequest, controller: AbortController): void {
    if (request !== this.#request) return;
    if (this.#stopped?.reason === "error") return controller.abort(this.#stopped.error);
    this.#controller = controller;
    const answering = this.#machine.canRespond || this.#machine.responding;
    if (this.#concluded || !answering || this.#undecided || !this.#machine.requestComplete) return;
    this.#vigil.begin();
  }

  /** The transport may have gone elsewhere meanwhile. */
  #watchIfLong(): void {
    if (!this.#concluded) this.#vigil.beginLater();
  }

  /** Whether the request at hand may still lead to a switch. */
  get #undecided(): boolean {
    return this.#pending !== null && this.#machine.canRespond;
  }

  /** Made when an answer is waited for, which not every connection does. */
  get #vigil(): Vigil {
    const machine = this.#machine;
    return this.#knownVigil ??= new Vigil(this.#wire, this.#settings, {
      requestIsAll: () => machine.requestComplete && !machine.hasBuffered,
      mayReadAhead: () => machine.requestComplete && !machine.hasBuffered && !this.#undecided,
      ended: (error) => this.#controller?.abort(departed(error)),
      overdue: (error) => this.#lose(departed(error)),
      lost: (error) => this.#transportFailed(error),
    });
  }

  #knownVigil: Vigil | null = null;

  /** The client is gone. What its handler answers later is discarded. */
  #lose(error: unknown): void {
    if (this.#stopped === null) this.#conclude({ reason: "error", error });
  }

  #transportFailed(error: unknown): void {
    this.#failure ??= departed(error);
    this.#lose(error);
  }

  /** What the transport failed with; a body that it cuts short fails with that. */
  #failure: unknown = undefined;

  /** The peer broke the protocol, or the transport failed. */
  async #fail(error: unknown): Promise<Closed> {
    const closed: Closed = this.#stopped ?? { reason: "error", error };
    if (this.#stopped !== null || !(error instanceof ProtocolError)) return closed;
    if (error.code === "http2-preface" || !this.#machine.canRespond) return closed;
    try {
      this.#refuse(error.status);
      await this.#outlet.flush();
    } catch (failure) {
      this.#report(failure);
    }
    return closed;
  }

  async #end(closed: Closed): Promise<void> {
    this.#stopTimers();
    if (closed.reason === "upgrade") return;
    const cause = this.#cause;
    this.#pending?.reject(new UpgradeRejected("canceled", { cause }));
    this.#request?.body.fail(this.#failure ?? bodyTruncated(cause));
    if (closed.reason === "error") this.#controller?.abort(cause);
    this.#outgoing?.stop(cause);
    if (this.#parts !== null && closed.reason !== "error" && this.#release(this.#parts)) return;
    this.#parts?.reject(cause);
    if (this.#machine.endsByClose && this.#machine.responding) this.#wire.abort(cause);
    await linger(this.#wire, this.#settings);
  }

  /** What is under way when the connection ends fails with this. */
  get #cause(): unknown {
    if (this.#stopped?.reason === "error") return this.#stopped.error;
    return new TransportError("closed", "The connection was closed");
  }

  #stopTimers(): void {
    this.#intake.stop();
    this.#knownVigil?.stop();
    this.#headTime.stop();
    this.#outlet.stop();
    this.#decision.stop();
  }

  /** Takes in what was read ahead, for whoever reads next; false if a read is pending that cannot be taken back. */
  #reclaim(): boolean {
    if ((this.#waiting || this.#wire.reading) && !this.#wire.withdraw()) return false;
    const arrived = this.#wire.takeArrived();
    if (arrived !== undefined) this.#receive(arrived);
    return true;
  }

  /** Gives the transport back, with all that was read from it; false if that is not possible any more. */
  #release(parts: Deferred<Parts>): boolean {
    const over = this.#request === null || (this.#machine.requestComplete && !this.#machine.endsByClose);
    if (this.#wire.ended || !over) return false;
    if (!this.#reclaim()) return false;
    this.#released = releaseParts(this.#wire, this.#machine.takeTrailing());
    parts.resolve(this.#released);
    return true;
  }
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T>).then === "function";
}

function pairsOf(fields: FieldsInit | undefined): readonly Field[] {
  if (fields === undefined) return NO_FIELDS;
  return Array.isArray(fields) ? fields : [...fieldPairs(fields)];
}

const NO_FIELDS: readonly Field[] = [];

/** What `pipelineFlush` gathers before it sends all the same. 64 KiB: a client that asks and does not read costs no more. */
const MAX_GATHERED_BYTES = 65_536;
