/**
 * The end of one connection, of either role: why it ends, in which steps, and who is told. What is under way ends by its driver.
 *
 * @module
 */

import { Deferred } from "../duplex/deferred.ts";
import type { OverListener } from "../duplex/held_channel.ts";
import { closeBehindPeer, linger } from "../duplex/linger.ts";
import type { OutletOwner } from "../duplex/outlet.ts";
import type { Wire } from "../duplex/wire.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { Closed, ServerSettings } from "../http1/options.ts";

/** How long its steps may take. */
export type EndLimits =
  & Pick<ServerSettings, "writeTimeoutMs" | "closeTimeoutMs" | "clock">
  & Partial<Pick<ServerSettings, "lingerTimeoutMs" | "maxLingerBytes">>;

/** What ends with the connection. */
export interface EndingWork {
  /** Whether the peer has spoken HTTP/2 at all. */
  readonly peerSpoke: boolean;
  /** Writes what is ready, the last that is said, behind what is being written; tells whether the transport has taken all of it. */
  sendLast(): boolean;
  /** Nothing is read or written any more, and what is under way fails. */
  stop(): void;
}

/** The end of one connection. */
export class ConnectionEnd implements OutletOwner {
  /** Why it ends, once that is decided: then nothing new is begun. Only this class writes it. */
  why: Closed | null = null;
  /** Whether the peer has ended its side. Its reader says so. */
  peerEnded = false;
  readonly #wire: Wire;
  readonly #limits: EndLimits;
  readonly #work: EndingWork;
  readonly #closed: Deferred<Closed> = new Deferred<Closed>();
  #overListener: OverListener | null = null;
  #over = false;

  /** Of a connection that lives. */
  constructor(wire: Wire, limits: EndLimits, work: EndingWork) {
    this.#wire = wire;
    this.#limits = limits;
    this.#work = work;
  }

  /** Resolves when the connection is over; never rejects. */
  get closed(): Promise<Closed> {
    return this.#closed.promise;
  }

  /** Tells once what `closed` tells, without a promise. */
  tellOver(listener: OverListener): void {
    if (this.#over) queueMicrotask(() => listener.onOver(this));
    else this.#overListener = listener;
  }

  /** Ends it at once. Idempotent. */
  abort(reason: unknown): void {
    if (this.#over) return;
    this.#wire.abort(reason);
    if (this.why !== null) return; // it ends, and now at once
    this.#begin({ reason: "error", error: reason });
    this.#finish();
  }

  /** Ends it behind what is ready, a GOAWAY, without waiting for the streams that are open. */
  close(why: Closed): void {
    if (this.why !== null) return;
    this.#work.sendLast();
    this.inOrder(why);
  }

  /** Ends it at once, with GOAWAY, and waits for nothing of the peer. */
  leave(): void {
    if (this.why !== null) return this.abort(this.cause);
    const sent = this.#work.sendLast();
    this.#begin({ reason: "shutdown" });
    if (!sent || !this.#wire.closeAtOnce()) this.#wire.abort();
    this.#finish();
  }

  /** Ends it behind what was written: our side first, then what the peer still sends, unless it has ended its side. */
  async inOrder(why: Closed): Promise<void> {
    const wire = this.#wire;
    this.#begin(why);
    if (!this.peerEnded) await linger(wire, this.#limits);
    else if (!wire.closeAtOnce()) await closeBehindPeer(wire, this.#limits);
    this.#finish();
  }

  #begin(why: Closed): void {
    this.why = why;
    this.#work.stop();
  }

  /** What is under way fails with that. Made when it is asked for. */
  get cause(): unknown {
    const { why } = this;
    if (why?.reason === "error") return why.error;
    const when = this.#work.peerSpoke ? "" : " before the peer spoke HTTP/2";
    return new TransportError("closed", `The connection has ended${when}`);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#closed.resolve(this.why!);
    this.#overListener?.onOver(this);
    this.#overListener = null;
  }
}
