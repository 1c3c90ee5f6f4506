/**
 * Trailers as the platform's `Headers`.
 *
 * @module
 */

import type { IncomingBody } from "../http1/incoming_body.ts";
import { unattended } from "../duplex/deferred.ts";

/** The fields behind a body, once it was read to its end. A rejection needs no handler. */
export function trailerHeaders(body: IncomingBody): Promise<Headers> {
  return unattended(body.trailers.then((fields) => new Headers([...fields] as [string, string][])));
}
