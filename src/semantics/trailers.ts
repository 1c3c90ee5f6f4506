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
  "forwarded",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
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
  "via",
  "warning",
  "www-authenticate",
]);

/**
 * Whether a trailer with this name may be sent or believed: none for framing, routing, access or conditions (RFC 9110 §6.5.1). What tells of
 * the client is for proxies to say, who look at the fields in front.
 */
export function isAllowedTrailer(name: string): boolean {
  const lower = name.toLowerCase();
  return !FORBIDDEN_TRAILERS.has(lower) && !lower.startsWith("x-forwarded-");
}
