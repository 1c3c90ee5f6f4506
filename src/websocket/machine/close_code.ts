/**
 * Why WebSocket connections end, as numbers.
 *
 * @module
 */

import { wrongType } from "../../bytes/arguments.ts";

/** How a connection ended. */
export interface CloseInfo {
  /** The peer's code; 1005 if it gave none, 1006 if there was no close handshake. */
  readonly closeCode: number;
  /** The peer's reason, possibly empty. */
  readonly reason: string;
}

/** The purpose was fulfilled. */
export const NORMAL_CLOSURE = 1000;
/** This end goes away. */
export const GOING_AWAY = 1001;
/** The Close frame had no code. Never sent. */
export const NO_STATUS_RECEIVED = 1005;
/** There was no Close frame. Never sent. */
export const ABNORMAL_CLOSURE = 1006;
/** This end met a condition that it did not expect. */
export const INTERNAL_ERROR = 1011;
/** A server has too much to do for the moment (IANA). */
export const TRY_AGAIN_LATER = 1013;

/** What a Close frame holds besides the code, in bytes of UTF-8 (RFC 6455 §5.5). */
export const MAX_REASON_BYTES = 123;

/**
 * Whether the code may stand in a Close frame: 1000–1003, 1007–1014 as registered with IANA, 3000–4999 (RFC 6455 §7.4).
 */
export function mayBeSent(code: number): boolean {
  if (typeof code !== "number") throw wrongType("code", "a number", code);
  if (!Number.isInteger(code)) return false;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}
