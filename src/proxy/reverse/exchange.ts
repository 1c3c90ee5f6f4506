/**
 * One request to one server: over a connection that waits in the pool, or a new one, and as far as the head of the
 * response. `reverse_proxy.ts` makes one for each attempt. The body of the response is read by whoever sends it on.
 *
 * @module
 */

import type { DuplexLike } from "../../duplex/duplex.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { UnsentError } from "../../errors/unsent_error.ts";
import { partsOf } from "../../http/client/client.ts";
import { ExchangeTrace } from "../../http/client/exchange_trace.ts";
import type { Pooled } from "../../http/client/pool.ts";
import { IDEMPOTENT, mustBeFresh, noteKeepAlive } from "../../http/client/resend.ts";
import { socketsPolled } from "../../http/platform.ts";
import type { IncomingRequest, IncomingResponse } from "../../http1/incoming.ts";
import type { OutgoingRequest } from "../../http1/outgoing_request.ts";
import type { Owned } from "../../http1/owned.ts";
import { type Field, fieldList } from "../../semantics/fields.ts";
import type { ResponseHead } from "../../semantics/message.ts";
import type { ProxyPhase } from "../proxy_failure.ts";
import type { TimeLimit, Wait, Waiting } from "../../duplex/time_limit.ts";
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
  #pooled: Pooled | null = null;
  #connecting: AbortController | null = null;
  #left: { readonly reason: unknown } | null = null;

  /** Sends nothing yet. */
  constructor(server: Origin, incoming: IncomingRequest, manner: ExchangeManner) {
    this.#server = server;
    this.#incoming = incoming;
    this.#manner = manner;
  }

  /** What the connection is spoken over; `null` as long as there is none. */
  get io(): DuplexLike | null {
    return this.#pooled?.io ?? null;
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
    for (let fresh = false;;) {
      const { connections } = partsOf(client);
      const pooled = fresh ? null : connections.takeKept(route);
      this.#pooled = pooled ?? await this.#open(fresh, trace);
      if (trace !== null) trace.take(this.#pooled, route);
      try {
        return await this.#sendOver(this.#pooled, message, repeatable);
      } catch (error) {
        if (trace !== null) this.#pooled.connection.tellExchange(null);
        if (this.#left !== null) throw this.#left.reason;
        fresh = mustBeFresh(this.#pooled, error, repeatable);
        if (trace !== null) message = { ...message, fields: trace.retry(fieldList(message.fields), { error }) };
      } finally {
        this.#manner.firstByte.end(this);
        connections.release(this.#pooled);
      }
    }
  }

  async #open(fresh: boolean, trace: ExchangeTrace | null): Promise<Pooled> {
    this.phase = "connecting";
    const controller = this.#connecting = new AbortController();
    if (this.#left !== null) throw this.#left.reason;
    const { connections } = partsOf(this.#server.client);
    const pooled = await connections.takeHttp1(this.#server.route, fresh, controller.signal, trace);
    this.#connecting = null;
    return pooled;
  }

  async #sendOver(pooled: Pooled, message: OutgoingRequest, repeatable: boolean): Promise<IncomingResponse> {
    // What cannot be sent again is not risked on a connection whose end has come already and was not seen yet.
    if (pooled.reused && !repeatable) await socketsPolled();
    if (this.#left !== null) throw this.#left.reason;
    this.phase = "waiting";
    this.#manner.firstByte.begin(this);
    const response = await pooled.connection.send(message, { onInformational: this.#onInformational });
    noteKeepAlive(pooled, response);
    return this.#response = response;
  }

  /** A 1xx goes on, but to clients that do not know it (RFC 9110 §15.2). */
  readonly #onInformational = (head: ResponseHead): void => {
    const { version } = this.#incoming;
    if (version !== "1.0") this.#incoming.sendInformational(head.status, this.#manner.fieldsBack(head));
  };

  /** The client has left: what is under way for it ends. */
  abort(reason: unknown): void {
    this.#left ??= { reason };
    this.#connecting?.abort(reason);
    this.#cut(reason);
  }

  /** See {@linkcode Waiting}. While the client still sends, it is not the server that is waited for. */
  expired(): void {
    if (this.#response === null && !this.#incoming.body.over) return this.#manner.firstByte.begin(this);
    const what = this.#response === null ? "answer" : "go on";
    this.#cut(new TransportError("timeout", `${this.#server.host} did not ${what} in time`));
  }

  /** Ends the connection, unless it serves others already. */
  #cut(reason: unknown): void {
    if (this.#response?.body.over === true) return;
    this.#pooled?.connection.abort(reason);
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
