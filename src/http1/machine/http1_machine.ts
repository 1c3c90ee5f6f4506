/**
 * What the machines of both roles share: one message comes in, one goes out, part by part. `server_machine.ts` and
 * `client_machine.ts` build on it and add what heads mean; it knows how bytes become heads and bodies, and the reverse.
 *
 * ```text
 *           reading: the message that comes in       writing: the message that goes out
 *  server   head ─▶ [body] ─▶ complete ─▶ head       idle ─▶ head (is owed) ─▶ body ─▶ done ─▶ idle
 *  client   head ─▶ [body] ─▶ complete ─▶ head       idle ─▶ body ─▶ done ─▶ idle
 *           a switch: ─▶ switched                    a server's switch: head ─▶ switched
 *           the peer broke the protocol, or it is over: ─▶ broken
 * ```
 *
 * @module
 */

import { checkBytes, checkObject, checkOneOf, checkOptions, type Kinds } from "../../bytes/arguments.ts";
import { ReceiveBuffer } from "../../bytes/receive_buffer.ts";
import { SendBuffer } from "../../bytes/send_buffer.ts";
import { isShared } from "../../bytes/shared_memory.ts";
import { StateError } from "../../errors/state_error.ts";
import type { Fields } from "../../semantics/fields.ts";
import type { BodyFraming } from "./framing.ts";
import { checkLeniency, type Http1Limits, type Leniency, limitsOf } from "./limits.ts";
import { HeadParser } from "./parse_head.ts";
import { type BodyDecoder, bodyDecoder, type BodyPart } from "./read_body.ts";
import { allowedTrailers, announcedTrailers } from "./send_framing.ts";
import type { Heads } from "./start_line.ts";
import { BodyEncoder } from "./write_body.ts";
import { NAME_CASES, type NameCase } from "./write_head.ts";

/** What a machine of either role can be told beforehand. */
export interface Http1MachineOptions {
  /** Bounds; see {@linkcode DEFAULT_LIMITS}. */
  readonly limits?: Partial<Http1Limits> | undefined;
  /** What is let pass; nothing by default. */
  readonly leniency?: Leniency | undefined;
  /** How field names are written. As given by default. */
  readonly nameCase?: NameCase | undefined;
}

/** The kinds of these options. */
export const MACHINE_OPTIONS: Kinds<Http1MachineOptions> = {
  limits: "object",
  leniency: checkLeniency,
  nameCase: (value, name) => checkOneOf(value, name, NAME_CASES),
};

const checked: WeakSet<Http1MachineOptions> = new WeakSet();

/** Remembers options that are right and stay as they are: those that many connections share are not checked for each. */
export function rememberChecked(options: Http1MachineOptions): void {
  checked.add(options);
}

/** The events that need no data of their own, besides `NEED_DATA`. */
export const CLOSED = { type: "closed" } as const;
export const SWITCH_TAKEN = { type: "paused", until: "switch-taken" } as const;
export const NEXT_CYCLE = { type: "paused", until: "next-cycle" } as const;

type Reading = "head" | "body" | "complete" | "switched" | "broken";
type Writing = "idle" | "head" | "body" | "done" | "switched";

/** The machine of one role. `Kind` is what it receives; it sends the other one. */
export abstract class Http1Machine<Kind extends "request" | "response"> {
  /** @ignore Bounds; see {@linkcode Http1MachineOptions}. */
  protected readonly limits: Http1Limits;
  /** @ignore What is let pass. */
  protected readonly leniency: Leniency;
  /** @ignore How field names are written. */
  protected readonly nameCase: NameCase;
  /** @ignore Where heads are written to. */
  protected readonly out: SendBuffer = new SendBuffer();
  /** @ignore How far the message has come that comes in. */
  protected reading: Reading = "head";
  /** @ignore How far the message has gone that goes out. */
  protected writing: Writing = "idle";
  /** @ignore Whether neither message of this exchange has said that the connection ends with it. */
  protected lasts = true;
  /** @ignore Whether the peer has ended its side. */
  protected ended = false;
  readonly #kind: Kind;
  readonly #parser: HeadParser<Kind>;
  readonly #in: ReceiveBuffer = new ReceiveBuffer();
  #decoder: BodyDecoder | null = null;
  #encoder: BodyEncoder | null = null;
  #announced: string | null = null;

  /** @ignore For one of the roles, with the kinds of its options. */
  protected constructor(kind: Kind, options: Http1MachineOptions, kinds: Kinds<Http1MachineOptions>) {
    if (!checked.has(options)) checkOptions(options, kinds);
    this.limits = limitsOf(options.limits);
    this.leniency = options.leniency ?? {};
    this.nameCase = options.nameCase ?? "as-given";
    this.#kind = kind;
    this.#parser = new HeadParser(kind, this.limits, this.leniency);
  }

  /** Whether bytes of a head have come that is not complete. */
  get headBegun(): boolean {
    return this.reading === "head" && this.#parser.begun;
  }

  /** Whether bytes wait that were received and not understood yet. */
  get hasBuffered(): boolean {
    return this.#in.length > 0;
  }

  /** Adds received bytes; the machine may keep them. It holds as much as it is given: give it more on `need-data`. */
  receive(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) checkBytes(bytes, "bytes");
    if (isShared(bytes)) this.#in.pushShared(bytes);
    else this.#in.push(bytes);
  }

  /** Says that nothing more will come. */
  receiveEof(): void {
    this.ended = true;
  }

  /** @ignore The head that comes next, or `null` if it has not come completely. */
  protected readHead(): Heads[Kind] | null {
    const buffer = this.#in;
    const { bytes, start } = buffer;
    if (start === buffer.end) return null;
    const end = this.#parser.parse(bytes, start, buffer.end);
    if (end === -1) return null;
    const head = this.#parser.take(bytes, start, end);
    buffer.start = end;
    return head;
  }

  /** @ignore Goes on to the body that a head has announced. */
  protected beginReading(framing: BodyFraming): void {
    this.#decoder = bodyDecoder(framing, this.limits, this.leniency);
    this.reading = this.#decoder === null ? "complete" : "body";
  }

  /** @ignore The next part of the body. */
  protected readBody(): BodyPart {
    const part = this.#decoder!.next(this.#in, this.ended);
    if (part.type === "end") {
      this.#decoder = null;
      this.reading = "complete";
    }
    return part;
  }

  /** @ignore Goes on to the body whose head was written; `announced` names the trailers that may follow. */
  protected beginWriting(framing: BodyFraming, announced: string | null): void {
    this.#encoder = new BodyEncoder(framing);
    this.#announced = announced;
    this.writing = "body";
  }

  /**
   * Writes body data.
   *
   * @throws {StateError} `body-length`, or `done` when no body is being sent.
   */
  sendData(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) checkBytes(bytes, "bytes");
    if (this.writing !== "body") throw new StateError("done", `Cannot send data: no ${this.#sent} body is being sent`);
    this.#encoder!.data(this.out, bytes);
  }

  /**
   * Ends the message.
   *
   * @param trailers Sent if the body is chunked and `Trailer` announced them; to a client only if it said `TE: trailers`.
   * @param unannounced Sends them in any case, if the body is chunked.
   * @throws {StateError} `body-length`: the body is shorter than announced; `done` when no body is being sent.
   */
  sendEnd(trailers: Fields | null, unannounced = false): void {
    if (trailers !== null) checkObject(trailers, "trailers");
    if (this.writing !== "body") throw new StateError("done", `Cannot end the ${this.#sent}: none is being sent`);
    const kept = trailers === null ? null : this.#kept(trailers, unannounced);
    this.#encoder!.end(this.out, kept, this.nameCase);
    this.endWriting();
  }

  #kept(trailers: Fields, unannounced: boolean): Fields | null {
    return unannounced ? allowedTrailers(trailers) : announcedTrailers(trailers, this.#announced);
  }

  /** @ignore Nothing more is sent of the message. */
  protected endWriting(): void {
    this.#encoder = null;
    this.writing = "done";
  }

  /** What is sent, in words. */
  get #sent(): string {
    return this.#kind === "request" ? "response" : "request";
  }

  /** How many bytes `take()` would give. */
  get unsentBytes(): number {
    return this.out.length;
  }

  /** Takes the bytes that are to be sent, in order. */
  take(): Uint8Array[] {
    return this.out.take();
  }

  /**
   * Lets go of the memory of what was taken. Never needed, but cheaper.
   *
   * @param again Whether it is used again: nothing else holds it any more. True by default.
   */
  recycle(again = true): void {
    this.out.recycle(again);
  }

  /** @ignore Goes on to the next exchange. An idle connection holds no message of the past. */
  protected beginCycle(): void {
    this.#in.release();
    this.reading = "head";
    this.writing = "idle";
  }

  /**
   * Takes the bytes that were received and belong to no message of this machine: after a switch, those of the new
   * protocol. The machine is of no use afterwards.
   *
   * @returns The bytes, and whether the peer has ended its side behind them.
   */
  takeTrailing(): { readonly bytes: Uint8Array; readonly eof: boolean } {
    this.reading = "broken";
    return { bytes: this.#in.takeAll(), eof: this.ended };
  }
}
