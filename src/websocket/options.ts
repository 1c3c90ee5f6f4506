/**
 * What WebSockets can be told, and what they do when they are told nothing.
 *
 * @module
 */

import { checkOptions, type Kinds } from "../bytes/arguments.ts";
import { checkClock, type Clock, systemClock } from "../duplex/clock.ts";
import type { Settings } from "../http1/options.ts";
import type { TextForm } from "./machine/web_socket_event.ts";
import { checkTextForm, DEFAULT_MAX_MESSAGE_BYTES } from "./machine/web_socket_machine.ts";

/** Options of either role. All time limits are in milliseconds; 0 switches one off. */
export interface WebSocketOptions {
  /** The longest message that is taken, once inflated; a longer one closes with 1009. 16 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /**
   * How often a Ping is sent. If the peer is silent until the next one is due, the connection is taken for lost. 0, off.
   */
  readonly pingIntervalMs?: number | undefined;
  /** How long a peer may be silent, Pongs not counted as silence; then the WebSocket is closed with 1001. 0, off. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long the peer may take to answer our Close frame. 10,000, as Chromium. */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * As what text messages are received: `"string"`; or `"bytes"`, a `TextBytes`, whose bytes were checked to be UTF-8, when all of
   * them have come. To pass long messages on costs less that way. `"string"`.
   */
  readonly text?: TextForm | undefined;
  /** The source of time. The platform's by default. */
  readonly clock?: Clock | undefined;
}

/** The options with every default filled in. */
export type WebSocketSettings = Settings<WebSocketOptions>;

/** What is checked wherever they are part of more. */
export const WEB_SOCKET: Kinds<WebSocketOptions> = {
  maxMessageBytes: "number",
  pingIntervalMs: "number",
  idleTimeoutMs: "number",
  closeTimeoutMs: "number",
  text: checkTextForm,
  clock: checkClock,
};

/** Those of the connection before. */
let last: WebSocketSettings | null = null;

/**
 * Fills in the defaults. Connections that are told the same share one object.
 *
 * @throws {TypeError} An option is of another kind.
 * @throws {RangeError} A number is below 0 or NaN.
 */
export function webSocketSettings(options: WebSocketOptions): WebSocketSettings {
  checkOptions(options, WEB_SOCKET);
  const settings: WebSocketSettings = {
    maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    pingIntervalMs: options.pingIntervalMs ?? 0,
    idleTimeoutMs: options.idleTimeoutMs ?? 0,
    closeTimeoutMs: options.closeTimeoutMs ?? 10_000,
    text: options.text ?? "string",
    clock: options.clock ?? systemClock,
  };
  return last !== null && isSame(last, settings) ? last : last = settings;
}

function isSame(one: WebSocketSettings, other: WebSocketSettings): boolean {
  return one.maxMessageBytes === other.maxMessageBytes && one.pingIntervalMs === other.pingIntervalMs &&
    one.idleTimeoutMs === other.idleTimeoutMs && one.closeTimeoutMs === other.closeTimeoutMs &&
    one.text === other.text && one.clock === other.clock;
}
