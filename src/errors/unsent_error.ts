/**
 * A request was not sent. `http1/client_connection.ts` makes this error, and the pool of `http/client/` takes another
 * connection then.
 *
 * @module
 */

import type { HttpUpgradeError } from "./http_upgrade_error.ts";

/**
 * Nothing of a request reached the wire, so it can be sent on another connection, whatever its method (RFC 9110 §9.2.2).
 *
 * @typeParam Message What was to be sent: `OutgoingRequest` from `Sender.send()`.
 */
export class UnsentError<Message = unknown> extends Error implements HttpUpgradeError {
  /** The name, for logs. */
  override readonly name = "UnsentError";
  /** The one thing that happens: nothing was sent. */
  readonly code = "unsent";
  /** The request. Its body is untouched, unless {@linkcode bodyUsed}. */
  readonly request: Message;
  /** Whether its body is a stream of which something was taken: it cannot be sent again. Over HTTP/2 only. */
  readonly bodyUsed: boolean;

  /**
   * Makes the error.
   *
   * @param request The request.
   * @param cause Why it was not sent.
   * @param bodyUsed Whether something of its body was taken.
   */
  constructor(request: Message, cause: unknown, bodyUsed = false) {
    const why = cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : "";
    super(`The request was not sent${why}`, { cause });
    this.request = request;
    this.bodyUsed = bodyUsed;
  }
}
