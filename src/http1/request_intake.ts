/**
 * The body of a request coming in: the 100 that the client waits for, the time that each wait may take, and the way behind
 * a body that is not read to its end. `server_exchange.ts` makes one for a request that has a body; `body_intake.ts`
 * takes it from the machine.
 *
 * @module
 */

import { ProtocolError } from "../errors/protocol_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { Fields } from "../semantics/fields.ts";
import { nextPart } from "./body_intake.ts";
import type { BodySource } from "./body_source.ts";
import { type IncomingBody, isWanted } from "./incoming_body.ts";
import type { SortedBody } from "./outgoing_body.ts";
import type { ServerCore } from "./server_core.ts";

/** What a request's body needs of its exchange. */
export interface RequestBodyOwner {
  /** Some of it was taken. */
  stir(): void;
  /** It has come to its end, or fails: then `error` is not `null`. */
  bodyOver(error: unknown): void;
  /** The client does not go on. */
  tooSlow(error: TransportError): void;
}

/**
 * What a time limit covers: each wait for the client; each pause of a reader behind the response; or all that is left.
 */
type Limited = "waits" | "pauses" | "rest";

/** Takes the body of one request in. */
export class RequestIntake implements BodySource {
  /** Whether the client waits for a 100. */
  awaitsContinue: boolean;
  /** How the body broke the protocol, or `null`; there is no request after it. Only this class writes it. */
  error: ProtocolError | null = null;
  readonly #core: ServerCore;
  readonly #owner: RequestBodyOwner;
  #limited: Limited = "waits";
  #reads = false;
  readonly #onTooSlow = (): void => {
    this.#owner.tooSlow(new TransportError("timeout", "The body of a request did not go on in time"));
  };
  readonly #onPauseTooLong = (): void => this.#core.close({ reason: "shutdown" });

  /** Reads nothing yet. */
  constructor(core: ServerCore, owner: RequestBodyOwner, awaitsContinue: boolean) {
    this.#core = core;
    this.#owner = owner;
    this.awaitsContinue = awaitsContinue;
  }

  /** See {@linkcode BodySource}. */
  next(): Uint8Array | Fields | null {
    const part = nextPart(this.#core);
    if (part instanceof Fields) this.#owner.bodyOver(null);
    else if (part !== null) this.#owner.stir();
    return part;
  }

  /** See {@linkcode BodySource}. A client that waits for a 100 gets it first. */
  async more(): Promise<void> {
    const core = this.#core;
    if (core.wire.turn.over) return await core.wire.turn.rest();
    if (this.awaitsContinue && core.machine.canRespond) await this.sendContinue();
    if (this.#limited === "rest") return core.receive(await core.wire.read());
    core.bodyDeadline.set(core.settings.bodyTimeoutMs, this.#onTooSlow);
    this.#reads = true;
    try {
      core.receive(await core.wire.read());
    } finally {
      this.#reads = false;
      core.bodyDeadline.clear();
      this.#limitPause();
    }
  }

  /** Sends the 100 that the client waits for. */
  async sendContinue(): Promise<void> {
    this.awaitsContinue = false;
    this.#core.machine.sendInformational(100, []);
    await this.#core.outlet.flush();
  }

  /** See {@linkcode BodySource}. */
  failed(error: unknown): unknown {
    if (error instanceof ProtocolError) this.error = error;
    this.#owner.bodyOver(error);
    return error;
  }

  /** What is left is taken in when the response is over. */
  canceled(): void {}

  /**
   * Whether it is clear before the response that no request can follow: the client waits for a 100 that it does not get, or
   * the body is longer than what is discarded, and has no reader. Then the response says so (RFC 9112 §9.6).
   */
  isLast(body: IncomingBody, response: SortedBody): boolean {
    if (this.awaitsContinue) return true;
    // A stream may read the request while it is being sent.
    if (response.type === "stream" || body.canceled || isWanted(body)) return false;
    return (body.length ?? 0) > this.#core.settings.maxDrainBytes;
  }

  /**
   * Gets behind a body that was not read to its end, once the response is over; a reader at work is waited for.
   *
   * @param lasts Whether anything may come behind it.
   * @returns False if that is not possible.
   */
  async settle(body: IncomingBody, lasts: boolean): Promise<boolean> {
    const { settings, bodyDeadline } = this.#core;
    if (!isWanted(body)) return lasts && await this.drain(body, false, this.#onPauseTooLong);
    this.#limited = "pauses";
    this.#limitPause();
    try {
      return await body.finish(settings.maxDrainBytes, true, () => this.#limitPause());
    } finally {
      this.#limited = "waits";
      bodyDeadline.clear();
    }
  }

  /** Behind the response the reader's pauses are limited: those in which the client is not waited for. */
  #limitPause(): void {
    const { settings, bodyDeadline } = this.#core;
    if (this.#limited === "pauses" && !this.#reads) bodyDeadline.set(settings.drainTimeoutMs, this.#onPauseTooLong);
  }

  /**
   * Takes in all that is left of a body, within one time limit.
   *
   * @param keep Whether what was not read yet is kept for a reader.
   * @param expire Called when the time is over.
   * @returns Whether its end was reached.
   */
  async drain(body: IncomingBody, keep: boolean, expire: () => void): Promise<boolean> {
    const { settings, bodyDeadline } = this.#core;
    this.#limited = "rest";
    bodyDeadline.set(settings.drainTimeoutMs, expire);
    try {
      return await body.finish(settings.maxDrainBytes, keep);
    } finally {
      this.#limited = "waits";
      bodyDeadline.clear();
    }
  }
}
