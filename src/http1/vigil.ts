/**
 * Notices a client that leaves while its request is being answered, so that nothing is kept for it: neither the
 * descriptor nor the place among a server's connections, however long its handler takes.
 *
 * ```text
 *  a reset                 the client is gone
 *  an end of its side      it may still listen (half-close): an answer that comes soon is sent; then it is gone
 * ```
 *
 * Nothing is taken from the next protocol or from the next request: what arrives meanwhile is kept, up to a bound, for
 * whoever reads next.
 *
 * @module
 */

import type { PeerWatcher } from "../duplex/held_channel.ts";
import { TransportError } from "../errors/transport_error.ts";
import { type Clock, Deadline } from "../duplex/clock.ts";
import type { Wire } from "../duplex/wire.ts";

/** What a client may do. */
export interface VigilLimits {
  /** Whether a client may end its side and be answered at any time. */
  readonly allowHalfClose: boolean;
  /** How long a client that has ended its side is waited for. In milliseconds; 0 or `Infinity` waits without end. */
  readonly halfCloseTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** What a vigil needs of its connection. */
export interface VigilOwner {
  /** Whether all that was read belongs to the request at hand, and that is complete. */
  requestIsAll(): boolean;
  /** Whether the connection may read: nobody else does, and what comes next is HTTP. */
  mayReadAhead(): boolean;
  /** The client has ended its side right behind its request. It may be told more than once. */
  ended(error: TransportError): void;
  /** The client has not been answered in time after that. */
  overdue(error: TransportError): void;
  /** The client has cut the connection. */
  lost(error: unknown): void;
}

/** An exchange that is over sooner is not watched: most are, and on Deno it takes a read. */
const QUICK_MS = 500;
/** How often a transport is asked that cannot tell of a reset by itself, since what came before is not read. */
const PROBE_INTERVAL_MS = 5000;

/** See the module. One a connection, for one exchange after the other. */
export class Vigil implements PeerWatcher {
  readonly #wire: Wire;
  readonly #limits: VigilLimits;
  readonly #owner: VigilOwner;
  readonly #deadline: Deadline;
  #keeping = false;
  #stopped = false;
  #left: TransportError | null = null;
  #stirred = false;

  /**
   * Watches nothing yet.
   *
   * @param wire What to watch.
   * @param limits What the client may do.
   * @param owner Whom to tell.
   */
  constructor(wire: Wire, limits: VigilLimits, owner: VigilOwner) {
    this.#wire = wire;
    this.#limits = limits;
    this.#owner = owner;
    this.#deadline = new Deadline(limits.clock);
  }

  /** Begins unless the exchange is over soon. */
  beginLater(): void {
    if (!this.#keeping) this.#deadline.set(QUICK_MS, this.#onLong);
  }

  readonly #onLong = (): void => this.begin();

  /** Begins now. */
  begin(): void {
    if (this.#stopped) return;
    if (!this.#keeping) this.#deadline.set(PROBE_INTERVAL_MS, this.#onProbe);
    this.#keeping = true;
    this.#wire.watch(this, this.#owner.mayReadAhead());
  }

  /** The request has become complete: more can be told now, if it is watched. */
  requestCompleted(): void {
    if (this.#keeping) this.begin();
  }

  /** The exchange goes on: some of the request was read, or of the response written. */
  stir(): void {
    this.#stirred = true;
  }

  /** The exchange is over. */
  end(): void {
    this.#deadline.clear();
    if (!this.#keeping) return;
    this.#keeping = false;
    this.#left = null;
    this.#wire.unwatch();
  }

  /** The connection is over: no timer is left, and nothing begins any more. */
  stop(): void {
    this.end();
    this.#stopped = true;
    this.#deadline.stop();
  }

  onPeerEnd(unread: boolean): void {
    const { allowHalfClose, halfCloseTimeoutMs } = this.#limits;
    if (allowHalfClose || !this.#keeping) return;
    if (this.#left === null) {
      this.#left = new TransportError("closed", "The client has ended the connection");
      this.#stirred = false;
      if (halfCloseTimeoutMs > 0) this.#deadline.set(halfCloseTimeoutMs, this.#onGraceOver);
    }
    if (!unread && this.#owner.requestIsAll()) this.#owner.ended(this.#left);
  }

  onPeerFailure(error: unknown): void {
    if (this.#keeping) this.#owner.lost(error);
  }

  readonly #onProbe = (): void => {
    if (this.#wire.probe()) this.#deadline.set(PROBE_INTERVAL_MS, this.#onProbe);
  };

  /** A client that still takes or sends something is there. */
  readonly #onGraceOver = (): void => {
    if (!this.#stirred) return this.#owner.overdue(this.#left!);
    this.#stirred = false;
    this.#deadline.set(this.#limits.halfCloseTimeoutMs, this.#onGraceOver);
  };
}
