/**
 * The life of a server's connection: it waits for heads, runs an exchange for each, and ends. `serveConnection()` makes
 * it; `server_exchange.ts` answers one request, and `connection_phase.ts` says what may follow what.
 *
 * It reads where exactly one of three needs bytes: the wait for a head, the reader of a body, the drain of an unwanted
 * one. Behind a request that proposes a switch nothing is read until the answer is decided.
 *
 * @module
 */

import { checkFunction, checkObject } from "../bytes/arguments.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import type { OverListener } from "../duplex/held_channel.ts";
import { closeBehindPeer, linger } from "../duplex/linger.ts";
import { isUnsaidEnd } from "../duplex/tls_end.ts";
import { type Traffic, trafficOf } from "../duplex/traffic.ts";
import { headCost, MESSAGE_COST } from "../duplex/turn.ts";
import { sentInTime } from "../duplex/write_limit.ts";
import { ProtocolError } from "../errors/protocol_error.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { ExchangeListener } from "./exchange_listener.ts";
import type { IncomingRequest } from "./incoming.ts";
import type { RequestEvent } from "./machine/server_machine.ts";
import { type Closed, type ServerConnectionOptions, type ServerSettings, serverSettings } from "./options.ts";
import type { Parts } from "./parts.ts";
import { ServerCore } from "./server_core.ts";
import { type Handler, type Next, ServerExchange } from "./server_exchange.ts";

export type { Handler } from "./server_exchange.ts";

const SHUTDOWN: Closed = { reason: "shutdown" };

/**
 * Serves HTTP/1.1 over any pair of byte streams, until one side closes or a response switches protocols.
 *
 * @param io The transport. It is this connection's until it is closed, handed over or given back.
 * @param handler Called for one request after the other.
 * @param options What to do differently.
 * @returns The connection, which is running already.
 * @throws {TypeError} `io` is no pair of streams, or one of them is locked; `handler` is no function, or an option of
 * another kind. `io` is untouched.
 * @throws {RangeError} A number is below 0 or NaN. `io` is untouched.
 *
 * @example
 * ```ts
 * import { duplexPair, serveConnection } from "@http-upgrade/http-upgrade";
 * import { assertMatch } from "@std/assert";
 *
 * const [client, server] = duplexPair();
 * serveConnection(server, (request) => ({ status: 200, body: `you asked for ${request.target}` }));
 * await client.write(new TextEncoder().encode("GET /tea HTTP/1.1\r\nHost: a\r\n\r\n"));
 * assertMatch(new TextDecoder().decode((await client.read())!), /^HTTP\/1\.1 200 OK\r\n.*\/tea$/s);
 * await client.close();
 * ```
 */
export function serveConnection(
  io: DuplexLike,
  handler: Handler,
  options?: ServerConnectionOptions,
): ServerConnection {
  checkFunction(handler, "handler");
  return new ServerConnection(io, handler, serverSettings(options));
}

/** A connection that serves; made by {@linkcode serveConnection}. */
export class ServerConnection implements AsyncDisposable {
  readonly #core: ServerCore;
  readonly #handler: Handler;
  /** Goes on with the transport if its client begins with the preface of HTTP/2. */
  #onPreface: ((readBuf: Uint8Array) => void) | null = null;
  /** The exchange at hand, or the last one if the connection ends with it. */
  #exchange: ServerExchange | null = null;

  /**
   * Use {@linkcode serveConnection}.
   *
   * @param io The transport.
   * @param handler The handler.
   * @param settings The options, filled in.
   */
  constructor(io: DuplexLike, handler: Handler, settings: ServerSettings) {
    this.#core = new ServerCore(io, settings, (why) => this.#close(why));
    this.#handler = handler;
    this.#core.limitHead();
    this.#serve();
  }

  /** Resolves when the connection is over and says why; never rejects. */
  get closed(): Promise<Closed> {
    return this.#core.closed;
  }

  /**
   * Tells once what `closed` tells. Internal.
   *
   * @ignore
   */
  tellOver(listener: OverListener): void {
    this.#core.tellOver(listener);
  }

  /**
   * Tells how exchanges go from now on. Internal.
   *
   * @ignore
   */
  tellExchanges(listener: ExchangeListener): void {
    this.#core.listener = listener;
  }

  /**
   * Hands the transport over to HTTP/2 if its client begins with the preface of that, instead of closing it. Internal.
   *
   * @param take Gets what was read.
   *
   * @ignore
   */
  tellPreface(take: (readBuf: Uint8Array) => void): void {
    this.#onPreface = take;
  }

  /**
   * What its transport has carried. Internal.
   *
   * @ignore
   */
  get traffic(): Traffic {
    return trafficOf(this.#core.wire.io);
  }

  /**
   * Why it ends, once that is decided. Internal.
   *
   * @ignore
   */
  get why(): Closed | null {
    return this.#core.why;
  }

  /**
   * Finishes the exchange at hand, saying `Connection: close`, and closes; an idle connection closes at once. A
   * connection that has switched, or is over, is left alone. Idempotent.
   *
   * @returns Resolves when the connection is over.
   */
  gracefulShutdown(): Promise<Closed> {
    const core = this.#core;
    core.machine.disableKeepAlive();
    if (this.idle) core.close(SHUTDOWN);
    else if (core.phase === "exchange") core.enter("last");
    return this.closed;
  }

  /**
   * Whether nothing has come of the next request. Internal.
   *
   * @ignore
   */
  get idle(): boolean {
    const { phase } = this.#core;
    return phase === "new" || phase === "idle";
  }

  /**
   * Serves on until HTTP is over, and then gives the transport back instead of closing it: after a switch, or after the
   * last response. Upgrades are not delivered to anybody else then.
   *
   * @returns The transport and the bytes that were read beyond HTTP.
   * @throws {StateError} `already-taken` or `closed`: the connection is over already.
   * @throws {unknown} What the connection failed with; its transport is closed then.
   */
  withoutShutdown(): Promise<Parts> {
    return this.#core.parts.claim(this.#core.over);
  }

  /**
   * The transport and the bytes read beyond HTTP, once `withoutShutdown()` has resolved.
   *
   * @throws {StateError} `busy`: HTTP is not over, or the transport went elsewhere.
   */
  intoParts(): Parts {
    return this.#core.parts.take();
  }

  /**
   * Gives the transport to the handler of the request at hand, with nothing written in answer. What the handler returns
   * is not sent from this call on. An unread body is part of `readBuf`; a read of it that is pending is taken back, and
   * rejects.
   *
   * @param request The request that is being handled.
   * @throws {StateError} `done`: it is not, or its response was decided; `busy`: a read is pending that cannot be taken
   * back.
   */
  async takeOver(request: IncomingRequest): Promise<Parts> {
    checkObject(request, "request");
    const core = this.#core;
    const exchange = this.#exchange;
    if (exchange?.request !== request || !core.machine.canRespond || core.why !== null) {
      throw new StateError("done", "Cannot take over: the request is not being handled any more");
    }
    core.wire.withdraw();
    if (core.wire.channel.keepsReading === true) throw new StateError("busy", "Cannot take over: a read is pending");
    // Those that `pipelineFlush` has gathered answer the requests before.
    const answered = core.outlet.flush();
    core.stop();
    core.finish("handed-over", { reason: "upgrade" });
    exchange.takenOver();
    // A client may read nothing. What the transport does not take, its new owner learns.
    if (answered !== undefined) await sentInTime(answered, core.settings, core.wire);
    await core.wire.reclaim();
    return await core.reclaimed();
  }

  /**
   * Ends the connection at once, whatever the handler is doing; what is under way fails with `reason`. Idempotent;
   * without effect after a switch and once the transport was given back.
   */
  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    this.#core.abort(reason);
  }

  /** Aborts what is unfinished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.idle) this.gracefulShutdown();
    else if (this.#core.why === null) this.abort();
    await this.closed;
  }

  /** Serves until the connection is to end; one function, as each `async` one costs a connection two promises. */
  async #serve(): Promise<void> {
    const core = this.#core;
    const { machine, wire, outlet, settings } = core;
    try {
      while (core.why === null) {
        const event = machine.next();
        if (event.type === "need-data") {
          // Only responses that were gathered wait here.
          const written = settings.pipelineFlush ? outlet.flush() : undefined;
          if (written !== undefined) await written;
          if (core.why !== null) break;
          if (!core.awaitHead()) return core.close(SHUTDOWN);
          const chunk = await wire.readShared();
          core.receive(chunk); // also where the connection ends by now: it may be given back with that
          if (core.why !== null) break;
          if (chunk !== null) wire.turn.spend(headCost(chunk.length));
        } else if (event.type === "request") {
          const outcome = this.#answer(event);
          if ((typeof outcome === "string" ? outcome : await outcome) === "last") return core.close(SHUTDOWN);
          if (core.why !== null) break;
          this.#exchange = null;
          if (core.listener !== null) core.listener.onExchangeOver(null);
          if (wire.turn.spend(MESSAGE_COST)) await this.#rest();
        } else {
          return core.close({ reason: "eof" });
        }
      }
      core.close(core.why!);
    } catch (error) {
      this.#failed(error);
    }
  }

  #answer(event: RequestEvent): Next | Promise<Next> {
    const core = this.#core;
    core.deadline.clear();
    if (core.phase !== "last") core.enter("exchange");
    this.#exchange = new ServerExchange(core, event);
    return this.#exchange.run(this.#handler);
  }

  /** Lets other connections have their turn. What was answered does not wait for that. */
  async #rest(): Promise<void> {
    await this.#core.outlet.flush();
    await this.#core.wire.turn.rest();
  }

  /** The peer broke the protocol, or the transport failed. */
  #failed(error: unknown): void {
    const core = this.#core;
    const isPreface = error instanceof ProtocolError && error.code === "http2-preface";
    if (isPreface && this.#onPreface !== null && this.#exchange === null && this.#beginning) {
      return this.#handOverPreface(this.#onPreface);
    }
    if (core.why === null && error instanceof ProtocolError && !isPreface) {
      core.refuseAndClose(this.#exchange?.request ?? null, error.status, error);
    } else if (this.idle && isUnsaidEnd(error)) {
      core.peerEnded = true;
      core.close({ reason: "eof" }); // RFC 9112 §9.8: a client knows where its responses end
    } else {
      core.close({ reason: "error", error });
    }
  }

  /** Whether nothing but what is read now has come. */
  get #beginning(): boolean {
    const { phase } = this.#core;
    return phase === "new" || phase === "head";
  }

  #handOverPreface(take: (readBuf: Uint8Array) => void): void {
    const core = this.#core;
    core.stop();
    core.dropListener();
    core.finish("handed-over", { reason: "upgrade" });
    take(core.machine.takeTrailing().bytes);
  }

  /** Ends what is under way, wherever it stands: a handler may never come back. */
  async #close(why: Closed): Promise<void> {
    const core = this.#core;
    const { machine, parts, wire } = core;
    const failed = why.reason === "error";
    core.stop();
    this.#exchange?.stop(failed);
    if (core.listener !== null) core.listener.onExchangeOver(why);
    if (parts.wanted) {
      if (!failed && this.#canGiveParts && await core.giveParts(why)) return;
      parts.refuse(core.cause);
    }
    if (machine.endsByClose && machine.responding) wire.abort(core.cause);
    if (!core.peerEnded) await linger(wire, core.settings);
    else if (!wire.closeAtOnce()) await closeBehindPeer(wire, core.settings);
    core.finish("closed", why);
  }

  /** Whether all that was read from the transport belongs to complete messages, or to what comes behind HTTP. */
  get #canGiveParts(): boolean {
    const { machine, wire } = this.#core;
    return !wire.ended && (this.#exchange === null || (machine.requestComplete && !machine.endsByClose));
  }
}
