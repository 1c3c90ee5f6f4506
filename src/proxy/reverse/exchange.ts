/**
 * One request to one server: over a connection that waits in the pool, a new one, or a stream of HTTP/2, and as far as the head
 * of the response. `reverse_proxy.ts` makes one for each attempt. Its owner reads the body of the response.
 *
 * @module
 */

import type { DuplexLike } from "../../duplex/duplex.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { UnsentError } from "../../errors/unsent_error.ts";
import { type Carrier, isIdle } from "../../http/client/carrier.ts";
import { partsOf } from "../../http/client/client.ts";
import type { Connections } from "../../http/client/connections.ts";
import { ExchangeTrace } from "../../http/client/exchange_trace.ts";
import type { Pooled } from "../../http/client/pool.ts";
import { IDEMPOTENT, isSentAgain, mustBeFresh, noteKeepAlive, wantsHttp1 } from "../../http/client/resend.ts";
import type { Shared } from "../../http/client/shared_pool.ts";
import { socketsPolled } from "../../http/platform.ts";
import type { IncomingRequest, IncomingResponse } from "../../http1/incoming.ts";
import type { ByteSource } from "../../http1/outgoing_body.ts";
import type { OutgoingRequest } from "../../http1/outgoing_request.ts";
import type { Owned } from "../../http1/owned.ts";
import { type Field, fieldList, hasField } from "../../semantics/fields.ts";
import type { ResponseHead } from "../../semantics/message.ts";
import type { ProxyPhase } from "../proxy_failure.ts";
import type { TimeLimit, Wait, Waiting } from "../../duplex/time_limit.ts";
import { type Awaited, BodyRefused } from "./relay.ts";
import { Replay } from "./replay.ts";
import { saysExtendedConnect } from "./translation.ts";
import type { UpstreamServer } from "./upstream.ts";

/** As much of a server as is needed to send to it. */
export type Origin = Pick<UpstreamServer, "client" | "route" | "host" | "secure">;

/** What holds for all exchanges with servers. */
export interface ExchangeManner {
  /** How long the head of a response may take. */
  readonly firstByte: TimeLimit;
  /** The fields of a 1xx that go on. */
  readonly fieldsBack: (head: ResponseHead) => Field[];
}

/** Over which versions a request may go. */
type Versions = "1.1" | "any" | "any for an upgrade";

/** One attempt. */
export class UpstreamExchange implements Owned, Waiting {
  /** See {@linkcode Waiting}. */
  waits: Wait | null = null;
  /** How far it has come. */
  phase: ProxyPhase = "connecting";
  readonly #server: Origin;
  readonly #incoming: IncomingRequest;
  readonly #manner: ExchangeManner;
  #response: IncomingResponse | null = null;
  #carrier: Carrier | null = null;
  /** Ends what is being opened, and a stream of HTTP/2. */
  #controller: AbortController | null = null;
  #left: { readonly reason: unknown } | null = null;
  #versions: Versions = "1.1";
  /** Whether a 1xx has come. */
  #heard = false;
  /** How often it was sent again over HTTP/2. */
  #resent = 0;
  /** Its body, once it goes over HTTP/2. */
  #replay: Replay | null = null;

  /** Sends nothing yet. */
  constructor(server: Origin, incoming: IncomingRequest, manner: ExchangeManner) {
    this.#server = server;
    this.#incoming = incoming;
    this.#manner = manner;
  }

  /** What the connection is spoken over; `null` as long as there is none. */
  get io(): DuplexLike | null {
    return this.#carrier?.io ?? null;
  }

  /** Why it was given up, if it was. */
  get left(): { readonly reason: unknown } | null {
    return this.#left;
  }

  /**
   * Sends a request as it is, and waits for the head of the response.
   *
   * @param message The request for a server of that way.
   * @throws {unknown} What connecting, sending or receiving fails with; the reason of {@linkcode abort}.
   */
  send(message: OutgoingRequest): Promise<IncomingResponse> {
    const tracing = partsOf(this.#server.client).connections.tracing.active;
    if (tracing === null) return this.#send(message, null);
    const { method } = message;
    const trace = new ExchangeTrace(tracing, { method, url: urlOf(this.#server, message) });
    const fields = trace.begin(fieldList(message.fields));
    return trace.follow(this.#send({ ...message, fields }, trace));
  }

  async #send(message: OutgoingRequest, trace: ExchangeTrace | null): Promise<IncomingResponse> {
    const { route, client } = this.#server;
    const repeatable = IDEMPOTENT.has(message.method) && (message.body ?? null) === null;
    if (route.http2 !== "never") this.#versions = this.#versionsFor(message);
    for (let fresh = false;;) {
      const { connections } = partsOf(client);
      const taken = this.#take(connections, fresh, trace);
      const carrier = this.#carrier = taken instanceof Promise ? await taken : taken;
      if (trace !== null) trace.take(carrier, route);
      const reused = carrier.version === "1.1" ? carrier.reused : !(taken instanceof Promise);
      try {
        // What cannot be sent again is not risked on a connection whose end has come already and was not seen yet.
        if (reused && !repeatable && isIdle(carrier)) await socketsPolled();
        if (this.#left !== null) throw this.#left.reason;
        this.phase = "waiting";
        this.#manner.firstByte.begin(this);
        return this.#response = carrier.version === "1.1"
          ? await this.#sendOver(carrier, message)
          : await this.#sendShared(carrier, message, trace);
      } catch (error) {
        if (trace !== null && carrier.version === "1.1") carrier.connection.tellExchange(null);
        if (this.#left !== null) throw this.#left.reason;
        fresh = this.#mustBeFresh(carrier, error, { reused, repeatable });
        if (trace !== null) message = { ...message, fields: trace.retry(fieldList(message.fields), { error }) };
      } finally {
        this.#manner.firstByte.end(this);
        connections.release(carrier);
      }
    }
  }

  /** Requests stay with the version that they came over, unless the program has said otherwise. */
  #versionsFor(message: OutgoingRequest): Versions {
    const { options } = partsOf(this.#server.client);
    if (options.http2 === undefined && this.#incoming.version !== "2") return "1.1";
    if (!hasField(fieldList(message.fields), "upgrade")) return "any";
    return saysExtendedConnect(this.#incoming, message) ? "any for an upgrade" : "1.1";
  }

  #take(connections: Connections, fresh: boolean, trace: ExchangeTrace | null): Carrier | Promise<Carrier> {
    const { route } = this.#server;
    const kept = fresh || this.#versions !== "1.1" ? null : connections.takeKept(route);
    if (kept !== null) return kept;
    if (this.#left !== null) throw this.#left.reason;
    this.phase = "connecting";
    const { signal } = this.#controller ??= new AbortController();
    if (this.#versions === "1.1") return connections.takeHttp1(route, fresh, signal, trace);
    return this.#versions === "any"
      ? connections.take(route, fresh, signal, trace)
      : connections.takeForUpgrade(route, fresh, signal, trace);
  }

  async #sendOver(pooled: Pooled, message: OutgoingRequest): Promise<IncomingResponse> {
    if (this.#replay !== null) message = { ...message, body: this.#replay.attempt() };
    const response = await pooled.connection.send(message, { onInformational: this.#onInformational });
    noteKeepAlive(pooled, response);
    return response;
  }

  async #sendShared(
    { connection }: Shared,
    message: OutgoingRequest,
    trace: ExchangeTrace | null,
  ): Promise<IncomingResponse> {
    const { signal } = this.#controller!;
    const options = { signal, onInformational: this.#onInformational };
    const response = await connection.sendTold(this.#inHttp2(message), options, trace);
    this.#replay?.forget();
    return response;
  }

  /** Its body may have to be sent again, and have trailers behind any length (RFC 9113 §8.1). */
  #inHttp2(message: OutgoingRequest): OutgoingRequest {
    if ((message.body ?? null) === null) return message;
    const { version, body } = this.#incoming;
    this.#replay ??= new Replay(message.body as ByteSource);
    const trailers = version === "2" ? () => body.trailers : message.trailers;
    return { ...message, body: this.#replay.attempt(), trailers };
  }

  /**
   * Whether a request that has failed is sent again over a new connection, or over any. What a server of HTTP/2 has not looked at is sent
   * again, and over HTTP/1.1 what it wants so.
   *
   * @throws {unknown} The error, if it is not sent again.
   */
  #mustBeFresh(
    carrier: Carrier,
    error: unknown,
    { reused, repeatable }: { readonly reused: boolean; readonly repeatable: boolean },
  ): boolean {
    try {
      if (carrier.version === "1.1") return mustBeFresh(carrier, error, repeatable);
      const replayable = this.#replay === null || this.#replay.whole;
      if (replayable && wantsHttp1(error)) this.#versions = "1.1";
      else {
        const failure = { reused, heard: this.#heard, repeatable, replayable, resent: this.#resent };
        if (!isSentAgain(carrier, error, failure)) throw error;
        this.#resent++;
      }
      return false;
    } catch (error) {
      if (this.#incoming.body.used) this.#replay?.cancel(error);
      throw error;
    }
  }

  /** A 1xx goes on, but to clients that do not know it (RFC 9110 §15.2). */
  readonly #onInformational = (head: ResponseHead): void => {
    const { version } = this.#incoming;
    this.#heard = true;
    if (version !== "1.0") this.#incoming.sendInformational(head.status, this.#manner.fieldsBack(head));
  };

  /** The client has left: what is under way for it ends. */
  abort(reason: unknown): void {
    this.#left ??= { reason };
    this.#cut(reason);
  }

  /** See {@linkcode Waiting}. While the client still sends, it is not the server that is waited for. */
  expired(): void {
    if (this.#response === null && !this.#incoming.body.over) return this.#manner.firstByte.begin(this);
    const what = this.#response === null ? "answer" : "go on";
    this.#cut(new TransportError("timeout", `${this.#server.host} did not ${what} in time`));
  }

  /** The body of the request has paused for too long. Once there is a response, that has limits of its own. */
  uploadPaused(awaited: Awaited): void {
    if (this.#response !== null) return;
    const error = awaited === "source"
      ? new BodyRefused(408, "The client has paused for too long within its request")
      : new TransportError("timeout", `${this.#server.host} did not take the request in time`);
    this.#cut(error);
  }

  /** Ends the stream, or the connection unless it serves others already. */
  #cut(reason: unknown): void {
    this.#controller?.abort(reason);
    if (this.#carrier?.version !== "1.1" || this.#response?.body.over === true) return;
    this.#carrier.connection.abort(reason);
  }
}

/** What a request is for, to those who trace. */
function urlOf({ host, secure }: Origin, { target }: OutgoingRequest): URL {
  const base = `${secure ? "https" : "http"}://${host}`;
  return new URL(target.startsWith("/") ? base + target : target, base);
}

/** Whether a request that has failed can be sent to another server. */
export function mayTryAnother(incoming: IncomingRequest, phase: ProxyPhase, error: unknown): boolean {
  if (incoming.body.used) return false;
  if (phase === "connecting" || error instanceof UnsentError) return true;
  return SAFE.has(incoming.method) && incoming.body.framing.type === "none";
}

/** RFC 9110 §9.2.1: what asks for no change. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);
