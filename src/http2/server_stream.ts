/**
 * One request and its answer, on a stream of a server: the handler is called, what it answers is sent, or the stream is handed over.
 * `server_connection.ts` makes one for each request, and tells it what comes on its stream.
 *
 * @module
 */

import { wrongType } from "../bytes/arguments.ts";
import { unattended } from "../duplex/deferred.ts";
import type { TimeLimit, Wait, Waiting } from "../duplex/time_limit.ts";
import type { Http2ErrorCode } from "../errors/http2_error.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { answerLimitMs, responseDate, tellError, tellResponse } from "../http1/answering.ts";
import type { ExchangeListener } from "../http1/exchange_listener.ts";
import { departed, isDeparture, statusOf } from "../http1/failure.ts";
import { IncomingRequest, type RequestExchange } from "../http1/incoming.ts";
import { discardBody, sortBody, type SortedBody } from "../http1/outgoing_body.ts";
import type { OutgoingResponse } from "../http1/outgoing_response.ts";
import { cancelOwned, type Owned } from "../http1/owned.ts";
import type { Handler } from "../http1/server_exchange.ts";
import { pendingOf, type PendingUpgrade } from "../http1/upgrade.ts";
import { type Field, fieldPairs, Fields } from "../semantics/fields.ts";
import { isBodiless } from "../semantics/message.ts";
import type { DriverStream, Http2Driver } from "./driver.ts";
import type { Http2RequestEvent, Http2ServerEvent } from "./machine/events.ts";
import type { Http2ServerMachine } from "./machine/server_machine.ts";
import type { Http2ServerSettings } from "./options.ts";
import { framingOf, http2Proposal, requestHeadOf } from "./request_head.ts";
import { responseFieldsOf, switchFieldsOf, withoutConnection } from "./response_head.ts";
import { handOverStream } from "./hand_over_stream.ts";
import { type HandlerOwner, HandlerRun } from "./handler_run.ts";
import { StreamBody } from "./stream_body.ts";
import { type IntakeOwner, StreamIntake } from "./stream_intake.ts";
import type { Http2StreamChannel } from "./stream_channel.ts";
import { type OutletOwner, StreamOutlet } from "./stream_outlet.ts";

/** What a stream needs of its connection. */
export interface StreamHost {
  /** The machine. */
  readonly machine: Http2ServerMachine;
  /** What holds for the connection. */
  readonly settings: Http2ServerSettings;
  /** Runs the machine. */
  readonly driver: Http2Driver<Http2ServerEvent, ServerStream>;
  /** How long a client may pause within a body that is read. */
  readonly bodyLimit: TimeLimit;
  /** How long the reader of a body may pause behind the response. */
  readonly drainLimit: TimeLimit;
  /** The stream is over: nothing more comes or goes. */
  over(streamId: number): void;
  /** So many more handlers are at work whose streams are over. */
  abandoned(more: 1 | -1): void;
}

/** Those of requests whose head was all: nothing gives them out, as their body is none. */
const NO_TRAILERS: Fields = new Fields();

/** One stream of a server. */
export class ServerStream implements RequestExchange, HandlerOwner, IntakeOwner, OutletOwner, DriverStream, Waiting {
  /** Its number. */
  readonly id: number;
  /** See {@linkcode RequestExchange}. */
  readonly scheme: string | null;
  /** The request. */
  readonly request: IncomingRequest;
  readonly intake: StreamIntake = new StreamIntake(this);
  readonly outlet: StreamOutlet;
  /** Who is told how the exchange goes. */
  listener: ExchangeListener | null = null;
  /** See {@linkcode Waiting}. */
  waits: Wait | null = null;
  readonly #host: StreamHost;
  readonly #run: HandlerRun;
  #body: StreamBody | null = null;
  readonly #pending: PendingUpgrade | null;
  #controller: AbortController | null = null;
  #owned: Owned | null = null;
  #channel: Http2StreamChannel | null = null;
  #headSent = false;
  /** Whether the client holds its body back until it is told to go on. */
  #awaitsContinue: boolean;
  /** Whether a reader waits for the client. */
  #awaits = false;
  /** Whether only the rest of the request is waited for, while it is being read. */
  #settling = false;
  /** Why the handler is to give up, once it is: it may look for the first time later. */
  #aborted: { readonly error: unknown } | null = null;
  /** Why the stream is gone, once it is. */
  #lost: { readonly error: unknown } | null = null;

  /**
   * Makes the request; the handler is not called yet.
   *
   * @throws {ProtocolError} `bad-target`: HTTP/1.1 has no words for its target.
   */
  constructor(host: StreamHost, event: Http2RequestEvent) {
    const { head, streamId } = event;
    this.id = streamId;
    this.scheme = head.scheme;
    this.#host = host;
    this.outlet = new StreamOutlet(host.machine, streamId, this, host.driver.writeLimit);
    this.#run = new HandlerRun(this, host.settings.server.clock);
    const proposal = http2Proposal(head);
    const framing = framingOf(event);
    this.request = new IncomingRequest(
      requestHeadOf(head),
      proposal,
      framing,
      framing.type === "none" ? null : this.intake,
      this,
    );
    this.#awaitsContinue = framing.type !== "none" && head.fields.hasToken("expect", "100-continue");
    if (event.endStream) this.intake.end(NO_TRAILERS);
    this.#pending = pendingOf(this.request, proposal);
  }

  /** Calls the handler and sends what it answers. */
  run(handler: Handler): void {
    const limitMs = answerLimitMs(this.#host.settings.server, this.#pending !== null);
    this.#run.begin(handler, this.request, limitMs);
  }

  /** See {@linkcode HandlerOwner}. */
  onWait(): void {
    this.#host.driver.expect();
  }

  /** See {@linkcode HandlerOwner}. */
  onExpired(limitMs: number): void {
    if (this.#lost !== null) return;
    this.#pending?.reject(new UpgradeRejected("timeout", { status: 503 }));
    this.#refuse(503);
    this.#abortHandler(new TransportError("timeout", `The request was not answered within ${limitMs} ms`));
  }

  /** See {@linkcode HandlerOwner}. */
  abandoned(more: 1 | -1): void {
    this.#host.abandoned(more);
  }

  /** See {@linkcode HandlerOwner}. */
  onAnswer(response: OutgoingResponse): void {
    try {
      this.#answer(response);
    } catch (error) {
      discardBody(response?.body, error); // nothing of it was sent
      this.onFailure(error);
    }
  }

  #answer(response: OutgoingResponse): void {
    if (typeof response !== "object" || response === null) {
      throw wrongType("what the handler returns", "a response", response);
    }
    if (this.#lost !== null) return discardBody(response.body, this.#lost.error);
    const { status } = response;
    if (this.#pending !== null && (status === 101 || this.#opensTunnel(status))) return this.#switch(response);
    if (this.#looksLikeSwitch(status)) return this.#refuseSwitch(response);
    const body = sortBody(response.body);
    this.#sendHead(response, body);
    this.#pending?.reject(new UpgradeRejected("refused", { status }));
    try {
      this.#sendBody(response, body)?.catch((error) => this.#cutShort(error));
    } catch (error) {
      this.#cutShort(error);
    }
  }

  #opensTunnel(status: number): boolean {
    return this.request.proposal.type === "connect" && status >= 200 && status < 300;
  }

  /** Whether a client would take an answer that does not switch for the switch: RFC 8441 §4 says 2xx for 101. */
  #looksLikeSwitch(status: number): boolean {
    return this.request.proposal.type === "upgrade" && status >= 200 && status < 300 && Number.isInteger(status);
  }

  /** The handler takes no upgrade, and HTTP/1.1 would go on with what it answers instead. */
  #refuseSwitch({ body }: OutgoingResponse): void {
    discardBody(body, null);
    this.#pending?.reject(new UpgradeRejected("refused", { status: 501 }));
    this.#refuse(501);
  }

  #sendHead(response: OutgoingResponse, body: SortedBody): void {
    const { machine, settings } = this.#host;
    const { status } = response;
    if (status === 101) throw new StateError("no-switch", "Cannot answer with 101: the request proposed no upgrade");
    const date = responseDate(settings.server);
    const fields = responseFieldsOf(response, body, date);
    const ends = isBodiless(this.request.method, status) || (body.type === "none" && response.trailers === undefined);
    machine.sendResponse(this.id, { status, fields }, ends);
    this.#headSent = true;
    if (ends) this.outlet.ended = true;
    this.#tellResponse(status);
    this.#host.driver.soon();
  }

  #tellResponse(status: number): void {
    this.listener?.onHead(this.request, status);
    tellResponse(this.#host.settings.server, this.request, status);
  }

  #sendBody(response: OutgoingResponse, body: SortedBody): Promise<void> | undefined {
    if (!this.outlet.ended) {
      this.#body = new StreamBody(this.outlet, this.listener);
      return this.#body.send(body, response.trailers);
    }
    discardBody(response.body, null);
    this.#settle();
    return undefined;
  }

  /** A response that cannot be completed must not look complete: the stream is reset. */
  #cutShort(error: unknown): void {
    if (this.#lost !== null) return;
    tellError(this.#host.settings.server, error);
    this.#abortHandler(error);
    this.resetWith("internal", error);
  }

  /** Whether all is over; and a request that is not read to its end is not waited for (RFC 9113 §8.1). */
  #settle(): void {
    if (!this.outlet.ended || this.outlet.waiting) return;
    if (this.intake.over) return this.#over(null);
    if (this.#channel !== null) return;
    const { body } = this.request;
    if (!body.used || body.canceled) return this.#stopPeer(unread());
    this.#settling = true;
    if (!this.#awaits) this.#host.drainLimit.begin(this);
  }

  /** The client is told to send no more, behind a response that is complete. */
  #stopPeer(error: unknown): void {
    this.#lost = { error };
    this.intake.fail(error);
    this.#host.machine.resetStream(this.id, "no-error");
    this.#host.driver.soon();
    this.#over(null);
  }

  #switch(response: OutgoingResponse): void {
    const { machine, settings } = this.#host;
    const pending = this.#pending!;
    if (sortBody(response.body).type !== "none" && response.body !== "") {
      throw new StateError("upgrade-body", "Cannot switch: the response has a body");
    }
    const date = responseDate(settings.server);
    const { fields, protocol } = switchFieldsOf(response, this.request.proposal, date);
    const status = response.status === 101 ? 200 : response.status;
    machine.sendResponse(this.id, { status, fields }, false);
    this.#headSent = true;
    this.#tellResponse(status);
    this.#host.driver.soon();
    this.#channel = handOverStream(this, settings.server, { protocol, request: this.request }, pending);
    this.#controller = this.#owned = null;
    this.listener?.onExchangeOver(null);
    this.listener = null;
  }

  /** See {@linkcode HandlerOwner}. It may be a response that cannot be sent. */
  onFailure(error: unknown): void {
    tellError(this.#host.settings.server, error);
    if (this.#lost !== null) return;
    const bodied = error instanceof StateError && error.code === "upgrade-body";
    const status = statusOf(error);
    this.#pending?.reject(new UpgradeRejected(bodied ? "upgrade-body" : "canceled", { status, cause: error }));
    this.#abortHandler(error);
    if (this.#headSent || isDeparture(error)) return this.resetWith("internal", error);
    this.#refuse(status);
  }

  #refuse(status: number): void {
    try {
      this.#sendHead({ status }, sortBody(null));
      this.#settle();
    } catch (error) {
      this.resetWith("internal", error);
    }
  }

  #abortHandler(reason: unknown): void {
    this.#aborted = { error: reason };
    this.#controller?.abort(reason);
    if (this.#owned !== null) cancelOwned(this.#owned, reason);
  }

  /** See {@linkcode IntakeOwner}. A client that waits for a 100 gets it first. */
  awaits(): void {
    this.#awaits = true;
    this.#host.drainLimit.end(this);
    this.#host.bodyLimit.begin(this);
    if (this.#awaitsContinue) this.sendInformational(100, []);
  }

  /** See {@linkcode IntakeOwner}. */
  awaited(): void {
    this.#awaits = false;
    this.#host.bodyLimit.end(this);
    if (this.#settling) this.#host.drainLimit.begin(this);
  }

  /** See {@linkcode Waiting}: the client, or the reader behind the response, has paused for too long. */
  expired(): void {
    if (!this.#awaits) return this.#stopPeer(unread());
    const error = new TransportError("timeout", "The body of a request did not go on in time");
    if (this.#headSent) return this.resetWith("cancel", error);
    this.#pending?.reject(new UpgradeRejected("timeout", { status: 408, cause: error }));
    try {
      this.#sendHead({ status: 408 }, sortBody(null));
    } catch {
      return this.resetWith("internal", error);
    }
    this.#stopPeer(error);
    this.#abortHandler(error);
  }

  /** Data has come. */
  onData(bytes: Uint8Array, lent: boolean): void {
    this.#awaitsContinue = false;
    if (this.#channel === null) this.intake.push(bytes, lent);
    else this.#channel.received(bytes, lent);
  }

  /** The request is complete, or the peer has ended its side behind a switch. */
  onEnd(trailers: Fields): void {
    this.intake.end(trailers);
    this.#channel?.arrived();
    this.#settle();
  }

  /** What waited is on its way. */
  onDrained(): void {
    this.outlet.drained();
    this.#channel?.arrived();
  }

  /** The stream is gone: the client has reset it, or the connection is over. All that is under way fails. */
  onGone(error: unknown): void {
    if (this.#lost !== null) return;
    const complete = this.#channel === null && this.outlet.ended && !this.outlet.waiting;
    this.#lost = { error: departed(error) };
    this.#run.stop();
    this.#pending?.reject(new UpgradeRejected("canceled", { cause: error }));
    this.outlet.fail(error);
    this.intake.fail(error);
    this.#channel?.fail(error);
    this.#body?.stop(error);
    if (complete) return this.#over(null);
    this.#abortHandler(error);
    this.#over(error);
  }

  #over(error: unknown): void {
    this.#host.bodyLimit.end(this);
    this.#host.drainLimit.end(this);
    this.#run.leave();
    this.listener?.onExchangeOver(error === null ? null : { reason: "error", error });
    this.listener = null;
    this.#host.over(this.id);
  }

  /** Resets the stream. */
  resetWith(code: Http2ErrorCode, error: unknown): void {
    this.#host.driver.reset(this, code, error);
  }

  /** See {@linkcode IntakeOwner}. */
  consumed(bytes: number): void {
    if (this.#channel === null) this.listener?.onBodyReceived(bytes);
    if (this.#settling && !this.#awaits && !this.intake.over) this.#host.drainLimit.begin(this);
    this.#host.driver.consume(this.id, bytes);
  }

  /** See {@linkcode OutletOwner}. */
  wake(): void {
    this.#host.driver.soon();
  }

  /** See {@linkcode OutletOwner}. */
  sent(): void {
    this.#settle();
  }

  /** See {@linkcode IntakeOwner}. */
  unwanted(): void {
    this.#settle();
  }

  /** See {@linkcode RequestExchange}. */
  sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    return unattended(this.#sendInformational(status, fields));
  }

  // deno-lint-ignore require-await -- what it throws rejects
  async #sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    if (this.#headSent || this.#lost !== null) {
      throw new StateError("done", "Cannot send an informational response: it is answered");
    }
    if (status === 100) this.#awaitsContinue = false;
    this.#host.machine.sendInformational(this.id, { status, fields: withoutConnection(fieldPairs(fields)) });
    this.#host.driver.soon();
  }

  /** See {@linkcode RequestExchange}. */
  watch(controller: AbortController): void {
    const over = this.#aborted ?? this.#lost;
    if (over !== null) controller.abort(over.error);
    else this.#controller = controller;
  }

  /** See {@linkcode RequestExchange}. */
  own(owned: Owned): void {
    const over = this.#aborted ?? this.#lost;
    if (over !== null) cancelOwned(owned, over.error);
    else this.#owned = owned;
  }
}

function unread(): StateError {
  return new StateError("canceled", "The body was not read before the response was complete");
}
