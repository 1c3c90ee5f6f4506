/**
 * What ends when a handler is to give up, because its client has left or its answer cannot be sent: the signal of its request, and
 * what it has opened for a switch. A stream has one once a handler asks for that, or is to give up.
 *
 * @module
 */

import { cancelOwned, type Owned } from "../http1/owned.ts";

/** What ends with one request. */
export class HandlerEnd {
  #controller: AbortController | null = null;
  #owned: Owned | null = null;
  /** Why the handler is to give up, once it is: it may look for the first time later. */
  #why: { readonly error: unknown } | null = null;

  /** Aborts it: at once if the handler is to give up already, or if the stream is `lost`; else once it is to. */
  watch(controller: AbortController, lost: { readonly error: unknown } | null): void {
    const over = this.#why ?? lost;
    if (over !== null) controller.abort(over.error);
    else this.#controller = controller;
  }

  /** Ends it, as {@linkcode watch} does. */
  own(owned: Owned, lost: { readonly error: unknown } | null): void {
    const over = this.#why ?? lost;
    if (over !== null) cancelOwned(owned, over.error);
    else this.#owned = owned;
  }

  /** The handler is to give up. The last reason is what those hear who look later. */
  come(reason: unknown): void {
    this.#why = { error: reason };
    this.#controller?.abort(reason);
    if (this.#owned !== null) cancelOwned(this.#owned, reason);
  }
}
