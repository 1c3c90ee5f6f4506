/**
 * The streams that the peer resets: the machine bounds how many, and the time that goes by lets it reset more.
 *
 * @module
 */

import type { Clock } from "../duplex/clock.ts";
import { Http2Error } from "../errors/http2_error.ts";
import type { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { ResetEvent } from "./machine/events.ts";

/** Resets that are forgiven each second: a client may give up requests, but not all the time. */
const FORGIVEN_EACH_SECOND = 30;

/** As much of a machine as is used here. */
export interface ForgivingMachine {
  /** Lets the peer have so many more streams reset. */
  forgive(resets: number): void;
}

/** Forgives resets. */
export class PeerResets {
  readonly #machine: ForgivingMachine;
  readonly #clock: Clock;
  #forgivenMs: number;

  /** From now on time counts. */
  constructor(machine: ForgivingMachine, clock: Clock) {
    this.#machine = machine;
    this.#clock = clock;
    this.#forgivenMs = clock.now();
  }

  /** A stream was reset: those before are forgiven as far as time has gone by. */
  onReset(): void {
    const now = this.#clock.now();
    const resets = Math.floor((now - this.#forgivenMs) * FORGIVEN_EACH_SECOND / 1000);
    if (resets <= 0) return;
    this.#forgivenMs = now;
    this.#machine.forgive(resets);
  }
}

/** What is under way on the stream fails with that. */
export function resetReason({ code, error, streamId }: ResetEvent): Http2Error | StateError | TransportError {
  if (error !== null) return error;
  const message = `The peer has reset the stream: ${code}`;
  return new TransportError("reset", message, { cause: new Http2Error(code, message, "RFC 9113 §5.4.2", streamId) });
}
