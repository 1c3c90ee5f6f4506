/**
 * What both ends of HTTP have: a transport, a machine, the way out, a phase, and a caller who may want the transport back.
 * `server_connection.ts` and `client_connection.ts` decide with it how a connection lives; their exchanges send and
 * receive through it.
 *
 * @module
 */

import { Deferred } from "../duplex/deferred.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import type { OverListener } from "../duplex/held_channel.ts";
import { Outlet, type SendingMachine } from "../duplex/outlet.ts";
import { Wire } from "../duplex/wire.ts";
import type { WriteLimits } from "../duplex/write_limit.ts";
import type { ExchangeOverListener } from "./exchange_listener.ts";
import { nextPhase, type Phase } from "./connection_phase.ts";
import type { Closed } from "./options.ts";
import { type Parts, PartsClaim, reclaimedParts, type Trailing } from "./parts.ts";

/** What the machines of both roles have in common here. */
export interface CoreMachine extends SendingMachine {
  /** Adds received bytes. */
  receive(bytes: Uint8Array): void;
  /** Nothing more will come. */
  receiveEof(): void;
  /** Takes what belongs to no message. */
  takeTrailing(): Trailing;
}

/** What a role does its own way. */
export interface Role {
  /** The error of what is begun or under way when the connection ends without an error. */
  closedError(): unknown;
  /** Ends what is under way, then the transport, and calls `finish()`. */
  close(why: Closed): void;
}

/** One connection, as far as the roles agree. */
export class ConnectionCore<
  Machine extends CoreMachine,
  Settings extends WriteLimits = WriteLimits,
  Listener extends ExchangeOverListener = ExchangeOverListener,
> {
  /** The transport. */
  readonly wire: Wire;
  /** Understands and writes the messages. */
  readonly machine: Machine;
  /** The options, filled in. */
  readonly settings: Settings;
  /** Sends what the machine has ready. */
  readonly outlet: Outlet;
  /** The caller of `withoutShutdown()`. */
  readonly parts: PartsClaim = new PartsClaim();
  /** Who is told how exchanges go. */
  listener: Listener | null = null;
  /** Whether bytes have come since this was set to false. */
  heard: boolean = false;
  /** Whether the peer has ended its side. */
  peerEnded: boolean = false;
  /** Where the connection is in its life. Only this class writes it. */
  phase: Phase;
  /** Why the connection ends, once that is decided: from phase `ending` on. Only this class writes it. */
  why: Closed | null = null;
  readonly #role: Role;
  /** Made when it is asked for. */
  #closed: Deferred<Closed> | null = null;
  #overListener: OverListener | null = null;

  /**
   * Takes the transport.
   *
   * @throws {TypeError} `io` is no pair of streams, or one of them is locked.
   */
  constructor(io: DuplexLike, machine: Machine, settings: Settings, phase: "new" | "idle", role: Role) {
    this.wire = new Wire(io);
    this.machine = machine;
    this.settings = settings;
    this.outlet = new Outlet(machine, this.wire, settings, this);
    this.phase = phase;
    this.#role = role;
  }

  /** Resolves when the connection is over. */
  get closed(): Promise<Closed> {
    if (this.#closed === null) {
      this.#closed = new Deferred<Closed>();
      if (this.#finished) this.#closed.resolve(this.why!);
    }
    return this.#closed.promise;
  }

  /** Tells once what `closed` tells, without a promise. */
  tellOver(listener: OverListener): void {
    if (this.#finished) queueMicrotask(() => listener.onOver(this));
    else this.#overListener = listener;
  }

  /** Drops the listener of its end: another connection goes on with the transport. */
  dropListener(): void {
    this.#overListener = null;
  }

  get #finished(): boolean {
    return this.phase === "closed" || this.phase === "handed-over";
  }

  /** Whether it closes, or has closed, or its transport is not HTTP's any more. */
  get over(): boolean {
    return this.phase === "closing" || this.phase === "closed" || this.phase === "handed-over";
  }

  /** What is under way when the connection ends fails with this. Made when it is asked for: most have nothing under way. */
  get cause(): unknown {
    return this.why?.reason === "error" ? this.why.error : this.#role.closedError();
  }

  /** Goes on to a phase in which the connection lives. */
  enter(phase: "idle" | "head" | "exchange" | "last"): void {
    this.phase = nextPhase(this.phase, phase);
  }

  /** Decides why the connection ends: nothing new is begun. What is written still goes out, until `close()`. */
  end(why: Closed): void {
    if (this.why !== null) return;
    this.why = why;
    this.phase = nextPhase(this.phase, "ending");
  }

  /** Closes now, whatever is under way. The reason that was decided first counts. */
  close(why: Closed): void {
    if (this.over) return;
    this.why ??= why;
    this.phase = nextPhase(this.phase, "closing");
    this.#role.close(this.why);
  }

  /** Cuts the transport, also while it closes. */
  abort(reason: unknown): void {
    if (this.phase === "closed" || this.phase === "handed-over") return;
    this.why ??= { reason: "error", error: reason };
    this.wire.abort(reason);
    this.close(this.why);
  }

  /** The connection is over, and its transport closed or handed over. */
  finish(phase: "closed" | "handed-over", why: Closed): void {
    this.why ??= why;
    this.phase = nextPhase(this.phase, phase);
    this.parts.end();
    this.#closed?.resolve(this.why);
    this.#overListener?.onOver(this);
    this.#overListener = null;
  }

  /**
   * Gives the transport back to the caller of `withoutShutdown()`, unless it is read all the time, or was cut meanwhile.
   *
   * @returns Whether it did.
   */
  async giveParts(why: Closed): Promise<boolean> {
    if (!await this.wire.reclaim() || this.wire.ended) return false;
    this.parts.give(await this.reclaimed());
    this.finish("handed-over", why);
    return true;
  }

  /** The parts of a wire that was reclaimed. */
  reclaimed(): Promise<Parts> {
    const arrived = this.wire.takeArrived();
    if (arrived !== undefined) this.receive(arrived);
    return reclaimedParts(this.wire, this.machine.takeTrailing());
  }

  /** Takes what was read: bytes, or the end. */
  receive(chunk: Uint8Array | null): void {
    if (chunk !== null) {
      this.heard = true;
      return this.machine.receive(chunk);
    }
    this.peerEnded = true;
    this.machine.receiveEof();
  }
}
