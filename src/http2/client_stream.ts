/**
 * One request and its answer, on a stream of a client: the request is sent while the answer is received. `client_connection.ts` makes
 * one for each request, and tells it what comes on its stream.
 *
 * @module
 */

import { Deferred } from "../duplex/deferred.ts";
import type { Http2ErrorCode } from "../errors/http2_error.ts";
import { StateError } from "../errors/state_error.ts";
import { UnsentError } from "../errors/unsent_error.ts";
import type { ExchangeOverListener } from "../http1/exchange_listener.ts";
import { abandonRequestWith, type IncomingResponse } from "../http1/incoming.ts";
import { IncomingBody } from "../http1/incoming_body.ts";
import type { ClientSettings } from "../http1/options.ts";
import { discardBody, OutgoingStream, type SortedBody } from "../http1/outgoing_body.ts";
import type { OutgoingRequest, SendOptions } from "../http1/outgoing_request.ts";
import { Fields } from "../semantics/fields.ts";
import type { Proposal } from "../semantics/switching.ts";
import { BodyHold } from "./body_hold.ts";
import { rejectUpgrade, responseHeadOf, responseWith, switchWith, takesUp } from "./client_answer.ts";
import type { Http2Driver } from "./driver.ts";
import type { DriverStream } from "./driver_stream.ts";
import { handOverStream } from "./hand_over_stream.ts";
import type { Http2ClientMachine } from "./machine/client_machine.ts";
import type { Http2ClientEvent, Http2InformationalEvent, Http2ResponseEvent, ResetEvent } from "./machine/events.ts";
import type { Http2ResponseHead } from "./machine/message.ts";
import type { ProgramHold } from "./program_hold.ts";
import { framingIn } from "./request_head.ts";
import { sendSource, sendWhole } from "./stream_body.ts";
import type { Http2StreamChannel } from "./stream_channel.ts";
import { type ReaderWatcher, StreamIntake } from "./stream_intake.ts";
import { type OutletOwner, StreamOutlet } from "./stream_outlet.ts";
import { StreamTelling } from "./stream_telling.ts";

/** What a stream needs of its connection. */
export interface ClientHost {
  /** The machine. */
  readonly machine: Http2ClientMachine;
  /** What holds for the connection. */
  readonly settings: ClientSettings;
  /** Runs the machine. */
  readonly driver: Http2Driver<Http2ClientEvent, ClientStream>;
  /** Whether the connection keeps the program alive. */
  readonly hold: ProgramHold;
  /** The stream is over; `switched` says whether it was no request any more. */
  over(streamId: number, switched: boolean): void;
  /** It has switched: it is no request any more. */
  switched(): void;
}

/** A request that is sent. */
export interface SentRequest {
  /** As its caller gave it. */
  readonly request: OutgoingRequest;
  /** How it is to be sent. */
  readonly options: SendOptions;
  /** Is told how it goes, or `null`. */
  readonly listener: ExchangeOverListener | null;
  /** What it proposes. */
  readonly proposal: Proposal;
  /** What is sent behind its head. */
  readonly body: SortedBody;
  /** Whether the head is all of it. */
  readonly ends: boolean;
}

/** Whose the stream is. It is over once both messages are, and lost if it was gone before. */
type State =
  | { readonly type: "http" }
  | { readonly type: "switched"; readonly channel: Http2StreamChannel }
  | { readonly type: "over" }
  | { readonly type: "lost" };

const HTTP: State = { type: "http" };
const OVER: State = { type: "over" };
const LOST: State = { type: "lost" };

/** One stream of a client. */
export class ClientStream implements DriverStream, ReaderWatcher, OutletOwner {
  /** Its number. */
  readonly id: number;
  readonly #host: ClientHost;
  readonly #sent: SentRequest;
  readonly #intake: StreamIntake;
  readonly #outlet: StreamOutlet;
  readonly #answer: Deferred<IncomingResponse> = new Deferred<IncomingResponse>();
  readonly #onAbort: (() => void) | null;
  /** Tells how it goes; `null` without a listener. */
  readonly #told: StreamTelling | null;
  #state: State = HTTP;
  /** Set if the body waits for a 100. */
  #hold: BodyHold | null = null;
  #holdsProgram = true;
  /** What the body is read from, once it is. */
  #source: OutgoingStream | null = null;

  /** Takes over behind the head. From now on the caller's signal resets the stream. */
  constructor(host: ClientHost, id: number, sent: SentRequest) {
    const { options: { signal }, listener, proposal, ends } = sent;
    this.id = id;
    this.#host = host;
    this.#sent = sent;
    this.#intake = new StreamIntake(host.driver, id, this);
    this.#outlet = new StreamOutlet(host.driver, id, this);
    this.#outlet.ended = ends;
    this.#told = listener === null ? null : new StreamTelling(listener, ends);
    this.#onAbort = signal === undefined ? null : () => this.resetWith("cancel", signal.reason);
    if (this.#onAbort !== null) signal!.addEventListener("abort", this.#onAbort);
    if (!ends && proposal.type === "none") this.#sendBody().catch((error) => this.#cutShort(error));
  }

  /** Whether it is the transport of another protocol. */
  get switched(): boolean {
    return this.#state.type === "switched";
  }

  /** Resolves with the head of the final response. */
  get answer(): Promise<IncomingResponse> {
    return this.#answer.promise;
  }

  async #sendBody(): Promise<void> {
    const { request: { fields, trailers }, options, listener, body } = this.#sent;
    if (new Fields(fields).hasToken("expect", "100-continue")) {
      const { clock, continueTimeoutMs } = this.#host.settings;
      this.#hold = new BodyHold(clock, options.continueTimeoutMs ?? continueTimeoutMs);
      await this.#hold.decided;
      if (this.#hold.stays) return;
    }
    if (this.#state.type !== "http" || this.#outlet.ended) return;
    if (body.type !== "stream") return await sendWhole(this.#outlet, body, trailers, listener);
    this.#source = new OutgoingStream(body.stream);
    await sendSource(this.#outlet, this.#source, trailers, listener);
  }

  /** The answer has come instead of a 100: the body stays here, after a 417 untouched, to be sent again without the expectation. */
  #holdBack(status: number): void {
    if (this.#hold?.stay() !== true || status === 417) return;
    discardBody(this.#sent.request.body, new StateError("done", "The body is not wanted: the request is answered"));
  }

  /** The request cannot be completed, and must not look complete. */
  #cutShort(error: unknown): void {
    if (this.#state.type !== "lost") this.resetWith("internal", error);
  }

  /** See {@linkcode DriverStream}. */
  onData(bytes: Uint8Array, lent: boolean): boolean {
    const state = this.#state;
    const switched = state.type === "switched";
    if (switched) state.channel.reader.received(bytes, lent);
    else this.#intake.push(bytes, lent);
    return switched;
  }

  /** See {@linkcode DriverStream}. */
  onEnd(trailers: Fields): void {
    this.#intake.end(trailers);
    if (this.#state.type === "switched") this.#state.channel.arrived();
    this.#settle();
  }

  /** See {@linkcode DriverStream}. */
  onDrained(): void {
    const state = this.#state; // with the last of it the stream may be over
    this.#outlet.drained();
    if (state.type === "switched") state.channel.arrived();
  }

  /** An informational response has come. */
  informed({ head }: Http2InformationalEvent): void {
    if (head.status === 100) this.#hold?.go();
    try {
      this.#sent.options.onInformational?.(responseHeadOf(head));
    } catch (error) {
      this.resetWith("cancel", error);
    }
  }

  /** The final response has come. */
  answered({ head, endStream }: Http2ResponseEvent): void {
    if (endStream) {
      this.#intake.end(new Fields());
      this.#told?.received();
    }
    const { proposal } = this.#sent;
    if (takesUp(proposal, head.status)) return this.#switch(head);
    const source = endStream ? null : this.#told?.telling(this.#intake) ?? this.#intake;
    const response = responseWith(head, new IncomingBody(framingIn(head.fields, endStream), source));
    if (proposal.type !== "none") {
      rejectUpgrade(response);
      if (!this.#outlet.ended) this.#outlet.end(null); // nothing goes to the protocol that is not spoken
    }
    this.#holdBack(head.status);
    if (this.#sends) abandonRequestWith(response, (reason) => this.#abandonRequest(reason));
    this.#answer.resolve(response);
    this.#settle();
  }

  /** Whether something of the request is still to go, if only because the windows are shut. */
  get #sends(): boolean {
    return !this.#outlet.ended || this.#outlet.waiting;
  }

  #abandonRequest(reason: unknown): void {
    if (this.#sends && !this.#gone) this.resetWith("cancel", reason);
  }

  #switch(head: Http2ResponseHead): void {
    const { proposal } = this.#sent;
    const { response, pending } = switchWith(head);
    this.#unlisten();
    const protocol = proposal.type === "upgrade" ? proposal.protocols[0]! : null;
    const stream = { intake: this.#intake, outlet: this.#outlet, owner: this };
    const channel = handOverStream(stream, this.#host.settings, { protocol, response }, pending);
    this.#state = { type: "switched", channel };
    this.#told?.over(null);
    this.#host.switched();
    this.#answer.resolve(response);
  }

  /** What is spoken behind the switch says whether it waits for something to do. */
  holdProgram(holds: boolean): void {
    if (this.#gone || holds === this.#holdsProgram) return;
    this.#holdsProgram = holds;
    if (holds) this.#host.hold.wake();
    else this.#host.hold.rest();
  }

  /** Both messages are over, or the answer is and the server has said that it wants no more of the request. */
  #settle(): void {
    if (!this.#intake.over || this.#gone) return;
    if (!this.#outlet.ended) return this.#hold?.stays === true ? this.#endHeldBack() : undefined;
    if (!this.#outlet.waiting) this.#finish();
  }

  get #gone(): boolean {
    return this.#state.type === "over" || this.#state.type === "lost";
  }

  /** The answer is complete, and the request never will be. */
  #endHeldBack(): void {
    this.#host.machine.resetStream(this.id, "cancel");
    this.#host.driver.soon();
    this.#told?.sent();
    this.#finish();
  }

  #finish(): void {
    const { switched } = this;
    this.#state = OVER;
    this.#leave(switched);
  }

  #leave(switched: boolean): void {
    this.#unlisten();
    if (!this.#holdsProgram) this.#host.hold.leave();
    this.#host.over(this.id, switched);
  }

  #unlisten(): void {
    if (this.#onAbort !== null) this.#sent.options.signal!.removeEventListener("abort", this.#onAbort);
  }

  /** Ends the stream at once. */
  resetWith(code: Http2ErrorCode, error: unknown): void {
    this.#host.driver.reset(this, code, error);
  }

  /** See {@linkcode DriverStream}. */
  onGone(reason: unknown, how: ResetEvent | null): void {
    if (this.#gone) return;
    const state = this.#state;
    const { request } = this.#sent;
    const reads = this.#source !== null;
    // A server that wants a request over HTTP/1.1 and has not let its body come has done nothing with it either (RFC 9113 §7).
    const held = how?.code === "http-1.1-required" && this.#hold?.waits === true;
    const unseen = held || how?.processed === false;
    const error = unseen ? new UnsentError(request, reason, reads) : reason;
    this.#state = LOST;
    this.#outlet.fail(error);
    this.#source?.stop(error);
    if (!reads && !unseen) discardBody(request.body, error);
    this.#hold?.go();
    // RFC 9113 §8.1: a complete answer stays one, if the server only wants no more of the request.
    if (how?.code === "no-error" && this.#intake.over) {
      this.#told?.sent();
    } else {
      this.#intake.fail(error);
      this.#told?.over({ reason: "error", error });
    }
    if (state.type === "switched") state.channel.fail(error);
    this.#answer.reject(error);
    this.#leave(state.type === "switched");
  }

  /** See {@linkcode OutletOwner}. */
  sent(): void {
    this.#told?.sent();
    this.#settle();
  }

  /** See {@linkcode ReaderWatcher}. */
  onUnwanted(reason: unknown): void {
    if (this.#intake.over) return;
    this.resetWith("cancel", reason ?? new StateError("canceled", "The body was canceled"));
  }
}
