/**
 * Whether the peer is still there: it is asked again and again, and given up when it stays silent.
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
  /** Whether it is us who do not listen: then silence means nothing. */
  paused(): boolean;
}

/** See the module. */
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

  /** Begins one; `null` where nothing was asked for. */
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
