/**
 * The life of a client's connection of HTTP/2: its requests, each on a stream of its own, and its end. `handshake()` makes it;
 * `driver.ts` runs its machine, `client_stream.ts` has one request.
 *
 * @module
 */

import { unlessAborted } from "../duplex/abort.ts";
import { Deferred } from "../duplex/deferred.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { UnsentError } from "../errors/unsent_error.ts";
import type { ExchangeOverListener } from "../http1/exchange_listener.ts";
import type { IncomingResponse } from "../http1/incoming.ts";
import type { Closed } from "../http1/options.ts";
import {
  checkOutgoingRequest,
  checkSendOptions,
  type OutgoingRequest,
  type SendOptions,
} from "../http1/outgoing_request.ts";
import { type ClientHost, ClientStream, type SentRequest } from "./client_stream.ts";
import { Http2Driver } from "./driver.ts";
import { Http2ClientMachine } from "./machine/client_machine.ts";
import type { Http2ClientEvent } from "./machine/events.ts";
import type { OutgoingHttp2Request } from "./machine/message.ts";
import { type Http2ClientConnectionOptions, http2ClientSettings } from "./options.ts";
import { outgoingHead } from "./outgoing_head.ts";
import { ProgramHold } from "./program_hold.ts";
import { WaitingRequests } from "./waiting_requests.ts";

/** Streams that may be open before the server has told how many it takes; as hyper. */
const FIRST_STREAMS = 100;

/** Is told of the streams of a connection. */
export interface StreamsListener {
  /** A request is over, or its stream has switched; or a stream that had switched is over. */
  onStreamOver(): void;
}

/** A client's connection under its two names. */
export interface Http2ClientHandshake {
  /** Sends requests. */
  readonly sender: Http2ClientConnection;
  /** The same object: says when the connection is over, and ends it. */
  readonly connection: Http2ClientConnection;
}

/**
 * Speaks HTTP/2 as a client over any pair of byte streams, with prior knowledge; over TLS, ALPN must have agreed on `h2`.
 *
 * @param io The transport. It is this connection's until it is closed.
 * @param options What to do differently.
 * @throws {TypeError} `io` is no pair of streams, or one of them is locked; or an option is of another kind. `io` is untouched.
 * @throws {RangeError} A number is out of range. `io` is untouched.
 */
export function handshake(io: DuplexLike, options: Http2ClientConnectionOptions = {}): Http2ClientHandshake {
  const connection = new Http2ClientConnection(io, options);
  return { sender: connection, connection };
}

/** Sends requests on one connection, many at once, and ends it; made by {@linkcode handshake}. */
export class Http2ClientConnection implements AsyncDisposable {
  readonly #machine: Http2ClientMachine;
  readonly #scheme: "http" | "https";
  readonly #driver: Http2Driver<Http2ClientEvent, ClientStream>;
  /** What its streams have of it. */
  readonly #host: ClientHost;
  /** Resolves when the server's SETTINGS have come, or the connection has ended before. */
  readonly #begun: Deferred<void> = new Deferred<void>();
  /** Requests that wait until the server allows another stream. */
  readonly #waiting: WaitingRequests = new WaitingRequests();
  readonly #hold: ProgramHold;
  /** Streams that have not switched. */
  #requests = 0;
  /** Upgrades that are not answered. */
  #proposals = 0;
  #listener: StreamsListener | null = null;

  /**
   * Use {@linkcode handshake}.
   *
   * @param io The transport.
   * @param options What to do differently.
   */
  constructor(io: DuplexLike, options: Http2ClientConnectionOptions) {
    const { client, limits, scheme } = http2ClientSettings(options);
    this.#scheme = scheme;
    this.#machine = new Http2ClientMachine({ limits });
    this.#driver = new Http2Driver<Http2ClientEvent, ClientStream>(io, this.#machine, client, {
      onEvent: (event) => this.#onEvent(event),
      onTaken: () => this.#goOn(),
      onOver: () => {
        this.#begun.resolve();
        this.#goOn();
      },
    });
    this.#hold = new ProgramHold(this, this.#driver);
    this.#host = {
      machine: this.#machine,
      driver: this.#driver,
      hold: this.#hold,
      settings: client,
      over: (streamId, switched) => this.#over(streamId, switched),
      switched: () => this.#requestOver(),
    };
    this.#driver.run();
  }

  /** Resolves when the connection is over and says why; never rejects. */
  get closed(): Promise<Closed> {
    return this.#driver.end.closed;
  }

  /** The end that sends: this object. */
  get sender(): Http2ClientConnection {
    return this;
  }

  /** Whether a request can be sent right now. */
  get isReady(): boolean {
    const few = this.#machine.begun || this.openStreams < FIRST_STREAMS;
    return this.#driver.end.why === null && few && this.#machine.canSend;
  }

  /** Whether no request can be sent any more. */
  get isClosed(): boolean {
    return this.#driver.end.why !== null || this.#machine.ending || this.#machine.exhausted;
  }

  /** Why the connection has ended, or is about to with all that is under way; `null` before that is decided. */
  get why(): Closed | null {
    return this.#driver.end.why;
  }

  /** How many requests, and switched streams, are under way. */
  get openStreams(): number {
    return this.#driver.streams.size;
  }

  /** How many requests are under way, those among them that wait until the server allows another stream. */
  get openRequests(): number {
    return this.#requests + this.#waiting.size;
  }

  /** @ignore How many upgrades are under way, and streams that have switched: they may live long. */
  get openUpgrades(): number {
    return this.#proposals + this.openStreams - this.#requests;
  }

  /** @ignore How many streams the server allows at once. */
  get maxStreams(): number {
    return this.#machine.peer.maxConcurrentStreams;
  }

  /** @ignore Tells whenever fewer streams are open. */
  tellStreams(listener: StreamsListener): void {
    this.#listener = listener;
  }

  /** @ignore Says whether it keeps the program alive, as it does at first, while nothing is under way. */
  holdProgram(holds: boolean): void {
    this.#driver.holdProgram(holds);
  }

  /**
   * Whether the server takes extended CONNECT (RFC 8441), by which upgrades go over HTTP/2. Resolves when its SETTINGS have come;
   * to false if the connection ends before.
   */
  async takesUpgrades(): Promise<boolean> {
    await this.#begun.promise;
    return this.upgrades === true;
  }

  /** @ignore The same, as far as it is known: `null` without SETTINGS of the server. */
  get upgrades(): boolean | null {
    return this.#machine.begun ? this.#machine.peer.connectProtocol : null;
  }

  /**
   * Sends a request, as soon as the server allows another stream, and waits for the head of its response. The body of the request
   * may go on after that.
   *
   * @param request In the words of HTTP/1.1: `Host` becomes `:authority`, an absolute-form target names scheme and authority, and
   * `Upgrade` makes it an extended CONNECT, which the server must have said it takes.
   * @param options Cancellation, which resets the stream; informational responses.
   * @throws {UnsentError} Nothing of it was sent, or the server has not looked at it (GOAWAY, REFUSED_STREAM): it may be sent again. Or
   * it is wanted over HTTP/1.1 (HTTP_1_1_REQUIRED), and its body still waited for a 100.
   * @throws {Http2Error} The response breaks the protocol.
   * @throws {TransportError} The transport failed, or the server has reset the stream (`reset`).
   * @throws {StateError} `upgrade-body`: it proposes, and has a body. Nothing of it was sent.
   * @throws {TypeError} The request cannot be written.
   */
  send(request: OutgoingRequest, options: SendOptions = {}): Promise<IncomingResponse> {
    return this.sendTold(request, options, null);
  }

  /** @ignore The same, and tells how it goes. */
  async sendTold(
    request: OutgoingRequest,
    options: SendOptions,
    listener: ExchangeOverListener | null,
  ): Promise<IncomingResponse> {
    checkOutgoingRequest(request);
    checkSendOptions(options);
    const { head, proposal, body, ends } = outgoingHead(request, this.#scheme);
    this.#hold.begin();
    const sent: SentRequest = { request, options, listener, proposal, body, ends };
    if (proposal.type !== "upgrade") return await this.#sendSoon(head, sent);
    this.#proposals++;
    try {
      const taken = await unlessAborted(this.takesUpgrades(), options.signal);
      if (!taken) throw new UnsentError(request, this.upgrades === null ? closedError() : noUpgrades());
      return await this.#sendSoon(head, sent);
    } finally {
      this.#proposals--;
    }
  }

  /** Sends a request as soon as the server allows another stream. */
  #sendSoon(head: OutgoingHttp2Request, sent: SentRequest): Promise<IncomingResponse> {
    sent.options.signal?.throwIfAborted();
    if (this.isReady && this.#waiting.size === 0) return this.#send(head, sent);
    if (this.isClosed) throw new UnsentError(sent.request, closedError());
    return this.#waiting.wait(sent, () => this.#send(head, sent));
  }

  #send(head: OutgoingHttp2Request, sent: SentRequest): Promise<IncomingResponse> {
    const id = this.#machine.sendRequest(head, sent.ends);
    this.#driver.soon();
    const stream = new ClientStream(this.#host, id, sent);
    this.#driver.streams.add(id, stream);
    this.#requests++;
    return stream.answer;
  }

  #over(streamId: number, switched: boolean): void {
    this.#driver.streams.delete(streamId);
    if (!switched) this.#requests--;
    this.#hold.settle();
    this.#goOn();
    this.#driver.soon(); // a shutdown may be complete
    this.#listener?.onStreamOver();
  }

  #requestOver(): void {
    this.#requests--;
    this.#hold.settle();
    this.#listener?.onStreamOver();
  }

  /** @ignore Refuses the requests that wait until the server allows another stream. */
  turnAway(reason: unknown): void {
    this.#waiting.refuse(reason);
  }

  /** @ignore Ends the requests that are under way, and leaves alone the streams that have switched. */
  abortRequests(reason: unknown): void {
    this.turnAway(reason);
    for (const stream of this.#driver.streams.values()) {
      if (!stream.switched) stream.resetWith("cancel", reason);
    }
  }

  /** Those that wait go on, as far as the server allows. */
  #goOn(): void {
    const waiting = this.#waiting;
    while (waiting.size > 0 && this.isReady) waiting.sendNext();
    if (waiting.size > 0 && this.isClosed) waiting.fail(closedError());
  }

  #onEvent(event: Http2ClientEvent): void {
    if (event.type === "response") this.#driver.streams.get(event.streamId)?.answered(event);
    else if (event.type === "informational") this.#driver.streams.get(event.streamId)?.informed(event);
    else if (event.type === "settings") this.#begun.resolve();
  }

  /**
   * Lets the requests that are under way end, and closes then. Idempotent.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Closed> {
    if (this.#driver.end.why === null) {
      this.#machine.shutdown();
      this.#driver.soon();
    }
    return this.closed;
  }

  /** @ignore Says GOAWAY and ends the connection at once. */
  leave(): void {
    this.#machine.shutdown();
    this.#driver.end.leave();
  }

  /** Ends the connection at once; what is under way fails with `reason`. Idempotent. */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    this.#driver.end.abort(reason);
  }

  /** Aborts what is unfinished, else closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#driver.streams.size === 0) this.gracefulShutdown();
    else this.abort();
    await this.closed;
  }
}

function closedError(): StateError {
  return new StateError("closed", "The connection takes no more requests");
}

function noUpgrades(): StateError {
  return new StateError("no-switch", "The server takes no upgrades over HTTP/2: it has not told so (RFC 8441 §3)");
}
