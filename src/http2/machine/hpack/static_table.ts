/**
 * The fields that both ends know from the beginning (RFC 7541, appendix A).
 *
 * @module
 */

import type { Field } from "../../../semantics/fields.ts";

const NAMES_WITH_VALUES: readonly Field[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
];

/** Entries 17 to 61, which have no values. */
const NAMES =
  "accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control " +
  "content-disposition content-encoding content-language content-length content-location content-range content-type " +
  "cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since " +
  "last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after " +
  "server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate";

/** The entries in order; the first one has the index 1. */
export const STATIC_TABLE: readonly Field[] = [
  ...NAMES_WITH_VALUES,
  ...NAMES.split(" ").map((name): Field => [name, ""]),
];

/** How many there are. */
export const STATIC_ENTRIES: number = STATIC_TABLE.length;
