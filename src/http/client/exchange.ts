/**
 * One request and its answer, over a connection that is taken for it: sent again where a kept connection was gone, or
 * where the answer asks for that. `Client` makes one for each request; it calls `Connections` and the connection's sender.
 *
 * @module
 */

import { quietly } from "../../duplex/deferred.ts";
import { abandonRequest, type IncomingResponse } from "../../http1/incoming.ts";
import type { OutgoingRequest, SendOptions } from "../../http1/outgoing_request.ts";
import { StateError } from "../../errors/state_error.ts";
import { UnsentError } from "../../errors/unsent_error.ts";
import { type Field, Fields, hasField } from "../../semantics/fields.ts";
import { proposalIn } from "../../semantics/switching.ts";
import { socketsPolled } from "../platform.ts";
import { type Carrier, isIdle } from "./carrier.ts";
import { acceptedCodings } from "./codings.ts";
import type { Connections } from "./connections.ts";
import { ExchangeTrace } from "./exchange_trace.ts";
import type { ClientOptions, FetchInit, UpgradeInit } from "./options.ts";
import { type ClientRequest, lacksContent, mayHaveBody, withoutField } from "./request.ts";
import { isReplayable } from "./request_body.ts";
import { IDEMPOTENT, isSentAgain, mustBeFresh, noteKeepAlive, wantsHttp1 } from "./resend.ts";
import { answerChallenge } from "./way/proxy_connect.ts";
import type { Route } from "./way/route.ts";

/** How a request is sent, besides itself. */
export interface ExchangeInit extends SendOptions {
  /** Fields behind the body. */
  readonly trailers: OutgoingRequest["trailers"];
  /** Whether a 200 of no announced length switches. */
  readonly hijack: boolean | undefined;
  /** Whether all but a switch is a refusal: then it may be proposed over HTTP/2, where there is nothing else to ask for. */
  readonly upgrade: boolean;
  /** Whether codings are asked for, and undone. */
  readonly decompress: boolean;
  /** The client's option. */
  readonly onProxyChallenge: ClientOptions["onProxyChallenge"];
}

/** How a request is sent, of what its caller and the client say. */
export function exchangeInit(
  { onInformational, expectContinueTimeoutMs, trailers, hijack }: FetchInit & Pick<UpgradeInit, "hijack">,
  signal: AbortSignal | undefined,
  decompress: boolean | undefined,
  onProxyChallenge: ClientOptions["onProxyChallenge"],
  upgrade: boolean,
): ExchangeInit {
  return {
    signal,
    onInformational,
    continueTimeoutMs: expectContinueTimeoutMs,
    trailers,
    hijack,
    upgrade,
    decompress: decompress ?? true,
    onProxyChallenge,
  };
}

/** One request and its answer. */
export class Exchange {
  readonly #connections: Connections;
  readonly #route: Route;
  readonly #init: ExchangeInit;
  /** Tells how it goes; `null` without a listener. */
  readonly #trace: ExchangeTrace | null;
  #request: ClientRequest;
  #proxyAuthorization: string | null;
  #challenged = false;
  #sent = false;
  #carrier: Carrier | null = null;
  /** How often it was sent again over HTTP/2. */
  #resent = 0;
  /** Whether something came in answer over HTTP/2. */
  #heard = false;
  /** Whether the server wants it over HTTP/1.1. */
  #http1 = false;

  /** Sends nothing yet. The request goes to its URL as it is, with the fields that the way asks for. */
  constructor(connections: Connections, request: ClientRequest, route: Route, init: ExchangeInit) {
    this.#connections = connections;
    this.#request = request;
    this.#route = route;
    this.#init = init;
    const tracing = connections.tracing.active;
    this.#trace = tracing === null ? null : new ExchangeTrace(tracing, request);
    this.#proxyAuthorization = route.forward ? route.proxy!.authorization : null;
  }

  /** Whether something of the request may have reached a server although {@linkcode send} has failed. */
  get sent(): boolean {
    return this.#sent;
  }

  /** Sends the request. Resolves with the head of the answer that is the caller's. */
  send(): Promise<IncomingResponse> {
    const trace = this.#trace;
    if (trace === null) return this.#send();
    this.#request = { ...this.#request, fields: trace.begin(this.#request.fields) };
    return trace.follow(this.#send());
  }

  async #send(): Promise<IncomingResponse> {
    const trace = this.#trace;
    const { signal } = this.#init;
    for (let fresh = false;;) {
      signal?.throwIfAborted();
      const taken = this.#take(fresh);
      const carrier = this.#carrier = taken instanceof Promise ? await taken : taken;
      const reused = carrier.version === "1.1" ? carrier.reused : !(taken instanceof Promise);
      if (trace !== null) trace.take(carrier, this.#route);
      let response: IncomingResponse;
      try {
        // What cannot be sent again is not risked on a connection whose end has come already and was not seen yet.
        if (reused && !this.#repeatable && isIdle(carrier)) await socketsPolled();
        response = await this.#sendOver(carrier);
        // Before it is given back: one whose answer has no content waits for the next request at once.
        if (carrier.version === "1.1") noteKeepAlive(carrier, response);
      } catch (error) {
        if (!(error instanceof UnsentError) || (error.bodyUsed && !isReplayable(this.#request.body))) this.#sent = true;
        if (trace !== null && carrier.version === "1.1") carrier.connection.tellExchange(null);
        if (signal?.aborted === true) throw error;
        fresh = this.#mustBeFresh(carrier, error, reused);
        if (trace !== null) this.#traceRetry(trace, { error });
        continue;
      } finally {
        this.#connections.release(carrier);
      }
      const { status } = response;
      if ((status !== 407 && status !== 417) || !await this.#amends(response)) return response;
      if (trace !== null) this.#traceRetry(trace, { status });
      fresh = false;
    }
  }

  #take(fresh: boolean): Carrier | Promise<Carrier> {
    const route = this.#route;
    const { signal } = this.#init;
    if (this.#http1) return this.#connections.takeHttp1(route, fresh, signal, this.#trace);
    if (route.http2 === "never" || !hasField(this.#request.fields, "upgrade")) {
      return this.#connections.take(route, fresh, signal, this.#trace);
    }
    return this.#isExtendedConnect
      ? this.#connections.takeForUpgrade(route, fresh, signal, this.#trace)
      : this.#connections.takeHttp1(route, fresh, signal, this.#trace);
  }

  /** Whether an extended CONNECT says the same (RFC 8441 §4): it has one protocol, no other method and no body. */
  get #isExtendedConnect(): boolean {
    const { upgrade, hijack } = this.#init;
    const { method, body, fields } = this.#request;
    if (!upgrade || hijack === true || method !== "GET" || body !== null) return false;
    const proposal = proposalIn({ method, target: "/", version: "1.1", fields: new Fields(fields) }, {});
    return proposal.type === "upgrade" && proposal.protocols.length === 1;
  }

  #sendOver(carrier: Carrier): Promise<IncomingResponse> {
    if (carrier.version === "1.1") return carrier.connection.send(this.#message(), this.#init);
    const { onInformational } = this.#init;
    this.#heard = false;
    const init: SendOptions = {
      ...this.#init,
      onInformational: (head) => {
        this.#heard = true;
        onInformational?.(head);
      },
    };
    return carrier.connection.sendTold(this.#message(), init, this.#trace);
  }

  /**
   * How the request goes on that has failed: over a new connection, or over any.
   *
   * @param reused Whether its connection was there before.
   * @throws {unknown} The error, if it is not sent again.
   */
  #mustBeFresh(carrier: Carrier, error: unknown, reused: boolean): boolean {
    const repeatable = this.#repeatable;
    if (carrier.version === "1.1") return mustBeFresh(carrier, error, repeatable);
    const replayable = isReplayable(this.#request.body);
    const untouched = error instanceof UnsentError && !error.bodyUsed;
    this.#http1 = (replayable || untouched) && wantsHttp1(error);
    const failure = { reused, heard: this.#heard, repeatable, replayable, resent: this.#resent };
    if (!this.#http1 && !isSentAgain(carrier, error, failure)) throw error;
    this.#resent++;
    return false;
  }

  #traceRetry(trace: ExchangeTrace, why: Parameters<ExchangeTrace["retry"]>[1]): void {
    this.#request = { ...this.#request, fields: trace.retry(this.#request.fields, why) };
  }

  /**
   * Gives up the answer, and what is left of the request, which may have no end. Waits until the connection is free again,
   * or closed: within `closeTimeoutMs`.
   */
  async discard(response: IncomingResponse): Promise<void> {
    const carrier = this.#carrier!;
    if (carrier.version === "1.1" && isReplayable(this.#request.body)) {
      response.body.cancel();
      // That the server has taken all of it may not be told yet.
      if (!carrier.connection.isReady) await socketsPolled();
    }
    abandonRequest(response, new StateError("done", "The rest of the request is not wanted: it is answered"));
    response.body.cancel();
    if (carrier.version === "1.1") await quietly(() => carrier.connection.ready());
  }

  get #repeatable(): boolean {
    return IDEMPOTENT.has(this.#request.method) && isReplayable(this.#request.body);
  }

  #message(): OutgoingRequest {
    const { method, url, body, fields: own } = this.#request;
    const { host, forward } = this.#route;
    const path = url.pathname + url.search;
    const fields: Field[] = hasField(own, "host") ? [...own] : [["host", host], ...own];
    const codings = hasField(own, "accept-encoding") ? null : acceptedCodings(own, this.#init.decompress);
    if (codings !== null) fields.push(["accept-encoding", codings]);
    if (this.#proxyAuthorization !== null && !hasField(own, "proxy-authorization")) {
      fields.push(["proxy-authorization", this.#proxyAuthorization]);
    }
    const { hijack } = this.#init;
    // They stand behind a body, which these have none of: a redirect may have dropped it, and led elsewhere.
    const trailers = mayHaveBody(method) ? this.#init.trailers : undefined;
    if (trailers === undefined && lacksContent(this.#request)) fields.push(["content-length", "0"]);
    return { method, target: forward ? `http://${host}${path}` : path, fields, body, trailers, hijack };
  }

  /** Whether the request is sent again because of its answer. It has been changed then, and the connection is free. */
  async #amends(response: IncomingResponse): Promise<boolean> {
    this.#sent = true;
    const { body, fields } = this.#request;
    if (!isReplayable(body)) return false;
    if (response.status === 417) {
      if (!hasField(fields, "expect")) return false;
      this.#request = withoutField(this.#request, "expect");
    } else {
      const authorization = await this.#answerChallenge(response);
      if (authorization === null) return false;
      this.#proxyAuthorization = authorization;
      this.#request = withoutField(this.#request, "proxy-authorization");
    }
    await this.discard(response);
    return true;
  }

  /** What the program answers to a 407 of the proxy, once. If it fails, the connection is free again. */
  async #answerChallenge(response: IncomingResponse): Promise<string | null> {
    const { onProxyChallenge, signal } = this.#init;
    if (!this.#route.forward || onProxyChallenge === undefined || this.#challenged) return null;
    this.#challenged = true;
    try {
      return await this.#connections.whileOpen(
        signal,
        (controller) => answerChallenge(response, onProxyChallenge, controller.signal),
      );
    } catch (error) {
      response.body.cancel(error);
      throw error;
    }
  }
}
