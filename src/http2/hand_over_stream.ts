/**
 * The hand-over of a stream: HTTP lets go of it, and it becomes an `Upgraded` for the promise of its exchange. What has come behind
 * the head belongs to the new protocol. The mirror of `http1/hand_over.ts`, with a stream in the place of the connection.
 *
 * @module
 */

import { closeUnclaimed, type UnclaimedLimits } from "../http1/hand_over.ts";
import type { PendingUpgrade } from "../http1/upgrade.ts";
import { Upgraded } from "../http1/upgraded.ts";
import { KeptRequestHead, KeptResponseHead } from "../semantics/kept_head.ts";
import type { RequestHead, ResponseHead } from "../semantics/message.ts";
import { Http2StreamChannel } from "./stream_channel.ts";
import type { StreamIntake } from "./stream_intake.ts";
import type { StreamOutlet } from "./stream_outlet.ts";

/** The stream. */
export interface SwitchingStream {
  /** What comes in. */
  readonly intake: StreamIntake;
  /** What goes out. */
  readonly outlet: StreamOutlet;
  /** Whose it is. */
  readonly owner: {
    /** Ends it at once. */
    resetWith(code: "cancel" | "connect", error: unknown): void;
    /** Says whether it keeps the program alive. On a client. */
    holdProgram?(holds: boolean): void;
  };
}

/** What the parked upgrade is bounded by. */
export interface SwitchLimits extends UnclaimedLimits {
  /** How long the peer may take to end its side. */
  readonly closeTimeoutMs: number;
  /** How long it may keep its windows shut when the stream is closed. */
  readonly writeTimeoutMs: number;
}

/** What was agreed on; the head is that of the request on a server, of the response on a client. */
export interface StreamAgreement {
  /** The protocol, or `null` for a tunnel. */
  readonly protocol: string | null;
  /** On a server. */
  readonly request?: RequestHead;
  /** On a client. */
  readonly response?: ResponseHead;
}

/** Hands the stream over; it is told from now on what comes. */
export function handOverStream(
  { intake, outlet, owner }: SwitchingStream,
  limits: SwitchLimits,
  { protocol, request, response }: StreamAgreement,
  pending: PendingUpgrade,
): Http2StreamChannel {
  const { clock, closeTimeoutMs, writeTimeoutMs } = limits;
  const code = protocol === null ? "connect" : "cancel"; // RFC 9113 §8.5 and RFC 8441 §5: as RST is told for each
  const reset = (reason: unknown): void => owner.resetWith(code, reason);
  const holdProgram = (holds: boolean): void => owner.holdProgram?.(holds);
  const channel = new Http2StreamChannel({ intake, outlet, reset, holdProgram, clock, closeTimeoutMs, writeTimeoutMs });
  outlet.switch();
  const agreed = {
    protocol,
    request: request && new KeptRequestHead(request),
    response: response && new KeptResponseHead(response),
  };
  const upgraded = new Upgraded(channel, new Uint8Array(0), agreed, channel);
  pending.resolve(upgraded);
  if (!pending.claimed) closeUnclaimed(upgraded, pending, limits);
  return channel;
}
