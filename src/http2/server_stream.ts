/**
 * One request and its answer, on a stream of a server: the handler is called, what it answers is sent, or the stream is handed over.
 * `server_connection.ts` makes one for each request, and tells it what comes on its stream.
 *
 * @module
 */

import { wrongType } from "../bytes/arguments.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { answerLimitMs, responseDate, tellError, tellResponse } from "../http1/answering.ts";
import { departed, isDeparture, statusOf } from "../http1/failure.ts";
import { discardBody, sortBody, type SortedBody } from "../http1/outgoing_body.ts";
import type { OutgoingResponse } from "../http1/outgoing_response.ts";
import type { Handler } from "../http1/server_exchange.ts";
import { pendingOf, type PendingUpgrade } from "../http1/upgrade.ts";
import { isBodiless } from "../semantics/message.ts";
import type { Http2RequestEvent } from "./machine/events.ts";
import { RequestStream, type StreamHost } from "./request_stream.ts";
import { responseFieldsOf, switchFieldsOf } from "./response_head.ts";
import { handOverStream } from "./hand_over_stream.ts";
import { type HandlerOwner, HandlerRun } from "./handler_run.ts";
import { StreamBody } from "./stream_body.ts";

/** One stream of a server. */
export class ServerStream extends RequestStream implements HandlerOwner {
  readonly #run: HandlerRun;
  readonly #pending: PendingUpgrade | null;
  #body: StreamBody | null = null;

  /**
   * Makes the request; the handler is not called yet.
   *
   * @throws {ProtocolError} `bad-target`: HTTP/1.1 has no words for its target.
   */
  constructor(host: StreamHost, event: Http2RequestEvent) {
    super(host, event);
    this.#run = new HandlerRun(this, host.settings.server.clock);
    this.#pending = pendingOf(this.request, this.request.proposal);
  }

  /** Calls the handler and sends what it answers. */
  run(handler: Handler): void {
    const limitMs = answerLimitMs(this.host.settings.server, this.#pending !== null);
    this.#run.begin(handler, this.request, limitMs);
  }

  /** See {@linkcode HandlerOwner}. */
  onWait(): void {
    this.host.driver.expect();
  }

  /** See {@linkcode HandlerOwner}. */
  onExpired(limitMs: number): void {
    if (this.lost !== null) return;
    this.#pending?.reject(new UpgradeRejected("timeout", { status: 503 }));
    this.#refuse(503);
    this.abortHandler(new TransportError("timeout", `The request was not answered within ${limitMs} ms`));
  }

  /** See {@linkcode HandlerOwner}. */
  abandoned(more: 1 | -1): void {
    this.host.abandoned(more);
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
    if (this.lost !== null) return discardBody(response.body, this.lost.error);
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
    const { machine, settings } = this.host;
    const { status } = response;
    if (status === 101) throw new StateError("no-switch", "Cannot answer with 101: the request proposed no upgrade");
    const date = responseDate(settings.server);
    const fields = responseFieldsOf(response, body, date);
    const ends = isBodiless(this.request.method, status) || (body.type === "none" && response.trailers === undefined);
    machine.sendResponse(this.id, { status, fields }, ends);
    this.headSent = true;
    if (ends) this.outlet.ended = true;
    this.#tellResponse(status);
    this.host.driver.soon();
  }

  #tellResponse(status: number): void {
    this.listener?.onHead(this.request, status);
    tellResponse(this.host.settings.server, this.request, status);
  }

  #sendBody(response: OutgoingResponse, body: SortedBody): Promise<void> | undefined {
    if (!this.outlet.ended) {
      this.#body = new StreamBody(this.outlet, this.listener);
      return this.#body.send(body, response.trailers);
    }
    discardBody(response.body, null);
    this.settle();
    return undefined;
  }

  /** A response that cannot be completed must not look complete: the stream is reset. */
  #cutShort(error: unknown): void {
    if (this.lost !== null) return;
    tellError(this.host.settings.server, error);
    this.abortHandler(error);
    this.resetWith("internal", error);
  }

  #switch(response: OutgoingResponse): void {
    const { machine, settings } = this.host;
    const pending = this.#pending!;
    if (sortBody(response.body).type !== "none" && response.body !== "") {
      throw new StateError("upgrade-body", "Cannot switch: the response has a body");
    }
    const date = responseDate(settings.server);
    const { fields, protocol } = switchFieldsOf(response, this.request.proposal, date);
    const status = response.status === 101 ? 200 : response.status;
    machine.sendResponse(this.id, { status, fields }, false);
    this.headSent = true;
    this.#tellResponse(status);
    this.host.driver.soon();
    this.channel = handOverStream(this, settings.server, { protocol, request: this.request }, pending);
    this.releaseHandler();
    this.exchangeOver(null);
  }

  /** See {@linkcode HandlerOwner}. It may be a response that cannot be sent. */
  onFailure(error: unknown): void {
    tellError(this.host.settings.server, error);
    if (this.lost !== null) return;
    const bodied = error instanceof StateError && error.code === "upgrade-body";
    const status = statusOf(error);
    this.#pending?.reject(new UpgradeRejected(bodied ? "upgrade-body" : "canceled", { status, cause: error }));
    this.abortHandler(error);
    if (this.headSent || isDeparture(error)) return this.resetWith("internal", error);
    this.#refuse(status);
  }

  #refuse(status: number): void {
    try {
      this.#sendHead({ status }, sortBody(null));
      this.settle();
    } catch (error) {
      this.resetWith("internal", error);
    }
  }

  /** See {@linkcode RequestStream}. */
  protected override onBodyTooSlow(error: TransportError): void {
    if (this.headSent) return this.resetWith("cancel", error);
    this.#pending?.reject(new UpgradeRejected("timeout", { status: 408, cause: error }));
    try {
      this.#sendHead({ status: 408 }, sortBody(null));
    } catch {
      return this.resetWith("internal", error);
    }
    this.stopPeer(error);
    this.abortHandler(error);
  }

  /** The stream is gone: the client has reset it, or the connection is over. All that is under way fails. */
  override onGone(error: unknown): void {
    if (this.lost !== null) return;
    const complete = this.channel === null && this.outlet.ended && !this.outlet.waiting;
    this.lost = { error: departed(error) };
    this.#run.stop();
    this.#pending?.reject(new UpgradeRejected("canceled", { cause: error }));
    this.outlet.fail(error);
    this.intake.fail(error);
    this.channel?.fail(error);
    this.#body?.stop(error);
    if (complete) return this.over(null);
    this.abortHandler(error);
    this.over(error);
  }

  /** @ignore The handler may still be at work. */
  protected override over(error: unknown): void {
    this.#run.leave();
    super.over(error);
  }
}
