/**
 * Which fields may stand behind a body. Readers and writers of every version ask.
 *
 * @module
 */

const FORBIDDEN_TRAILERS: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "expect",
  "expires",
  "host",
  "keep-alive",
  "location",
  "max-forwards",
  "pragma",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "retry-after",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "vary",
  "warning",
  "www-authenticate",
]);

/** Whether a trailer with this name may be sent or believed: none for framing, routing or access (RFC 9110 §6.5.1). */
export function isAllowedTrailer(name: string): boolean {
  return !FORBIDDEN_TRAILERS.has(name.toLowerCase());
}
