/**
 * The body of a request that may be sent again: a server of HTTP/2 refuses requests of which something was sent already (RFC 9113 §8.7).
 * Their beginning is kept until the server answers. `exchange.ts` makes one for each request with a body that goes over HTTP/2.
 *
 * @module
 */

import { UnsentError } from "../../errors/unsent_error.ts";
import { wantsHttp1 } from "../../http/client/resend.ts";
import { type ByteSource, discardBody } from "../../http1/outgoing_body.ts";

/** As much as a client of HTTP/2 may send before the first word of its peer (RFC 9113 §6.9.2), and a byte. */
const MAX_KEPT_BYTES = 65_536;

type Taken = IteratorResult<Uint8Array>;

/** A body, and what was taken of it. */
export class Replay {
  readonly #source: ByteSource;
  #iterator: AsyncIterator<Uint8Array> | null = null;
  /** What was taken; `null` once it cannot be sent again. */
  #kept: Uint8Array[] | null = [];
  #keptBytes = 0;
  #taking: Promise<Taken> | null = null;

  /** Takes nothing yet. */
  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Whether it can be sent from its beginning. */
  get whole(): boolean {
    return this.#kept !== null;
  }

  /** The body for one attempt, from its beginning. A refusal of the request cancels only that. */
  attempt(): AsyncIterable<Uint8Array> & { cancel(reason: unknown): void } {
    // An answer may come before all of this was sent again: the attempt still has it then.
    let beginning = this.#kept ?? [];
    let given = 0;
    const next = (): Promise<Taken> => {
      const kept = beginning[given++];
      if (kept !== undefined) return Promise.resolve({ done: false, value: kept });
      if (!this.whole) beginning = [];
      return this.#taking ?? this.#take();
    };
    const cancel = (reason: unknown): void => {
      if (!this.whole || !(reason instanceof UnsentError || wantsHttp1(reason))) this.cancel(reason);
    };
    return { [Symbol.asyncIterator]: () => ({ next }), cancel };
  }

  #take(): Promise<Taken> {
    const taking = (this.#iterator ??= this.#source[Symbol.asyncIterator]()).next();
    if (this.#kept === null) return taking;
    this.#taking = taking;
    const taken = (): void => void (this.#taking = null);
    taking.then((result) => {
      taken();
      if (result.done !== true) this.#keep(result.value);
    }, taken);
    return taking;
  }

  #keep(chunk: Uint8Array): void {
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > MAX_KEPT_BYTES) this.forget();
    else this.#kept?.push(chunk);
  }

  /** The server has answered: nothing is kept any more. */
  forget(): void {
    this.#kept = null;
  }

  /** It is not sent, or no more of it. */
  cancel(reason: unknown): void {
    discardBody(this.#source, reason);
  }
}
