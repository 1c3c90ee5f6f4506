/**
 * What a client is asked to send. `ClientConnection` takes it, and `http/client/` makes it of a `Request`.
 *
 * @module
 */

import { checkFunction, checkKind, checkLeftOut, checkNumber, checkObject, checkSignal } from "../bytes/arguments.ts";
import type { FieldsInit } from "../semantics/fields.ts";
import type { Http1Version, ResponseHead } from "../semantics/message.ts";
import { checkTrailers, type OutgoingBody, type OutgoingTrailers } from "./outgoing_body.ts";

/** A request to be sent. Target and fields go on the wire untouched; only the framing of the body is added. */
export interface OutgoingRequest {
  /** Case-sensitive. */
  readonly method: string;
  /** Any of the four forms: `/path`, `http://host/path`, `host:port`, `*`. */
  readonly target: string;
  /** 1.1 when left out. */
  readonly version?: Http1Version | undefined;
  /** The field lines, `Host` among them. */
  readonly fields?: FieldsInit | undefined;
  /**
   * The body; none when left out. With `Expect: 100-continue` it waits for the server's word. A final response instead
   * cancels it, but for a 417: then it is left untouched, to be sent again without the expectation.
   */
  readonly body?: OutgoingBody | null | undefined;
  /**
   * Sent behind the body, if the field `Trailer` announces them. Over HTTP/1.1 it goes out in chunks for that, also where it is empty,
   * unless `Content-Length` is given, which leaves no place for them. With GET and HEAD that needs a `Transfer-Encoding`.
   */
  readonly trailers?: OutgoingTrailers | undefined;
  /** Whether they are sent behind any chunked body, announced and asked for or not: a gateway passes on what it got. */
  readonly unannouncedTrailers?: boolean | undefined;
  /** Whether a 200 of no announced length switches the connection as well, as old Docker daemons mean it. */
  readonly hijack?: boolean | undefined;
}

/** What sending can be told. */
export interface SendOptions {
  /** Gives up the exchange. HTTP/1.1 has no other way than to end the connection, which then fails with the reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each 1xx response but 101. */
  readonly onInformational?: ((head: ResponseHead) => void) | undefined;
  /** How long `Expect: 100-continue` holds back the body; the connection's `continueTimeoutMs` when left out. */
  readonly continueTimeoutMs?: number | undefined;
}

/** Refuses what is no request. What is written is checked when it is written. */
export function checkOutgoingRequest(request: OutgoingRequest): void {
  checkObject(request, "request");
  const { headers } = request as { readonly headers?: unknown };
  checkLeftOut(headers, "request.headers", "a light request takes fields, not headers");
  if (request.trailers !== undefined) checkTrailers(request.trailers, "request.trailers");
  if (request.hijack !== undefined) checkKind(request.hijack, "boolean", "request.hijack");
}

/** Refuses what are no options of sending. */
export function checkSendOptions(options: SendOptions): void {
  checkObject(options, "options");
  const { signal, onInformational, continueTimeoutMs } = options;
  if (signal !== undefined) checkSignal(signal, "options.signal");
  if (onInformational !== undefined) checkFunction(onInformational, "options.onInformational");
  if (continueTimeoutMs !== undefined) checkNumber(continueTimeoutMs, "options.continueTimeoutMs");
}
