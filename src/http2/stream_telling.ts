/**
 * Tells how one request of a client goes on its stream, if anybody wants to know. `client_stream.ts` has one then; without a listener
 * nothing stands between a body and its reader.
 *
 * @module
 */

import type { ExchangeOverListener } from "../http1/exchange_listener.ts";
import type { BodySource } from "../http1/body_source.ts";
import type { Closed } from "../http1/options.ts";
import { Fields } from "../semantics/fields.ts";

/** Tells a listener of one exchange. */
export class StreamTelling {
  readonly #listener: ExchangeOverListener;
  #sent: boolean;
  #received = false;
  #over = false;

  /** Tells nothing yet. `sent` says whether the request was complete with its head. */
  constructor(listener: ExchangeOverListener, sent: boolean) {
    this.#listener = listener;
    this.#sent = sent;
  }

  /** The same source; what is read from it is told. */
  telling(source: BodySource): BodySource {
    return {
      next: () => {
        const part = source.next();
        if (part instanceof Fields) this.received();
        else if (part !== null) this.#listener.onBodyReceived(part.length);
        return part;
      },
      more: () => source.more(),
      failed: (error) => source.failed(error),
      whenLost: (tell) => source.whenLost?.(tell),
      canceled: (reason) => {
        this.over(null);
        source.canceled(reason);
      },
    };
  }

  /** The request is on its way. */
  sent(): void {
    this.#sent = true;
    if (this.#received) this.over(null);
  }

  /** The response was read to its end. */
  received(): void {
    this.#received = true;
    if (this.#sent) this.over(null);
  }

  /** The exchange is over. Only the first call counts. */
  over(why: Closed | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.onExchangeOver(why);
  }
}
