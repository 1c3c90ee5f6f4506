/**
 * Who is told how the exchanges of a connection go: what `serve()` and `Client` trace with. Internal: nothing here is
 * exported from the package.
 *
 * @module
 */

import type { IncomingRequest } from "./incoming.ts";
import type { Closed } from "./options.ts";

/** Is told that an exchange is over. */
export interface ExchangeOverListener {
  /** The exchange at hand is over, if there is one; `why` the connection ends with it, or `null` if it goes on. */
  onExchangeOver(why: Closed | null): void;
}

/** Is told how the exchanges of a server's connection go. */
export interface ExchangeListener extends ExchangeOverListener {
  /** A final head was written; `request` is `null` if none could be read. */
  onHead(request: IncomingRequest | null, status: number): void;
}
