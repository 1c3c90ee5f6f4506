/**
 * The client's side of one HTTP/1.1 connection, without a connection: messages in, bytes out; bytes in, events out.
 * `client_connection.ts` drives it; what it shares with the server's machine is `http1_machine.ts`.
 *
 * One exchange at a time: nothing is pipelined.
 *
 * @module
 */

import { checkObject, wrongType } from "../../bytes/arguments.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { StateError } from "../../errors/state_error.ts";
import { type Field, Fields } from "../../semantics/fields.ts";
import { type BodyFraming, lasts, responseFraming } from "./framing.ts";
import {
  CLOSED,
  Http1Machine,
  type Http1MachineOptions,
  MACHINE_OPTIONS,
  NEXT_CYCLE,
  SWITCH_TAKEN,
} from "./http1_machine.ts";
import type { Leniency } from "./limits.ts";
import { NEED_DATA } from "./read_body.ts";
import type { Http1Version, RequestHead, ResponseHead } from "../../semantics/message.ts";
import { type BodySize, checkBodySize, requestSendFraming, writeFramedFields } from "./send_framing.ts";
import { acceptedBy, agreedProtocol, NOT_REQUESTED, type Proposal, proposalOf } from "../../semantics/switching.ts";
import { inspectFields, listHas, writeRequestLine } from "./write_head.ts";

/**
 * What {@linkcode ClientMachine.next} finds.
 *
 * - `informational`: a 1xx but 101; the final response is still to come.
 * - `response`: the head of the final response. Without a body (`none`, or a length of 0) it is complete; else `data`,
 *   a view of what was received, and `end` follow.
 * - `switched`: a 101, with its protocol, or a 2xx to CONNECT; what is left is that of `takeTrailing()`.
 * - `need-data`: call `receive()` or `receiveEof()`, then `next()` again.
 * - `paused`: nothing is read until `nextCycle()`; or, once it switched, at all.
 * - `closed`: the peer ended its side between two exchanges, or broke the protocol before.
 */
export type ClientEvent =
  | { readonly type: "informational"; readonly head: ResponseHead }
  | { readonly type: "response"; readonly head: ResponseHead; readonly framing: BodyFraming }
  | { readonly type: "switched"; readonly head: ResponseHead; readonly protocol: string | null }
  | { readonly type: "data"; readonly bytes: Uint8Array }
  | { readonly type: "end"; readonly trailers: Fields }
  | { readonly type: "need-data" }
  | { readonly type: "paused"; readonly until: "next-cycle" | "switch-taken" }
  | { readonly type: "closed" };

/** The head of a request that is to be sent. It goes on the wire as it is; only the framing of its body is added. */
export interface OutgoingRequestHead {
  /** Case-sensitive. */
  readonly method: string;
  /** Any of the four forms; not looked at. */
  readonly target: string;
  /** 1.1 by default. */
  readonly version?: Http1Version | undefined;
  /** The field lines. `Host` is the caller's. */
  readonly fields: readonly Field[];
  /** Whether a 200 of no announced length switches as well, as old Docker daemons mean it. Only with an `Upgrade`. */
  readonly hijack?: boolean | undefined;
}

/** What a client's machine can be told beforehand. */
export type ClientMachineOptions = Http1MachineOptions;

/**
 * The client's machine.
 *
 * @example A CONNECT, and the bytes behind its answer
 * ```ts
 * import { ClientMachine } from "@http-upgrade/http-upgrade/http1";
 * import { assertEquals } from "@std/assert";
 *
 * const machine = new ClientMachine();
 * machine.sendRequest({ method: "CONNECT", target: "a:22", fields: [["Host", "a:22"]] }, "none");
 * machine.sendEnd(null);
 * machine.receive(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\nSSH-2.0"));
 * assertEquals(machine.next().type, "switched");
 * assertEquals(new TextDecoder().decode(machine.takeTrailing().bytes), "SSH-2.0");
 * ```
 */
export class ClientMachine extends Http1Machine<"response"> {
  #asksToClose = false;
  #proposal: Proposal = NOT_REQUESTED;
  #method = "";
  #informational = 0;
  /** The version that the server has last answered with: one of 1.0 gets no chunks (RFC 9112 §6.1). */
  #peer: Http1Version = "1.1";
  #hijack = false;

  /**
   * Makes a machine that waits for a first request.
   *
   * @param options What to do differently.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} A limit is below 0.
   */
  constructor(options: ClientMachineOptions = {}) {
    super("response", options, MACHINE_OPTIONS);
  }

  /** Whether a request may be sent. Not while bytes wait that answer none: they would be taken for its response. */
  get idle(): boolean {
    return this.writing === "idle" && this.reading === "head" && !this.hasBuffered && !this.ended;
  }

  /** Whether the connection may go on after this exchange, as far as is known now. */
  get persistent(): boolean {
    return this.lasts && this.reading !== "broken";
  }

  /**
   * Whether the server will not take the rest of a request that it has answered with `status`: it closes a connection
   * that the request would have kept, or it closes on an error (RFC 9112 §9.5).
   */
  refusesRest(status: number): boolean {
    if (typeof status !== "number") throw wrongType("status", "a number", status);
    return !this.persistent && (!this.#asksToClose || status >= 400);
  }

  /** Whether the request is sent completely. */
  get requestSent(): boolean {
    return this.writing !== "body";
  }

  /** Whether the response has come completely. */
  get responseComplete(): boolean {
    return this.reading === "complete";
  }

  /** What the request that was sent last proposes. */
  get proposal(): Proposal {
    return this.#proposal;
  }

  /**
   * Writes the head of a request. `sendData()`, and `sendEnd()` in any case, follow.
   *
   * @param head Goes on the wire as it is.
   * @param body The size of what follows.
   * @throws {StateError} `not-ready`: an exchange is going on; `body-length`; `upgrade-body`. Nothing is written then.
   * @throws {TypeError} Method, target or a field cannot be sent. Nothing is written then.
   */
  sendRequest(head: OutgoingRequestHead, body: BodySize): void {
    checkObject(head, "head");
    checkBodySize(body);
    if (!this.idle) throw new StateError("not-ready", "Cannot send a request: the connection is not ready for one");
    const version = head.version ?? "1.1";
    const sent = inspectFields(head.fields);
    const plan = requestSendFraming(head.method, version === "1.1" ? this.#peer : version, body, sent);
    const mark = this.out.mark();
    try {
      writeRequestLine(this.out, head.method, head.target, version);
      writeFramedFields(this.out, head.fields, plan, false, this.nameCase);
      this.out.text("\r\n");
    } catch (error) {
      this.out.rewind(mark);
      throw error;
    }
    this.#method = head.method;
    const proposes = head.method === "CONNECT" || sent.upgrade !== null;
    this.#proposal = proposes ? sentProposal(head, version, this.leniency) : NOT_REQUESTED;
    this.lasts = !listHas(sent.connection, "close") &&
      (version === "1.1" || listHas(sent.connection, "keep-alive"));
    this.#asksToClose = !this.lasts;
    this.#hijack = head.hijack ?? false;
    this.#informational = 0;
    this.beginWriting(plan.framing, sent.trailer);
  }

  /** Gives up the rest of the request body: the connection is not used again. */
  abandonRequest(): void {
    this.lasts = false;
    this.endWriting();
  }

  /**
   * Goes one step on in what was received.
   *
   * @throws {ProtocolError} The peer broke the protocol; reading is over. Its status is 502: what a gateway answers.
   */
  next(): ClientEvent {
    try {
      return this.#next();
    } catch (error) {
      this.reading = "broken";
      throw error instanceof ProtocolError ? asBadGateway(error) : error;
    }
  }

  #next(): ClientEvent {
    switch (this.reading) {
      case "head":
        return this.writing === "idle" ? this.#unasked() : this.#head();
      case "body":
        return this.readBody();
      case "complete":
        return NEXT_CYCLE;
      case "switched":
        return SWITCH_TAKEN;
      case "broken":
        return CLOSED;
      default:
        return this.reading satisfies never;
    }
  }

  #unasked(): ClientEvent {
    if (this.hasBuffered) {
      throw new ProtocolError("unexpected-message", "Cannot take bytes that answer no request", "RFC 9112 §9.2");
    }
    if (!this.ended) return NEED_DATA;
    this.reading = "broken";
    return CLOSED;
  }

  #head(): ClientEvent {
    const head = this.readHead();
    if (head === null) {
      if (!this.ended) return NEED_DATA;
      throw new ProtocolError("truncated", "Cannot read the response: the connection ended", "RFC 9112 §8");
    }
    return head.status < 200 && head.status !== 101 ? this.#count(head) : this.#final(head);
  }

  #count(head: ResponseHead): ClientEvent {
    if (++this.#informational > this.limits.maxInformational) {
      throw new ProtocolError(
        "too-many-informational",
        `Cannot take more than ${this.limits.maxInformational} informational responses`,
        "RFC 9110 §15.2",
      );
    }
    return { type: "informational", head };
  }

  #final(head: ResponseHead): ClientEvent {
    if (acceptedBy(this.#proposal, head, this.leniency) || this.#hijacks(head)) {
      this.reading = "switched";
      return { type: "switched", head, protocol: head.status === 101 ? agreedProtocol(head.fields) : null };
    }
    this.#peer = head.version === "1.0" ? "1.0" : "1.1";
    const framing = responseFraming(head, this.#method);
    const conflicting = framing.type === "chunked" && head.fields.has("content-length");
    if (!lasts(head) || conflicting || framing.type === "until-close") this.lasts = false;
    this.beginReading(framing);
    return { type: "response", head, framing };
  }

  /** What Docker did before it knew 101: the answer looks like one whose body ends with the connection. */
  #hijacks(head: ResponseHead): boolean {
    return this.#hijack && this.#proposal.type === "upgrade" && head.status === 200 &&
      responseFraming(head, this.#method).type === "until-close";
  }

  /**
   * Begins the next exchange. Call `next()` then: it fails if bytes came already, which answer no request.
   *
   * @returns False if the connection must close instead.
   * @throws {StateError} `busy`: the request or the response is not complete.
   */
  nextCycle(): boolean {
    if (!this.persistent) return false;
    if (this.reading !== "complete" || this.writing !== "done") {
      throw new StateError("busy", "Cannot begin an exchange: the one before is not over");
    }
    this.beginCycle();
    return true;
  }
}

/** The same error with the status that a gateway answers with, whatever the server did wrong (RFC 9110 §15.6.3). */
function asBadGateway({ code, message, rfc }: ProtocolError): ProtocolError {
  return new ProtocolError(code, message.slice(0, -` (${rfc})`.length), rfc, 502);
}

function sentProposal(head: OutgoingRequestHead, version: Http1Version, leniency: Leniency): Proposal {
  const { method, target } = head;
  const sent: RequestHead = { method, target, version, fields: new Fields(head.fields) };
  return method === "CONNECT" ? connectProposal(target) : proposalOf(sent, leniency);
}

/** The target of a CONNECT is the caller's to spell, also where it is no authority: what answers it decides. */
function connectProposal(target: string): Proposal {
  const port = /:([0-9]{1,5})$/.exec(target)?.[1];
  return { type: "connect", authority: { hostname: target.replace(/:[0-9]*$/, ""), port: Number(port ?? 0) } };
}
