/**
 * One request and its answer, on a server: the handler is called, what it answers is sent, or the connection is handed
 * over. `server_connection.ts` runs one after the other; what they share is in `server_core.ts`.
 *
 * @module
 */

import { unattended } from "../duplex/deferred.ts";
import { ProtocolError } from "../errors/protocol_error.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import type { Field } from "../semantics/fields.ts";
import { answerLimitMs, isPromise } from "./answering.ts";
import { BodySender, sendWhole } from "./body_sender.ts";
import { bodyTruncated } from "./body_source.ts";
import { ClientWatch, type Watched } from "./client_watch.ts";
import { departed, isDeparture, statusOf } from "./failure.ts";
import { IncomingRequest, type RequestExchange } from "./incoming.ts";
import { isBodyOf } from "./incoming_body.ts";
import type { RequestEvent, ResponseOutcome } from "./machine/server_machine.ts";
import { discardBody, sortBody, type SortedBody } from "./outgoing_body.ts";
import { checkResponse, type OutgoingResponse } from "./outgoing_response.ts";
import type { Owned } from "./owned.ts";
import { RequestIntake } from "./request_intake.ts";
import type { ServerCore } from "./server_core.ts";
import { switchProtocols } from "./server_switch.ts";
import { pendingOf, type PendingUpgrade } from "./upgrade.ts";

/**
 * Answers a request. What it throws becomes a 500, and closes the connection; the failure of a server behind it that it
 * passes on is a 502 (`TransportError`) or 504 (`timeout`, or the `TimeoutError` of `AbortSignal.timeout()`), a
 * `ProtocolError` has a status of its own. If it passes on the reason of `request.signal`, because the client has ended its
 * side, nothing is answered.
 */
export type Handler = (request: IncomingRequest) => OutgoingResponse | Promise<OutgoingResponse>;

/** Whether another exchange may follow. */
export type Next = "next" | "last";

/** What `pipelineFlush` gathers before it sends all the same. 64 KiB: a client that asks and does not read costs no more. */
const MAX_GATHERED_BYTES = 65_536;
const EXPIRED: unique symbol = Symbol("expired");

/** One request and its answer. */
export class ServerExchange implements RequestExchange, Watched {
  /** The request. */
  readonly request: IncomingRequest;
  /** See {@linkcode Watched}. */
  over = false;
  readonly #core: ServerCore;
  readonly #intake: RequestIntake | null;
  readonly #pending: PendingUpgrade | null;
  #client: ClientWatch | null = null;
  #sender: BodySender | null = null;

  /** Makes the request; the handler is not called yet. */
  constructor(core: ServerCore, { head, framing, proposal, expectsContinue }: RequestEvent) {
    this.#core = core;
    this.#intake = core.machine.requestComplete ? null : new RequestIntake(core, this.#watch, expectsContinue);
    this.request = new IncomingRequest(head, proposal, framing, this.#intake, this);
    this.#pending = pendingOf(this.request, proposal, core.settings);
  }

  /** Calls the handler and sends what it answers. */
  run(handler: Handler): Next | Promise<Next> {
    try {
      const answer = handler(this.request);
      return isPromise(answer) ? this.#answerLater(answer) : this.#answer(answer);
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** The handler has taken the transport: no answer is sent. */
  takenOver(): void {
    this.#pending?.reject(new UpgradeRejected("low-level"));
  }

  /** The connection ends: all that is under way fails. */
  stop(failed: boolean): void {
    if (this.over && this.#intake === null && !failed) return;
    const { cause } = this.#core;
    this.#pending?.reject(new UpgradeRejected("canceled", { cause }));
    if (this.#intake !== null) this.request.body.fail(this.#client?.lostFor?.error ?? bodyTruncated(cause));
    if (failed) this.#client?.abort(cause);
    this.#sender?.stop(cause);
  }

  async #answerLater(answer: Promise<OutgoingResponse>): Promise<Next> {
    this.#watch.beginIfLong();
    const limitMs = answerLimitMs(this.#core.settings, this.#pending !== null);
    try {
      const response = await (limitMs > 0 ? this.#inTime(answer, limitMs) : answer);
      if (response === EXPIRED) return await this.#expired(answer, limitMs);
      if (limitMs > 0) this.#core.deadline.clear();
      const next = this.#answer(response);
      return typeof next === "string" ? next : await next;
    } catch (error) {
      return await this.#failed(error);
    }
  }

  #inTime(answer: Promise<OutgoingResponse>, limitMs: number): Promise<OutgoingResponse | typeof EXPIRED> {
    const { deadline, machine } = this.#core;
    return new Promise((resolve, reject) => {
      deadline.set(limitMs, () => {
        if (machine.canRespond) resolve(EXPIRED);
      });
      answer.then(resolve, reject);
    });
  }

  /** The handler did not answer in time. What it answers later is discarded. */
  async #expired(answer: Promise<OutgoingResponse>, limitMs: number): Promise<Next> {
    answer.then((late) => discardBody(late.body, null)).catch(() => {});
    if (!this.#core.machine.canRespond) return "last";
    this.#client?.end();
    this.#pending?.reject(new UpgradeRejected("timeout", { status: 503 }));
    this.#watch.abort(new TransportError("timeout", `The request was not answered within ${limitMs} ms`));
    await this.#core.refuse(this.request, 503);
    return "last";
  }

  #answer(response: OutgoingResponse): Next | Promise<Next> {
    const { machine, why } = this.#core;
    checkResponse(response);
    const refusal = why ?? this.#intake?.error ?? null;
    if (refusal !== null) {
      discardBody(response.body, refusal);
      return why !== null ? "last" : this.#failed(refusal);
    }
    const body = sortBody(response.body);
    if (this.#pending !== null && machine.switches(response.status)) {
      this.#client?.end();
      return this.#switch(response);
    }
    const intake = machine.requestComplete ? null : this.#intake;
    if (intake?.awaitsContinue === true && isBodyOf(response.body, this.request.body)) {
      return this.#answerBehindContinue(intake, response);
    }
    if (intake?.isLast(this.request.body, body) === true) machine.disableKeepAlive();
    const outcome = this.#sendHead(response, body);
    this.#pending?.reject(new UpgradeRejected("refused", { status: response.status }));
    return this.#sendBody(response, body, outcome.type === "response" && outcome.framing.type !== "none");
  }

  /** The answer's body is the request's, which a client that gets the head first never sends (RFC 9110 §10.1.1). */
  async #answerBehindContinue(intake: RequestIntake, response: OutgoingResponse): Promise<Next> {
    await intake.sendContinue();
    return await this.#answer(response);
  }

  #sendHead(response: OutgoingResponse, body: SortedBody): ResponseOutcome {
    try {
      return this.#core.sendHead(this.request, response, body);
    } catch (error) {
      discardBody(response.body, error);
      throw error;
    }
  }

  #sendBody(response: OutgoingResponse, body: SortedBody, wanted: boolean): Next | Promise<Next> {
    const core = this.#core;
    if (wanted && (body.type === "stream" || response.trailers !== undefined)) return this.#stream(response, body);
    this.#client?.end();
    if (wanted) {
      sendWhole(core, body);
    } else {
      discardBody(response.body, null);
      core.machine.sendEnd(null);
    }
    return this.#finish();
  }

  /** Sends a body by and by. It ends early, and its source is told so, when the connection ends. */
  async #stream(response: OutgoingResponse, body: SortedBody): Promise<Next> {
    const core = this.#core;
    this.#watch.beginIfLong();
    const sender = this.#sender = new BodySender(core, body, response);
    try {
      if (!await sender.send(() => this.#client!.stir())) throw core.cause;
    } catch (error) {
      return await this.#cutShort(error);
    } finally {
      this.#client?.end();
    }
    return await this.#finish();
  }

  /** A response that cannot be completed must not look complete: its end is missing, or the connection is reset. */
  async #cutShort(error: unknown): Promise<Next> {
    const core = this.#core;
    core.report(core.outlet.broken ? departed(error) : error);
    core.end({ reason: "error", error });
    this.#client?.abort(error);
    const flushed = core.outlet.flush();
    if (flushed !== undefined) await flushed.catch(() => {});
    return "last";
  }

  #finish(): Next | Promise<Next> {
    const { machine, outlet, settings } = this.#core;
    if (settings.pipelineFlush && machine.hasBuffered && machine.requestComplete && machine.persistent) {
      if (machine.unsentBytes < MAX_GATHERED_BYTES) return this.#next();
    }
    const written = outlet.flush();
    if (written === undefined && (this.#intake === null || machine.requestComplete)) return this.#next();
    return this.#finishLater(written);
  }

  async #finishLater(written: Promise<void> | undefined): Promise<Next> {
    const { machine, parts } = this.#core;
    if (written !== undefined) await written;
    if (machine.requestComplete) return this.#next();
    const lasts = machine.persistent || parts.wanted;
    return await this.#intake!.settle(this.request.body, lasts) ? this.#next() : "last";
  }

  #next(): Next {
    this.over = true;
    return this.#core.machine.nextCycle() ? "next" : "last";
  }

  #switch(response: OutgoingResponse): Next | Promise<Next> {
    const proposed = { core: this.#core, request: this.request, pending: this.#pending!, intake: this.#intake };
    try {
      const switched = switchProtocols(proposed, response);
      return switched?.then(() => "last", (error) => this.#switchFailed(response, error)) ?? "last";
    } catch (error) {
      return this.#switchFailed(response, error);
    }
  }

  #switchFailed(response: OutgoingResponse, error: unknown): Next | Promise<Next> {
    discardBody(response.body, error);
    if (this.#core.machine.canRespond && !(error instanceof TransportError)) return this.#failed(error);
    this.#core.end({ reason: "error", error });
    return "last";
  }

  /** What the handler threw, or a response that cannot be sent. */
  #failed(error: unknown): Next | Promise<Next> {
    const core = this.#core;
    this.#client?.end();
    core.report(error);
    if (core.why !== null) return "last";
    const status = statusOf(this.#intake?.error ?? error);
    const bodied = error instanceof StateError && error.code === "upgrade-body";
    this.#pending?.reject(new UpgradeRejected(bodied ? "upgrade-body" : "canceled", { status, cause: error }));
    this.#client?.abort(error);
    core.end({ reason: "error", error });
    // A client that has ended its side made the handler stop: there is nothing to tell it.
    const gone = isDeparture(error) && !(error instanceof ProtocolError);
    if (!core.machine.canRespond || gone) return "last";
    const written = core.refuse(this.request, status);
    return written === undefined ? "last" : written.then(() => "last");
  }

  /** See {@linkcode RequestExchange}. */
  sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    return unattended(this.#sendInformational(status, fields));
  }

  async #sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    const { machine, outlet, why } = this.#core;
    if (this.over || why !== null) {
      throw new StateError("done", "Cannot send an informational response: it is answered");
    }
    machine.sendInformational(status, fields);
    if (status === 100 && this.#intake !== null) this.#intake.awaitsContinue = false;
    await outlet.flush();
  }

  /** See {@linkcode RequestExchange}. */
  watch(controller: AbortController): void {
    this.#watch.signal(controller);
  }

  /** See {@linkcode RequestExchange}. */
  own(owned: Owned): void {
    this.#watch.own(owned);
  }

  /** Who is told when the client leaves. Made when the first is to be told: most exchanges are over at once. */
  get #watch(): ClientWatch {
    return this.#client ??= new ClientWatch(this.#core, this);
  }

  /** See {@linkcode Watched}. */
  get undecided(): boolean {
    return this.#pending !== null && this.#core.machine.canRespond;
  }
}
