/**
 * SETTINGS (RFC 9113 §6.5): what we tell, and what the peer has told.
 *
 * @module
 */

import { Http2Error, type Http2ErrorCode } from "../../errors/http2_error.ts";
import { DEFAULT_MAX_FRAME_BYTES, SETTINGS } from "./frame.ts";
import type { Http2Limits } from "./limits.ts";
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES } from "./window.ts";

/** What the peer's SETTINGS say, or what holds before they come. */
export interface PeerSettings {
  /** Bytes that our encoder may refer to. 4,096 at first. */
  readonly fieldTableBytes: number;
  /** Streams that we may have open; no bound at first. */
  readonly maxConcurrentStreams: number;
  /** The window that a stream begins with. 65,535 at first. */
  readonly streamWindowBytes: number;
  /** Bytes of a frame. 16,384 at first. */
  readonly maxFrameBytes: number;
  /** Bytes of a list of fields that it takes; no bound at first. */
  readonly maxFieldBytes: number;
  /** Whether it takes an extended CONNECT (RFC 8441 §3). */
  readonly connectProtocol: boolean;
}

/** What holds before the peer has told anything. */
export const FIRST_SETTINGS: PeerSettings = {
  fieldTableBytes: 4096,
  maxConcurrentStreams: Infinity,
  streamWindowBytes: DEFAULT_WINDOW_BYTES,
  maxFrameBytes: DEFAULT_MAX_FRAME_BYTES,
  maxFieldBytes: Infinity,
  connectProtocol: false,
};

/** What a side is. */
export type Http2Role = "client" | "server";

/**
 * The settings that a frame makes of those that held.
 *
 * @param from Who sent it.
 * @throws {Http2Error} A value is not allowed (RFC 9113 §6.5.2).
 */
export function changedSettings(
  held: PeerSettings,
  frame: readonly (readonly [id: number, value: number])[],
  from: Http2Role,
): PeerSettings {
  const settings: { -readonly [Name in keyof PeerSettings]: PeerSettings[Name] } = { ...held };
  for (const [id, value] of frame) {
    switch (id) {
      case SETTINGS.headerTableSize:
        settings.fieldTableBytes = value;
        break;
      case SETTINGS.enablePush:
        check(value <= (from === "server" ? 0 : 1), "protocol", "ENABLE_PUSH", value);
        break;
      case SETTINGS.maxConcurrentStreams:
        settings.maxConcurrentStreams = value;
        break;
      case SETTINGS.initialWindowSize:
        check(value <= MAX_WINDOW_BYTES, "flow-control", "INITIAL_WINDOW_SIZE", value);
        settings.streamWindowBytes = value;
        break;
      case SETTINGS.maxFrameSize:
        check(value >= DEFAULT_MAX_FRAME_BYTES && value < 2 ** 24, "protocol", "MAX_FRAME_SIZE", value);
        settings.maxFrameBytes = value;
        break;
      case SETTINGS.maxHeaderListSize:
        settings.maxFieldBytes = value;
        break;
      case SETTINGS.enableConnectProtocol: // RFC 8441 §3: what was promised cannot be taken back
        check(value <= 1 && (value === 1 || !settings.connectProtocol), "protocol", "ENABLE_CONNECT_PROTOCOL", value);
        settings.connectProtocol = value === 1;
        break;
      case SETTINGS.noRfc7540Priorities:
        check(value <= 1, "protocol", "NO_RFC7540_PRIORITIES", value);
        break;
      default: // RFC 9113 §6.5.2: one that is unknown is ignored
    }
  }
  return settings;
}

function check(allowed: boolean, code: Http2ErrorCode, name: string, value: number): void {
  if (allowed) return;
  throw new Http2Error(code, `SETTINGS_${name} must not be ${value}`, "RFC 9113 §6.5.2");
}

/** What we tell: only what differs from the values that hold without. */
export function ownSettings(
  role: Http2Role,
  limits: Http2Limits,
  connectProtocol: boolean,
): (readonly [id: number, value: number])[] {
  const settings: (readonly [id: number, value: number])[] = [
    [SETTINGS.initialWindowSize, limits.streamWindowBytes],
    [SETTINGS.maxHeaderListSize, limits.maxFieldBytes],
  ];
  if (limits.fieldTableBytes !== FIRST_SETTINGS.fieldTableBytes) {
    settings.push([SETTINGS.headerTableSize, limits.fieldTableBytes]);
  }
  if (limits.maxFrameBytes !== FIRST_SETTINGS.maxFrameBytes) {
    settings.push([SETTINGS.maxFrameSize, limits.maxFrameBytes]);
  }
  if (role === "client") {
    settings.push([SETTINGS.enablePush, 0]);
  } else {
    settings.push([SETTINGS.maxConcurrentStreams, limits.maxConcurrentStreams], [SETTINGS.noRfc7540Priorities, 1]);
    if (connectProtocol) settings.push([SETTINGS.enableConnectProtocol, 1]);
  }
  return settings;
}
