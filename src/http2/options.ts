/**
 * What the connections of both roles can be told, with the defaults.
 *
 * @module
 */

import { checkOptions, type Kinds } from "../bytes/arguments.ts";
import { checkClock, type Clock, systemClock } from "../duplex/clock.ts";
import type { Http2Limits } from "./machine/limits.ts";

/** Options of either role. All time limits are in milliseconds; 0 switches one off. */
export interface Http2ConnectionOptions {
  /** Bounds on what the peer may send; see `DEFAULT_HTTP2_LIMITS`. */
  readonly limits?: Partial<Http2Limits> | undefined;
  /** For the peer to take what is written. 60,000. */
  readonly writeTimeoutMs?: number | undefined;
  /** At the end, for the peer to end its side. 2,000. */
  readonly closeTimeoutMs?: number | undefined;
  /** Where time comes from. */
  readonly clock?: Clock | undefined;
}

/** Options of a server's connection. */
export interface Http2ServerOptions extends Http2ConnectionOptions {
  /** Whether extended CONNECT is taken, and told (RFC 8441 §3). False. */
  readonly connectProtocol?: boolean | undefined;
  /** Told of what a handler threw, or of a response that could not be sent. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What the driver takes of them, filled in. */
export interface Http2Settings {
  readonly writeTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly clock: Clock;
}

const SHARED: Kinds<Http2ConnectionOptions> = {
  limits: "object",
  writeTimeoutMs: "number",
  closeTimeoutMs: "number",
  clock: checkClock,
};
const SERVER: Kinds<Http2ServerOptions> = { ...SHARED, connectProtocol: "boolean", onError: "function" };

/**
 * Fills in the defaults of a server.
 *
 * @throws {TypeError} An option is of another kind.
 * @throws {RangeError} A number is below 0 or NaN.
 */
export function http2ServerSettings(options: Http2ServerOptions): Http2Settings {
  checkOptions(options, SERVER);
  return settingsOf(options);
}

/** Fills in the defaults of a client; throws as {@linkcode http2ServerSettings} does. */
export function http2ClientSettings(options: Http2ConnectionOptions): Http2Settings {
  checkOptions(options, SHARED);
  return settingsOf(options);
}

function settingsOf(options: Http2ConnectionOptions): Http2Settings {
  const { writeTimeoutMs = 60_000, closeTimeoutMs = 2000, clock = systemClock } = options;
  return { writeTimeoutMs, closeTimeoutMs, clock };
}
