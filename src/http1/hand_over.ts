/**
 * The hand-off, written once for both roles. It begins when the final head has been accepted by the transport and the
 * request's body is over; from then on the connection is not HTTP's any more.
 *
 * ```text
 *  request body over ─▶ 100 if it was awaited ─▶ head accepted by the transport
 *        ─▶ trailing bytes and EOF leave the machine ─▶ the promise resolves ─▶ closed = "upgrade"
 * ```
 *
 * @module
 */

import type { Duplex } from "../duplex/duplex.ts";
import { StateError } from "../errors/state_error.ts";
import { type Clock, Deadline } from "../duplex/clock.ts";
import type { Deferred } from "../duplex/deferred.ts";
import type { PendingUpgrade } from "./upgrade.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { type Agreement, type Parts, Upgraded } from "./upgraded.ts";
import type { Wire } from "../duplex/wire.ts";

/** What a machine had received beyond HTTP. */
export interface Trailing {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** Whether the peer ended its side behind them. */
  readonly eof: boolean;
}

/** Who gets the transport. */
export interface Heirs {
  /** The promise of the exchange. */
  readonly pending: PendingUpgrade;
  /** The caller of `withoutShutdown()`, who goes first, or `null`. */
  readonly parts: Deferred<Parts> | null;
}

/** How long an upgrade may stay unclaimed. */
export interface HandOverLimits {
  /** In milliseconds; 0 or `Infinity` waits without end. */
  readonly unclaimedUpgradeTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/**
 * Hands the transport and the bytes behind the head to whoever is entitled to them.
 *
 * @returns The parts, if the caller of `withoutShutdown()` gets them.
 */
export function handOver(
  wire: Wire,
  trailing: Trailing,
  agreed: Agreement,
  heirs: Heirs,
  limits: HandOverLimits,
): Parts | null {
  if (wire.reading) throw new StateError("busy", "Cannot hand over: a read is pending");
  if (heirs.parts !== null) {
    const parts = releaseParts(wire, trailing);
    heirs.parts.resolve(parts);
    heirs.pending.reject(new UpgradeRejected("low-level"));
    return parts;
  }
  const upgraded = new Upgraded(wire.io, trailing.bytes, { ...agreed, ended: trailing.eof }, wire.channel);
  heirs.pending.resolve(upgraded);
  if (!heirs.pending.claimed) closeUnclaimed(upgraded, heirs.pending, limits);
  return null;
}

/** The parts of a wire on which HTTP is over. */
export function releaseParts(wire: Wire, trailing: Trailing): Parts {
  wire.channel.unlock?.();
  return { io: wire.io as Duplex, readBuf: trailing.bytes, ended: trailing.eof };
}

/**
 * An upgrade that nobody asked for is parked: nobody reads, and it is closed when time is up. If it ends before, because a
 * server that shuts down closes it for example, there is nothing to wait for.
 */
function closeUnclaimed(upgraded: Upgraded, pending: PendingUpgrade, limits: HandOverLimits): void {
  const { clock, unclaimedUpgradeTimeoutMs } = limits;
  const deadline = new Deadline(clock);
  pending.onClaim(() => deadline.stop());
  deadline.set(unclaimedUpgradeTimeoutMs, () => {
    upgraded.abort(new StateError("canceled", `Nobody claimed the upgrade within ${unclaimedUpgradeTimeoutMs} ms`));
  });
  upgraded.closed.then(() => {
    deadline.stop();
    pending.abandon(new StateError("canceled", "The upgrade ended before anybody claimed it"));
  });
}
