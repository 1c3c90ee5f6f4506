/**
 * Notices a client that leaves while its request is being answered, so that nothing is kept for it: neither the
 * descriptor nor the place among a server's connections, however long its handler takes. `server_exchange.ts` begins and
 * ends it; the wire tells it of the peer.
 *
 * ```text
 *  a reset                 the client is gone
 *  an end of its side      it may still listen (half-close): an answer that comes soon is sent; then it is gone
 * ```
 *
 * Nothing is taken from the next protocol or from the next request: what arrives meanwhile is kept, up to a bound, for the
 * next reader. Streams that are pulled, or that hold bytes before their end, tell of that end only to a reader. They are read
 * where all that was read belongs to the request. Behind another request that waits no such end is seen, as in hyper: that
 * request may propose a switch, and no read may be in flight then.
 *
 * @module
 */

import type { PeerWatcher } from "../duplex/held_channel.ts";
import { TransportError } from "../errors/transport_error.ts";
import { Deadline } from "../duplex/clock.ts";
import type { Wire } from "../duplex/wire.ts";
import type { ServerMachine } from "./machine/server_machine.ts";
import type { ServerSettings } from "./options.ts";

/** What a vigil needs of its exchange. */
export interface VigilOwner {
  /** Whether the request may still lead to a switch: then what comes next may not be HTTP. */
  readonly undecided: boolean;
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

/** Watches for one exchange after the other; there is one a connection. */
export class Vigil implements PeerWatcher {
  readonly #wire: Wire;
  readonly #machine: ServerMachine;
  readonly #settings: ServerSettings;
  readonly #deadline: Deadline;
  #owner: VigilOwner | null = null;
  #keeping = false;
  #stopped = false;
  #left: TransportError | null = null;
  #stirred = false;
  readonly #onLong = (): void => this.begin(this.#owner!);
  readonly #onProbe = (): void => {
    if (this.#wire.probe()) this.#deadline.set(PROBE_INTERVAL_MS, this.#onProbe);
  };
  /** A client that still takes or sends something is there. */
  readonly #onGraceOver = (): void => {
    if (!this.#stirred) return this.#owner!.overdue(this.#left!);
    this.#stirred = false;
    this.#deadline.set(this.#settings.halfCloseTimeoutMs, this.#onGraceOver);
  };

  /** Watches nothing yet. */
  constructor(wire: Wire, machine: ServerMachine, settings: ServerSettings) {
    this.#wire = wire;
    this.#machine = machine;
    this.#settings = settings;
    this.#deadline = new Deadline(settings.clock);
  }

  /** Begins unless the exchange is over soon. */
  beginLater(owner: VigilOwner): void {
    if (this.#keeping) return;
    this.#owner = owner;
    this.#deadline.set(QUICK_MS, this.#onLong);
  }

  /** Begins now. */
  begin(owner: VigilOwner): void {
    if (this.#stopped) return;
    if (!this.#keeping) this.#deadline.set(PROBE_INTERVAL_MS, this.#onProbe);
    this.#owner = owner;
    this.#keeping = true;
    this.#wire.watch(this, this.#requestIsAll && !owner.undecided);
  }

  /** Whether all that was read belongs to the request, and that is complete. */
  get #requestIsAll(): boolean {
    return this.#machine.requestComplete && !this.#machine.hasBuffered;
  }

  /** The request has become complete: more can be told now, if it is watched. */
  requestCompleted(): void {
    if (this.#keeping) this.begin(this.#owner!);
  }

  /** The exchange goes on: some of the request was read, or of the response written. */
  stir(): void {
    this.#stirred = true;
  }

  /** The exchange is over. */
  end(): void {
    this.#deadline.clear();
    this.#owner = null;
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
    const { allowHalfClose, halfCloseTimeoutMs } = this.#settings;
    if (allowHalfClose || !this.#keeping) return;
    if (this.#left === null) {
      this.#left = new TransportError("closed", "The client has ended the connection");
      this.#stirred = false;
      if (halfCloseTimeoutMs > 0) this.#deadline.set(halfCloseTimeoutMs, this.#onGraceOver);
    }
    if (!unread && this.#requestIsAll) this.#owner!.ended(this.#left);
  }

  onPeerFailure(error: unknown): void {
    if (this.#keeping) this.#owner!.lost(error);
  }
}
