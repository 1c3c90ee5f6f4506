/**
 * The bodies of requests on their way in: the 100 that a client waits for, the time that each wait may take, and the
 * way behind a body that nobody reads to its end.
 *
 * @module
 */

import { TransportError } from "../errors/transport_error.ts";
import { ProtocolError } from "../errors/protocol_error.ts";
import type { Fields } from "../semantics/fields.ts";
import type { ServerMachine } from "./machine/server_machine.ts";
import { type Clock, Deadline } from "../duplex/clock.ts";
import type { BodySource, IncomingBody } from "./incoming_body.ts";
import type { Outlet } from "../duplex/outlet.ts";
import { PART_COST } from "../duplex/turn.ts";
import type { Wire } from "../duplex/wire.ts";

/** How much of a body is taken in, and for how long. */
export interface IntakeLimits {
  /** How long one wait for more of a body may take. In milliseconds. */
  readonly bodyTimeoutMs: number;
  /** How long it may take to get behind a body that is left. In milliseconds. */
  readonly drainTimeoutMs: number;
  /** The most to keep that nobody has read, or to discard. */
  readonly maxDrainBytes: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** What a body needs of its connection. */
export interface IntakeOwner {
  /** What a body fails with that the end of the connection cuts short. */
  truncated(): ProtocolError;
  /** Some of a body was taken. */
  onData(): void;
  /** A body has come to its end, or fails: then `error` is not `null`. */
  bodyOver(error: unknown): void;
  /** The client does not go on. */
  tooSlow(error: TransportError): void;
  /** The response is over and the rest of the request does not come. */
  giveUp(): void;
}

/** See the module. */
export class RequestIntake implements BodySource {
  /** Whether the client of the request at hand waits for a 100; set with its head, cleared by whoever sends it. */
  awaitsContinue: boolean = false;
  readonly #machine: ServerMachine;
  readonly #wire: Wire;
  readonly #outlet: Outlet;
  readonly #limits: IntakeLimits;
  readonly #owner: IntakeOwner;
  readonly #deadline: Deadline;
  #error: ProtocolError | null = null;
  #closed = false;

  /**
   * Serves one connection, body after body.
   *
   * @param machine Decodes.
   * @param wire Is read when the machine needs bytes.
   * @param outlet Sends the 100.
   * @param limits The limits.
   * @param owner The connection.
   */
  constructor(machine: ServerMachine, wire: Wire, outlet: Outlet, limits: IntakeLimits, owner: IntakeOwner) {
    this.#machine = machine;
    this.#wire = wire;
    this.#outlet = outlet;
    this.#limits = limits;
    this.#owner = owner;
    this.#deadline = new Deadline(limits.clock);
  }

  /** How a body broke the protocol, or `null`; there is no request after it. */
  get error(): ProtocolError | null {
    return this.#error;
  }

  /** Nothing more is read for a body, and no time limit counts. */
  stop(): void {
    this.#closed = true;
    this.#deadline.stop();
  }

  /** The next part of the request's body, if it is there and others have had their turn. */
  next(): Uint8Array | Fields | null {
    if (this.#closed) throw this.#owner.truncated();
    if (this.#wire.turn.over) return null;
    const event = this.#machine.next();
    switch (event.type) {
      case "need-data":
        return null;
      case "data":
        this.#wire.turn.spend(PART_COST);
        this.#owner.onData();
        return event.bytes;
      case "end":
        this.#owner.bodyOver(null);
        return event.trailers;
      default:
        throw this.#owner.truncated();
    }
  }

  /** Receives more of the body. A client that waits for a 100 gets it first. */
  async more(): Promise<void> {
    if (this.#wire.turn.over) return await this.#wire.turn.rest();
    if (this.awaitsContinue && this.#machine.canRespond) await this.sendContinue();
    const chunk = await this.#read();
    if (chunk !== null) this.#machine.receive(chunk);
    else this.#machine.receiveEof();
  }

  /** The request breaks the protocol, or its connection is gone. */
  failed(error: unknown): unknown {
    if (error instanceof ProtocolError) this.#error = error;
    this.#owner.bodyOver(error);
    return error;
  }

  /** What is left is taken in when the response is over. */
  canceled(): void {}

  async #read(): Promise<Uint8Array | null> {
    if (this.#drains) return await this.#wire.read();
    this.#deadline.set(this.#limits.bodyTimeoutMs, this.#onExpired);
    this.#reads = true;
    try {
      return await this.#wire.read();
    } finally {
      this.#reads = false;
      this.#deadline.clear();
      this.#limitPause();
    }
  }

  #reads = false;

  readonly #onExpired = (): void => {
    this.#owner.tooSlow(new TransportError("timeout", "The body of a request did not go on in time"));
  };

  /** Sends the 100 that the client waits for. */
  async sendContinue(): Promise<void> {
    this.awaitsContinue = false;
    this.#machine.sendInformational(100, []);
    await this.#outlet.flush();
  }

  /**
   * Gets behind a body that was not read to its end, once the response is over; a reader at work is waited for.
   *
   * @param body The body.
   * @param lasts Whether somebody has a use for what comes behind it.
   * @returns False if that is not possible.
   */
  async settle(body: IncomingBody, lasts: boolean): Promise<boolean> {
    const wanted = body.used && !body.canceled;
    if (!wanted && !lasts) return false;
    if (!wanted) return await this.drain(body, false, this.#onPauseExpired);
    this.#outlived = true;
    this.#limitPause();
    try {
      return await body.finish(this.#limits.maxDrainBytes, true, () => this.#limitPause());
    } finally {
      this.#outlived = false;
      this.#deadline.clear();
    }
  }

  /** Whether the response is over and the reader of the request is not; then its pauses are limited. */
  #outlived = false;

  /** A pause is the reader's where it is not the client's. */
  #limitPause(): void {
    if (this.#outlived && !this.#reads) this.#deadline.set(this.#limits.drainTimeoutMs, this.#onPauseExpired);
  }

  readonly #onPauseExpired = (): void => this.#owner.giveUp();

  /**
   * Takes in all that is left of a body, within one time limit.
   *
   * @param body The body.
   * @param keep Whether what nobody has read yet is kept for a reader.
   * @param expire Called when the time is over.
   * @returns Whether its end was reached.
   */
  async drain(body: IncomingBody, keep: boolean, expire: () => void): Promise<boolean> {
    this.#drains = true;
    this.#deadline.set(this.#limits.drainTimeoutMs, expire);
    try {
      return await body.finish(this.#limits.maxDrainBytes, keep);
    } finally {
      this.#drains = false;
      this.#deadline.clear();
    }
  }

  /** Whether one time limit covers all of the body that is left, instead of each wait within it. */
  #drains = false;
}
