/**
 * A WebSocket whose handshake may still be under way: what `upgradeWebSocket()` gives, and the shape of `WebSocketStream`.
 *
 * @module
 */

import { type Clock, Deadline } from "../duplex/clock.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { ABNORMAL_CLOSURE } from "./machine/close_code.ts";
import { type CloseOptions, closeRequest, type WebSocketClosed } from "./close_handshake.ts";
import type { WebSocketConnection } from "./connection.ts";
import { nextTurn } from "./platform.ts";

/** A WebSocket that will be open, or not; of the shape of the platforms' `WebSocketStream`. */
export interface PendingWebSocket<Opened extends WebSocketConnection = WebSocketConnection> {
  /** The open WebSocket. A rejection needs no handler. */
  readonly opened: Promise<Opened>;
  /** How it ended, also if it was never open. Never rejects. */
  readonly closed: Promise<WebSocketClosed>;
  /**
   * Closes; if it is not open yet, as soon as it is.
   *
   * @throws {RangeError} The code may not be sent, or the reason is too long.
   */
  close(options?: CloseOptions): void;
}

/** Is made of the promise of its connection. */
export class OpeningWebSocket implements PendingWebSocket {
  readonly opened: Promise<WebSocketConnection>;
  /** Known before those who wait for `opened` go on. */
  #connection: WebSocketConnection | null = null;

  constructor(opening: Promise<WebSocketConnection>) {
    this.opened = opening;
    opening.then((connection) => this.#connection = connection, () => {});
  }

  get closed(): Promise<WebSocketClosed> {
    return this.opened.then((connection) => connection.closed, neverOpen);
  }

  close(options: CloseOptions = {}): void {
    if (this.#connection !== null) return void this.#connection.close(options);
    closeRequest(options);
    this.opened.then((connection) => connection.close(options), () => {});
  }
}

/** How a WebSocket ended that was never open. */
export function neverOpen(error: unknown): WebSocketClosed {
  return { closeCode: ABNORMAL_CLOSURE, reason: "", wasClean: false, error };
}

/**
 * Drops the body of an answer that has refused, unless it was begun to be read by then: it would keep its connection, and those who
 * listen to events need not know of it. In the next turn of the event loop: what awaits an event comes first.
 */
export function leaveUnread(error: unknown): void {
  const response = refusalIn(error);
  if (response !== null) nextTurn(() => dropUnread(response));
}

/** How long the body of an answer that has refused waits for its reader: as long as an upgrade that is not claimed. */
const UNREAD_REFUSAL_MS = 30_000;

/**
 * Drops it in the same way when its reader has not begun in time: who keeps a `WebSocketStream` that was refused keeps the answer, and
 * need not know that it has a connection.
 */
export function leaveUnreadInTime(error: unknown, clock: Clock): void {
  const response = refusalIn(error);
  if (response === null) return;
  // The timer keeps neither the program nor the response: one that is let go of gives its connection back before.
  const waiting = new WeakRef(response);
  new Deadline(clock, false).set(UNREAD_REFUSAL_MS, () => dropUnread(waiting.deref()));
}

function refusalIn(error: unknown): Response | null {
  return error instanceof UpgradeRejected && error.response !== undefined ? error.response as Response : null;
}

function dropUnread(response: Response | undefined): void {
  if (response?.bodyUsed === false && response.body?.locked === false) response.body.cancel().catch(() => {});
}
