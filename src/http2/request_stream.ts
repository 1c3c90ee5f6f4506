/**
 * The request on a stream of a server: how it is read, how long its client and its reader may take, what its handler may ask, and when
 * all is over. `server_stream.ts` answers it.
 *
 * @module
 */

import { unattended } from "../duplex/deferred.ts";
import type { TimeLimit, Wait, Waiting } from "../duplex/time_limit.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { ExchangeListener } from "../http1/exchange_listener.ts";
import { IncomingRequest, type RequestExchange } from "../http1/incoming.ts";
import type { Owned } from "../http1/owned.ts";
import { type Field, fieldPairs, Fields } from "../semantics/fields.ts";
import type { DriverStream, Http2Driver } from "./driver.ts";
import { type ExchangeHost, ExchangeStream } from "./exchange_stream.ts";
import { HandlerEnd } from "./handler_end.ts";
import type { Http2RequestEvent, Http2ServerEvent } from "./machine/events.ts";
import type { Http2ServerMachine } from "./machine/server_machine.ts";
import type { Http2ServerSettings } from "./options.ts";
import { framingOf, http2Proposal, requestHeadOf } from "./request_head.ts";
import { withoutConnection } from "./response_head.ts";

/** What a stream needs of its connection. */
export interface StreamHost extends ExchangeHost {
  /** The machine. */
  readonly machine: Http2ServerMachine;
  /** What holds for the connection. */
  readonly settings: Http2ServerSettings;
  /** Runs the machine. */
  readonly driver: ExchangeHost["driver"] & Pick<Http2Driver<Http2ServerEvent, DriverStream>, "expect">;
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

/** A request on its stream. */
export abstract class RequestStream extends ExchangeStream<StreamHost> implements RequestExchange, Waiting {
  /** See {@linkcode RequestExchange}. */
  readonly scheme: string | null;
  /** The request. */
  readonly request: IncomingRequest;
  /** Who is told how the exchange goes. */
  listener: ExchangeListener | null = null;
  /** See {@linkcode Waiting}. */
  waits: Wait | null = null;
  /** @ignore Whether the head of the answer was sent. */
  protected headSent = false;
  /** Made for a handler that asks for it, or is to give up. */
  #end: HandlerEnd | null = null;
  /** Whether the client holds its body back until it is told to go on. */
  #awaitsContinue: boolean;
  /** Whether a reader waits for the client. */
  #awaits = false;
  /** Whether only the rest of the request is waited for, while it is being read. */
  #settling = false;

  /**
   * Makes the request.
   *
   * @throws {ProtocolError} `bad-target`: HTTP/1.1 has no words for its target.
   */
  constructor(host: StreamHost, event: Http2RequestEvent) {
    super(host, event.streamId);
    const { head } = event;
    this.scheme = head.scheme;
    const framing = framingOf(event);
    const source = framing.type === "none" ? null : this.intake;
    this.request = new IncomingRequest(requestHeadOf(head), http2Proposal(head), framing, source, this);
    this.#awaitsContinue = framing.type !== "none" && head.fields.hasToken("expect", "100-continue");
    if (event.endStream) this.intake.end(NO_TRAILERS);
  }

  /** @ignore The client has paused for too long within the body that is read. */
  protected abstract onBodyTooSlow(error: TransportError): void;

  /** Data has come. */
  override onData(bytes: Uint8Array, lent: boolean): boolean {
    this.#awaitsContinue = false;
    return super.onData(bytes, lent);
  }

  /** See {@linkcode IntakeOwner}. A client that waits for a 100 gets it first. */
  override awaits(): void {
    this.#awaits = true;
    this.host.drainLimit.end(this);
    this.host.bodyLimit.begin(this);
    if (this.#awaitsContinue) this.sendInformational(100, []);
  }

  /** See {@linkcode IntakeOwner}. */
  override awaited(): void {
    this.#awaits = false;
    this.host.bodyLimit.end(this);
    if (this.#settling) this.host.drainLimit.begin(this);
  }

  /** See {@linkcode IntakeOwner}. */
  override consumed(bytes: number): void {
    if (this.channel === null) this.listener?.onBodyReceived(bytes);
    if (this.#settling && !this.#awaits && !this.intake.over) this.host.drainLimit.begin(this);
    super.consumed(bytes);
  }

  /** See {@linkcode IntakeOwner}. */
  override unwanted(): void {
    this.settle();
  }

  /** See {@linkcode Waiting}: the client, or the reader behind the response, has paused for too long. */
  expired(): void {
    if (!this.#awaits) return this.stopPeer(unread());
    this.onBodyTooSlow(new TransportError("timeout", "The body of a request did not go on in time"));
  }

  /** @ignore Whether all is over; and a request that is not read to its end is not waited for (RFC 9113 §8.1). */
  protected override settle(): void {
    if (!this.outlet.ended || this.outlet.waiting) return;
    if (this.intake.over) return this.over(null);
    if (this.channel !== null) return;
    const { body } = this.request;
    if (!body.used || body.canceled) return this.stopPeer(unread());
    this.#settling = true;
    if (!this.#awaits) this.host.drainLimit.begin(this);
  }

  /** @ignore The client is told to send no more, behind a response that is complete. */
  protected stopPeer(error: unknown): void {
    this.lost = { error };
    this.intake.fail(error);
    this.host.machine.resetStream(this.id, "no-error");
    this.host.driver.soon();
    this.over(null);
  }

  /** @ignore Nothing more comes or goes; the exchange has failed with `error`, or `null`. */
  protected over(error: unknown): void {
    this.host.bodyLimit.end(this);
    this.host.drainLimit.end(this);
    this.exchangeOver(error);
    this.host.over(this.id);
  }

  /** @ignore Tells so the listener. */
  protected exchangeOver(error: unknown): void {
    this.listener?.onExchangeOver(error === null ? null : { reason: "error", error });
    this.listener = null;
  }

  /** See {@linkcode RequestExchange}. */
  sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    return unattended(this.#sendInformational(status, fields));
  }

  // deno-lint-ignore require-await -- what it throws rejects
  async #sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    if (this.headSent || this.lost !== null) {
      throw new StateError("done", "Cannot send an informational response: it is answered");
    }
    if (status === 100) this.#awaitsContinue = false;
    this.host.machine.sendInformational(this.id, { status, fields: withoutConnection(fieldPairs(fields)) });
    this.host.driver.soon();
  }

  /** See {@linkcode RequestExchange}. */
  watch(controller: AbortController): void {
    (this.#end ??= new HandlerEnd()).watch(controller, this.lost);
  }

  /** See {@linkcode RequestExchange}. */
  own(owned: Owned): void {
    (this.#end ??= new HandlerEnd()).own(owned, this.lost);
  }

  /** @ignore The handler is to give up. */
  protected abortHandler(reason: unknown): void {
    (this.#end ??= new HandlerEnd()).come(reason);
  }

  /** @ignore The handler has switched: what it has opened is used. */
  protected releaseHandler(): void {
    this.#end = null;
  }
}

function unread(): StateError {
  return new StateError("canceled", "The body was not read before the response was complete");
}
