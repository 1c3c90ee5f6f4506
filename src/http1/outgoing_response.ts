/**
 * What a server is asked to send. Handlers of `serveConnection()` return it, `http/server/` makes it of a `Response`, and
 * `ServerConnection` sends it.
 *
 * @module
 */

import { wrongType } from "../bytes/arguments.ts";
import type { FieldsInit } from "../semantics/fields.ts";
import type { OutgoingBody, OutgoingTrailers } from "./outgoing_body.ts";

/** A response to be sent. */
export interface OutgoingResponse {
  /** 200–999; 101 only for a switch that the request proposed. */
  readonly status: number;
  /** The registered phrase when left out; may be empty. */
  readonly reason?: string | undefined;
  /** The field lines, written as they are spelled. Framing and `Date` are added where they are missing. */
  readonly fields?: FieldsInit | undefined;
  /** The body; none when left out. */
  readonly body?: OutgoingBody | null | undefined;
  /** Sent behind a chunked body, if the request said `TE: trailers` and the field `Trailer` announces them. */
  readonly trailers?: OutgoingTrailers | undefined;
  /** Whether they are sent behind any chunked body, announced and asked for or not: a gateway passes on what it got. */
  readonly unannouncedTrailers?: boolean | undefined;
}

/**
 * Refuses what a handler must not return: the platform's `Response` has a status and a body as well, but its headers would be lost.
 *
 * @throws {TypeError} It is no object, or a `Response`.
 */
export function checkResponse(response: OutgoingResponse): void {
  if (typeof response !== "object" || response === null) {
    throw wrongType("what the handler returns", "a response", response);
  }
  if ("headers" in response) {
    throw new TypeError("what the handler returns must have fields, not headers: serve() takes a Response");
  }
}
