/**
 * The messages that are received: made by `server_exchange.ts` and `client_exchange.ts`, given to handlers and callers.
 *
 * @module
 */

import { wrongType } from "../bytes/arguments.ts";
import type { Field, Fields, FieldsInit } from "../semantics/fields.ts";
import { fieldPairs } from "../semantics/fields.ts";
import type { RequestHead, ResponseHead, Version } from "../semantics/message.ts";
import type { Proposal } from "../semantics/switching.ts";
import { ABSOLUTE_FORM } from "../semantics/target.ts";
import type { BodySource } from "./body_source.ts";
import { IncomingBody } from "./incoming_body.ts";
import type { BodyFraming } from "./machine/framing.ts";
import type { Owned } from "./owned.ts";

/** What a request needs of its exchange. */
export interface RequestExchange {
  /** The scheme that stands apart from the target. HTTP/1.1 has none. */
  readonly scheme?: string | null;
  /** Writes a 1xx. A rejection needs no handler. */
  sendInformational(status: number, fields: readonly Field[]): Promise<void>;
  /** Begins to watch for a peer that leaves. */
  watch(controller: AbortController): void;
  /** Ends something when the peer has left. */
  own(owned: Owned): void;
}

/**
 * Ends something when the client of a request leaves before it is answered completely. It costs less than `signal`, which
 * notices at once; here a short exchange is not watched, and a client that leaves is noticed after half a second.
 */
export let endWithClient: (request: IncomingRequest, owned: Owned) => void;

/** A request that a server received. */
export class IncomingRequest implements RequestHead {
  /** Case-sensitive. */
  readonly method: string;
  /** Exactly as received: origin-form, absolute-form, authority-form or `*`. */
  readonly target: string;
  /** The version that the client speaks. */
  readonly version: Version;
  /** The field lines. */
  readonly fields: Fields;
  /** Whether the client proposes a switch, and to what. */
  readonly proposal: Proposal;
  readonly #exchange: RequestExchange;
  readonly #framing: BodyFraming;
  readonly #source: BodySource | null;
  #body: IncomingBody | null = null;
  #controller: AbortController | null = null;

  /**
   * Connections make these.
   *
   * @param head The head.
   * @param proposal What it proposes.
   * @param framing How its body is delimited.
   * @param source Where that comes from; `null` if it is empty.
   * @param exchange The exchange that answers it.
   */
  constructor(
    head: RequestHead,
    proposal: Proposal,
    framing: BodyFraming,
    source: BodySource | null,
    exchange: RequestExchange,
  ) {
    this.method = head.method;
    this.target = head.target;
    this.version = head.version;
    this.fields = head.fields;
    this.proposal = proposal;
    this.#framing = framing;
    this.#source = source;
    this.#exchange = exchange;
  }

  /** The body; empty where the client announced none. The first read sends the 100 that the client may wait for. */
  get body(): IncomingBody {
    return this.#body ??= new IncomingBody(this.#framing, this.#source);
  }

  /**
   * Aborts when the client leaves or the connection fails before the response is sent: at once if the client cuts the
   * connection, or ends its side right behind the request (not with `allowHalfClose`); after `halfCloseTimeoutMs` if it
   * ends it behind more than that. Touching it makes the connection watch from then on, if the request is complete and
   * proposes no switch. Else it begins half a second after the handler did, as it does when this is not touched. While a
   * switch is undecided nothing of the new protocol is lost: what arrives is kept, and streams that are no sockets of this
   * package are not read at all, so that only their failure is noticed.
   */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      this.#exchange.watch(this.#controller);
    }
    return this.#controller.signal;
  }

  static {
    endWithClient = (request, owned) => request.#exchange.own(owned);
  }

  /** The scheme that the request names in lower case: of an absolute-form target, else `:scheme` of HTTP/2; or `null`. */
  get scheme(): string | null {
    return ABSOLUTE_FORM.exec(this.target)?.[1]?.toLowerCase() ?? this.#exchange.scheme ?? null;
  }

  /** The host that the request is for: of an absolute-form target, of CONNECT, else of `Host` (RFC 9112 §3.3). */
  get authority(): string {
    if (this.method === "CONNECT") return this.target;
    return ABSOLUTE_FORM.exec(this.target)?.[2] ?? this.fields.get("host") ?? "";
  }

  /**
   * Sends a 1xx response before the final one: 103 with links, 102, or a 100 on purpose.
   *
   * @param status 100 or 102–199.
   * @param fields Its fields.
   * @throws {StateError} The final response is on its way, the client speaks HTTP/1.0, or the status is none of those.
   */
  sendInformational(status: number, fields: FieldsInit = []): Promise<void> {
    if (typeof status !== "number") throw wrongType("status", "a number", status);
    return this.#exchange.sendInformational(status, [...fieldPairs(fields)]);
  }
}

/** Says how the request is given up that a response answers. Connections do, while it is still being sent. */
export let abandonRequestWith: (response: IncomingResponse, abandon: (reason: unknown) => void) => void;

/**
 * Gives up what is left of the request that a response answers: its source is told so, and it must not look complete.
 * Without effect if it was sent completely.
 */
export let abandonRequest: (response: IncomingResponse, reason: unknown) => void;

/** Whether the request was still being sent when its answer came: what is left of it can be given up. */
export let maySend: (response: IncomingResponse) => boolean;

/** A response that a client received. */
export class IncomingResponse implements ResponseHead, AsyncDisposable {
  /** 100–999; 101 only for a switch that was asked for. */
  readonly status: number;
  /** As received, possibly empty. */
  readonly reason: string;
  /** The version that the server speaks. */
  readonly version: Version;
  /** The field lines. */
  readonly fields: Fields;
  /** The body; empty where there is none. Read it to its end or cancel it: the connection is busy until then. */
  readonly body: IncomingBody;
  readonly #dispose: () => Promise<void>;
  #abandon: ((reason: unknown) => void) | null = null;

  /**
   * Connections make these.
   *
   * @param head The head.
   * @param body The body.
   * @param dispose Gives up what is left of it.
   */
  constructor(head: ResponseHead, body: IncomingBody, dispose: () => Promise<void>) {
    this.status = head.status;
    this.reason = head.reason;
    this.version = head.version;
    this.fields = head.fields;
    this.body = body;
    this.#dispose = dispose;
  }

  /** Whether the status is 200–299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** Cancels the body; after a switch that was not claimed, closes the connection. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#dispose();
  }

  static {
    abandonRequestWith = (response, abandon) => response.#abandon = abandon;
    abandonRequest = (response, reason) => response.#abandon?.(reason);
    maySend = (response) => response.#abandon !== null;
  }
}
