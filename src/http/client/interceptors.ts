/**
 * The interceptors of a client, in their order, and one request on its way through them. `Client` keeps them and begins
 * the exchange behind the last one.
 *
 * @module
 */

import { checkNumber, checkObject, checkSignal, checkString, wrongType } from "../../bytes/arguments.ts";
import { onAbort } from "../../duplex/abort.ts";
import { type Clock, Deadline } from "../../duplex/clock.ts";
import { ignore } from "../../duplex/deferred.ts";
import { StateError } from "../../errors/state_error.ts";
import type { IncomingResponse } from "../../http1/incoming.ts";
import { Fields } from "../../semantics/fields.ts";
import { asClientResponse, giveUp } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import type { Interceptor, InterceptorContext, OriginRequest } from "./interceptor.ts";
import { checkMethod, checkUrl, type ClientRequest } from "./request.ts";
import { isReplayable } from "./request_body.ts";
import type { ClientResponse } from "./response.ts";

/** How a request goes on behind the last interceptor. */
export interface Sending {
  /** Whether redirects led there. */
  readonly redirected: boolean;
  /** The exchange of a request. */
  begin(request: ClientRequest): Exchange;
  /** The response of what came. */
  respond(request: ClientRequest, incoming: IncomingResponse): ClientResponse;
}

/** A request that goes through interceptors. */
export interface Passing {
  /** Sends it through all of them. */
  send(): Promise<ClientResponse>;
  /** Gives up the body of the response, and waits until its connection is free if it has one. */
  discard(response: ClientResponse): Promise<void>;
}

/** Those of one client. */
export class Interceptors {
  readonly #clock: Clock;
  readonly #waits: Set<(reason: unknown) => void> = new Set();
  #list: readonly Interceptor[] = [];
  #closed: { readonly reason: unknown } | null = null;

  /** None yet. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds one behind the others. Requests that are on their way do not meet it. */
  add(interceptor: Interceptor): void {
    this.#list = [...this.#list, interceptor];
  }

  /** Nothing is waited for any more. */
  close(reason: unknown): void {
    this.#closed ??= { reason };
    for (const fail of this.#waits) fail(reason);
  }

  /** The way of a request through all of them. */
  pass(request: ClientRequest, sending: Sending): Passing {
    const passage = new Passage(sending);
    const list = this.#list;
    const context: InterceptorContext = {
      clock: this.#clock,
      get sent() {
        return passage.sent;
      },
      wait: (ms, signal) => this.#wait(ms, signal),
    };
    const handOn = async (request: ClientRequest, index: number): Promise<ClientResponse> => {
      if (index === list.length) return await passage.send(request);
      const next = async (given: OriginRequest) => await handOn(received(given), index + 1);
      const response = await list[index]!(handedOut(request), next, context);
      return asClientResponse(response, request.url, sending.redirected);
    };
    return { send: () => handOn(request, 0), discard: (response) => passage.discard(response) };
  }

  async #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    checkNumber(ms, "ms");
    if (signal !== undefined) checkSignal(signal, "signal");
    signal?.throwIfAborted();
    if (this.#closed !== null) throw this.#closed.reason;
    if (ms === 0) return;
    const deadline = new Deadline(this.#clock);
    let unlisten = ignore;
    let fail: (reason: unknown) => void = ignore;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waits.add(fail = reject);
        unlisten = onAbort(signal, () => reject(signal!.reason));
        deadline.set(ms, resolve);
      });
    } finally {
      deadline.stop();
      unlisten();
      this.#waits.delete(fail);
    }
  }
}

/** One request behind the last interceptor, as often as that sends it. */
class Passage {
  /** See {@linkcode InterceptorContext.sent}. */
  sent = false;
  readonly #sending: Sending;
  /** The streams that are being sent, or were. */
  readonly #spent: Set<unknown> = new Set();
  #last:
    | { readonly response: ClientResponse; readonly incoming: IncomingResponse; readonly exchange: Exchange }
    | null = null;

  constructor(sending: Sending) {
    this.#sending = sending;
  }

  async send(request: ClientRequest): Promise<ClientResponse> {
    const { body } = request;
    const exchange = this.#sending.begin(request);
    if (!isReplayable(body)) {
      if (this.#spent.has(body)) {
        throw new StateError("body-used", "Cannot send the request again: its body is a stream");
      }
      this.#spent.add(body);
    }
    let incoming: IncomingResponse;
    try {
      incoming = await exchange.send();
    } catch (error) {
      if (exchange.sent) this.sent = true;
      else this.#spent.delete(body);
      throw error;
    }
    this.sent = true;
    const response = this.#sending.respond(request, incoming);
    this.#last = { response, incoming, exchange };
    return response;
  }

  async discard(response: ClientResponse): Promise<void> {
    const last = this.#last;
    if (last?.response === response) await last.exchange.discard(last.incoming);
    else giveUp(response);
  }
}

/** What an interceptor gets: it may change it without changing that of others. */
function handedOut({ url, method, fields, body, signal }: ClientRequest): OriginRequest {
  return { url: new URL(url), method, fields: new Fields(fields), body, signal };
}

/**
 * What an interceptor hands on.
 *
 * @throws {TypeError} It is no request, or one that cannot be sent.
 */
function received(request: OriginRequest): ClientRequest {
  checkObject(request, "request");
  // `Headers` of Bun (1.4) has `getAll()` as well.
  if (typeof request.fields?.hasToken !== "function") throw wrongType("request.fields", "Fields", request.fields);
  if (!(request.url instanceof URL)) throw wrongType("request.url", "a URL", request.url);
  checkString(request.method, "request.method");
  const { body, signal } = request;
  if (signal !== undefined) checkSignal(signal, "request.signal");
  const url = checkUrl(new URL(request.url));
  url.username = url.password = "";
  return { url, method: checkMethod(request.method, body), fields: [...request.fields], body, signal };
}
