/**
 * What a server's connection and its exchanges share: time limits, the watch for a client that leaves, and the heads of
 * answers. `server_connection.ts` makes one for each connection.
 *
 * @module
 */

import { Deadline, httpDate } from "../duplex/clock.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { accepted } from "../duplex/held_channel.ts";
import { TransportError } from "../errors/transport_error.ts";
import { type Field, fieldPairs, type FieldsInit } from "../semantics/fields.ts";
import { ConnectionCore } from "./connection_core.ts";
import type { IncomingRequest } from "./incoming.ts";
import { type ResponseOutcome, ServerMachine } from "./machine/server_machine.ts";
import type { Closed, ServerSettings } from "./options.ts";
import { bodySize, type SortedBody } from "./outgoing_body.ts";
import type { OutgoingResponse } from "./outgoing_response.ts";
import { Vigil } from "./vigil.ts";

const NO_FIELDS: readonly Field[] = [];
const NO_BODY: SortedBody = { type: "none" };

/** One connection of a server. */
export class ServerCore extends ConnectionCore<ServerMachine, ServerSettings> {
  /** Limits the wait for a head, and then the wait for the handler. */
  readonly deadline: Deadline;
  /** Limits the waits within a body. */
  readonly bodyDeadline: Deadline;
  #vigil: Vigil | null = null;

  /**
   * Takes the transport.
   *
   * @param io The transport.
   * @param settings The options, filled in.
   * @param close Ends what is under way, then the transport, and calls `finish()`.
   */
  constructor(io: DuplexLike, settings: ServerSettings, close: (why: Closed, waited: boolean) => void) {
    super(io, new ServerMachine(settings), settings, "new", { closedError, close });
    this.deadline = new Deadline(settings.clock);
    this.bodyDeadline = new Deadline(settings.clock);
  }

  /** Watches for a client that leaves. Made when an answer is waited for first. */
  get vigil(): Vigil {
    return this.#vigil ??= new Vigil(this.wire, this.machine, this.settings);
  }

  /** No time limit counts any more, and nothing is watched. */
  stop(): void {
    this.deadline.stop();
    this.bodyDeadline.stop();
    this.outlet.stop();
    this.#vigil?.stop();
  }

  /** Writes the head of a final response; `request` is `null` if none could be read. */
  sendHead(request: IncomingRequest | null, response: OutgoingResponse, body: SortedBody): ResponseOutcome {
    const { settings } = this;
    const { status, reason } = response;
    const date = settings.dateHeader ? httpDate(settings.clock) : null;
    const outcome = this.machine.sendResponse({ status, reason, fields: pairsOf(response) }, bodySize(body), date);
    if (settings.onResponse !== undefined) this.#tellResponse(request, status);
    return outcome;
  }

  #tellResponse(request: IncomingRequest | null, status: number): void {
    try {
      this.settings.onResponse!(request, { status });
    } catch (error) {
      this.report(error);
    }
  }

  /** Tells `onError`. What that throws is ignored. */
  report(error: unknown): void {
    try {
      this.settings.onError?.(error);
    } catch {
      return;
    }
  }

  /** Sends an answer without a body, the last one of the connection. */
  refuse(request: IncomingRequest | null, status: number): Promise<void> | undefined {
    this.machine.disableKeepAlive();
    this.sendHead(request, { status }, NO_BODY);
    this.machine.sendEnd(null);
    return this.outlet.flush();
  }

  /** Ends the connection for `error`: with `status` if an answer is owed, and closes when the transport has taken it. */
  refuseAndClose(request: IncomingRequest | null, status: number, error: unknown): void {
    const why: Closed = { reason: "error", error };
    this.end(why);
    if (!this.machine.canRespond) return this.close(why);
    const close = (): void => this.close(why);
    (this.refuse(request, status) ?? accepted).then(close, close);
  }
}

function closedError(): TransportError {
  return new TransportError("closed", "The connection was closed");
}

/** The field lines of a response. */
export function pairsOf({ fields }: { readonly fields?: FieldsInit | undefined }): readonly Field[] {
  if (fields === undefined) return NO_FIELDS;
  return Array.isArray(fields) ? fields : [...fieldPairs(fields)];
}
