/**
 * Whether a request that has failed is sent again by the client itself: connections that are kept go away, and servers say
 * that they have not looked at it. Exchanges ask, those of proxies among them.
 *
 * @module
 */

import { isUnsaidEnd } from "../../duplex/tls_end.ts";
import { Http2Error } from "../../errors/http2_error.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { UnsentError } from "../../errors/unsent_error.ts";
import type { IncomingResponse } from "../../http1/incoming.ts";
import type { Pooled } from "./pool.ts";
import type { Shared } from "./shared_pool.ts";

/** RFC 9110 §9.2.2: what may be sent twice without harm. */
export const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/**
 * Whether a request that has failed is sent again over a new connection, or over any: kept ones go away.
 *
 * @param repeatable Whether it can be sent twice without harm.
 * @throws {unknown} The error, if it is not sent again.
 */
export function mustBeFresh(pooled: Pooled, error: unknown, repeatable: boolean): boolean {
  if (!pooled.reused) throw error;
  if (error instanceof UnsentError) return false;
  if (!repeatable || !wentAway(pooled, error)) throw error;
  return true;
}

/** Whether a connection that was kept went away before a word of the answer came. */
export function wentAway({ connection }: Pooled, error: unknown): boolean {
  return error instanceof UnsentError || (!connection.heard && isGone(error));
}

/** How often in a row a request is sent again over HTTP/2. */
const MAX_RESENT = 3;

/** What became of a request over HTTP/2. */
export interface SharedFailure {
  /** Whether the connection was there before the request. */
  readonly reused: boolean;
  /** Whether something came in answer to it. */
  readonly heard: boolean;
  /** Whether it can be sent twice without harm. */
  readonly repeatable: boolean;
  /** Whether its body can be sent twice. */
  readonly replayable: boolean;
  /** How often it was sent again. */
  readonly resent: number;
}

/**
 * Whether a request that has failed over HTTP/2 is sent again: the server has not looked at it (RFC 9113 §8.7), or the connection
 * went away as kept ones do.
 */
export function isSentAgain({ connection }: Shared, error: unknown, failure: SharedFailure): boolean {
  const { reused, heard, repeatable, replayable, resent } = failure;
  if (resent === MAX_RESENT) return false;
  if (error instanceof UnsentError) return replayable || !error.bodyUsed;
  return reused && !heard && repeatable && connection.why !== null && isGone(error);
}

/** Whether a server has said that it wants a request over HTTP/1.1 (RFC 9113 §7). */
export function wantsHttp1(error: unknown): boolean {
  const { cause } = Object(error instanceof UnsentError ? error.cause : error) as { readonly cause?: unknown };
  return cause instanceof Http2Error && cause.code === "http-1.1-required";
}

/** Whether the connection went away, as kept ones do. */
function isGone(error: unknown): boolean {
  if (error instanceof ProtocolError) return error.code === "truncated";
  if (isUnsaidEnd(error)) return true;
  return error instanceof TransportError && (error.code === "reset" || error.code === "closed");
}

/** Servers say how long they wait. A request that is sent just before they hang up is lost. */
export function noteKeepAlive(pooled: Pooled, response: IncomingResponse): void {
  const said = response.fields.get("keep-alive");
  if (said === null) return;
  const seconds = /(?:^|[,;\s])timeout=(\d{1,9})/i.exec(said)?.[1];
  if (seconds !== undefined) pooled.hintMs = Math.max(0, Number(seconds) * 1000 - 1000);
}
