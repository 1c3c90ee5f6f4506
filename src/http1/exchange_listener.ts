/**
 * Who is told how the exchanges of a connection go: what `serve()` and `Client` trace with. Internal: nothing here is
 * exported from the package.
 *
 * @module
 */

import type { IncomingRequest } from "./incoming.ts";
import type { Closed } from "./options.ts";

/** Is told how long bodies are. */
export interface BodyListener {
  /** So many bytes of the body that comes in were read or discarded, without their framing. */
  onBodyReceived(bytes: number): void;
  /** So many bytes of the body that goes out were written, without their framing. */
  onBodySent(bytes: number): void;
}

/** Is told of the bodies of an exchange, and that it is over. */
export interface ExchangeOverListener extends BodyListener {
  /** The exchange at hand is over, if there is one; `why` the connection ends with it, or `null` if it goes on. */
  onExchangeOver(why: Closed | null): void;
}

/** Is told when another request can be sent. */
export interface ReadyListener {
  /** It can, or there will be no other exchange. */
  onReadiness(ready: boolean): void;
}

/** Is told how the exchanges of a server's connection go. */
export interface ExchangeListener extends ExchangeOverListener {
  /** A final head was written; `request` is `null` if none could be read. */
  onHead(request: IncomingRequest | null, status: number): void;
}
