/**
 * What becomes of connections that have switched protocols: the handler's callback gets them, and the server counts them
 * until they end, and ends them if it has to. `exchanges.ts` adds them, `server.ts` ends them.
 *
 * @module
 */

import type { OverListener } from "../../duplex/held_channel.ts";
import type { Traffic } from "../../duplex/traffic.ts";
import { closePolitely } from "../../http1/close_politely.ts";
import { departed } from "../../http1/failure.ts";
import { cancelOwned } from "../../http1/owned.ts";
import type { Acceptance, PendingUpgrade } from "../../http1/upgrade.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import { TransportError } from "../../errors/transport_error.ts";
import type { ConnectionTrace } from "./connection_trace.ts";
import type { Reports } from "./reports.ts";

/** The switched connections of one server. */
export class Switched implements OverListener {
  /** With what tells of each, if anything does. */
  readonly #open: Map<Upgraded, ConnectionTrace | null> = new Map();
  /** Those that are streams of a connection which speaks HTTP on: that counts them, and what they carry. */
  readonly #streams: Set<Upgraded> = new Set();
  readonly #reports: Reports;
  readonly #onEnd: () => void;
  /** Of those that are over, less what those that are open had carried before they switched. */
  #receivedBefore = 0;
  #sentBefore = 0;
  #closing = false;
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
    return this.#open.size - this.#streams.size;
  }

  /** What they have carried behind their switches so far, those that are over as well. */
  get traffic(): Traffic {
    let receivedBytes = this.#receivedBefore;
    let sentBytes = this.#sentBefore;
    for (const upgraded of this.#open.keys()) {
      if (this.#streams.has(upgraded)) continue;
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
    pending.onSwitched = (upgraded) => {
      this.#open.set(upgraded, trace);
      if (whole) this.#count(upgraded, -1);
      else this.#streams.add(upgraded);
      if (trace !== null) trace.switched(upgraded);
      this.#begin(upgraded, pending, acceptance);
    };
  }

  /** Closes those that are open and those that come; WebSockets with 1001. */
  close(): void {
    this.#closing = true;
    for (const upgraded of this.#open.keys()) closePolitely(upgraded);
  }

  /** Cuts those that are open. */
  cut(reason: unknown): void {
    this.#cutFor = { reason };
    for (const upgraded of this.#open.keys()) upgraded.abort(reason);
  }

  #begin(upgraded: Upgraded, pending: PendingUpgrade, acceptance: Acceptance): void {
    if (this.#closing) closePolitely(upgraded);
    if (acceptance.onSwitched === undefined) upgraded.tellOver(this);
    else this.#call(upgraded, pending, acceptance).then(() => upgraded.tellOver(this));
  }

  async #call(upgraded: Upgraded, pending: PendingUpgrade, { onSwitched, owns }: Acceptance): Promise<void> {
    try {
      await onSwitched!(await pending.claim());
    } catch (error) {
      if (!this.#hasCaused(error)) this.#reports.tell(isCut(error) ? departed(error) : error);
      upgraded.abort(error);
      cancelOwned(owns, error);
    }
  }

  /** Whether an error of a switched connection only says that this server has ended it. */
  #hasCaused(error: unknown): boolean {
    if (this.#cutFor !== null && error === this.#cutFor.reason) return true;
    return this.#closing && error instanceof TransportError && error.code === "closed";
  }

  #count({ receivedBytes, sentBytes }: Upgraded, sign: 1 | -1): void {
    this.#receivedBefore += sign * receivedBytes;
    this.#sentBefore += sign * sentBytes;
  }

  /** See {@linkcode OverListener}: one has ended, and its callback as well. */
  onOver(upgraded: object): void {
    const trace = this.#open.get(upgraded as Upgraded) ?? null;
    this.#open.delete(upgraded as Upgraded);
    if (!this.#streams.delete(upgraded as Upgraded)) this.#count(upgraded as Upgraded, 1);
    if (trace !== null) trace.upgradedOver();
    this.#onEnd();
  }
}

/** Behind a switch either side may leave as it likes. */
function isCut(error: unknown): boolean {
  return error instanceof TransportError && (error.code === "reset" || error.code === "closed");
}
