/**
 * What a handler's answer means for its stream, and its head on the wire: that of a response, or of a switch. `server_stream.ts` asks
 * for each answer.
 *
 * @module
 */

import { StateError } from "../errors/state_error.ts";
import { responseDate } from "../http1/answering.ts";
import type { IncomingRequest } from "../http1/incoming.ts";
import { sortBody, type SortedBody } from "../http1/outgoing_body.ts";
import type { OutgoingResponse } from "../http1/outgoing_response.ts";
import { isBodiless } from "../semantics/message.ts";
import type { Proposal } from "../semantics/switching.ts";
import type { Http2ServerMachine } from "./machine/server_machine.ts";
import type { Http2ServerSettings } from "./options.ts";
import { responseFieldsOf, switchFieldsOf } from "./response_head.ts";

/** As much of the connection as is used here. */
export interface AnswerHost {
  /** Writes the head. */
  readonly machine: Pick<Http2ServerMachine, "sendResponse">;
  /** Say whether a date is added. */
  readonly settings: Pick<Http2ServerSettings, "server">;
}

/**
 * What an answer means: a response; the switch that was proposed; or a response that the client would take for the switch, since 2xx
 * stands for 101 (RFC 8441 §4).
 */
export type AnswerMeaning = "response" | "switch" | "mistakable";

/** What an answer with this status means to a request that proposes so much. */
export function meaningOf({ type }: Proposal, status: number): AnswerMeaning {
  const successful = status >= 200 && status < 300;
  switch (type) {
    case "none":
      return "response";
    case "connect":
      return status === 101 || successful ? "switch" : "response";
    case "upgrade":
      if (status === 101) return "switch";
      return successful && Number.isInteger(status) ? "mistakable" : "response";
    default:
      return type satisfies never;
  }
}

/**
 * Sends the head of a response.
 *
 * @returns Whether that is all of it.
 * @throws {StateError} `no-switch`: it is a 101 that nothing has proposed. Nothing was sent.
 * @throws {TypeError} It cannot be written. Nothing was sent.
 */
export function sendResponseHead(
  { machine, settings }: AnswerHost,
  streamId: number,
  { method }: IncomingRequest,
  response: OutgoingResponse,
  body: SortedBody,
): boolean {
  const { status } = response;
  if (status === 101) throw new StateError("no-switch", "Cannot answer with 101: the request proposed no upgrade");
  const fields = responseFieldsOf(response, body, responseDate(settings.server));
  const ends = isBodiless(method, status) || (body.type === "none" && response.trailers === undefined);
  machine.sendResponse(streamId, { status, fields }, ends);
  return ends;
}

/** What was agreed on by a head that switches. */
export interface SwitchHead {
  /** The status on the wire. */
  readonly status: number;
  /** The protocol, or `null` for a tunnel. */
  readonly protocol: string | null;
}

/**
 * Sends the head of a switch.
 *
 * @throws {StateError} `upgrade-body`: the response has a body; `no-switch`: it names what was not proposed. Nothing was sent.
 * @throws {TypeError} It cannot be written. Nothing was sent.
 */
export function sendSwitchHead(
  { machine, settings }: AnswerHost,
  streamId: number,
  { proposal }: IncomingRequest,
  response: OutgoingResponse,
): SwitchHead {
  if (sortBody(response.body).type !== "none" && response.body !== "") {
    throw new StateError("upgrade-body", "Cannot switch: the response has a body");
  }
  const { fields, protocol } = switchFieldsOf(response, proposal, responseDate(settings.server));
  const status = response.status === 101 ? 200 : response.status;
  machine.sendResponse(streamId, { status, fields }, false);
  return { status, protocol };
}
