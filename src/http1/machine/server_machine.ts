/**
 * The server's side of one HTTP/1.1 connection, without a connection: bytes in, events out; messages in, bytes out.
 * `server_connection.ts` drives it; what it shares with the client's machine is `http1_machine.ts`.
 *
 * It never waits and asks no clock. A driver reads when `next()` says `need-data` and at no other time, so nothing is
 * read while a switch is undecided.
 *
 * @module
 */

import { checkObject, type Kinds, wrongType } from "../../bytes/arguments.ts";
import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { StateError } from "../../errors/state_error.ts";
import { type Field, type Fields, quoted } from "../../semantics/fields.ts";
import { type BodyFraming, framingOfRequest, lasts } from "./framing.ts";
import {
  CLOSED,
  Http1Machine,
  type Http1MachineOptions,
  MACHINE_OPTIONS,
  NEXT_CYCLE,
  SWITCH_TAKEN,
} from "./http1_machine.ts";
import { NEED_DATA } from "./read_body.ts";
import type { Http1Version, RequestHead } from "../../semantics/message.ts";
import { type BodySize, checkBodySize, responseSendFraming } from "./send_framing.ts";
import { NOT_REQUESTED, opensTunnel, type Proposal, proposalIn, protocolOf } from "../../semantics/switching.ts";
import { isHostAndPort, parseTarget } from "../../semantics/target.ts";
import { listHas } from "./write_head.ts";
import { inspected, type InspectedHead, type OutgoingResponseHead, ResponseHeads } from "./write_response.ts";

/**
 * What {@linkcode ServerMachine.next} finds.
 *
 * - `request`: a head has come; see {@linkcode RequestEvent}.
 * - `data`: some of the body, as a view of what was received. `end`: the body is complete, with its trailers.
 * - `need-data`: call `receive()` or `receiveEof()`, then `next()` again.
 * - `paused`: nothing is read until `nextCycle()`; or until `sendResponse()` decides the switch that the request
 *   proposes; or, once it switched, at all: what is left is that of `takeTrailing()`.
 * - `closed`: the peer ended its side between two requests, or broke the protocol before.
 */
export type ServerEvent =
  | RequestEvent
  | { readonly type: "data"; readonly bytes: Uint8Array }
  | { readonly type: "end"; readonly trailers: Fields }
  | { readonly type: "need-data" }
  | { readonly type: "paused"; readonly until: "next-cycle" | "switch-decided" | "switch-taken" }
  | { readonly type: "closed" };

/** A head has come. Without a body (`none`, or a length of 0) the request is complete; else `data` and `end` follow. */
export interface RequestEvent {
  /** The tag. */
  readonly type: "request";
  /** The head. */
  readonly head: RequestHead;
  /** How its body is delimited. */
  readonly framing: BodyFraming;
  /** What it proposes. */
  readonly proposal: Proposal;
  /** Whether the client waits for a 100 before it sends the body (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean;
}

/** What became of a response head: a response whose body follows, or a switch, with the protocol of a 101. */
export type ResponseOutcome =
  | { readonly type: "response"; readonly framing: BodyFraming }
  | { readonly type: "switched"; readonly protocol: string | null };

/** A switch that is possible; see {@linkcode ServerMachine.checkSwitch}. */
export interface SwitchPlan {
  /** The protocol of the 101, or `null` for a tunnel. */
  readonly protocol: string | null;
  /** @ignore The head, with what was found in it. */
  readonly head: InspectedHead;
}

/** What a server's machine can be told beforehand. */
export interface ServerMachineOptions extends Http1MachineOptions {
  /** Whether a connection serves more than one request. True by default. */
  readonly keepAlive?: boolean | undefined;
}

const OPTIONS: Kinds<ServerMachineOptions> = { ...MACHINE_OPTIONS, keepAlive: "boolean" };

const SWITCH_UNDECIDED: ServerEvent = { type: "paused", until: "switch-decided" };

/**
 * The server's machine.
 *
 * @example A request, a response, byte for byte
 * ```ts
 * import { ServerMachine } from "@http-upgrade/http-upgrade/http1";
 * import { assertEquals } from "@std/assert";
 *
 * const machine = new ServerMachine();
 * machine.receive(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
 * assertEquals(machine.next().type, "request");
 * machine.sendResponse({ status: 204, fields: [] }, "none", null);
 * machine.sendEnd(null);
 * assertEquals(new TextDecoder().decode(machine.take()[0]), "HTTP/1.1 204 No Content\r\n\r\n");
 * ```
 */
export class ServerMachine extends Http1Machine<"request"> {
  readonly #heads: ResponseHeads;
  #keepAlive: boolean;
  #proposal: Proposal = NOT_REQUESTED;
  #method = "";
  #version: Http1Version = "1.1";
  #takesTrailers = false;
  #knownHost: string | null = null;
  #endsByClose = false;

  /**
   * Makes a machine that waits for a first request.
   *
   * @param options What to do differently.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} A limit is below 0.
   */
  constructor(options: ServerMachineOptions = {}) {
    super("request", options, OPTIONS);
    this.#heads = new ResponseHeads(this.out, this.nameCase);
    this.#keepAlive = options.keepAlive ?? true;
  }

  /** Whether the request that was announced has come completely. */
  get requestComplete(): boolean {
    return this.reading === "complete" || this.reading === "switched";
  }

  /** Whether a response head may still be sent for the request that came last, or for the one that broke the rules. */
  get canRespond(): boolean {
    return this.writing === "idle" || this.writing === "head";
  }

  /** Whether the connection may go on after this exchange, as far as is known now. */
  get persistent(): boolean {
    return this.lasts && this.#keepAlive && this.reading !== "broken";
  }

  /** Whether only the end of the connection ends the response at hand. */
  get endsByClose(): boolean {
    return this.#endsByClose;
  }

  /** Whether the head of a response was sent and its end was not. */
  get responding(): boolean {
    return this.writing === "body";
  }

  /** From now on the exchange at hand is the last one, and its response says so if its head is not sent yet. */
  disableKeepAlive(): void {
    this.#keepAlive = false;
  }

  /**
   * Goes one step on in what was received.
   *
   * @throws {ProtocolError} The peer broke the protocol; reading is over, and an answer may still be sent.
   */
  next(): ServerEvent {
    try {
      switch (this.reading) {
        case "head":
          return this.#head();
        case "body":
          return this.readBody();
        case "complete":
          return this.#proposal.type !== "none" && this.writing === "head" ? SWITCH_UNDECIDED : NEXT_CYCLE;
        case "switched":
          return SWITCH_TAKEN;
        case "broken":
          return CLOSED;
        default:
          return this.reading satisfies never;
      }
    } catch (error) {
      this.reading = "broken";
      throw error;
    }
  }

  #head(): ServerEvent {
    const head = this.readHead();
    if (head !== null) return this.#begin(head);
    if (!this.ended) return NEED_DATA;
    if (this.headBegun) {
      throw new ProtocolError("truncated", "Cannot read the request: the connection ended in its head", "RFC 9112 §8");
    }
    this.reading = "broken";
    return CLOSED;
  }

  #begin(head: RequestHead): ServerEvent {
    this.writing = "head";
    this.#method = head.method;
    this.#version = head.version === "1.0" ? "1.0" : "1.1";
    this.lasts = lasts(head);
    this.#proposal = NOT_REQUESTED;
    if (head.target.charCodeAt(0) !== 0x2f || head.method === "CONNECT") parseTarget(head.method, head.target);
    this.#checkHost(head);
    const framing = framingOfRequest(head, this.leniency);
    if (framing.type === "chunked" && head.fields.has("content-length")) this.lasts = false;
    this.#proposal = proposalIn(head, this.leniency);
    this.#takesTrailers = head.fields.has("te") && head.fields.hasToken("te", "trailers");
    this.beginReading(framing);
    return { type: "request", head, framing, proposal: this.#proposal, expectsContinue: this.#expects(head) };
  }

  #checkHost(head: RequestHead): void {
    if (this.leniency.anyHost === true) return;
    // Several are joined by a comma and a space: no host is known that has one.
    if (this.#knownHost !== null && head.fields.get("host") === this.#knownHost) return;
    const hosts = head.fields.getAll("host");
    if (hosts.length === 0 && head.version === "1.0") return;
    if (hosts.length !== 1) throw badHost(hosts.length === 0 ? "it is missing" : "there are several");
    if (!isHostAndPort(hosts[0]!)) throw badHost(quoted(hosts[0]!));
    this.#knownHost = hosts[0]!;
  }

  #expects(head: RequestHead): boolean {
    if (head.version === "1.0" || !head.fields.has("expect")) return false;
    const expectations = head.fields.list("expect");
    const unknown = expectations.find((expectation) => !equalsIgnoringCase(expectation, "100-continue"));
    if (unknown !== undefined) {
      throw new ProtocolError("unknown-expectation", `Cannot meet ${quoted(unknown)}`, "RFC 9110 §10.1.1", 417);
    }
    return expectations.length > 0 && this.reading === "body";
  }

  /**
   * Writes a 1xx response before the final one.
   *
   * @throws {StateError} `head-sent`: the final head is on its way; `bad-status`: not 100 or 102–199; `http10`: the peer
   * speaks HTTP/1.0.
   */
  sendInformational(status: number, fields: readonly Field[]): void {
    if (typeof status !== "number") throw wrongType("status", "a number", status);
    if (this.writing !== "head") throw headSent("an informational response");
    if (status < 100 || status > 199 || status === 101) {
      throw new StateError("bad-status", `Cannot send ${status} as an informational response`);
    }
    if (this.#version === "1.0") {
      throw new StateError("http10", "Cannot send an informational response to HTTP/1.0 (RFC 9110 §15.2)");
    }
    this.#heads.informational(status, fields);
  }

  /**
   * Decides the exchange: writes the head of its final response. `sendData()`, and `sendEnd()` in any case, follow,
   * unless it switches.
   *
   * A 101, or a 2xx to CONNECT, switches: what follows is not HTTP. Its framing fields are left out, `Connection:
   * upgrade` is added where it is missing, and what stands in `Connection` is not touched.
   *
   * @param head Status and fields.
   * @param body The size of what follows.
   * @param date The value of Date, added unless the caller wrote one; `null` for none.
   * @throws {StateError} `no-switch`: a 101 that was not asked for, or for a protocol that was not offered;
   * `bad-status`: a 1xx that is no final status; `upgrade-body`: a switch with a body; `busy`: a switch before the
   * request is complete; `body-length`; `head-sent`. Nothing is written then.
   * @throws {TypeError} A field or the reason cannot be sent. Nothing is written then.
   * @throws {RangeError} The status is not a whole number up to 999. Nothing is written then.
   */
  sendResponse(head: OutgoingResponseHead, body: BodySize, date: string | null): ResponseOutcome {
    checkObject(head, "head");
    checkBodySize(body);
    if (!this.canRespond) throw headSent("a response");
    if (this.switches(head.status)) {
      const plan = this.checkSwitch(head, body);
      this.sendSwitch(plan, date);
      return { type: "switched", protocol: plan.protocol };
    }
    if (head.status < 200) {
      throw new StateError("bad-status", `Cannot answer with ${head.status}: it is not a final status`);
    }
    return this.#respond(inspected(head), body, date);
  }

  /** Whether a response with this status would switch protocols, or try to. */
  switches(status: number): boolean {
    if (typeof status !== "number") throw wrongType("status", "a number", status);
    return status === 101 || (this.#proposal.type === "connect" && opensTunnel(this.#method, status));
  }

  /**
   * Whether a response may switch protocols, asked before anything is done for it. `sendSwitch()` sends it then.
   *
   * @throws {StateError} `no-switch` or `upgrade-body`, as `sendResponse` does.
   */
  checkSwitch(head: OutgoingResponseHead, body: BodySize): SwitchPlan {
    checkObject(head, "head");
    checkBodySize(body);
    const found = inspected(head);
    const protocol = found.status === 101 ? protocolOf(this.#proposal, found.sent.upgrade) : null;
    if (body !== "none" && body !== 0) {
      throw new StateError("upgrade-body", `Cannot send a body with the ${found.status} that switches protocols`);
    }
    return { protocol, head: found };
  }

  /**
   * Sends the response that `checkSwitch()` found possible for this request: what follows is not HTTP.
   *
   * @param plan From `checkSwitch()`.
   * @param date The value of Date, added unless the caller wrote one; `null` for none.
   * @throws {StateError} `busy`: the request is not complete; `head-sent`. Nothing is written then.
   * @throws {TypeError} A field or the reason cannot be sent. Nothing is written then.
   */
  sendSwitch(plan: SwitchPlan, date: string | null): void {
    checkObject(plan, "plan");
    if (!this.canRespond) throw headSent("a response");
    if (this.reading !== "complete") {
      throw new StateError("busy", "Cannot switch protocols: the request is not complete (RFC 9110 §7.8)");
    }
    this.#heads.switching(plan.head, this.#version, plan.protocol, date);
    this.reading = this.writing = "switched";
  }

  #respond(head: InspectedHead, body: BodySize, date: string | null): ResponseOutcome {
    const { status, sent } = head;
    const plan = responseSendFraming(this.#method, status, this.#version, body, sent);
    const refusedConnect = this.#method === "CONNECT" && this.leniency.keepAfterRefusedConnect !== true;
    const closes = refusedConnect || plan.framing.type === "until-close" || listHas(sent.connection, "close");
    const persistent = this.persistent && !closes;
    this.#heads.final(head, this.#version, plan, persistent, date);
    this.lasts = persistent;
    this.#endsByClose = plan.framing.type === "until-close";
    this.beginWriting(plan.framing, this.#takesTrailers ? sent.trailer : null);
    return { type: "response", framing: plan.framing };
  }

  /**
   * Begins the next exchange.
   *
   * @returns False if the connection must close instead.
   * @throws {StateError} `busy`: the request or the response is not complete.
   */
  nextCycle(): boolean {
    if (this.writing !== "done") throw new StateError("busy", "Cannot begin an exchange: a response is being sent");
    if (!this.persistent) return false;
    if (this.reading !== "complete") throw new StateError("busy", "Cannot begin an exchange: the request is not over");
    this.beginCycle();
    this.#method = "";
    this.#version = "1.1";
    this.#proposal = NOT_REQUESTED;
    return true;
  }
}

function headSent(what: string): StateError {
  return new StateError("head-sent", `Cannot send ${what}: no head is owed`);
}

function badHost(why: string): ProtocolError {
  return new ProtocolError("bad-host", `Cannot use Host: ${why}`, "RFC 9112 §3.2");
}
