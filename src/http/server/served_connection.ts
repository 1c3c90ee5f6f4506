/**
 * What a server asks of its connections, whichever version they speak. `exchanges.ts` has one.
 *
 * @module
 */

import type { OverListener } from "../../duplex/held_channel.ts";
import type { Traffic } from "../../duplex/traffic.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import type { Closed } from "../../http1/options.ts";
import type { Parts } from "../../http1/parts.ts";

/** A connection that serves. */
export interface ServedConnection {
  /** Whether no request is under way. */
  readonly idle: boolean;
  /** Why it ends, once that is decided. */
  readonly why: Closed | null;
  /** Resolves when it is over. */
  readonly closed: Promise<Closed>;
  /** What its transport has carried. */
  readonly traffic: Traffic;
  /** Tells once that it is over. */
  tellOver(listener: OverListener): void;
  /** Lets what is under way end, and closes. */
  gracefulShutdown(): Promise<Closed>;
  /** Ends it at once. */
  abort(reason: unknown): void;
  /** Gives the transport to the handler of a request. */
  takeOver(request: IncomingRequest): Promise<Parts>;
}
