/**
 * What stands between the callers of a client and its connections: functions of the program that see each request to an
 * origin and its answer. `Client.use()` takes them, `interceptors.ts` runs them.
 *
 * @module
 */

import type { Clock } from "../../duplex/clock.ts";
import type { OutgoingBody } from "../../http1/outgoing_body.ts";
import type { Fields } from "../../semantics/fields.ts";
import type { ClientResponse } from "./response.ts";

/**
 * A request on its way to an origin. Each interceptor gets one of its own: what it changes there is only seen by those to
 * which it hands the request on.
 */
export interface OriginRequest {
  /** `http:` or `https:`, without credentials. */
  readonly url: URL;
  /** Case-sensitive. */
  readonly method: string;
  /**
   * The field lines: the caller's and the client's. `Accept-Encoding`, a `Host` and a `Proxy-Authorization` that were not
   * given, and the framing, come behind the last interceptor.
   */
  readonly fields: Fields;
  /**
   * The body. Text and bytes can be sent again, and so can the `Blob`s of callers; a stream cannot. One that is put in its
   * place is described by `fields`: `Content-Type`, and `Content-Length` if that stands there.
   */
  readonly body: OutgoingBody | null;
  /** Gives up. One that is put in its place should abort when this one does. */
  readonly signal: AbortSignal | undefined;
}

/** What an interceptor can do besides. */
export interface InterceptorContext {
  /** The client's source of time. */
  readonly clock: Clock;
  /**
   * Whether anything of this request may have reached a server, in this attempt or in one before. While it is false,
   * requests of every method may be repeated (RFC 9110 §9.2.2), those with a stream as body among them.
   */
  readonly sent: boolean;
  /**
   * Waits, by the client's clock.
   *
   * @param ms Milliseconds.
   * @param signal Gives up; no timer is left then.
   * @throws {unknown} The reason of the signal.
   * @throws {StateError} `closed`: the client was closed; or the reason that it was aborted with.
   */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * Hands a request on: to the next interceptor, or to the origin. It may be called again, one call after the other or at
 * once, if the body can be sent again. The response belongs to the interceptor: one that is not passed on is to be read or
 * canceled.
 *
 * @throws {TypeError} The request cannot be sent.
 * @throws {StateError} `body-used`: its body is a stream, and was sent already. `closed`: the client is.
 * @throws {unknown} What `client.fetch()` throws.
 */
export type Next = (request: OriginRequest) => Promise<ClientResponse>;

/**
 * Sees a request before it goes to an origin, and its response. It runs in the async context (`AsyncLocalStorage`) of the
 * call of `fetch()` or `upgrade()`; what it throws is what that call rejects with.
 *
 * @param request The request.
 * @param next Hands a request on, this one or another.
 * @param context Time, and whether something was sent.
 * @returns The response: the one of `next()`, that one changed or wrapped, or one of its own.
 */
export type Interceptor = (
  request: OriginRequest,
  next: Next,
  context: InterceptorContext,
) => Response | Promise<Response>;
