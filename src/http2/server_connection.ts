/**
 * The life of a server's connection of HTTP/2: its streams, its end, its time limits. `serveConnection()` makes it; `driver.ts` runs
 * its machine, `server_stream.ts` answers one request.
 *
 * @module
 */

import { checkFunction } from "../bytes/arguments.ts";
import { Deadline } from "../duplex/clock.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import type { OverListener } from "../duplex/held_channel.ts";
import { TimeLimit } from "../duplex/time_limit.ts";
import { type Traffic, trafficOf } from "../duplex/traffic.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { tellResponse } from "../http1/answering.ts";
import type { ExchangeListener } from "../http1/exchange_listener.ts";
import type { Closed } from "../http1/options.ts";
import type { Handler } from "../http1/server_exchange.ts";
import type { Parts } from "../http1/parts.ts";
import { Http2Driver } from "./driver.ts";
import type { Http2RequestEvent, Http2ServerEvent } from "./machine/events.ts";
import { Http2ServerMachine } from "./machine/server_machine.ts";
import { type Http2ServerConnectionOptions, type Http2ServerSettings, http2ServerSettings } from "./options.ts";
import { type ServerHost, ServerStream } from "./server_stream.ts";

/**
 * Serves HTTP/2 over any pair of byte streams, until one side closes.
 *
 * The handler gets requests as from HTTP/1.1, with `Host` for `:authority`; an extended CONNECT (RFC 8441) comes as a GET that proposes
 * an upgrade, and is accepted in the same way.
 *
 * @param io The transport. It is this connection's until it is closed.
 * @param handler Called for each request; several may be under way at once.
 * @param options What to do differently.
 * @returns The connection, which is running already.
 * @throws {TypeError} `io` is no pair of streams, or one of them is locked; `handler` is no function, or an option of another kind.
 * `io` is untouched.
 * @throws {RangeError} A number is out of range. `io` is untouched.
 */
export function serveConnection(
  io: DuplexLike,
  handler: Handler,
  options?: Http2ServerConnectionOptions,
): Http2ServerConnection {
  checkFunction(handler, "handler");
  const connection = new Http2ServerConnection(io, handler, http2ServerSettings(options));
  connection.start(null);
  return connection;
}

/** A connection that serves; made by {@linkcode serveConnection}. */
export class Http2ServerConnection implements AsyncDisposable {
  readonly #machine: Http2ServerMachine;
  readonly #settings: Http2ServerSettings;
  readonly #driver: Http2Driver<Http2ServerEvent, ServerStream>;
  /** What its streams have of it. */
  readonly #host: ServerHost;
  readonly #handler: Handler;
  /** The stream whose request is given to the handler now. */
  #begun: ServerStream | null = null;
  /** Limits the wait for the preface and the SETTINGS, and then the time without a stream. */
  readonly #deadline: Deadline;
  /** Whether the client's SETTINGS have come: others are no reason to wait longer. */
  #greeted = false;
  /** Limits the wait for a client that was warned of the end. */
  readonly #warned: Deadline;
  /** How many handlers are at work whose streams are over. */
  #abandoned = 0;
  /** Limits a head that has begun, beside what is under way; made for the first that does not come at once. */
  #headLimit: Deadline | null = null;
  /** Which head that is; 0 if none is waited for. */
  #openBlock = 0;
  readonly #onTooSlow = (): void => this.#tooSlow("The client's SETTINGS did not come in time");
  readonly #onHeadTooSlow = (): void => this.#tooSlow("A head did not come to its end in time");
  readonly #onIdle = (): void => this.#shutDown(true);

  /**
   * Use {@linkcode serveConnection}.
   *
   * @param io The transport.
   * @param handler The handler.
   * @param settings The options, filled in.
   */
  constructor(io: DuplexLike, handler: Handler, settings: Http2ServerSettings) {
    const { limits, connectProtocol, server } = settings;
    this.#machine = new Http2ServerMachine({ limits, connectProtocol });
    this.#settings = settings;
    this.#handler = handler;
    this.#driver = new Http2Driver<Http2ServerEvent, ServerStream>(io, this.#machine, server, {
      onEvent: (event) => this.#onEvent(event),
      onTaken: () => this.#limitHead(),
      onOver: () => this.#stop(),
    });
    this.#host = {
      machine: this.#machine,
      driver: this.#driver,
      settings,
      bodyLimit: new TimeLimit(server.bodyTimeoutMs, server.clock),
      drainLimit: new TimeLimit(server.drainTimeoutMs, server.clock),
      over: (streamId) => this.#over(streamId),
      abandoned: (more) => this.#abandoned += more,
    };
    this.#deadline = new Deadline(server.clock);
    this.#warned = new Deadline(server.clock);
    this.#deadline.set(server.headTimeoutMs, this.#onTooSlow);
  }

  /** @ignore Begins, with what was read from the transport already. Requests in there are given to the handler before it returns. */
  start(readBuf: Uint8Array | null): void {
    this.#driver.run(readBuf);
  }

  /** Resolves when the connection is over and says why; never rejects. */
  get closed(): Promise<Closed> {
    return this.#driver.end.closed;
  }

  /** @ignore Tells once what `closed` tells. */
  tellOver(listener: OverListener): void {
    this.#driver.end.tellOver(listener);
  }

  /** @ignore Why it ends, once that is decided. */
  get why(): Closed | null {
    return this.#driver.end.why;
  }

  /** @ignore What its transport has carried. */
  get traffic(): Traffic {
    return trafficOf(this.#driver.io);
  }

  /** @ignore Tells how the exchange goes that is given to the handler now. */
  tellExchange(listener: ExchangeListener): void {
    this.#begun!.exchange.listener = listener;
  }

  /** @ignore Whether no stream is open. */
  get idle(): boolean {
    return this.#driver.streams.size === 0;
  }

  /**
   * Lets the streams that are open finish, and closes: a GOAWAY that warns, and then one that says which stream was the last (RFC 9113
   * §6.8), after `closeTimeoutMs` at the latest. Idempotent.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Closed> {
    this.#shutDown(false);
    return this.closed;
  }

  #shutDown(now: boolean): void {
    if (this.#driver.end.why !== null) return;
    const { closeTimeoutMs } = this.#settings.server;
    if (now) this.#warned.stop();
    else if (this.#warned.at === Infinity) this.#warned.set(closeTimeoutMs, this.#onIdle);
    this.#machine.shutdown(now || !this.#machine.begun);
    this.#driver.soon();
  }

  /** No time limit counts any more. */
  #stop(): void {
    this.#deadline.stop();
    this.#warned.stop();
    this.#headLimit?.stop();
    this.#host.bodyLimit.stop();
    this.#host.drainLimit.stop();
  }

  /**
   * Ends the connection at once, whatever the handlers are doing; what is under way fails with `reason`. Idempotent.
   */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    this.#driver.end.abort(reason);
  }

  /**
   * @ignore A stream is no transport that could be given away.
   *
   * @throws {StateError} `no-switch`.
   */
  takeOver(): Promise<Parts> {
    return Promise.reject(
      new StateError("no-switch", "Cannot take over: HTTP/2 has other streams on the same transport"),
    );
  }

  /** Aborts what is unfinished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.idle) this.#shutDown(true);
    else this.abort();
    await this.closed;
  }

  #over(streamId: number): void {
    this.#driver.streams.delete(streamId);
    if (this.#driver.streams.size === 0) this.#rest();
  }

  #rest(): void {
    if (this.#driver.end.why === null) this.#deadline.set(this.#settings.server.idleTimeoutMs, this.#onIdle);
  }

  /** Nothing else comes while a head has begun (RFC 9113 §4.3), and no other time limit would count it. */
  #limitHead(): void {
    const { openBlock } = this.#machine;
    if (openBlock === this.#openBlock) return;
    this.#openBlock = openBlock;
    const { headTimeoutMs, clock } = this.#settings.server;
    if (openBlock === 0) this.#headLimit!.clear();
    else (this.#headLimit ??= new Deadline(clock)).set(headTimeoutMs, this.#onHeadTooSlow);
  }

  #tooSlow(message: string): void {
    this.#machine.shutdown(true);
    this.#driver.end.close({ reason: "error", error: new TransportError("timeout", message) });
  }

  #onEvent(event: Http2ServerEvent): void {
    if (event.type === "request") this.#begin(event);
    else if (event.type === "settings" && !this.#greeted) {
      this.#greeted = true;
      this.#rest();
    }
  }

  #begin(event: Http2RequestEvent): void {
    if (this.#abandoned >= this.#settings.limits.maxConcurrentStreams) return this.#refuse(event.streamId);
    let stream: ServerStream;
    try {
      stream = new ServerStream(this.#host, event);
    } catch {
      return this.#refuseTarget(event);
    }
    if (this.idle) this.#deadline.clear();
    this.#driver.streams.add(event.streamId, stream);
    this.#begun = stream;
    stream.exchange.run(this.#handler);
    this.#begun = null;
  }

  /** HTTP/1.1 has no words for the target that a handler could be given: 400, as there. */
  #refuseTarget({ streamId, endStream }: Http2RequestEvent): void {
    this.#machine.sendResponse(streamId, { status: 400, fields: [] }, true);
    if (!endStream) this.#machine.resetStream(streamId, "no-error");
    tellResponse(this.#settings.server, null, 400);
  }

  /**
   * The client has given up so many requests whose handlers go on that it gets no more of them on this connection. Another one
   * begins anew, as over HTTP/1.1, where each such request costs a connection.
   */
  #refuse(streamId: number): void {
    this.#machine.resetStream(streamId, "refused-stream");
    this.#shutDown(false);
  }
}
