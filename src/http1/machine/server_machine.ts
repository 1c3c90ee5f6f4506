/**
 * The server's side of one HTTP/1.1 connection, without a connection: bytes in, events out; messages in, bytes out.
 *
 * Pure and told everything: it never waits and asks no clock. A driver reads when `next()` says `need-data`, and at no
 * other time; so nobody reads while a switch is undecided.
 *
 * @module
 */

import { checkBytes, checkObject, checkOneOf, checkOptions, type Kinds, wrongType } from "../../bytes/arguments.ts";
import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import { ReceiveBuffer } from "../../bytes/receive_buffer.ts";
import { SendBuffer } from "../../bytes/send_buffer.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { StateError } from "../../errors/state_error.ts";
import { type Field, type Fields, quoted } from "../../semantics/fields.ts";
import { type BodyFraming, isPersistent, requestFraming } from "./framing.ts";
import { checkLeniency, type Http1Limits, type Leniency, limitsOf } from "./limits.ts";
import type { RequestHead, Version } from "../../semantics/message.ts";
import { HeadParser } from "./parse_head.ts";
import { type BodyDecoder, bodyDecoder } from "./read_body.ts";
import { announcedTrailers, type BodySize, checkBodySize, responseSendFraming } from "./send_framing.ts";
import { opensTunnel, type Proposal, proposalOf, protocolOf } from "../../semantics/switching.ts";
import { isHostAndPort, parseTarget } from "../../semantics/target.ts";
import { BodyEncoder } from "./write_body.ts";
import { listHas, NAME_CASES, type NameCase } from "./write_head.ts";
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

/** What a machine can be told beforehand. */
export interface ServerMachineOptions {
  /** Bounds; see {@linkcode DEFAULT_LIMITS}. */
  readonly limits?: Partial<Http1Limits> | undefined;
  /** What is let pass; nothing by default. */
  readonly leniency?: Leniency | undefined;
  /** How field names are written. As given by default. */
  readonly nameCase?: NameCase | undefined;
  /** Whether a connection serves more than one request. True by default. */
  readonly keepAlive?: boolean | undefined;
}

const OPTIONS: Kinds<ServerMachineOptions> = {
  limits: "object",
  leniency: checkLeniency,
  nameCase: (value, name) => checkOneOf(value, name, NAME_CASES),
  keepAlive: "boolean",
};

type Reading = "head" | "body" | "complete" | "broken";
type Writing = "idle" | "head" | "body" | "done" | "switched";

const NEED_DATA: ServerEvent = { type: "need-data" };
const CLOSED: ServerEvent = { type: "closed" };
const NO_PROPOSAL: Proposal = { type: "none", why: "not-requested" };
const SWITCH_UNDECIDED: ServerEvent = { type: "paused", until: "switch-decided" };
const SWITCH_TAKEN: ServerEvent = { type: "paused", until: "switch-taken" };
const NEXT_CYCLE: ServerEvent = { type: "paused", until: "next-cycle" };

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
export class ServerMachine {
  readonly #limits: Http1Limits;
  readonly #leniency: Leniency;
  readonly #nameCase: NameCase;
  readonly #parser: HeadParser<"request">;
  readonly #in: ReceiveBuffer = new ReceiveBuffer();
  readonly #out: SendBuffer = new SendBuffer();
  readonly #heads: ResponseHeads;
  #reading: Reading = "head";
  #writing: Writing = "idle";
  #eof = false;
  #keepAlive: boolean;
  #persistent = true;
  #decoder: BodyDecoder | null = null;
  #encoder: BodyEncoder | null = null;
  #proposal: Proposal = NO_PROPOSAL;
  #method = "";
  #version: Version = "1.1";
  #takesTrailers = false;
  #announced: string | null = null;
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
    checkOptions(options, OPTIONS);
    this.#limits = limitsOf(options.limits);
    this.#leniency = options.leniency ?? {};
    this.#nameCase = options.nameCase ?? "as-given";
    this.#heads = new ResponseHeads(this.#out, this.#nameCase);
    this.#keepAlive = options.keepAlive ?? true;
    this.#parser = new HeadParser("request", this.#limits, this.#leniency);
  }

  /** Whether bytes of a head have come that is not complete. */
  get headBegun(): boolean {
    return this.#reading === "head" && this.#parser.begun;
  }

  /** Whether the request that was announced has come completely. */
  get requestComplete(): boolean {
    return this.#reading === "complete";
  }

  /** Whether bytes wait that were received and not understood yet. */
  get hasBuffered(): boolean {
    return this.#in.length > 0;
  }

  /** Whether a response head may still be sent for the request that came last, or for the one that broke the rules. */
  get canRespond(): boolean {
    return this.#writing === "idle" || this.#writing === "head";
  }

  /** Whether the connection may go on after this exchange, as far as is known now. */
  get persistent(): boolean {
    return this.#persistent && this.#keepAlive && this.#reading !== "broken";
  }

  /** Whether only the end of the connection ends the response at hand. */
  get endsByClose(): boolean {
    return this.#endsByClose;
  }

  /** Whether the head of a response was sent and its end was not. */
  get responding(): boolean {
    return this.#writing === "body";
  }

  /** Adds received bytes; the machine may keep them. It holds as much as it is given: give it more on `need-data`. */
  receive(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) checkBytes(bytes, "bytes");
    this.#in.push(bytes);
  }

  /** Says that nothing more will come. */
  receiveEof(): void {
    this.#eof = true;
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
      return this.#next();
    } catch (error) {
      this.#reading = "broken";
      throw error;
    }
  }

  #next(): ServerEvent {
    switch (this.#reading) {
      case "head":
        return this.#head();
      case "body":
        return this.#body();
      case "complete":
        if (this.#writing === "switched") return SWITCH_TAKEN;
        return this.#proposal.type !== "none" && this.#writing === "head" ? SWITCH_UNDECIDED : NEXT_CYCLE;
      case "broken":
        return CLOSED;
      default:
        return this.#reading satisfies never;
    }
  }

  #head(): ServerEvent {
    const buffer = this.#in;
    const { start } = buffer;
    const end = buffer.length === 0 ? -1 : this.#parser.parse(buffer.bytes, start, buffer.end);
    if (end === -1) return this.#headMissing();
    const head = this.#parser.take(buffer.bytes, start, end);
    buffer.start = end;
    return this.#begin(head);
  }

  #headMissing(): ServerEvent {
    if (!this.#eof) return NEED_DATA;
    if (this.#parser.begun) {
      throw new ProtocolError("truncated", "Cannot read the request: the connection ended in its head", "RFC 9112 §8");
    }
    this.#reading = "broken";
    return CLOSED;
  }

  #begin(head: RequestHead): ServerEvent {
    this.#writing = "head";
    this.#method = head.method;
    this.#version = head.version;
    this.#persistent = isPersistent(head);
    this.#proposal = NO_PROPOSAL;
    if (head.target.charCodeAt(0) !== 0x2f || head.method === "CONNECT") parseTarget(head.method, head.target);
    this.#checkHost(head);
    const framing = requestFraming(head, this.#leniency);
    if (framing.type === "chunked" && head.fields.has("content-length")) this.#persistent = false;
    this.#proposal = proposalOf(head, this.#leniency);
    this.#takesTrailers = head.fields.has("te") && head.fields.hasToken("te", "trailers");
    this.#decoder = bodyDecoder(framing, this.#limits, this.#leniency);
    this.#reading = this.#decoder === null ? "complete" : "body";
    return { type: "request", head, framing, proposal: this.#proposal, expectsContinue: this.#expects(head) };
  }

  #checkHost(head: RequestHead): void {
    if (this.#leniency.anyHost === true) return;
    const hosts = head.fields.getAll("host");
    if (hosts.length === 0 && head.version === "1.0") return;
    if (hosts.length !== 1) throw badHost(hosts.length === 0 ? "it is missing" : "there are several");
    if (hosts[0] === this.#knownHost) return;
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
    return expectations.length > 0 && this.#decoder !== null;
  }

  #body(): ServerEvent {
    const part = this.#decoder!.next(this.#in, this.#eof);
    if (part.type === "end") {
      this.#decoder = null;
      this.#reading = "complete";
    }
    return part;
  }

  /**
   * Writes a 1xx response before the final one.
   *
   * @throws {StateError} `head-sent`: the final head is on its way; `bad-status`: not 100 or 102–199; `http10`: the peer
   * speaks HTTP/1.0.
   */
  sendInformational(status: number, fields: readonly Field[]): void {
    if (typeof status !== "number") throw wrongType("status", "a number", status);
    if (this.#writing !== "head") throw headSent("an informational response");
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
    if (this.switches(head.status)) return this.#switch(inspected(head), body, date);
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
   * Whether a response may switch protocols, asked before anything is done for it.
   *
   * @returns The protocol of the 101, or `null` for a tunnel.
   * @throws {StateError} `no-switch` or `upgrade-body`, as `sendResponse` does.
   */
  checkSwitch(head: OutgoingResponseHead, body: BodySize): string | null {
    checkBodySize(body);
    return this.#checkSwitch(inspected(head), body);
  }

  #checkSwitch({ status, sent }: InspectedHead, body: BodySize): string | null {
    const protocol = status === 101 ? protocolOf(this.#proposal, sent.upgrade) : null;
    if (body !== "none" && body !== 0) {
      throw new StateError("upgrade-body", `Cannot send a body with the ${status} that switches protocols`);
    }
    return protocol;
  }

  #switch(head: InspectedHead, body: BodySize, date: string | null): ResponseOutcome {
    const protocol = this.#checkSwitch(head, body);
    if (this.#reading !== "complete") {
      throw new StateError("busy", "Cannot switch protocols: the request is not complete (RFC 9110 §7.8)");
    }
    this.#heads.switching(head, this.#version, protocol, date);
    this.#writing = "switched";
    return { type: "switched", protocol };
  }

  #respond(head: InspectedHead, body: BodySize, date: string | null): ResponseOutcome {
    const { status, sent } = head;
    const plan = responseSendFraming(this.#method, status, this.#version, body, sent);
    const refusedConnect = this.#method === "CONNECT" && this.#leniency.keepAfterRefusedConnect !== true;
    const closes = refusedConnect || plan.framing.type === "until-close" || listHas(sent.connection, "close");
    const persistent = this.persistent && !closes;
    this.#heads.final(head, this.#version, plan, persistent, date);
    this.#persistent = persistent;
    this.#endsByClose = plan.framing.type === "until-close";
    this.#writing = "body";
    this.#encoder = new BodyEncoder(plan.framing);
    this.#announced = this.#takesTrailers ? sent.trailer : null;
    return { type: "response", framing: plan.framing };
  }

  /**
   * Writes body data.
   *
   * @throws {StateError} `body-length`, or `done` when no body is being sent.
   */
  sendData(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) checkBytes(bytes, "bytes");
    if (this.#writing !== "body") throw new StateError("done", "Cannot send data: no response body is being sent");
    this.#encoder!.data(this.#out, bytes);
  }

  /**
   * Ends the response.
   *
   * @param trailers Sent if the body is chunked, the request said `TE: trailers`, and `Trailer` announced them.
   * @throws {StateError} `body-length`: the body is shorter than announced; `done` when no body is being sent.
   */
  sendEnd(trailers: Fields | null): void {
    if (trailers !== null) checkObject(trailers, "trailers");
    if (this.#writing !== "body") throw new StateError("done", "Cannot end the response: none is being sent");
    const kept = trailers === null ? null : announcedTrailers(trailers, this.#announced);
    this.#encoder!.end(this.#out, kept, this.#nameCase);
    this.#encoder = null;
    this.#writing = "done";
  }

  /** How many bytes `take()` would give. */
  get unsentBytes(): number {
    return this.#out.length;
  }

  /** Takes the bytes that are to be sent, in order. */
  take(): Uint8Array[] {
    return this.#out.take();
  }

  /**
   * Lets go of the memory of what was taken. Never needed, but cheaper.
   *
   * @param again Whether it is used again: nobody holds it any more. True by default.
   */
  recycle(again = true): void {
    this.#out.recycle(again);
  }

  /**
   * Begins the next exchange.
   *
   * @returns False if the connection must close instead.
   * @throws {StateError} `busy`: the request or the response is not complete.
   */
  nextCycle(): boolean {
    if (this.#writing !== "done") throw new StateError("busy", "Cannot begin an exchange: a response is being sent");
    if (!this.persistent) return false;
    if (this.#reading !== "complete") throw new StateError("busy", "Cannot begin an exchange: the request is not over");
    this.#in.release();
    this.#reading = "head";
    this.#writing = "idle";
    this.#method = "";
    this.#version = "1.1";
    this.#proposal = NO_PROPOSAL;
    return true;
  }

  /**
   * Takes the bytes that were received and belong to no message of this machine: after a switch, those of the new
   * protocol. The machine is of no use afterwards.
   *
   * @returns The bytes, and whether the peer has ended its side behind them.
   */
  takeTrailing(): { readonly bytes: Uint8Array; readonly eof: boolean } {
    this.#reading = "broken";
    return { bytes: this.#in.takeAll(), eof: this.#eof };
  }
}

function headSent(what: string): StateError {
  return new StateError("head-sent", `Cannot send ${what}: no head is owed`);
}

function badHost(why: string): ProtocolError {
  return new ProtocolError("bad-host", `Cannot use Host: ${why}`, "RFC 9112 §3.2");
}
