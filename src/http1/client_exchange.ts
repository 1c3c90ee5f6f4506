/**
 * One request and its answer, on a client: the request is sent, with a wait for a 100 if it expects one, while the answer is
 * received. `client_connection.ts` runs one after the other, and is told when one is over.
 *
 * @module
 */

import { Deadline } from "../duplex/clock.ts";
import { Deferred } from "../duplex/deferred.ts";
import { MESSAGE_COST } from "../duplex/turn.ts";
import { StateError } from "../errors/state_error.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { type Field, Fields } from "../semantics/fields.ts";
import { KeptResponseHead } from "../semantics/kept_head.ts";
import type { ResponseHead } from "../semantics/message.ts";
import { nextPart } from "./body_intake.ts";
import { BodySender, sendWhole } from "./body_sender.ts";
import { type BodySource, bodyTruncated } from "./body_source.ts";
import type { ConnectionCore } from "./connection_core.ts";
import { handOver } from "./hand_over.ts";
import { abandonRequestWith, IncomingResponse } from "./incoming.ts";
import { IncomingBody } from "./incoming_body.ts";
import type { ClientMachine } from "./machine/client_machine.ts";
import type { ClientSettings } from "./options.ts";
import { bodySize, type SortedBody } from "./outgoing_body.ts";
import type { OutgoingRequest, SendOptions } from "./outgoing_request.ts";
import { attachUpgrade, PendingUpgrade } from "./upgrade.ts";

/** The connection, as far as its exchange goes. */
export type ClientCore = ConnectionCore<ClientMachine, ClientSettings>;

/** What is to be sent. */
interface ClientMessage {
  /** The request; the machine has its head. */
  readonly request: OutgoingRequest;
  /** Its fields. */
  readonly fields: readonly Field[];
  /** Its body. */
  readonly body: SortedBody;
}

const SENT: Promise<void> = Promise.resolve();

/** How far the request is: its body waits for a 100 or the answer, or is sent, or there is nothing more to send. */
type Sending = "waits" | "sends" | "over";

/** One request and its answer. */
export class ClientExchange implements BodySource {
  readonly #core: ClientCore;
  readonly #settle: (exchange: ClientExchange) => void;
  readonly #message: ClientMessage;
  readonly #options: SendOptions;
  readonly #sender: BodySender | null;
  readonly #abort: (() => void) | null;
  /** Resolves when the body need not wait for a 100 any more. */
  readonly #word: Deferred<void> | null;
  #sending: Sending;
  #sent: Promise<void> | null = null;
  /** Why the request could not be sent completely, or `null`. Only this class writes it. */
  failure: { readonly error: unknown } | null = null;
  #body: IncomingBody | null = null;

  /**
   * Takes over behind the head of the request. From now on the caller's signal ends the connection.
   *
   * @param settle Called whenever this may be over.
   */
  constructor(
    core: ClientCore,
    message: ClientMessage,
    options: SendOptions,
    settle: (exchange: ClientExchange) => void,
  ) {
    const { body, request } = message;
    const whole = body.type !== "stream" && request.trailers === undefined;
    this.#core = core;
    this.#settle = settle;
    this.#message = message;
    this.#options = options;
    this.#sender = whole ? null : new BodySender(core, body, request);
    this.#word = expectsContinue(message) ? new Deferred<void>() : null;
    this.#sending = this.#word === null ? "sends" : "waits";
    const { signal } = options;
    this.#abort = signal === undefined ? null : () => core.abort(signal.reason);
    if (this.#abort !== null) signal!.addEventListener("abort", this.#abort);
  }

  /** Whether both messages are over. */
  get over(): boolean {
    return this.#body !== null && this.#core.machine.responseComplete && this.#sending === "over";
  }

  /** The caller's signal does not count any more. */
  leave(): void {
    if (this.#abort !== null) this.#options.signal!.removeEventListener("abort", this.#abort);
  }

  /** The connection ends: what is under way fails. */
  stop(cause: unknown, failed: boolean): void {
    this.#stopSending(cause);
    this.#body?.fail(failed ? cause : bodyTruncated(cause));
  }

  /** Sends the request and waits for the head of its answer. */
  run(): Promise<IncomingResponse> {
    this.#sent = this.#send();
    return this.#receive();
  }

  /** Never rejects. Most requests are taken by the transport at once, and cost no promise. */
  #send(): Promise<void> {
    let sending: Promise<void> | undefined;
    try {
      sending = this.#word === null ? this.#sendBody() : this.#sendBehind(this.#word);
    } catch (error) {
      this.#sendFailed(error);
    }
    if (sending !== undefined) return this.#awaitSent(sending);
    this.#endSending();
    return SENT;
  }

  async #sendBehind(word: Deferred<void>): Promise<void> {
    await this.#awaitWord(word);
    const flushed = this.#sending === "over" ? undefined : this.#sendBody();
    if (flushed !== undefined) await flushed;
  }

  async #awaitSent(sending: Promise<void>): Promise<void> {
    try {
      await sending;
    } catch (error) {
      this.#sendFailed(error);
    }
    this.#endSending();
  }

  #endSending(): void {
    this.#sending = "over";
    this.#settle(this);
  }

  /** Sends the head and waits for a 100, for the answer, or for time to pass (RFC 9110 §10.1.1). */
  async #awaitWord(word: Deferred<void>): Promise<void> {
    const { clock, continueTimeoutMs } = this.#core.settings;
    await this.#core.outlet.flush();
    const deadline = new Deadline(clock);
    deadline.set(this.#options.continueTimeoutMs ?? continueTimeoutMs, () => this.#goOn());
    await word.promise;
    deadline.stop();
  }

  /** The body may go: what comes next, maybe in the same packet, does not stop it any more. */
  #goOn(): void {
    if (this.#sending === "waits") this.#sending = "sends";
    this.#word?.resolve();
  }

  /** Without a pause if nothing must be waited for: then head and body leave together. */
  #sendBody(): Promise<void> | undefined {
    if (this.#sender !== null) return this.#sendLater(this.#sender);
    sendWhole(this.#core, this.#message.body);
    return this.#core.outlet.flush();
  }

  async #sendLater(sender: BodySender): Promise<void> {
    if (await sender.send()) await this.#core.outlet.flush();
  }

  /**
   * The request cannot be completed. If the transport has refused it, the server may have answered before: what is read
   * decides. Else the request is at fault, and must not look complete.
   */
  #sendFailed(error: unknown): void {
    if (this.#sending === "over") return;
    this.failure = { error };
    this.#stopSending(error);
    if (!this.#core.outlet.broken) this.#core.close({ reason: "error", error });
  }

  /** Sends no more; the connection is not used again. `keep`: the body is left untouched. */
  #stopSending(reason: unknown, keep = false): void {
    if (this.#sending === "over") return;
    this.#sending = "over";
    this.#core.machine.abandonRequest();
    this.#word?.resolve();
    if (!keep) this.#sender?.stop(reason);
  }

  async #receive(): Promise<IncomingResponse> {
    const { machine, wire } = this.#core;
    try {
      while (true) {
        const event = machine.next();
        switch (event.type) {
          case "need-data":
            this.#core.receive(await wire.read());
            break;
          case "informational":
            if (event.head.status === 100) this.#goOn();
            this.#options.onInformational?.(event.head);
            if (wire.turn.spend(MESSAGE_COST)) await this.#rest();
            break;
          case "response":
            return this.#answered(event.head, event.framing);
          case "switched":
            return await this.#switched(event.head, event.protocol);
          default:
            throw bodyTruncated(this.#core.cause);
        }
      }
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Lets others have their turn, however much the server has sent. */
  async #rest(): Promise<void> {
    await this.#core.wire.turn.rest();
    if (this.#core.over) throw bodyTruncated(this.#core.cause);
  }

  #answered(head: ResponseHead, framing: IncomingBody["framing"]): IncomingResponse {
    const { machine } = this.#core;
    this.#stopUnwanted(head.status);
    const body = this.#body = new IncomingBody(framing, machine.responseComplete ? null : this);
    const response = new IncomingResponse(head, body, () => {
      body.cancel();
      return Promise.resolve();
    });
    const { proposal } = machine;
    if (proposal.type !== "none" || proposal.why !== "not-requested") {
      const reason = proposal.type === "none" ? proposal.why : "refused";
      const pending = new PendingUpgrade();
      pending.reject(new UpgradeRejected(reason, { status: head.status, response }));
      attachUpgrade(response, pending);
    }
    if (this.#sending !== "over") abandonRequestWith(response, (reason) => this.#abandonRequest(reason));
    if (body.over) this.#settle(this);
    return response;
  }

  /** Where the answer was given up before, none of it is read for the sake of a next exchange: there will be none. */
  #abandonRequest(reason: unknown): void {
    if (this.#sending === "over") return;
    this.#stopSending(reason);
    if (this.#body!.canceled) this.#core.close({ reason: "shutdown" });
    else this.#settle(this);
  }

  /**
   * The final response has come. A body that still waits for a 100 is not sent any more; after a 417 it stays untouched, as
   * the request is to be repeated without the expectation. A body that is being sent goes on, unless the server refuses the
   * rest of it.
   */
  #stopUnwanted(status: number): void {
    const waits = this.#sending === "waits";
    if (!waits && !this.#core.machine.refusesRest(status)) return;
    const reason = new StateError("done", "The rest of the request is not wanted: it is answered");
    this.#stopSending(reason, waits && status === 417);
  }

  async #switched(head: ResponseHead, protocol: string | null): Promise<IncomingResponse> {
    const core = this.#core;
    this.#goOn();
    await this.#sent;
    if (this.failure !== null) throw this.failure.error;
    if (core.over) throw core.cause;
    const pending = new PendingUpgrade();
    const response = new IncomingResponse(head, new IncomingBody({ type: "none" }, null), async () => {
      if (!pending.claimed && !core.parts.given) await (await pending.claim()).close();
    });
    attachUpgrade(response, pending);
    const agreed = { protocol, response: new KeptResponseHead(head) };
    core.outlet.stop();
    handOver(core, agreed, pending);
    this.#settle(this);
    return response;
  }

  /** See {@linkcode BodySource}. The reader is told of the end before the next exchange begins. */
  next(): Uint8Array | Fields | null {
    const part = nextPart(this.#core);
    if (part instanceof Fields) queueMicrotask(() => this.#settle(this));
    return part;
  }

  /** See {@linkcode BodySource}. */
  async more(): Promise<void> {
    const { wire } = this.#core;
    if (wire.turn.over) await this.#rest();
    else this.#core.receive(await wire.read());
  }

  /** Ends the connection. The first failure counts: that of the connection, then that of the request. */
  failed(error: unknown): unknown {
    const { why } = this.#core;
    const cause = why?.reason === "error" ? why.error : this.failure === null ? error : this.failure.error;
    this.#core.close({ reason: "error", error: cause });
    return cause;
  }

  /** The reader wants no more: what is left is read, within bounds, or the connection ends. */
  async canceled(): Promise<void> {
    const { closeTimeoutMs, maxDrainBytes, clock } = this.#core.settings;
    const close = (): void => this.#core.close({ reason: "shutdown" });
    const deadline = new Deadline(clock);
    deadline.set(closeTimeoutMs, close);
    try {
      if (!this.#core.machine.persistent || !await this.#body!.finish(maxDrainBytes, false)) close();
    } catch {
      close();
    } finally {
      deadline.stop();
    }
  }
}

function expectsContinue({ fields, body }: ClientMessage): boolean {
  const size = bodySize(body);
  return size !== "none" && size !== 0 && fields.some(isExpectContinue);
}

function isExpectContinue([name, value]: Field): boolean {
  return name.length === 6 && name.toLowerCase() === "expect" && value.toLowerCase() === "100-continue";
}
