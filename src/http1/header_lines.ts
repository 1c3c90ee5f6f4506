/**
 * The lines of what the platform takes for headers. Used where a handler or a caller gives headers, in `LightResponse`, in
 * `ServeInfo` and in the writer of responses.
 *
 * @module
 */

import type { Field } from "../semantics/fields.ts";

/** The lines of a header list, as a new array; `Headers` keeps several `set-cookie` apart by itself. */
export function headerLines(headers: HeadersInit): Field[] {
  if (headers instanceof Headers) return [...headers];
  return Symbol.iterator in headers ? [...headers as Iterable<Field>] : Object.entries(headers);
}
