/**
 * The server's side of one connection: one machine, one transport, one request at a time.
 *
 * The driver reads where exactly one of three needs bytes: the wait for a head, the reader of a body, the drain of an
 * unwanted one. Behind a request that proposes a switch nobody reads until the answer is decided.
 *
 * @module
 */

import type { Duplex } from "../duplex/duplex.ts";
import { accepted } from "../duplex/fast_path.ts";
import { TransportError } from "../duplex/transport_error.ts";
import { ProtocolError, StateError } from "../http1/errors.ts";
import { type Field, fieldPairs, type Fields, type FieldsInit } from "../http1/fields.ts";
import { type RequestEvent, ServerMachine } from "../http1/server_machine.ts";
import { Deadline, httpDate } from "./clock.ts";
import { handOver, releaseParts } from "./hand_over.ts";
import { IncomingRequest, type RequestHost } from "./incoming.ts";
import { type BodySource, bodyTruncated, IncomingBody } from "./incoming_body.ts";
import { linger } from "./linger.ts";
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
import type { OutgoingResponse } from "./respond.ts";
import { type Settled, settled } from "./settled.ts";
import { attachUpgrade, PendingUpgrade, UpgradeRejected } from "./upgrade.ts";
import type { Parts } from "./upgraded.ts";
import { Wire } from "./wire.ts";

/**
 * Answers a request. What it throws becomes a 500, or the status of the `ProtocolError` that it passes on, and closes
 * the connection.
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
 * @throws {TypeError} A stream of `io` is locked.
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
  io: Duplex,
  handler: Handler,
  options?: ServerConnectionOptions,
): ServerConnection {
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
  readonly #reads: Deadline;
  readonly #writes: Deadline;
  readonly #decision: Deadline;
  readonly #host: RequestHost & BodySource;
  #request: IncomingRequest | null = null;
  #pending: PendingUpgrade | null = null;
  #controller: AbortController | null = null;
  #awaitsContinue = false;
  #served = false;
  #peerEnded = false;
  #bodyError: ProtocolError | null = null;
  #stopped: Closed | null = null;
  #parts: Settled<Parts> | null = null;
  #released: Parts | null = null;

  /**
   * Use {@linkcode serveConnection}.
   *
   * @param io The transport.
   * @param handler The handler.
   * @param settings The options, filled in.
   */
  constructor(io: Duplex, handler: Handler, settings: ServerSettings) {
    this.#wire = new Wire(io);
    this.#machine = new ServerMachine(settings);
    this.#handler = handler;
    this.#settings = settings;
    this.#reads = new Deadline(settings.clock);
    this.#writes = new Deadline(settings.clock);
    this.#decision = new Deadline(settings.clock);
    this.#host = {
      sendInformational: (request, status, fields) => this.#sendInformational(request, status, fields),
      watch: (request, controller) => this.#watch(request, controller),
      pull: () => this.#pullBody(),
      canceled: () => {},
    };
    this.closed = this.#run();
  }

  /**
   * Finishes the exchange at hand, saying `Connection: close`, and closes; an idle connection closes at once. A
   * connection that has switched, or is over, is left alone. Idempotent.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Closed> {
    this.#machine.disableKeepAlive();
    const idle = this.#request === null && !this.#machine.headBegun && !this.#machine.hasBuffered;
    if (idle && this.#stopped === null) this.#stop({ reason: "shutdown" });
    return this.closed;
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
      this.#parts = settled<Parts>();
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

  /** Ends the connection at once; what is under way fails with `reason`. Idempotent; without effect after a switch. */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    if (this.#stopped !== null) return;
    this.#stopped = { reason: "error", error: reason };
    this.#wire.abort(reason);
    this.#outgoing?.stop(reason);
    this.#controller?.abort(reason);
  }

  /** Aborts what is unfinished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#request === null) this.gracefulShutdown();
    else this.abort();
    await this.closed;
  }

  async #run(): Promise<Closed> {
    let closed: Closed;
    try {
      closed = await this.#serve();
    } catch (error) {
      closed = await this.#fail(error);
    }
    if (this.#stopped !== null && closed.reason !== "upgrade") closed = this.#stopped;
    else this.#stopped = closed;
    await this.#end(closed);
    return closed;
  }

  async #serve(): Promise<Closed> {
    while (true) {
      const event = this.#machine.next();
      if (event.type === "need-data") {
        const written = this.#flush();
        if (written !== undefined) await written;
        this.#timeHead();
        this.#receive(await this.#wire.read());
        if (this.#stopped !== null) return this.#stopped;
      } else if (event.type === "request") {
        const outcome = this.#exchange(event);
        const next = typeof outcome === "string" ? outcome : await outcome;
        this.#served = true;
        if (next === "upgraded") return { reason: "upgrade" };
        if (next === "close" || this.#stopped !== null) return this.#stopped ?? { reason: "shutdown" };
        this.#request = null;
      } else {
        return { reason: "eof" };
      }
    }
  }

  #timeHead(): void {
    const begun = this.#machine.headBegun;
    const limit = begun || !this.#served ? this.#settings.headTimeoutMs : this.#settings.idleTimeoutMs;
    if (!begun || !this.#headTimed) this.#reads.set(limit, this.#onHeadExpired);
    this.#headTimed = begun || !this.#served;
  }

  readonly #onHeadExpired = (): void => this.#headExpired();

  /** Whether the time limit of the head at hand runs; it is not begun anew with every byte. */
  #headTimed = false;

  #receive(chunk: Uint8Array | null): void {
    if (chunk !== null) return this.#machine.receive(chunk);
    this.#peerEnded = true;
    this.#machine.receiveEof();
  }

  #headExpired(): void {
    const error = new TransportError("timeout", "The head of a request did not come in time");
    if (!this.#machine.headBegun) return this.#stop({ reason: "error", error });
    this.#tooSlow(error);
  }

  /** Tells a client that does not go on so, and gives it a moment to leave; a read of ours may be pending. */
  #tooSlow(error: TransportError): void {
    this.#stopped = { reason: "error", error };
    this.#reads.set(this.#settings.closeTimeoutMs, () => this.#wire.abort());
    this.#refuse(408);
    const flushed = this.#flush() ?? accepted;
    flushed.then(() => this.#wire.closeWrite()).catch(() => this.#wire.abort());
  }

  /** Ends a connection whose loop waits for bytes. */
  #stop(closed: Closed): void {
    this.#stopped = closed;
    if (this.#parts !== null && this.#wire.withdraw()) return;
    this.#reads.set(this.#settings.closeTimeoutMs, () => this.#wire.abort());
    this.#wire.close();
  }

  #exchange(event: RequestEvent): Next | Promise<Next> {
    this.#reads.clear();
    this.#headTimed = false;
    const source = this.#machine.requestComplete ? null : this.#host;
    const body = new IncomingBody(event.framing, source);
    const request = new IncomingRequest(event.head, event.proposal, body, this.#host);
    this.#request = request;
    this.#controller = null;
    this.#pending = null;
    this.#awaitsContinue = event.expectsContinue;
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
    const gaveUp = this.#pending === null ? null : this.#gaveUp = settled<null>();
    if (gaveUp !== null) this.#decision.set(this.#settings.upgradeTimeoutMs, () => this.#giveUp());
    try {
      const response = await (gaveUp === null ? answer : Promise.race([answer, gaveUp.promise]));
      if (response !== null) return await this.#answer(response);
      answer.then((late) => discardBody(late.body, null)).catch(() => {});
      return await this.#finishLater(this.#flush());
    } catch (error) {
      return await this.#handlerFailed(error);
    }
  }

  #gaveUp: Settled<null> | null = null;

  /** The handler did not decide a switch in time. */
  #giveUp(): void {
    if (!this.#machine.canRespond || this.#gaveUp === null) return;
    this.#pending?.reject(new UpgradeRejected("timeout", { status: 503 }));
    this.#refuse(503);
    this.#gaveUp.resolve(null);
  }

  #answer(response: OutgoingResponse): Next | Promise<Next> {
    this.#decision.clear();
    if (this.#bodyError !== null && this.#machine.canRespond) return this.#handlerFailed(this.#bodyError);
    const body = sortBody(response.body);
    if (this.#machine.switches(response.status)) return this.#switch(response, body);
    if (this.#awaitsContinue && !this.#machine.requestComplete) this.#machine.disableKeepAlive();
    const { framing } = this.#sendHead(response, body) as { readonly framing: { readonly type: string } };
    this.#pending?.reject(new UpgradeRejected("refused", { status: response.status }));
    if (body.type === "stream" || response.trailers !== undefined) {
      return this.#stream(response, body, framing.type !== "none");
    }
    if (body.type === "bytes" && framing.type !== "none") this.#machine.sendData(body.bytes);
    this.#machine.sendEnd(null);
    return this.#finish();
  }

  #sendHead(response: OutgoingResponse, body: SortedBody): ReturnType<ServerMachine["sendResponse"]> {
    const { status, reason, fields } = response;
    const date = this.#settings.dateHeader ? httpDate(this.#settings.clock) : null;
    return this.#machine.sendResponse({ status, reason, fields: pairsOf(fields) }, bodySize(body), date);
  }

  async #stream(response: OutgoingResponse, body: SortedBody, wanted: boolean): Promise<Next> {
    try {
      if (!wanted) discardBody(response.body, null);
      else if (body.type === "bytes") this.#machine.sendData(body.bytes);
      else if (body.type === "stream") await this.#sendStream(body.stream);
      this.#machine.sendEnd(wanted ? await makeTrailers(response.trailers) : null);
    } catch (error) {
      return await this.#cutShort(error);
    }
    return await this.#finish();
  }

  /** Sends a stream, which ends early, and is told so, when the connection does. */
  async #sendStream(source: ByteSource): Promise<void> {
    const stream = this.#outgoing = new OutgoingStream(source);
    const ended = await stream.run((chunk) => this.#sendData(chunk));
    if (!ended) throw this.#stopped?.reason === "error" ? this.#stopped.error : bodyTruncated(this.#stopped);
  }

  #outgoing: OutgoingStream | null = null;

  #sendData(chunk: Uint8Array): Promise<void> | undefined {
    this.#machine.sendData(chunk);
    return this.#flush();
  }

  /** A response that cannot be completed must not look complete: its end is missing, or the connection is reset. */
  async #cutShort(error: unknown): Promise<Next> {
    this.#report(error);
    this.#stopped ??= { reason: "error", error };
    this.#controller?.abort(error);
    const flushed = this.#flush();
    if (flushed !== undefined) await flushed.catch(() => {});
    if (this.#machine.endsByClose) this.#wire.abort(error);
    return "close";
  }

  #finish(): Next | Promise<Next> {
    const machine = this.#machine;
    if (this.#settings.pipelineFlush && machine.hasBuffered && machine.requestComplete && machine.persistent) {
      return this.#nextCycle();
    }
    const written = this.#flush();
    if (written === undefined && machine.requestComplete) return this.#nextCycle();
    return this.#finishLater(written);
  }

  async #finishLater(written: Promise<void> | undefined): Promise<Next> {
    if (written !== undefined) await written;
    if (!this.#machine.requestComplete && !await this.#settleBody(this.#request!.body)) return "close";
    return this.#nextCycle();
  }

  #nextCycle(): Next {
    return this.#machine.nextCycle() ? "next" : "close";
  }

  /** Gets behind a body that was not read to its end; false if that is not possible. */
  async #settleBody(body: IncomingBody): Promise<boolean> {
    if (body.used && !body.canceled) {
      this.#reads.set(this.#settings.drainTimeoutMs, () => this.#wire.abort());
      await body.trailers.catch(() => {});
      this.#reads.clear();
      return this.#machine.requestComplete;
    }
    if (!this.#machine.persistent) return false;
    return await this.#drain(body, false, () => this.#wire.abort());
  }

  async #drain(body: IncomingBody, keep: boolean, expire: () => void): Promise<boolean> {
    this.#drains = true;
    this.#reads.set(this.#settings.drainTimeoutMs, expire);
    try {
      return await body.finish(this.#settings.maxDrainBytes, keep);
    } finally {
      this.#drains = false;
      this.#reads.clear();
    }
  }

  /** Whether one time limit covers all of the body that is left, instead of each wait within it. */
  #drains = false;

  async #switch(response: OutgoingResponse, sorted: SortedBody): Promise<Next> {
    try {
      return await this.#decideSwitch(response, sorted);
    } catch (error) {
      discardBody(response.body, error);
      if (!this.#machine.canRespond || error instanceof TransportError) throw error;
      return await this.#handlerFailed(error);
    }
  }

  async #decideSwitch(response: OutgoingResponse, sorted: SortedBody): Promise<Next> {
    const { status, reason } = response;
    const machine = this.#machine;
    const protocol = machine.checkSwitch({ status, reason, fields: pairsOf(response.fields) }, bodySize(sorted));
    if (this.#awaitsContinue) await this.#sendContinue();
    if (!machine.requestComplete && !await this.#drain(this.#request!.body, true, () => this.#switchExpired())) {
      this.#pending!.reject(new UpgradeRejected("request-body", { status: 413 }));
      this.#refuse(413);
      await this.#flush();
      return "close";
    }
    this.#sendHead(response, sorted);
    await this.#flush();
    if (this.#stopped !== null) return "close";
    this.#handOver(protocol);
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
    const { clock, unclaimedUpgradeTimeoutMs } = this.#settings;
    const heirs = { pending: this.#pending!, parts: this.#parts };
    const agreed = { protocol, request: this.#request! };
    this.#stopTimers();
    this.#released = handOver(
      this.#wire,
      this.#machine.takeTrailing(),
      agreed,
      heirs,
      unclaimedUpgradeTimeoutMs,
      clock,
    );
    this.#stopped = { reason: "upgrade" };
  }

  /** What a handler threw, or a response that cannot be sent. */
  #handlerFailed(error: unknown): Next | Promise<Next> {
    this.#decision.clear();
    this.#report(error);
    const failure = this.#bodyError ?? error;
    const status = failure instanceof ProtocolError ? failure.status : 500;
    const bodied = error instanceof StateError && error.code === "upgrade-body";
    this.#pending?.reject(new UpgradeRejected(bodied ? "upgrade-body" : "canceled", { status, cause: error }));
    this.#controller?.abort(error);
    this.#stopped ??= { reason: "error", error };
    if (!this.#machine.canRespond) return "close";
    this.#refuse(status);
    const written = this.#flush();
    return written === undefined ? "close" : written.then(() => "close");
  }

  #report(error: unknown): void {
    this.#settings.onError?.(error);
  }

  /** An answer of ours, without a body, that ends the connection. */
  #refuse(status: number): void {
    this.#machine.disableKeepAlive();
    this.#sendHead({ status }, { type: "none" });
    this.#machine.sendEnd(null);
  }

  async #sendContinue(): Promise<void> {
    this.#awaitsContinue = false;
    this.#machine.sendInformational(100, []);
    await this.#flush();
  }

  async #sendInformational(request: IncomingRequest, status: number, fields: readonly Field[]): Promise<void> {
    if (request !== this.#request) {
      throw new StateError("done", "Cannot send an informational response: it is answered");
    }
    this.#machine.sendInformational(status, fields);
    if (status === 100) this.#awaitsContinue = false;
    await this.#flush();
  }

  /** The next part of the request's body. */
  async #pullBody(): Promise<Uint8Array | Fields> {
    try {
      while (true) {
        const event = this.#machine.next();
        if (event.type === "data") return event.bytes;
        if (event.type === "end") {
          if (this.#controller !== null) this.#watch(this.#request!, this.#controller);
          return event.trailers;
        }
        if (event.type !== "need-data") throw bodyTruncated(this.#stopped);
        if (this.#awaitsContinue && this.#machine.canRespond) await this.#sendContinue();
        this.#receive(await this.#readBody());
      }
    } catch (error) {
      if (error instanceof ProtocolError) this.#bodyError = error;
      this.#controller?.abort(error);
      throw error;
    }
  }

  async #readBody(): Promise<Uint8Array | null> {
    if (this.#drains) return await this.#wire.read();
    this.#reads.set(this.#settings.bodyTimeoutMs, () => this.#bodyExpired());
    try {
      return await this.#wire.read();
    } finally {
      this.#reads.clear();
    }
  }

  #bodyExpired(): void {
    const error = new TransportError("timeout", "The body of a request did not go on in time");
    this.#stopped ??= { reason: "error", error };
    this.#wire.abort(error);
  }

  /** Reads ahead to notice a client that leaves, but never behind a request that may switch. */
  #watch(request: IncomingRequest, controller: AbortController): void {
    this.#controller = controller;
    if (request !== this.#request || this.#pending !== null || !this.#machine.requestComplete) return;
    if (this.#machine.hasBuffered) return;
    this.#wire.readAhead().then((chunk) => {
      const gone = chunk === null && !this.#settings.allowHalfClose && request === this.#request;
      if (gone) controller.abort(new TransportError("closed", "The client has ended the connection"));
    }, (error) => controller.abort(error));
  }

  /** Gives what the machine has ready to the transport; `undefined` if it was taken on the spot. */
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

  /** The peer broke the protocol, or the transport failed. */
  async #fail(error: unknown): Promise<Closed> {
    const closed: Closed = this.#stopped ?? { reason: "error", error };
    if (this.#stopped !== null || !(error instanceof ProtocolError)) return closed;
    if (error.code === "http2-preface" || !this.#machine.canRespond) return closed;
    try {
      this.#refuse(error.status);
      await this.#flush();
    } catch (failure) {
      this.#report(failure);
    }
    return closed;
  }

  async #end(closed: Closed): Promise<void> {
    this.#stopTimers();
    if (closed.reason === "upgrade") return;
    const cause = closed.reason === "error" ? closed.error : new TransportError("closed", "The connection was closed");
    this.#pending?.reject(new UpgradeRejected("canceled", { cause }));
    this.#request?.body.fail(bodyTruncated(cause));
    this.#controller?.abort(cause);
    if (this.#parts !== null && closed.reason !== "error" && this.#release(this.#parts)) return;
    this.#parts?.reject(cause);
    await linger(this.#wire, this.#peerEnded, this.#settings.closeTimeoutMs, this.#settings.clock);
  }

  #stopTimers(): void {
    this.#reads.stop();
    this.#writes.stop();
    this.#decision.stop();
  }

  #release(parts: Settled<Parts>): boolean {
    if (this.#wire.ended || (this.#wire.reading && !this.#wire.withdraw())) return false;
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
