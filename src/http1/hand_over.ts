/**
 * The hand-off, written once for both roles. The exchange of either role calls it when the transport has accepted the
 * final head and the request's body is over; from then on the connection is not HTTP's any more.
 *
 * ```text
 *  request body over ─▶ 100 if it was awaited ─▶ head accepted by the transport
 *        ─▶ trailing bytes and EOF leave the machine ─▶ the promise resolves ─▶ closed = "upgrade"
 * ```
 *
 * @module
 */

import { StateError } from "../errors/state_error.ts";
import { type Clock, Deadline } from "../duplex/clock.ts";
import type { PendingUpgrade } from "./upgrade.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import type { PartsClaim, Trailing } from "./parts.ts";
import { type Agreement, Upgraded } from "./upgraded.ts";
import type { Wire } from "../duplex/wire.ts";

/** Where the transport may go. */
export interface Successors {
  /** The upgrade of the exchange. */
  readonly pending: PendingUpgrade;
  /** The caller of `withoutShutdown()` goes first, if there is one. */
  readonly parts: PartsClaim;
}

/** How long an upgrade may stay unclaimed. */
export interface HandOverLimits {
  /** In milliseconds; 0 or `Infinity` waits without end. */
  readonly unclaimedUpgradeTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** Hands over the transport and the bytes behind the head. */
export function handOver(
  wire: Wire,
  trailing: Trailing,
  agreed: Agreement,
  { pending, parts }: Successors,
  limits: HandOverLimits,
): void {
  if (wire.reading) throw new StateError("busy", "Cannot hand over: a read is pending");
  if (parts.wanted) {
    parts.give(wire, trailing);
    return pending.reject(new UpgradeRejected("low-level"));
  }
  const upgraded = new Upgraded(wire.io, trailing.bytes, { ...agreed, ended: trailing.eof }, wire.channel);
  pending.resolve(upgraded);
  if (!pending.claimed) closeUnclaimed(upgraded, pending, limits);
}

/**
 * An upgrade that was not claimed is parked without reading, and closed when time is up. It may end before: a server that
 * shuts down closes it.
 */
function closeUnclaimed(upgraded: Upgraded, pending: PendingUpgrade, limits: HandOverLimits): void {
  const { clock, unclaimedUpgradeTimeoutMs } = limits;
  const deadline = new Deadline(clock);
  pending.onClaim(() => deadline.stop());
  deadline.set(unclaimedUpgradeTimeoutMs, () => {
    upgraded.abort(new StateError("canceled", `The upgrade was not claimed within ${unclaimedUpgradeTimeoutMs} ms`));
  });
  upgraded.closed.then(() => {
    deadline.stop();
    pending.abandon(new StateError("canceled", "The upgrade ended before it was claimed"));
  });
}
