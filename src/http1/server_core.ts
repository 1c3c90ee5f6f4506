/**
 * What a server's connection and its exchanges share: time limits, the watch for a client that leaves, and the heads of
 * answers. `server_connection.ts` makes one for each connection.
 *
 * @module
 */

import { Deadline } from "../duplex/clock.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { TransportError } from "../errors/transport_error.ts";
import { fieldList } from "../semantics/fields.ts";
import { responseDate, tellError, tellResponse } from "./answering.ts";
import { ConnectionCore } from "./connection_core.ts";
import type { ExchangeListener } from "./exchange_listener.ts";
import type { IncomingRequest } from "./incoming.ts";
import { type ResponseOutcome, ServerMachine, type SwitchPlan } from "./machine/server_machine.ts";
import type { OutgoingResponseHead } from "./machine/write_response.ts";
import type { Closed, ServerSettings } from "./options.ts";
import { bodySize, sortBody, type SortedBody } from "./outgoing_body.ts";
import type { OutgoingResponse } from "./outgoing_response.ts";
import { Vigil } from "./vigil.ts";

/** One connection of a server. */
export class ServerCore extends ConnectionCore<ServerMachine, ServerSettings, ExchangeListener> {
  /** Limits the wait for a head, and then the wait for the handler. */
  readonly deadline: Deadline;
  #bodyDeadline: Deadline | null = null;
  #stopped = false;
  #vigil: Vigil | null = null;
  readonly #onHeadTooSlow = (): void => {
    const error = new TransportError("timeout", "The head of a request did not come in time");
    if (this.machine.headBegun) this.refuseAndClose(null, 408, error);
    else this.close({ reason: "error", error });
  };

  /** Takes the transport; `close` is that of a {@linkcode Role}. */
  constructor(io: DuplexLike, settings: ServerSettings, close: (why: Closed) => void) {
    super(io, new ServerMachine(settings), settings, "new", { closedError, close });
    this.deadline = new Deadline(settings.clock);
  }

  /** Limits the wait for a head from now on. */
  limitHead(): void {
    this.deadline.set(this.settings.headTimeoutMs, this.#onHeadTooSlow);
  }

  /**
   * A head is waited for, or more of it: sets the time limit for it, which is not begun anew with every byte, or the one for
   * another request.
   *
   * @returns False if the connection is to end behind the exchange before.
   */
  awaitHead(): boolean {
    const { phase } = this;
    if (this.machine.headBegun) {
      // The time limit of the first head has begun with the connection.
      if (phase !== "new" && phase !== "head") this.limitHead();
      if (phase !== "head") this.enter("head");
    } else if (phase === "exchange") {
      this.deadline.set(this.settings.idleTimeoutMs, this.#onHeadTooSlow);
      this.enter("idle");
    }
    return phase !== "last" || this.phase === "head";
  }

  /** Limits the waits within a body. Made when there is one. */
  get bodyDeadline(): Deadline {
    if (this.#bodyDeadline === null) {
      this.#bodyDeadline = new Deadline(this.settings.clock);
      if (this.#stopped) this.#bodyDeadline.stop();
    }
    return this.#bodyDeadline;
  }

  /** Watches for a client that leaves. Made when an answer is waited for first. */
  get vigil(): Vigil {
    return this.#vigil ??= new Vigil(this.wire, this.machine, this.settings);
  }

  /** No time limit counts any more, and nothing is watched. */
  stop(): void {
    this.deadline.stop();
    this.#stopped = true;
    this.#bodyDeadline?.stop();
    this.outlet.stop();
    this.#vigil?.stop();
  }

  /** Writes the head of a final response; `request` is `null` if none could be read. */
  sendHead(request: IncomingRequest | null, response: OutgoingResponse, body: SortedBody): ResponseOutcome {
    const outcome = this.machine.sendResponse(headOf(response), bodySize(body), responseDate(this.settings));
    tellResponse(this.settings, request, response.status);
    if (this.listener !== null) this.listener.onHead(request, response.status);
    return outcome;
  }

  /** Writes the head of a response that switches. */
  sendSwitch(request: IncomingRequest, plan: SwitchPlan): void {
    this.machine.sendSwitch(plan, responseDate(this.settings));
    tellResponse(this.settings, request, plan.head.status);
    if (this.listener !== null) this.listener.onHead(request, plan.head.status);
  }

  /** Tells `onError`. What that throws is ignored. */
  report(error: unknown): void {
    tellError(this.settings, error);
  }

  /** Sends an answer without a body, the last one of the connection. */
  refuse(request: IncomingRequest | null, status: number): Promise<void> | undefined {
    this.machine.disableKeepAlive();
    this.sendHead(request, { status }, sortBody(null));
    this.machine.sendEnd(null);
    return this.outlet.flush();
  }

  /** Ends the connection for `error`: with `status` if an answer is owed, and closes when the transport has taken it. */
  refuseAndClose(request: IncomingRequest | null, status: number, error: unknown): void {
    const why: Closed = { reason: "error", error };
    this.end(why);
    if (!this.machine.canRespond) return this.close(why);
    const written = this.refuse(request, status);
    const close = (): void => this.close(why);
    if (written === undefined) close();
    else written.then(close, close);
  }
}

function closedError(): TransportError {
  return new TransportError("closed", "The connection was closed");
}

/** The head of a response, for the machine. */
export function headOf({ status, reason, fields }: OutgoingResponse): OutgoingResponseHead {
  return { status, reason, fields: fieldList(fields) };
}
