/**
 * Requests of a client that wait until the server allows another stream. Its connection says when the next one may be sent, or that none
 * will be.
 *
 * @module
 */

import { onAbort } from "../duplex/abort.ts";
import { ignore } from "../duplex/deferred.ts";
import { UnsentError } from "../errors/unsent_error.ts";
import type { IncomingResponse } from "../http1/incoming.ts";
import { discardBody } from "../http1/outgoing_body.ts";
import type { OutgoingRequest, SendOptions } from "../http1/outgoing_request.ts";

/** A request, and how it is to be sent. */
export interface RequestToSend {
  /** The request. */
  readonly request: OutgoingRequest;
  /** Whose signal gives it up. */
  readonly options: Pick<SendOptions, "signal">;
}

interface Waiting {
  readonly request: OutgoingRequest;
  send(): void;
  reject(reason: unknown): void;
  /** Its signal is not listened to any more. */
  unlisten(): void;
}

/** The requests of one connection, the oldest first. */
export class WaitingRequests {
  readonly #waiting: Set<Waiting> = new Set();

  /** How many there are. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Lets a request wait for its turn, or until its signal aborts.
   *
   * @param send Sends it, when it is its turn. What it throws rejects.
   */
  wait(
    { request, options: { signal } }: RequestToSend,
    send: () => Promise<IncomingResponse>,
  ): Promise<IncomingResponse> {
    return new Promise((resolve, reject) => {
      const sendNow = (): void => {
        try {
          resolve(send());
        } catch (error) {
          reject(error);
        }
      };
      const waiting: Waiting = { request, send: sendNow, reject, unlisten: ignore };
      this.#waiting.add(waiting);
      waiting.unlisten = onAbort(signal, () => this.#refuse(waiting, signal!.reason));
    });
  }

  /** Sends the one that has waited longest. */
  sendNext(): void {
    for (const waiting of this.#waiting) {
      this.#remove(waiting);
      return waiting.send();
    }
  }

  /** None is sent on this connection, but may be on another. */
  fail(cause: unknown): void {
    for (const waiting of this.#waiting) {
      this.#remove(waiting);
      waiting.reject(new UnsentError(waiting.request, cause));
    }
  }

  /** None is to be sent. */
  refuse(reason: unknown): void {
    for (const waiting of this.#waiting) this.#refuse(waiting, reason);
  }

  #refuse(waiting: Waiting, reason: unknown): void {
    this.#remove(waiting);
    discardBody(waiting.request.body, reason);
    waiting.reject(reason);
  }

  #remove(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    waiting.unlisten();
  }
}
