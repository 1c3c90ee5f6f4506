/**
 * Whether the peer is still there: it gets a Ping in intervals, and is given up when it stays silent. `WebSocketConnection` makes one
 * where the options ask for it, and does what it says.
 *
 * @module
 */

import { Deadline } from "../duplex/clock.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { WebSocketSettings } from "./options.ts";

/** What a heartbeat does. */
export interface HeartbeatActions {
  /** Asks the peer. */
  ping(): void;
  /** The peer did not answer. */
  lost(error: TransportError): void;
  /** The peer was silent for too long. */
  idle(): void;
  /** Whether this end does not read: then silence means nothing. */
  paused(): boolean;
}

/** Measures how long the peer is silent. */
export class Heartbeat {
  readonly #settings: WebSocketSettings;
  readonly #actions: HeartbeatActions;
  readonly #nextPing: Deadline;
  readonly #idle: Deadline;
  #heard = true;
  #asked = false;

  private constructor(settings: WebSocketSettings, actions: HeartbeatActions) {
    this.#settings = settings;
    this.#actions = actions;
    this.#nextPing = new Deadline(settings.clock);
    this.#idle = new Deadline(settings.clock);
    this.#schedulePing();
    this.#scheduleIdle();
  }

  /** Begins one; `null` where both times are off. */
  static of(settings: WebSocketSettings, actions: HeartbeatActions): Heartbeat | null {
    const needed = settings.pingIntervalMs > 0 || settings.idleTimeoutMs > 0;
    return needed ? new Heartbeat(settings, actions) : null;
  }

  /** Something has come. */
  heard(): void {
    this.#heard = true;
    if (this.#settings.idleTimeoutMs > 0) this.#scheduleIdle();
  }

  /** Leaves no timer behind. */
  stop(): void {
    this.#nextPing.stop();
    this.#idle.stop();
  }

  #schedulePing(): void {
    this.#nextPing.set(this.#settings.pingIntervalMs, () => this.#beat());
  }

  #scheduleIdle(): void {
    this.#idle.set(this.#settings.idleTimeoutMs, () => {
      if (this.#actions.paused()) this.#scheduleIdle();
      else this.#actions.idle();
    });
  }

  #beat(): void {
    const paused = this.#actions.paused();
    if (!this.#heard && !paused && this.#asked) {
      return this.#actions.lost(new TransportError("timeout", "The peer did not answer a Ping in time"));
    }
    this.#heard = false;
    this.#asked = !paused;
    this.#schedulePing();
    this.#actions.ping();
  }
}
