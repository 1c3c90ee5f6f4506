/**
 * The client's end of an HTTP/2 connection: many requests at once, each with a promise of its response.
 *
 * @module
 */

import { onAbort } from "../duplex/abort.ts";
import { Deferred, ignore } from "../duplex/deferred.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import type { Http2ErrorCode } from "../errors/http2_error.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { IncomingBody } from "../http1/incoming_body.ts";
import { discardBody, type OutgoingBody, type OutgoingTrailers, sortBody } from "../http1/outgoing_body.ts";
import { fieldList, type Fields, type FieldsInit } from "../semantics/fields.ts";
import { type DriverRole, type Http2Closed, Http2Driver } from "./driver.ts";
import { Http2ClientMachine } from "./machine/client_machine.ts";
import type { Http2ClientEvent } from "./machine/events.ts";
import type { Http2ResponseHead } from "./machine/message.ts";
import { MessageStream, type StreamOwner } from "./message_stream.ts";
import { http2ClientSettings, type Http2ConnectionOptions } from "./options.ts";

/** A request that is to be sent. */
export interface Http2RequestMessage {
  /** `GET` when left out. */
  readonly method?: string | undefined;
  /** `http` when left out; `null` for CONNECT. */
  readonly scheme?: string | null | undefined;
  /** Host and port. */
  readonly authority: string;
  /** `/` when left out; `null` for CONNECT. */
  readonly path?: string | null | undefined;
  /** `:protocol` of an extended CONNECT (RFC 8441). */
  readonly protocol?: string | null | undefined;
  /** The field lines; none when left out. */
  readonly fields?: FieldsInit | undefined;
  /** None when left out. */
  readonly body?: OutgoingBody | null | undefined;
  /** What follows the body. */
  readonly trailers?: OutgoingTrailers | undefined;
  /** Gives up the request, whatever has come of it. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each informational response. */
  readonly onInformational?: ((head: Http2ResponseHead) => void) | undefined;
}

/** A response that has come. */
export class IncomingHttp2Response {
  /** Status and fields. */
  readonly head: Http2ResponseHead;
  readonly #stream: MessageStream;

  /** Made by the connection. */
  constructor(head: Http2ResponseHead, stream: MessageStream) {
    this.head = head;
    this.#stream = stream;
  }

  /** The status. */
  get status(): number {
    return this.head.status;
  }

  /** The field lines. */
  get fields(): Fields {
    return this.head.fields;
  }

  /** The body. Read it, or cancel it: the stream stays open otherwise. */
  get body(): IncomingBody {
    return this.#stream.body;
  }
}

/** Streams that may be open before the server has told how many it takes; as hyper. */
const FIRST_STREAMS = 100;

/** A request without its response. */
class Exchange implements StreamOwner {
  readonly message: Http2RequestMessage;
  readonly response: Deferred<IncomingHttp2Response> = new Deferred<IncomingHttp2Response>();
  /** `null` while it waits until the server allows another stream. */
  stream: MessageStream | null = null;

  constructor(message: Http2RequestMessage) {
    this.message = message;
  }

  onGone(reason: unknown): void {
    this.response.reject(reason);
  }
}

/**
 * Speaks HTTP/2 with prior knowledge as a client over any pair of byte streams.
 *
 * @param io The transport. It is this connection's until it is closed.
 * @throws {TypeError} `io` is no pair of streams, or one of them is locked; or an option is of another kind.
 * @throws {RangeError} A number is out of its range.
 */
export function connectHttp2(io: DuplexLike, options: Http2ConnectionOptions = {}): Http2ClientConnection {
  return new Http2ClientConnection(io, options);
}

/** Sends requests on one connection; made by {@linkcode connectHttp2}. */
export class Http2ClientConnection implements DriverRole<Http2ClientEvent>, AsyncDisposable {
  readonly #driver: Http2Driver<Http2ClientEvent>;
  readonly #machine: Http2ClientMachine;
  /** Requests that wait until the server allows another stream. */
  readonly #waiting: Exchange[] = [];
  /** Whether the server has told its settings. */
  #told = false;

  /** Use {@linkcode connectHttp2}. */
  constructor(io: DuplexLike, options: Http2ConnectionOptions) {
    const settings = http2ClientSettings(options);
    this.#machine = new Http2ClientMachine({ limits: options.limits });
    this.#driver = new Http2Driver<Http2ClientEvent>(io, this.#machine, settings, this);
    this.#driver.run();
  }

  /** Resolves when the connection is over and says why; never rejects. */
  get closed(): Promise<Http2Closed> {
    return this.#driver.closed;
  }

  /** The machine, for what only tests ask: the peer's settings, for example. */
  get machine(): Http2ClientMachine {
    return this.#machine;
  }

  /**
   * Sends a request and waits for the head of its response; before that, until the server allows another stream. The body of the
   * request may go on after that.
   *
   * @throws {StateError} `closed`: the connection takes no more requests.
   * @throws {TransportError} `reset`: the server has reset the stream; or the transport failed.
   * @throws {Http2Error} The server broke a rule.
   * @throws {TypeError} The request cannot be sent.
   */
  async request(message: Http2RequestMessage): Promise<IncomingHttp2Response> {
    const { signal } = message;
    signal?.throwIfAborted();
    if (this.#driver.why !== null) throw this.#driver.cause;
    const exchange = new Exchange(message);
    this.#waiting.push(exchange);
    this.onTaken();
    if (signal === undefined) return await exchange.response.promise;
    const unlisten = onAbort(signal, () => this.#giveUp(exchange, signal.reason));
    try {
      const response = await exchange.response.promise;
      response.body.trailers.catch(ignore).finally(unlisten);
      return response;
    } catch (error) {
      unlisten();
      throw error;
    }
  }

  #giveUp(exchange: Exchange, reason: unknown): void {
    exchange.response.reject(reason);
    if (exchange.stream !== null) return this.#reset(exchange.stream, "cancel", reason);
    this.#waiting.splice(this.#waiting.indexOf(exchange), 1);
    discardBody(exchange.message.body, reason);
  }

  #reset(stream: MessageStream, code: Http2ErrorCode, reason: unknown): void {
    if (!stream.gone) this.#driver.reset(stream, code, reason);
  }

  /** What the driver tells: requests that wait are sent as far as the server allows. */
  onTaken(): void {
    for (let exchange = this.#waiting[0]; exchange !== undefined; exchange = this.#waiting[0]) {
      if (!this.#told && this.#machine.openStreams >= FIRST_STREAMS) return;
      try {
        this.#begin(exchange);
      } catch (error) {
        if (error instanceof StateError && error.code === "busy") return;
        discardBody(exchange.message.body, error);
        exchange.response.reject(error);
      }
      this.#waiting.shift();
    }
  }

  #begin(exchange: Exchange): void {
    const { method = "GET", authority, protocol = null, fields, body, trailers, ...rest } = exchange.message;
    const plain = method === "CONNECT" && protocol === null;
    const { scheme = plain ? null : "http", path = plain ? null : "/" } = rest;
    const sorted = sortBody(body);
    const ends = sorted.type === "none" && trailers === undefined;
    const head = { method, scheme, authority, path, protocol, fields: fieldList(fields) };
    const stream = new MessageStream(this.#driver, this.#machine.sendRequest(head, ends), "client");
    exchange.stream = stream;
    stream.owner = exchange;
    this.#driver.soon();
    if (ends) return stream.onSent();
    try {
      stream.send(sorted, trailers)?.catch((error) => this.#reset(stream, "internal", error));
    } catch (error) {
      this.#reset(stream, "internal", error);
    }
  }

  /**
   * Sends no more requests. What is open goes on.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Http2Closed> {
    this.#machine.shutdown();
    this.#driver.soon();
    return this.closed;
  }

  /** Ends the connection at once. Idempotent. */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    this.#driver.abort(reason);
  }

  /** Shuts down. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#driver.streams.size > 0) this.abort();
    else this.gracefulShutdown();
    await this.closed;
  }

  /** What the driver tells. */
  onEvent(event: Http2ClientEvent): void {
    if (event.type === "response") {
      const stream = this.#driver.streams.get(event.streamId);
      if (stream === undefined) return;
      if (event.endStream) stream.onNoBody();
      (stream.owner as Exchange).response.resolve(new IncomingHttp2Response(event.head, stream));
    } else if (event.type === "settings") {
      this.#told = true;
    } else if (event.type === "informational") {
      const stream = this.#driver.streams.get(event.streamId);
      (stream?.owner as Exchange | undefined)?.message.onInformational?.(event.head);
    }
  }

  /** What the driver tells. */
  onOver(): void {
    for (const { message, response } of this.#waiting.splice(0)) {
      discardBody(message.body, this.#driver.cause);
      response.reject(this.#driver.cause);
    }
  }
}
