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
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { Closed } from "../http1/options.ts";
import type { Handler } from "../http1/server_exchange.ts";
import type { Parts } from "../http1/upgraded.ts";
import { type DriverRole, Http2Driver } from "./driver.ts";
import type { Http2RequestEvent, Http2ServerEvent } from "./machine/events.ts";
import { Http2ServerMachine } from "./machine/server_machine.ts";
import { type Http2ServerConnectionOptions, type Http2ServerSettings, http2ServerSettings } from "./options.ts";
import { ServerStream, type StreamHost } from "./server_stream.ts";

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
  return new Http2ServerConnection(io, handler, http2ServerSettings(options));
}

/** A connection that serves; made by {@linkcode serveConnection}. */
export class Http2ServerConnection implements AsyncDisposable, DriverRole<Http2ServerEvent>, StreamHost {
  /** @ignore The machine. */
  readonly machine: Http2ServerMachine;
  /** @ignore What holds. */
  readonly settings: Http2ServerSettings;
  /** @ignore Runs the machine. */
  readonly driver: Http2Driver<Http2ServerEvent, ServerStream>;
  readonly #handler: Handler;
  /** Limits the wait for the preface and the SETTINGS, and then the time without a stream. */
  readonly #deadline: Deadline;
  readonly #onTooSlow = (): void => {
    this.driver.close({
      reason: "error",
      error: new TransportError("timeout", "The client's SETTINGS did not come in time"),
    });
  };
  readonly #onIdle = (): void => this.#shutDown(true);

  /**
   * Use {@linkcode serveConnection}.
   *
   * @param io The transport.
   * @param handler The handler.
   * @param settings The options, filled in.
   * @param readBuf What was read from the transport already.
   */
  constructor(io: DuplexLike, handler: Handler, settings: Http2ServerSettings, readBuf: Uint8Array | null = null) {
    const { limits, connectProtocol, server } = settings;
    this.machine = new Http2ServerMachine({ limits, connectProtocol });
    this.settings = settings;
    this.#handler = handler;
    this.driver = new Http2Driver<Http2ServerEvent, ServerStream>(io, this.machine, server, this);
    this.#deadline = new Deadline(server.clock);
    this.#deadline.set(server.headTimeoutMs, this.#onTooSlow);
    this.driver.run(readBuf);
  }

  /** Resolves when the connection is over and says why; never rejects. */
  get closed(): Promise<Closed> {
    return this.driver.closed;
  }

  /** @ignore Tells once what `closed` tells. */
  tellOver(listener: OverListener): void {
    this.driver.tellOver(listener);
  }

  /** @ignore Why it ends, once that is decided. */
  get why(): Closed | null {
    return this.driver.why;
  }

  /** @ignore Whether no stream is open. */
  get idle(): boolean {
    return this.driver.streams.size === 0;
  }

  /**
   * Lets the streams that are open finish, and closes: a GOAWAY that warns, and then one that says which stream was the last (RFC 9113
   * §6.8). Idempotent.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Closed> {
    this.#shutDown(false);
    return this.closed;
  }

  #shutDown(now: boolean): void {
    if (this.driver.why !== null) return;
    this.machine.shutdown(now || !this.machine.begun);
    this.driver.soon();
  }

  /**
   * Ends the connection at once, whatever the handlers are doing; what is under way fails with `reason`. Idempotent.
   */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    this.driver.abort(reason);
  }

  /**
   * @ignore A stream is no transport that could be given away.
   *
   * @throws {StateError} `no-switch`.
   */
  takeOver(): Parts {
    throw new StateError("no-switch", "Cannot take over: HTTP/2 has other streams on the same transport");
  }

  /** Aborts what is unfinished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.idle) this.#shutDown(true);
    else this.abort();
    await this.closed;
  }

  /** @ignore See {@linkcode StreamHost}. */
  over(streamId: number): void {
    this.driver.streams.delete(streamId);
    if (this.driver.streams.size === 0) this.#rest();
  }

  #rest(): void {
    if (this.driver.why === null) this.#deadline.set(this.settings.server.idleTimeoutMs, this.#onIdle);
  }

  /** @ignore See {@linkcode DriverRole}. */
  onEvent(event: Http2ServerEvent): void {
    if (event.type === "request") this.#begin(event);
    else if (event.type === "settings" && this.idle) this.#rest();
  }

  /** @ignore See {@linkcode DriverRole}. */
  onTaken(): void {}

  #begin(event: Http2RequestEvent): void {
    if (this.idle) this.#deadline.clear();
    try {
      const stream = new ServerStream(this, event);
      this.driver.streams.set(event.streamId, stream);
      stream.run(this.#handler);
    } catch {
      this.machine.resetStream(event.streamId, "protocol"); // a CONNECT that names no host and port
    }
  }

  /** @ignore See {@linkcode DriverRole}. */
  onOver(): void {
    this.#deadline.stop();
  }
}
