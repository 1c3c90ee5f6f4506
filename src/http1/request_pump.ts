/**
 * A request on its way out: the wait for the server's word, the body, the trailers.
 *
 * Knows how a request is sent, not what is received meanwhile: the connection tells it of a 100 and of the answer.
 *
 * @module
 */

import type { ClientMachine } from "./machine/client_machine.ts";
import { StateError } from "../errors/state_error.ts";
import { type Clock, Deadline } from "../duplex/clock.ts";
import { makeTrailers, OutgoingStream, type OutgoingTrailers, type SortedBody } from "./outgoing_body.ts";
import { Deferred } from "../duplex/deferred.ts";

/** What a request needs of its connection. */
export interface RequestOwner {
  /** Gives what the machine has ready to the transport; `undefined` if it was taken on the spot. */
  flush(): Promise<void> | undefined;
  /** The request cannot be completed. */
  failed(error: unknown): void;
  /** The request is sent, or given up. */
  over(): void;
}

/** How long a body waits for a 100, and by which clock. */
export interface ContinueWait {
  /** In milliseconds; 0 waits without end. */
  readonly timeoutMs: number;
  /** The clock. */
  readonly clock: Clock;
}

/** See the module. */
export class RequestPump {
  readonly #machine: ClientMachine;
  readonly #owner: RequestOwner;
  readonly #body: SortedBody;
  readonly #trailers: OutgoingTrailers | undefined;
  readonly #wait: ContinueWait | null;
  readonly #word: Deferred<void> | null;
  #stream: OutgoingStream | null;
  #finished: Promise<void> | null = null;
  #waits: boolean;
  #stopped = false;
  #over = false;
  #failure: { readonly error: unknown } | null = null;

  /**
   * Takes over behind the head, which the machine has.
   *
   * @param machine The machine.
   * @param owner The connection.
   * @param body The body.
   * @param trailers The trailers.
   * @param wait How to wait for a 100, or `null` to go on at once.
   */
  constructor(
    machine: ClientMachine,
    owner: RequestOwner,
    body: SortedBody,
    trailers: OutgoingTrailers | undefined,
    wait: ContinueWait | null,
  ) {
    this.#machine = machine;
    this.#owner = owner;
    this.#body = body;
    this.#trailers = trailers;
    this.#wait = wait;
    this.#waits = wait !== null;
    this.#word = wait === null ? null : new Deferred<void>();
    this.#stream = body.type === "stream" ? new OutgoingStream(body.stream) : null;
  }

  /** Whether nothing more of the request will be sent: it is with the transport, or was given up. */
  get over(): boolean {
    return this.#over || this.#stopped;
  }

  /** Why it could not be completed, or `null`. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** Sends the request. Resolves when it is over, and never rejects; the same promise at every call. */
  run(): Promise<void> {
    return this.#finished ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      if (this.#word !== null) await this.#awaitWord(this.#word);
      const rest = this.#stopped ? undefined : this.#sendRest();
      if (rest !== undefined) await rest;
    } catch (error) {
      this.#fail(error);
    }
    this.#over = true;
    this.#owner.over();
  }

  /** Without a pause if nothing must be waited for: then head and body leave together. */
  #sendRest(): Promise<void> | undefined {
    if (this.#stream !== null || this.#trailers !== undefined) return this.#sendLater();
    if (this.#body.type === "bytes") this.#machine.sendData(this.#body.bytes);
    this.#machine.sendEnd(null);
    return this.#owner.flush();
  }

  async #sendLater(): Promise<void> {
    if (this.#body.type === "bytes") this.#machine.sendData(this.#body.bytes);
    if (this.#stream !== null && !await this.#stream.run((chunk) => this.#sendChunk(chunk))) return;
    const trailers = await makeTrailers(this.#trailers);
    if (this.#stopped) return;
    this.#machine.sendEnd(trailers);
    await this.#owner.flush();
  }

  #sendChunk(chunk: Uint8Array): Promise<void> | undefined {
    this.#machine.sendData(chunk);
    return this.#owner.flush();
  }

  /** Sends the head and waits for a 100, for the answer, or for time to pass (RFC 9110 §10.1.1). */
  async #awaitWord(word: Deferred<void>): Promise<void> {
    await this.#owner.flush();
    const { clock, timeoutMs } = this.#wait!;
    const deadline = new Deadline(clock);
    deadline.set(timeoutMs, () => word.resolve());
    await word.promise;
    this.#waits = false;
    deadline.stop();
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#failure = { error };
    this.stop(error);
    this.#owner.failed(error);
  }

  /** The server wants the body. */
  proceed(): void {
    this.#word?.resolve();
  }

  /**
   * The final response has come. A body that still waits for a 100 is not sent any more; after a 417 it stays
   * untouched, as the request is to be repeated without the expectation. A body that is being sent goes on, unless the
   * server refuses the rest of it.
   */
  answered(status: number, refused: boolean): void {
    if (this.#waits && status === 417) this.#stream = null;
    if (this.#waits || refused) {
      this.stop(new StateError("done", "The rest of the request is not wanted: it is answered"));
    }
  }

  /** Gives up what was not sent; the connection is not used again. Without effect once it is over. */
  stop(reason: unknown): void {
    if (this.#over || this.#stopped) return;
    this.#stopped = true;
    this.#machine.abandonRequest();
    this.#word?.resolve();
    this.#stream?.stop(reason);
  }
}
