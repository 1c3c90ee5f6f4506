/**
 * Where a body comes from that is being received: its connection, or whatever stands for one. `incoming_body.ts` reads from
 * it; exchanges of both versions of HTTP are sources, and so are requests of `node:http`.
 *
 * @module
 */

import { ProtocolError } from "../errors/protocol_error.ts";
import type { Fields } from "../semantics/fields.ts";

/** Where an `IncomingBody` gets its parts. */
export interface BodySource {
  /** The next part, if it has arrived: data, or the trailers once the body is over; else `null`. */
  next(): Uint8Array | Fields | null;
  /** Waits until more has arrived. Never called while a call is pending. */
  more(): Promise<void>;
  /**
   * Called when `next()` or `more()` has failed.
   *
   * @returns What the body fails with.
   */
  failed(error: unknown): unknown;
  /**
   * Calls `tell` with why once it is certain that the end never comes, read or not: at once if it is so already. Missing in
   * sources whose connections break the body themselves.
   */
  whenLost?(tell: (error: unknown) => void): void;
  /** The reader wants no more of it. */
  canceled(reason: unknown): void;
}

/** The error of a body whose connection ended under it. */
export function bodyTruncated(cause: unknown): ProtocolError {
  const error = new ProtocolError("truncated", "Cannot read the body: the connection ended", "RFC 9112 §8");
  error.cause = cause;
  return error;
}
