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
import { partsOf } from "./parts.ts";
import type { PendingUpgrade } from "./upgrade.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import type { ConnectionCore, CoreMachine } from "./connection_core.ts";
import type { ClientSettings, ServerSettings } from "./options.ts";
import { type Agreement, Upgraded } from "./upgraded.ts";

type Limits = ServerSettings | ClientSettings;

/** Hands over the transport and the bytes behind the head: to the caller of `withoutShutdown()`, if there is one. */
export function handOver(core: ConnectionCore<CoreMachine, Limits>, agreed: Agreement, pending: PendingUpgrade): void {
  const { wire, parts } = core;
  if (wire.reading) throw new StateError("busy", "Cannot hand over: a read is pending");
  const trailing = core.machine.takeTrailing();
  if (parts.wanted) {
    parts.give(partsOf(wire, trailing));
    pending.reject(new UpgradeRejected("low-level"));
  } else {
    const { protocol, request, response } = agreed;
    const agreement = { protocol, request, response, ended: trailing.eof };
    const upgraded = new Upgraded(wire.io, trailing.bytes, agreement, wire.channel);
    pending.resolve(upgraded);
    if (!pending.claimed) closeUnclaimed(upgraded, pending, core.settings);
  }
  core.finish("handed-over", { reason: "upgrade" });
}

/** How long an upgrade that was not claimed is kept. */
export interface UnclaimedLimits {
  /** In milliseconds; 0 or `Infinity` is without limit. */
  readonly unclaimedUpgradeTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/**
 * An upgrade that was not claimed is parked without reading, and closed when time is up. It may end before: a server that
 * shuts down closes it.
 */
export function closeUnclaimed(upgraded: Upgraded, pending: PendingUpgrade, limits: UnclaimedLimits): void {
  const { clock, unclaimedUpgradeTimeoutMs } = limits;
  const deadline = new Deadline(clock);
  const stop = (): void => deadline.stop();
  pending.onClaim = stop;
  deadline.set(unclaimedUpgradeTimeoutMs, () => {
    upgraded.abort(new StateError("canceled", `The upgrade was not claimed within ${unclaimedUpgradeTimeoutMs} ms`));
  });
  upgraded.closed.then(() => {
    deadline.stop();
    pending.abandon(new StateError("canceled", "The upgrade ended before it was claimed"));
  });
}
