/**
 * One request and its answer, on a stream of a client: the request is sent while the answer is received. `client_connection.ts` makes
 * one for each request, and tells it what comes on its stream.
 *
 * @module
 */

import { Deadline } from "../duplex/clock.ts";
import { Deferred } from "../duplex/deferred.ts";
import { StateError } from "../errors/state_error.ts";
import { UnsentError } from "../errors/unsent_error.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import type { ExchangeOverListener } from "../http1/exchange_listener.ts";
import { IncomingResponse } from "../http1/incoming.ts";
import { IncomingBody } from "../http1/incoming_body.ts";
import type { ClientSettings } from "../http1/options.ts";
import { discardBody, type SortedBody } from "../http1/outgoing_body.ts";
import type { OutgoingRequest, SendOptions } from "../http1/outgoing_request.ts";
import { attachUpgrade, PendingUpgrade } from "../http1/upgrade.ts";
import { Fields } from "../semantics/fields.ts";
import type { ResponseHead } from "../semantics/message.ts";
import { opensTunnel, type Proposal } from "../semantics/switching.ts";
import type { Http2Driver } from "./driver.ts";
import { ExchangeStream } from "./exchange_stream.ts";
import { handOverStream } from "./hand_over_stream.ts";
import type { Http2ClientMachine } from "./machine/client_machine.ts";
import type { Http2ClientEvent, Http2InformationalEvent, Http2ResponseEvent, ResetEvent } from "./machine/events.ts";
import type { Http2ResponseHead } from "./machine/message.ts";
import { framingIn } from "./request_head.ts";
import { StreamBody } from "./stream_body.ts";
import { StreamTelling } from "./stream_telling.ts";

/** What a stream needs of its connection. */
export interface ClientHost {
  /** The machine. */
  readonly machine: Http2ClientMachine;
  /** What holds for the connection. */
  readonly settings: ClientSettings;
  /** Runs the machine. */
  readonly driver: Http2Driver<Http2ClientEvent, ClientStream>;
  /** The stream is over. */
  over(stream: ClientStream): void;
  /** It has switched: it is no request any more. */
  switched(): void;
}

/** What is sent behind the head. */
export interface ClientBody {
  /** The request. */
  readonly request: OutgoingRequest;
  /** What it proposes. */
  readonly proposal: Proposal;
  /** Its body. */
  readonly body: SortedBody;
  /** Whether the head was all of it. */
  readonly ended: boolean;
  /** Is told how it goes, or `null`. */
  readonly listener: ExchangeOverListener | null;
}

/** One stream of a client. */
export class ClientStream extends ExchangeStream<ClientHost> {
  readonly #sent: ClientBody;
  readonly #options: SendOptions;
  readonly #body: StreamBody;
  readonly #answer: Deferred<IncomingResponse> = new Deferred<IncomingResponse>();
  readonly #onAbort: (() => void) | null;
  /** Resolves when the body need not wait for a 100 any more; `null` if it does not. */
  #word: Deferred<void> | null = null;
  /** Whether the body is not sent, since the answer came instead of a 100. */
  #heldBack = false;
  #left = false;
  /** Tells how it goes; `null` without a listener. */
  readonly #told: StreamTelling | null;

  /** Takes over behind the head. From now on the caller's signal resets the stream. */
  constructor(host: ClientHost, id: number, sent: ClientBody, options: SendOptions) {
    super(host, id);
    this.#sent = sent;
    this.#options = options;
    const { listener } = sent;
    this.#told = listener === null ? null : new StreamTelling(listener, sent.ended);
    this.#body = new StreamBody(this.outlet, listener);
    this.outlet.ended = sent.ended;
    const { signal } = options;
    this.#onAbort = signal === undefined ? null : () => this.resetWith("cancel", signal.reason);
    if (this.#onAbort !== null) signal!.addEventListener("abort", this.#onAbort);
    if (!sent.ended && sent.proposal.type === "none") this.#sendBody().catch((error) => this.#cutShort(error));
  }

  /** Whether it is the transport of another protocol. */
  get switched(): boolean {
    return this.channel !== null;
  }

  /** Resolves with the head of the final response. */
  get answer(): Promise<IncomingResponse> {
    return this.#answer.promise;
  }

  async #sendBody(): Promise<void> {
    const { body, request } = this.#sent;
    if (expectsContinue(request)) await this.#awaitWord();
    if (this.lost !== null || this.#heldBack || this.outlet.ended) return;
    await this.#body.send(body, request.trailers);
  }

  /** Waits for a 100, for the answer, or for time to pass (RFC 9110 §10.1.1). */
  async #awaitWord(): Promise<void> {
    const { clock, continueTimeoutMs } = this.host.settings;
    this.#word = new Deferred<void>();
    const deadline = new Deadline(clock);
    deadline.set(this.#options.continueTimeoutMs ?? continueTimeoutMs, () => this.#goOn());
    await this.#word.promise;
    deadline.stop();
  }

  /** The body may go. */
  #goOn(): void {
    this.#word?.resolve();
    this.#word = null;
  }

  /** The answer has come instead of a 100: the body stays here, after a 417 untouched, to be sent again without the expectation. */
  #holdBack(status: number): void {
    this.#heldBack = true;
    this.#goOn();
    if (status === 417) return;
    discardBody(this.#sent.request.body, new StateError("done", "The body is not wanted: the request is answered"));
  }

  /** The request cannot be completed, and must not look complete. */
  #cutShort(error: unknown): void {
    if (this.lost === null) this.resetWith("internal", error);
  }

  /** An informational response has come. */
  informed({ head }: Http2InformationalEvent): void {
    if (head.status === 100) this.#goOn();
    try {
      this.#options.onInformational?.(headOf(head));
    } catch (error) {
      this.resetWith("cancel", error);
    }
  }

  /** The final response has come. */
  answered({ head, endStream }: Http2ResponseEvent): void {
    if (endStream) {
      this.intake.end(new Fields());
      this.#told?.received();
    }
    const { proposal } = this.#sent;
    const { status } = head;
    const tunnels = proposal.type === "upgrade"
      ? status >= 200 && status < 300
      : opensTunnel(this.#sent.request.method, status);
    if (proposal.type !== "none" && tunnels) return this.#switched(head);
    const framing = framingIn(head.fields, endStream);
    const body = new IncomingBody(framing, endStream ? null : this.#told?.telling(this.intake) ?? this.intake);
    const response = new IncomingResponse(headOf(head), body, () => {
      body.cancel();
      return Promise.resolve();
    });
    if (proposal.type !== "none") {
      const pending = new PendingUpgrade();
      pending.reject(new UpgradeRejected("refused", { status, response }));
      attachUpgrade(response, pending);
      if (!this.outlet.ended) this.#endUnused();
    }
    if (this.#word !== null) this.#holdBack(status);
    this.#answer.resolve(response);
    this.settle();
  }

  /** Refused: nothing goes to the protocol that is not spoken. */
  #endUnused(): void {
    this.outlet.end(null);
  }

  #switched(head: Http2ResponseHead): void {
    const { proposal } = this.#sent;
    const pending = new PendingUpgrade();
    const response = new IncomingResponse(headOf(head), new IncomingBody({ type: "none" }, null), async () => {
      if (!pending.claimed) await (await pending.claim()).close();
    });
    attachUpgrade(response, pending);
    this.#unlisten();
    const protocol = proposal.type === "upgrade" ? proposal.protocols[0]! : null;
    this.channel = handOverStream(this, this.host.settings, { protocol, response }, pending);
    this.#told?.over(null);
    this.host.switched();
    this.#answer.resolve(response);
  }

  /** @ignore Both messages are over, or the answer is and the server has said that it wants no more of the request. */
  protected override settle(): void {
    if (!this.intake.over) return;
    if (this.outlet.ended) return this.outlet.waiting ? undefined : this.#leave();
    if (this.#heldBack) this.#endHeldBack();
  }

  /** The answer is complete, and the request never will be. */
  #endHeldBack(): void {
    this.host.machine.resetStream(this.id, "cancel");
    this.host.driver.soon();
    this.#told?.sent();
    this.#leave();
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#unlisten();
    this.host.over(this);
  }

  #unlisten(): void {
    if (this.#onAbort !== null) this.#options.signal!.removeEventListener("abort", this.#onAbort);
  }

  /** See {@linkcode DriverStream}. */
  override onGone(reason: unknown, how: ResetEvent | null): void {
    if (this.lost !== null) return;
    const { reads } = this.#body;
    const error = how?.processed === false ? new UnsentError(this.#sent.request, reason, reads) : reason;
    this.lost = { error };
    this.outlet.fail(error);
    this.#body.stop(error);
    if (!reads && how?.processed !== false) discardBody(this.#sent.request.body, error);
    this.#goOn();
    // RFC 9113 §8.1: a complete answer stays one, if the server only wants no more of the request.
    if (how?.code === "no-error" && this.intake.over) {
      this.#told?.sent();
    } else {
      this.intake.fail(error);
      this.#told?.over({ reason: "error", error });
    }
    this.channel?.fail(error);
    this.#answer.reject(error);
    this.#leave();
  }

  /** See {@linkcode OutletOwner}. */
  override sent(): void {
    this.#told?.sent();
    super.sent();
  }

  /** See {@linkcode IntakeOwner}. */
  override unwanted(): void {
    if (!this.intake.over) this.resetWith("cancel", new StateError("canceled", "The body was canceled"));
  }
}

function headOf({ status, fields }: Http2ResponseHead): ResponseHead {
  return { status, reason: "", version: "2", fields };
}

function expectsContinue({ fields }: OutgoingRequest): boolean {
  return new Fields(fields).hasToken("expect", "100-continue");
}
