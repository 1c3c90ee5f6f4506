/**
 * The Pings that wait for their Pongs.
 *
 * @module
 */

import { Deferred, unattended } from "../duplex/deferred.ts";

interface Waiting {
  readonly payload: Uint8Array;
  readonly answered: Deferred<void>;
}

/** Tells each Ping when it is answered. */
export class Pings {
  #waiting: Waiting[] = [];
  #count = 0;

  /** Sends one, with a payload that tells it from the others, and waits for its Pong. */
  send(payload: Uint8Array | undefined, write: (payload: Uint8Array) => void): Promise<void> {
    const own = payload === undefined ? this.#number() : new Uint8Array(payload);
    try {
      write(own);
    } catch (error) {
      return unattended(Promise.reject(error));
    }
    const answered = new Deferred<void>();
    this.#waiting.push({ payload: own, answered });
    return answered.promise;
  }

  /** A Pong has come. It answers the Pings before its own as well (RFC 6455 §5.5.3); one that answers none is ignored. */
  answered(payload: Uint8Array): void {
    const index = this.#waiting.findIndex((ping) => equal(ping.payload, payload));
    for (const ping of this.#waiting.splice(0, index + 1)) ping.answered.resolve();
  }

  /** No Pong will come. */
  fail(reason: unknown): void {
    for (const ping of this.#waiting) ping.answered.reject(reason);
    this.#waiting = [];
  }

  #number(): Uint8Array {
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, ++this.#count);
    return payload;
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
