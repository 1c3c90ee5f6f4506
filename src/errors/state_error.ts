/**
 * The caller was out of turn: a call that does not fit the state of a connection, a body, a socket or a WebSocket.
 *
 * @module
 */

import type { HttpUpgradeError } from "./http_upgrade_error.ts";

/** What was called out of turn. */
export type StateErrorCode =
  | "not-ready"
  | "closed"
  | "busy"
  | "done"
  | "body-used"
  | "body-length"
  | "head-sent"
  | "no-switch"
  | "bad-status"
  | "http10"
  | "upgrade-body"
  | "already-taken"
  | "canceled";

/** This side was called out of turn, or with a message that cannot be sent. */
export class StateError extends Error implements HttpUpgradeError {
  /** The name, for logs. */
  override readonly name = "StateError";
  /** What was wrong with the call. */
  readonly code: StateErrorCode;

  /**
   * Makes the error.
   *
   * @param code What was wrong with the call.
   * @param message For people.
   * @param options `cause` carries what came before.
   */
  constructor(code: StateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
