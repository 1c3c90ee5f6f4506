/**
 * One request and its answer, on a stream of a server: the handler is called, and what it answers is sent, or the stream is handed over.
 * `server_stream.ts` has one for each request; it says what comes, and when all is over.
 *
 * @module
 */

import { unattended } from "../duplex/deferred.ts";
import type { Http2ErrorCode } from "../errors/http2_error.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { answerLimitMs, isPromise, tellError, tellResponse } from "../http1/answering.ts";
import type { ExchangeListener } from "../http1/exchange_listener.ts";
import { isDeparture, statusOf } from "../http1/failure.ts";
import { IncomingRequest, type RequestExchange } from "../http1/incoming.ts";
import type { BodySource } from "../http1/body_source.ts";
import { isBodyOf } from "../http1/incoming_body.ts";
import { discardBody, OutgoingStream, sortBody, type SortedBody } from "../http1/outgoing_body.ts";
import { checkResponse, type OutgoingResponse } from "../http1/outgoing_response.ts";
import type { Owned } from "../http1/owned.ts";
import type { Handler } from "../http1/server_exchange.ts";
import { pendingOf, type PendingUpgrade } from "../http1/upgrade.ts";
import { type Field, fieldPairs } from "../semantics/fields.ts";
import { HandlerEnd } from "./handler_end.ts";
import { type HandlerHost, type HandlerOwner, HandlerRun } from "./handler_run.ts";
import type { Http2RequestEvent } from "./machine/events.ts";
import type { Http2ServerMachine } from "./machine/server_machine.ts";
import type { Http2ServerSettings } from "./options.ts";
import { framingOf, http2Proposal, requestHeadOf } from "./request_head.ts";
import { withoutConnection } from "./response_head.ts";
import { meaningOf, sendResponseHead, sendSwitchHead } from "./server_answer.ts";
import { sendSource, sendWhole } from "./stream_body.ts";
import type { StreamOutlet } from "./stream_outlet.ts";

/** What an exchange needs of its connection. */
export interface ExchangeHost extends HandlerHost {
  /** Writes the heads. */
  readonly machine: Http2ServerMachine;
  /** What holds for the connection. */
  readonly settings: Http2ServerSettings;
  /** Runs the machine. */
  readonly driver: { soon(): void; expect(): void };
}

/** What an exchange needs of its stream. */
export interface AnsweredStream {
  /** Its number. */
  readonly id: number;
  /** What goes out. */
  readonly outlet: StreamOutlet;
  /** Why it is gone, once it is. */
  readonly lost: { readonly error: unknown } | null;
  /** The answer is made of the body of the request: a client that holds it back is told to go on before the head. */
  willBeRead(): void;
  /** The client was told to go on: it does not hold its body back any more. */
  goesOn(): void;
  /** Looks whether both messages are over. */
  settle(): void;
  /** The client is told to send no more, behind a response that is complete. */
  stopPeer(error: unknown): void;
  /** Ends it at once. */
  resetWith(code: Http2ErrorCode, error: unknown): void;
  /** It is the transport of a protocol from now on; of a tunnel if that is `null`. */
  handOver(protocol: string | null, request: IncomingRequest, pending: PendingUpgrade): void;
}

/** One request and its answer. */
export class StreamExchange implements RequestExchange, HandlerOwner {
  /** See {@linkcode RequestExchange}. */
  readonly scheme: string | null;
  /** The request. */
  readonly request: IncomingRequest;
  /** Who is told how the exchange goes. */
  listener: ExchangeListener | null = null;
  readonly #host: ExchangeHost;
  readonly #stream: AnsweredStream;
  /** `null` if the request proposes nothing. */
  readonly #pending: PendingUpgrade | null;
  /** Whether the final head was sent. */
  #answered = false;
  /** Set once the handler has not answered at once. */
  #run: HandlerRun | null = null;
  /** Made for a handler that asks for it, or is to give up. */
  #end: HandlerEnd | null = null;
  /** What the body of the answer is read from. */
  #source: OutgoingStream | null = null;

  /**
   * Makes the request; the handler is not called yet.
   *
   * @param body Where its body comes from; `null` if it has none.
   * @throws {ProtocolError} `bad-target`: HTTP/1.1 has no words for its target.
   */
  constructor(host: ExchangeHost, stream: AnsweredStream, event: Http2RequestEvent, body: BodySource | null) {
    const { head } = event;
    this.#host = host;
    this.#stream = stream;
    this.scheme = head.scheme;
    const proposal = http2Proposal(head);
    this.request = new IncomingRequest(requestHeadOf(head), proposal, framingOf(event), body, this);
    this.#pending = pendingOf(this.request, proposal, host.settings.server);
  }

  /** Calls the handler and sends what it answers. */
  run(handler: Handler): void {
    try {
      const answer = handler(this.request);
      if (!isPromise(answer)) return this.onAnswer(answer);
      this.#host.driver.expect();
      this.#run = new HandlerRun(this, this.#host);
      this.#run.wait(answer, answerLimitMs(this.#host.settings.server, this.#pending !== null));
    } catch (error) {
      this.onFailure(error);
    }
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
    checkResponse(response);
    const { lost } = this.#stream;
    if (lost !== null) return discardBody(response.body, lost.error);
    const meaning = meaningOf(this.request.proposal, response.status);
    switch (meaning) {
      case "response":
        return this.#respond(response);
      case "switch":
        return this.#switch(response);
      case "mistakable":
        return this.#refuseSwitch(response);
      default:
        meaning satisfies never;
    }
  }

  #switch(response: OutgoingResponse): void {
    const { status, protocol } = sendSwitchHead(this.#host, this.#stream.id, this.request, response);
    this.#headSent(status);
    if (this.#stream.lost !== null) return; // `onResponse` has ended the connection
    this.#stream.handOver(protocol, this.request, this.#pending!);
    this.#end = null; // what the handler has opened is used
    this.#tellOver(null);
  }

  /** The handler takes no upgrade, and HTTP/1.1 would go on with what it answers instead. */
  #refuseSwitch({ body }: OutgoingResponse): void {
    discardBody(body, null);
    this.#pending?.reject(new UpgradeRejected("refused", { status: 501 }));
    this.#refuse(501);
  }

  #respond(response: OutgoingResponse): void {
    const body = sortBody(response.body);
    if (isBodyOf(response.body, this.request.body)) this.#stream.willBeRead();
    this.#sendHead(response, body);
    this.#pending?.reject(new UpgradeRejected("refused", { status: response.status }));
    try {
      this.#sendBody(response, body);
    } catch (error) {
      this.#cutShort(error);
    }
  }

  #sendHead(response: OutgoingResponse, body: SortedBody): void {
    const { id, outlet } = this.#stream;
    outlet.ended = sendResponseHead(this.#host, id, this.request, response, body);
    this.#headSent(response.status);
  }

  #headSent(status: number): void {
    this.#answered = true;
    this.listener?.onHead(this.request, status);
    tellResponse(this.#host.settings.server, this.request, status);
    this.#host.driver.soon();
  }

  #sendBody({ body: given, trailers }: OutgoingResponse, body: SortedBody): void {
    const { outlet } = this.#stream;
    if (outlet.ended) {
      discardBody(given, null);
      this.#stream.settle();
    } else if (body.type === "stream") {
      this.#source = new OutgoingStream(body.stream);
      sendSource(outlet, this.#source, trailers, this.listener).catch((error) => this.#cutShort(error));
    } else {
      sendWhole(outlet, body, trailers, this.listener)?.catch((error) => this.#cutShort(error));
    }
  }

  /** A response that cannot be completed must not look complete: the stream is reset. */
  #cutShort(error: unknown): void {
    if (this.#stream.lost !== null) return;
    tellError(this.#host.settings.server, error);
    this.#abortHandler(error);
    this.#stream.resetWith("internal", error);
  }

  /** See {@linkcode HandlerOwner}. It may be a response that cannot be sent. */
  onFailure(error: unknown): void {
    tellError(this.#host.settings.server, error);
    if (this.#stream.lost !== null) return;
    const bodied = error instanceof StateError && error.code === "upgrade-body";
    const status = statusOf(error);
    this.#pending?.reject(new UpgradeRejected(bodied ? "upgrade-body" : "canceled", { status, cause: error }));
    this.#abortHandler(error);
    if (this.#answered || isDeparture(error)) return this.#stream.resetWith("internal", error);
    this.#refuse(status);
  }

  /** See {@linkcode HandlerOwner}. */
  onExpired(limitMs: number): void {
    if (this.#stream.lost !== null) return;
    this.#pending?.reject(new UpgradeRejected("timeout", { status: 503 }));
    this.#refuse(503);
    this.#abortHandler(new TransportError("timeout", `The request was not answered within ${limitMs} ms`));
  }

  #refuse(status: number): void {
    try {
      this.#sendHead({ status }, sortBody(null));
      this.#stream.settle();
    } catch (error) {
      this.#stream.resetWith("internal", error);
    }
  }

  /** The client has paused for too long within a body that is read. */
  onClientTooSlow(): void {
    const error = new TransportError("timeout", "The body of a request did not go on in time");
    if (this.#answered) return this.#stream.resetWith("cancel", error);
    try {
      this.#sendHead({ status: 408 }, sortBody(null));
    } catch {
      return this.#stream.resetWith("internal", error);
    }
    this.#stream.stopPeer(error);
    this.#abortHandler(error);
  }

  /** The stream is gone: all that is under way fails, unless the response was `complete`. */
  onGone(error: unknown, complete: boolean): void {
    this.#run?.stop();
    this.#pending?.reject(new UpgradeRejected("canceled", { cause: error }));
    this.#source?.stop(error);
    if (!complete) this.#abortHandler(error);
  }

  /** Nothing more comes or goes; the exchange has failed with `error`, or `null`. The handler may still be at work. */
  over(error: unknown): void {
    this.#run?.leave();
    this.#tellOver(error);
  }

  #tellOver(error: unknown): void {
    this.listener?.onExchangeOver(error === null ? null : { reason: "error", error });
    this.listener = null;
  }

  /** See {@linkcode RequestExchange}. */
  sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    return unattended(this.#sendInformational(status, fields));
  }

  // deno-lint-ignore require-await -- what it throws rejects
  async #sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    if (this.#answered || this.#stream.lost !== null) {
      throw new StateError("done", "Cannot send an informational response: it is answered");
    }
    if (status === 100) this.#stream.goesOn();
    this.#host.machine.sendInformational(this.#stream.id, { status, fields: withoutConnection(fieldPairs(fields)) });
    this.#host.driver.soon();
  }

  /** See {@linkcode RequestExchange}. */
  watch(controller: AbortController): void {
    this.#handlerEnd.watch(controller, this.#stream.lost);
  }

  /** See {@linkcode RequestExchange}. */
  own(owned: Owned): void {
    this.#handlerEnd.own(owned, this.#stream.lost);
  }

  /** The handler is to give up. */
  #abortHandler(reason: unknown): void {
    this.#handlerEnd.come(reason);
  }

  get #handlerEnd(): HandlerEnd {
    return this.#end ??= new HandlerEnd();
  }
}
