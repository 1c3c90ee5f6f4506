/**
 * What becomes of connections that have switched protocols: the handler's callback gets them, and the server counts them
 * until they end, and ends them if it has to. `exchanges.ts` adds them, `server.ts` ends them.
 *
 * @module
 */

import type { OverListener } from "../../duplex/held_channel.ts";
import { type Linked, LinkedSet } from "../../duplex/linked_set.ts";
import type { Traffic } from "../../duplex/traffic.ts";
import type { WriteLimits } from "../../duplex/write_limit.ts";
import { closeOncePolite, closePolitely } from "../../http1/close_politely.ts";
import { departed } from "../../http1/failure.ts";
import type { Acceptance, CallbackWatcher, PendingUpgrade } from "../../http1/upgrade.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import { TransportError } from "../../errors/transport_error.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import type { Reports } from "./reports.ts";

/** The switched connections of one server. */
export class Switched {
  readonly #open: LinkedSet<SwitchedConnection> = new LinkedSet();
  /** How many of them are streams of a connection which speaks HTTP on: that counts them, and what they carry. */
  #streams = 0;
  readonly #reports: Reports;
  readonly #onEnd: () => void;
  /** Of those that are over, less what those that are open had carried before they switched. */
  #receivedBefore = 0;
  #sentBefore = 0;
  #closing: WriteLimits | null = null;
  #cutFor: { readonly reason: unknown } | null = null;

  /** Begins with none. `reports` gets the errors of callbacks, `onEnd` is called when one has ended. */
  constructor(reports: Reports, onEnd: () => void) {
    this.#reports = reports;
    this.#onEnd = onEnd;
  }

  /** How many are open, or have a callback that runs. */
  get size(): number {
    return this.#open.size;
  }

  /** How many of them have a transport of their own. */
  get transports(): number {
    return this.#open.size - this.#streams;
  }

  /** What they have carried behind their switches so far, those that are over as well. */
  get traffic(): Traffic {
    let receivedBytes = this.#receivedBefore;
    let sentBytes = this.#sentBefore;
    for (const { upgraded, whole } of this.#open) {
      if (!whole) continue;
      receivedBytes += upgraded.receivedBytes;
      sentBytes += upgraded.sentBytes;
    }
    return { receivedBytes, sentBytes };
  }

  /**
   * Waits for the switch. It keeps no request: what has switched may stay for days.
   *
   * @param whole Whether the connection switches, and not a stream of it.
   */
  await(pending: PendingUpgrade, acceptance: Acceptance, trace: ConnectionTrace | null, whole: boolean): void {
    const onSwitched = (upgraded: Upgraded): void => {
      const connection = new SwitchedConnection(this, upgraded, whole, trace);
      this.#open.add(connection);
      if (whole) this.#count(upgraded, -1);
      else this.#streams++;
      if (trace !== null) trace.switched(upgraded);
      if (this.#closing !== null) void closeOncePolite(upgraded, whole ? this.#closing : null);
      connection.begin(pending, acceptance);
    };
    pending.onSwitched = onSwitched;
  }

  /** Closes those that are open and those that come; WebSockets with 1001. */
  close(limits: WriteLimits): void {
    this.#closing = limits;
    for (const { upgraded, whole } of this.#open) closePolitely(upgraded, whole ? limits : null);
  }

  /** Cuts those that are open. */
  cut(reason: unknown): void {
    this.#cutFor = { reason };
    for (const { upgraded } of this.#open) upgraded.abort(reason);
  }

  /** A callback has failed. */
  failed(error: unknown): void {
    if (!this.#hasCaused(error)) this.#reports.tell(isCut(error) ? departed(error) : error);
  }

  /** Whether an error of a switched connection only says that this server has ended it. */
  #hasCaused(error: unknown): boolean {
    if (this.#cutFor !== null && error === this.#cutFor.reason) return true;
    return this.#closing !== null && error instanceof TransportError && error.code === "closed";
  }

  #count({ receivedBytes, sentBytes }: Upgraded, sign: 1 | -1): void {
    this.#receivedBefore += sign * receivedBytes;
    this.#sentBefore += sign * sentBytes;
  }

  /** One has ended, and its callback as well. */
  over(connection: SwitchedConnection): void {
    this.#open.delete(connection);
    if (connection.whole) this.#count(connection.upgraded, 1);
    else this.#streams--;
    connection.trace?.upgradedOver();
    this.#onEnd();
  }
}

/** One of them. */
class SwitchedConnection implements OverListener, CallbackWatcher, Linked<SwitchedConnection> {
  /** See {@linkcode Linked}. */
  previous: SwitchedConnection | null = null;
  /** See {@linkcode Linked}. */
  next: SwitchedConnection | null = null;
  /** The connection. */
  readonly upgraded: Upgraded;
  /** Whether its transport is its own. */
  readonly whole: boolean;
  /** What tells of it, if anything does. */
  readonly trace: ConnectionTrace | null;
  readonly #all: Switched;

  constructor(all: Switched, upgraded: Upgraded, whole: boolean, trace: ConnectionTrace | null) {
    this.#all = all;
    this.upgraded = upgraded;
    this.whole = whole;
    this.trace = trace;
  }

  /** Calls the handler's callback, and waits for the end. */
  begin(pending: PendingUpgrade, acceptance: Acceptance): void {
    if (acceptance.onSwitched === undefined) this.upgraded.tellOver(this);
    else void pending.callBack(acceptance, this.upgraded, this);
  }

  /** See {@linkcode CallbackWatcher}. */
  onCallbackFailure(error: unknown): void {
    this.#all.failed(error);
  }

  /** See {@linkcode CallbackWatcher}. */
  onCallbackOver(): void {
    this.upgraded.tellOver(this);
  }

  /** See {@linkcode OverListener}. */
  onOver(): void {
    this.#all.over(this);
  }
}

/** Behind a switch either side may leave as it likes. */
function isCut(error: unknown): boolean {
  return error instanceof TransportError && (error.code === "reset" || error.code === "closed");
}
