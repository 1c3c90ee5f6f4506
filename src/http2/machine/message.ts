/**
 * The heads of messages in HTTP/2: what its pseudo-fields say, apart from the fields (RFC 9113 §8.3).
 *
 * @module
 */

import type { Field, Fields } from "../../semantics/fields.ts";

/** What a request's pseudo-fields say (RFC 9113 §8.3.1, RFC 8441 §4). */
export interface RequestControl {
  /** `:method`, case-sensitive. */
  readonly method: string;
  /** `:scheme` in lower case; `null` for a CONNECT without `:protocol`. */
  readonly scheme: string | null;
  /** `:authority`; `null` if there is none, and then `Host` is in the fields. */
  readonly authority: string | null;
  /** `:path` with its query; `null` for a CONNECT without `:protocol`. */
  readonly path: string | null;
  /** `:protocol` of an extended CONNECT, or `null`. */
  readonly protocol: string | null;
}

/** The head of a request that was received. */
export interface Http2RequestHead extends RequestControl {
  /** The field lines: names in lower case, cookies joined to one line (RFC 9113 §8.2.3). */
  readonly fields: Fields;
  /** The names that no hop may remember, for a proxy that sends them on (RFC 7541 §6.2.3). */
  readonly neverIndexed: readonly string[];
}

/** The head of a response that was received. */
export interface Http2ResponseHead {
  /** 100–999, but never 101 (RFC 9113 §8.6). */
  readonly status: number;
  /** As those of a request. */
  readonly fields: Fields;
  /** As those of a request. */
  readonly neverIndexed: readonly string[];
}

/** The head of a request that is to be sent. It goes on the wire as it is, but for the case of names. */
export interface OutgoingHttp2Request extends RequestControl {
  /** The field lines. */
  readonly fields: Iterable<Field>;
  /** Names, in lower case, that no hop may remember. None by default; credentials never are. */
  readonly neverIndexed?: readonly string[] | undefined;
}

/** The head of a response that is to be sent. */
export interface OutgoingHttp2Response {
  /** 100–999, but never 101 (RFC 9113 §8.6). */
  readonly status: number;
  /** The field lines. */
  readonly fields: Iterable<Field>;
  /** As those of a request. */
  readonly neverIndexed?: readonly string[] | undefined;
}
