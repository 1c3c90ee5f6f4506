/**
 * One stream of a server: what comes goes to the body that is read, or to the channel behind a switch; and when both messages are over.
 * `server_connection.ts` makes one for each request, the driver tells it what comes, and `stream_exchange.ts` answers.
 *
 * @module
 */

import type { Http2ErrorCode } from "../errors/http2_error.ts";
import { StateError } from "../errors/state_error.ts";
import { departed } from "../http1/failure.ts";
import type { IncomingRequest } from "../http1/incoming.ts";
import { isWanted } from "../http1/incoming_body.ts";
import type { PendingUpgrade } from "../http1/upgrade.ts";
import { Fields } from "../semantics/fields.ts";
import type { Http2Driver } from "./driver.ts";
import type { DriverStream } from "./driver_stream.ts";
import { handOverStream } from "./hand_over_stream.ts";
import type { Http2RequestEvent, Http2ServerEvent } from "./machine/events.ts";
import { type ReadingLimits, type ReadingOwner, RequestReading } from "./request_reading.ts";
import type { Http2StreamChannel } from "./stream_channel.ts";
import { type AnsweredStream, type ExchangeHost, StreamExchange } from "./stream_exchange.ts";
import { StreamIntake } from "./stream_intake.ts";
import { type OutletOwner, StreamOutlet } from "./stream_outlet.ts";

/** What a stream needs of its connection. */
export interface ServerHost extends ExchangeHost, ReadingLimits {
  /** Runs the machine. */
  readonly driver: Http2Driver<Http2ServerEvent, ServerStream>;
  /** The stream is over: nothing more comes or goes. */
  over(streamId: number): void;
}

/** Whose the stream is. It is lost once it has failed, or nothing more of its request is wanted. */
type State =
  | { readonly type: "http" }
  | { readonly type: "switched"; readonly channel: Http2StreamChannel }
  | { readonly type: "lost"; readonly error: unknown };

const HTTP: State = { type: "http" };

/** One stream of a server. */
export class ServerStream implements DriverStream, AnsweredStream, ReadingOwner, OutletOwner {
  /** Its number. */
  readonly id: number;
  /** What goes out. */
  readonly outlet: StreamOutlet;
  /** The request and its answer. */
  readonly exchange: StreamExchange;
  readonly #host: ServerHost;
  /** What comes in; `null` if nothing ever will: the head was all, and proposes nothing. */
  readonly #intake: StreamIntake | null;
  /** `null` if the request has no body. */
  readonly #reading: RequestReading | null;
  #state: State = HTTP;

  /**
   * Makes the request; the handler is not called yet.
   *
   * @throws {ProtocolError} `bad-target`: HTTP/1.1 has no words for its target.
   */
  constructor(host: ServerHost, event: Http2RequestEvent) {
    const { head, streamId, endStream } = event;
    const { driver } = host;
    const connects = head.method === "CONNECT";
    this.id = streamId;
    this.#host = host;
    this.#reading = endStream || connects ? null : new RequestReading(this, host, head.fields);
    this.#intake = endStream && !connects ? null : new StreamIntake(driver, streamId, this.#reading);
    if (endStream) this.#intake?.end(new Fields());
    this.outlet = new StreamOutlet(driver, streamId, this);
    this.exchange = new StreamExchange(host, this, event, connects ? null : this.#intake);
  }

  /** See {@linkcode AnsweredStream}. */
  get lost(): { readonly error: unknown } | null {
    return this.#state.type === "lost" ? this.#state : null;
  }

  /** See {@linkcode DriverStream}. */
  onData(bytes: Uint8Array, lent: boolean): boolean {
    const state = this.#state;
    const switched = state.type === "switched";
    if (switched) {
      state.channel.reader.received(bytes, lent);
    } else {
      this.#reading?.goesOn();
      this.#intake?.push(bytes, lent);
    }
    return switched;
  }

  /** See {@linkcode DriverStream}. */
  onEnd(trailers: Fields): void {
    this.#intake?.end(trailers);
    if (this.#state.type === "switched") this.#state.channel.arrived();
    this.settle();
  }

  /** See {@linkcode DriverStream}. */
  onDrained(): void {
    const state = this.#state; // with the last of it the stream may be over
    this.outlet.drained();
    if (state.type === "switched") state.channel.arrived();
  }

  /** See {@linkcode AnsweredStream}. */
  willBeRead(): void {
    this.#reading?.willBeRead();
  }

  /** See {@linkcode AnsweredStream}. */
  goesOn(): void {
    this.#reading?.goesOn();
  }

  /** See {@linkcode OutletOwner}. */
  sent(): void {
    this.settle();
  }

  /** Whether all is over; and a request that is not read to its end is not waited for (RFC 9113 §8.1). */
  settle(): void {
    if (!this.outlet.ended || this.outlet.waiting || this.#state.type === "lost") return;
    const switched = this.#state.type === "switched";
    const intake = this.#intake;
    if (intake === null || (intake.over && (switched || !intake.hasBytes))) return this.#over(null);
    if (switched) return;
    const reading = this.#reading;
    if (reading !== null && isWanted(this.exchange.request.body)) reading.settle();
    else this.stopReading();
  }

  /** See {@linkcode ReadingOwner}. A body that has come can still be read, and opens the windows of others all the same. */
  stopReading(): void {
    if (this.#intake!.over) {
      this.#host.driver.consume(this.id, Infinity);
      return this.#over(null);
    }
    this.stopPeer(new StateError("canceled", "The body was not read before the response was complete"));
  }

  /** See {@linkcode AnsweredStream}. */
  stopPeer(error: unknown): void {
    const { machine, driver } = this.#host;
    this.#state = { type: "lost", error };
    this.#intake?.fail(error);
    machine.resetStream(this.id, "no-error");
    driver.soon();
    this.#over(null);
  }

  /** See {@linkcode AnsweredStream}. */
  handOver(protocol: string | null, request: IncomingRequest, pending: PendingUpgrade): void {
    const stream = { intake: this.#intake!, outlet: this.outlet, owner: this };
    const channel = handOverStream(stream, this.#host.settings.server, { protocol, request }, pending);
    this.#state = { type: "switched", channel };
  }

  /** Ends the stream at once. */
  resetWith(code: Http2ErrorCode, error: unknown): void {
    this.#host.driver.reset(this, code, error);
  }

  /** See {@linkcode DriverStream}. */
  onGone(error: unknown): void {
    const state = this.#state;
    if (state.type === "lost") return;
    const switched = state.type === "switched";
    const complete = !switched && this.outlet.ended && !this.outlet.waiting;
    this.#state = { type: "lost", error: departed(error) };
    this.outlet.fail(error);
    this.#intake?.fail(error);
    if (switched) state.channel.fail(error);
    this.exchange.onGone(error, complete);
    this.#over(complete ? null : error);
  }

  /** Nothing more comes or goes; the exchange has failed with `error`, or `null`. */
  #over(error: unknown): void {
    this.#reading?.end();
    this.exchange.over(error);
    this.#host.over(this.id);
  }
}
