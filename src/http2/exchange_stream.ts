/**
 * What the streams of both roles have in common: what comes goes to the body that is read, or to the channel behind a switch; and what
 * goes out wakes the driver. `server_stream.ts` and `client_stream.ts` say what the messages mean.
 *
 * @module
 */

import type { TimeLimit } from "../duplex/time_limit.ts";
import type { Http2ErrorCode } from "../errors/http2_error.ts";
import type { Fields } from "../semantics/fields.ts";
import type { DriverStream } from "./driver.ts";
import type { ResetEvent } from "./machine/events.ts";
import type { Http2StreamChannel } from "./stream_channel.ts";
import { type IntakeOwner, StreamIntake } from "./stream_intake.ts";
import { type OutletOwner, type StreamMachine, StreamOutlet } from "./stream_outlet.ts";

/** As much of the connection as both need. */
export interface ExchangeHost {
  /** Runs the machine. */
  readonly driver: {
    readonly machine: StreamMachine;
    readonly writeLimit: TimeLimit;
    soon(): void;
    consume(streamId: number, bytes: number): void;
    reset(stream: DriverStream, code: Http2ErrorCode, reason: unknown): void;
  };
}

/** One stream, of either role. */
export abstract class ExchangeStream<Host extends ExchangeHost> implements IntakeOwner, OutletOwner, DriverStream {
  /** Its number. */
  readonly id: number;
  /** What comes in. */
  readonly intake: StreamIntake = new StreamIntake(this);
  /** What goes out. */
  readonly outlet: StreamOutlet;
  /** @ignore Its connection. */
  protected readonly host: Host;
  /** @ignore Set once the stream has switched. */
  protected channel: Http2StreamChannel | null = null;
  /** @ignore Why the stream is gone, once it is. */
  protected lost: { readonly error: unknown } | null = null;

  constructor(host: Host, id: number) {
    this.id = id;
    this.host = host;
    this.outlet = new StreamOutlet(host.driver.machine, id, this, host.driver.writeLimit);
  }

  /** @ignore Looks whether both messages are over. */
  protected abstract settle(): void;

  /** See {@linkcode DriverStream}. */
  abstract onGone(reason: unknown, how: ResetEvent | null): void;

  /** Data has come. */
  onData(bytes: Uint8Array, lent: boolean): boolean {
    const { channel } = this;
    if (channel === null) this.intake.push(bytes, lent);
    else channel.received(bytes, lent);
    return channel !== null;
  }

  /** The peer's message is complete, or the peer has ended its side behind a switch. */
  onEnd(trailers: Fields): void {
    this.intake.end(trailers);
    this.channel?.arrived();
    this.settle();
  }

  /** What waited is on its way. */
  onDrained(): void {
    this.outlet.drained();
    this.channel?.arrived();
  }

  /** Resets the stream. */
  resetWith(code: Http2ErrorCode, error: unknown): void {
    this.host.driver.reset(this, code, error);
  }

  /** See {@linkcode OutletOwner}. */
  wake(): void {
    this.host.driver.soon();
  }

  /** See {@linkcode OutletOwner}. */
  sent(): void {
    this.settle();
  }

  /** See {@linkcode IntakeOwner}. */
  consumed(bytes: number): void {
    this.host.driver.consume(this.id, bytes);
  }

  /** See {@linkcode IntakeOwner}. */
  awaits(): void {}

  /** See {@linkcode IntakeOwner}. */
  awaited(): void {}

  /** See {@linkcode IntakeOwner}. */
  abstract unwanted(): void;
}
