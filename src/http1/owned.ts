/**
 * What a handler has opened for a switch, and what becomes of it when there is none.
 *
 * @module
 */

import { wrongType } from "../bytes/arguments.ts";
import { quietly } from "../duplex/deferred.ts";

/** Something that can be ended at once: a socket, an `Upgraded`, a connection, an `AbortController`. */
export interface Owned {
  /** Ends it. It may have ended before. */
  abort(reason?: unknown): unknown;
}

/** Refuses what cannot be owned. */
export function checkOwned(value: unknown, name: string): void {
  if (typeof (Object(value) as Partial<Owned>).abort !== "function") {
    throw wrongType(name, "an object with an abort() method", value);
  }
}

/** Ends something; a failure has no more meaning and is swallowed. */
export function cancelOwned(owned: Owned | undefined, reason: unknown): void {
  quietly(() => owned?.abort(reason));
}

/** Makes the answer that something was opened for; if it cannot be made, that ends. */
export function owning<Answer>(owned: Owned, make: () => Answer): Answer {
  try {
    return make();
  } catch (error) {
    cancelOwned(owned, error);
    throw error;
  }
}
