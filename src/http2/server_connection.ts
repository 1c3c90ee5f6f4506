/**
 * The server's end of an HTTP/2 connection: each request is given to a handler, and what that returns is sent.
 *
 * @module
 */

import { checkFunction } from "../bytes/arguments.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { IncomingBody } from "../http1/incoming_body.ts";
import { discardBody, type OutgoingBody, type OutgoingTrailers, sortBody } from "../http1/outgoing_body.ts";
import { fieldList, type Fields, type FieldsInit } from "../semantics/fields.ts";
import { type DriverRole, type Http2Closed, Http2Driver } from "./driver.ts";
import type { Http2RequestEvent, Http2ServerEvent } from "./machine/events.ts";
import type { Http2RequestHead, OutgoingHttp2Response } from "./machine/message.ts";
import { Http2ServerMachine } from "./machine/server_machine.ts";
import { MessageStream, type StreamOwner } from "./message_stream.ts";
import { type Http2ServerOptions, http2ServerSettings } from "./options.ts";

/** A response that is to be sent. */
export interface Http2ResponseMessage {
  /** 200 to 599. */
  readonly status: number;
  /** The field lines; none when left out. */
  readonly fields?: FieldsInit | undefined;
  /** None when left out. That of a response to HEAD is discarded. */
  readonly body?: OutgoingBody | null | undefined;
  /** What follows the body. */
  readonly trailers?: OutgoingTrailers | undefined;
}

/** Answers a request. */
export type Http2Handler = (request: IncomingHttp2Request) => Http2ResponseMessage | Promise<Http2ResponseMessage>;

/** A request that has come. */
export class IncomingHttp2Request implements StreamOwner {
  /** What it asks for. */
  readonly head: Http2RequestHead;
  readonly #stream: MessageStream;
  readonly #connection: Http2ServerConnection;
  #abort: AbortController | null = null;
  #reason: unknown = undefined;

  /** Made by the connection. */
  constructor(head: Http2RequestHead, stream: MessageStream, connection: Http2ServerConnection) {
    this.head = head;
    this.#stream = stream;
    this.#connection = connection;
  }

  /** The number of its stream. */
  get streamId(): number {
    return this.#stream.id;
  }

  /** The field lines. */
  get fields(): Fields {
    return this.head.fields;
  }

  /** The body. What is not read stays with the client. */
  get body(): IncomingBody {
    return this.#stream.body;
  }

  /** Aborts when the stream or the connection ends before both messages are over. */
  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#stream.gone) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  /** Sends an informational response, 103 for example. Without an effect once the stream is gone. */
  inform(head: OutgoingHttp2Response): void {
    if (!this.#stream.gone) this.#connection.inform(this.#stream.id, head);
  }

  /** What the stream tells. */
  onGone(reason: unknown): void {
    this.#reason = reason;
    this.#abort?.abort(reason);
  }
}

/**
 * Serves HTTP/2 with prior knowledge over any pair of byte streams: the client begins with the preface (RFC 9113 §3.3, §3.4).
 *
 * @param io The transport. It is this connection's until it is closed.
 * @param handler Called for each request.
 * @throws {TypeError} `io` is no pair of streams, or one of them is locked; `handler` is no function, or an option is of another kind.
 * @throws {RangeError} A number is out of its range.
 */
export function serveHttp2(
  io: DuplexLike,
  handler: Http2Handler,
  options: Http2ServerOptions = {},
): Http2ServerConnection {
  checkFunction(handler, "handler");
  return new Http2ServerConnection(io, handler, options);
}

/** A connection that serves; made by {@linkcode serveHttp2}. */
export class Http2ServerConnection implements DriverRole<Http2ServerEvent>, AsyncDisposable {
  readonly #driver: Http2Driver<Http2ServerEvent>;
  readonly #machine: Http2ServerMachine;
  readonly #handler: Http2Handler;
  readonly #onError: ((error: unknown) => void) | undefined;

  /** Use {@linkcode serveHttp2}. */
  constructor(io: DuplexLike, handler: Http2Handler, options: Http2ServerOptions) {
    const settings = http2ServerSettings(options);
    const { limits, connectProtocol, onError } = options;
    this.#machine = new Http2ServerMachine({ limits, connectProtocol });
    this.#handler = handler;
    this.#onError = onError;
    this.#driver = new Http2Driver<Http2ServerEvent>(io, this.#machine, settings, this);
    this.#driver.run();
  }

  /** Resolves when the connection is over and says why; never rejects. */
  get closed(): Promise<Http2Closed> {
    return this.#driver.closed;
  }

  /**
   * Takes no more requests: GOAWAY in two steps (RFC 9113 §6.8). What is open goes on.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Http2Closed> {
    this.#machine.shutdown();
    this.#driver.soon();
    return this.closed;
  }

  /** Ends the connection at once, whatever handlers do. Idempotent. */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    this.#driver.abort(reason);
  }

  /** Aborts what is unfinished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#driver.streams.size > 0) this.abort();
    else this.gracefulShutdown();
    await this.closed;
  }

  /** What the driver tells. */
  onEvent(event: Http2ServerEvent): void {
    if (event.type === "request") this.#serve(event);
  }

  /** What the driver tells. */
  onTaken(): void {}

  /** What the driver tells. */
  onOver(): void {}

  /** What a request asks for. */
  inform(streamId: number, head: OutgoingHttp2Response): void {
    this.#machine.sendInformational(streamId, head);
    this.#driver.soon();
  }

  #serve({ streamId, head, endStream }: Http2RequestEvent): void {
    const stream = new MessageStream(this.#driver, streamId, "server");
    const request = new IncomingHttp2Request(head, stream, this);
    stream.owner = request;
    if (endStream) stream.onNoBody();
    try {
      const answer = this.#handler(request);
      if (!(answer instanceof Promise)) return this.#answer(request, stream, answer);
      this.#driver.expect();
      answer.then((response) => this.#answer(request, stream, response), (error) => this.#fail(stream, error));
    } catch (error) {
      this.#fail(stream, error);
    }
  }

  #answer(request: IncomingHttp2Request, stream: MessageStream, response: Http2ResponseMessage): void {
    if (stream.gone) return discardBody(response.body, this.#driver.cause);
    try {
      this.#send(request, stream, response)?.catch((error) => this.#fail(stream, error));
      this.#driver.soon();
    } catch (error) {
      discardBody(response.body, error);
      this.#fail(stream, error);
    }
  }

  #send(
    { head: { method } }: IncomingHttp2Request,
    stream: MessageStream,
    { status, fields, body, trailers }: Http2ResponseMessage,
  ): Promise<boolean> | undefined {
    const sorted = sortBody(body);
    const bodiless = method === "HEAD" || status === 204 || status === 304;
    const ends = bodiless || (sorted.type === "none" && trailers === undefined);
    this.#machine.sendResponse(stream.id, { status, fields: fieldList(fields) }, ends);
    if (!ends) return stream.send(sorted, trailers);
    if (bodiless) discardBody(body, new StateError("done", "A response to HEAD, or a 204 or 304, has no body"));
    stream.onSent();
    return undefined;
  }

  /** The handler or its response is at fault. */
  #fail(stream: MessageStream, error: unknown): void {
    if (stream.gone) return;
    this.#driver.reset(stream, "internal", error);
    this.#onError?.(error);
  }
}
