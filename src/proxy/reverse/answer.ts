/**
 * From a server's response to the one that the client gets: fields, body, trailers, or the switch of protocols.
 *
 * @module
 */

import { chunkStream } from "../../duplex/chunk_stream.ts";
import type { Clock } from "../../duplex/clock.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { cancelWhenForgotten } from "../../http/client/response.ts";
import type { IncomingRequest, IncomingResponse } from "../../http1/incoming.ts";
import { arrivedBody } from "../../http1/incoming_body.ts";
import { responseSending } from "../../http1/light_response.ts";
import type { OutgoingResponse } from "../../http1/outgoing_response.ts";
import type { Field } from "../../semantics/fields.ts";
import type { UpstreamExchange } from "./exchange.ts";
import { changed } from "./onward.ts";
import type { ReverseProxyOptions, RewriteOptions } from "./options.ts";
import { Relay } from "./relay.ts";
import { type FieldRewrites, locationForClient, responseFields, rewriteFields } from "./response_fields.ts";
import type { TimeLimit } from "../../duplex/time_limit.ts";
import { addSwitchFields, isSwitch } from "./translation.ts";
import { switched } from "./upgrade.ts";
import type { UpstreamServer } from "./upstream.ts";
import type { Asking } from "./upstreams.ts";

/** What a response belongs to. */
export interface Answered {
  /** The server that has sent it. */
  readonly server: UpstreamServer;
  /** What ends when its body pauses too long. */
  readonly exchange: UpstreamExchange;
  /** The request. */
  readonly incoming: IncomingRequest;
  /** The same, for functions of the program. */
  readonly asking: Asking;
}

/** A body that has arrived with its head and is not longer goes on in one piece with it. 64 KiB: as much as one read. */
const MAX_WHOLE_BYTES = 65_536;

/** Makes the responses for clients. */
export class Answers {
  readonly #rewrite: RewriteOptions;
  readonly #rewrites: boolean;
  readonly #silence: TimeLimit;
  readonly #balance: ReverseProxyOptions["balance"];
  readonly #upgraded: { readonly idleTimeoutMs: number; readonly clock: Clock };

  /** Reads the options once. */
  constructor(options: ReverseProxyOptions, silence: TimeLimit, clock: Clock) {
    const { rewrite = {}, balance, upgradedIdleTimeoutMs = 0 } = options;
    this.#rewrite = rewrite;
    this.#rewrites = rewrite.cookieDomain !== undefined || rewrite.cookiePath !== undefined ||
      (rewrite.location ?? false) !== false;
    this.#silence = silence;
    this.#balance = balance;
    this.#upgraded = { idleTimeoutMs: upgradedIdleTimeoutMs, clock };
  }

  /** The response for the client. */
  answer(response: IncomingResponse, answered: Answered): Response | Promise<Response> {
    checkCoding(response, answered.incoming);
    const fields = this.#fields(response, answered);
    if (isSwitch(response)) return switched(answered.incoming, response, fields, this.#upgraded);
    const { status, body } = response;
    // HTTP/2 has no phrases (RFC 9113 §8.3.2): HTTP/1.1 gets the registered one.
    const reason = response.version === "2" ? undefined : response.reason;
    if (body.framing.type === "none") return responseSending({ status, reason, fields }, () => null);
    const whole = keepsFraming(response, answered.incoming) ? arrivedBody(body, MAX_WHOLE_BYTES) : null;
    if (whole !== null) {
      const stream = () => new Response(whole as Uint8Array<ArrayBuffer>).body;
      return responseSending({ status, reason, fields, body: whole }, stream);
    }
    return this.#streamed({ status, reason, fields }, response, answered);
  }

  #streamed(head: OutgoingResponse, response: IncomingResponse, answered: Answered): Response {
    const { body } = response;
    const { server, exchange } = answered;
    if (this.#balance === "least-connections") countUntilOver(server, body.trailers);
    const relay = this.#silence.set
      ? new Relay(body, { silence: this.#silence, onPause: () => exchange.expired(), maxBytes: Infinity })
      : null;
    const trailers = mayHaveTrailers(response, answered.incoming) ? () => body.trailers : undefined;
    const message = { ...head, body: relay ?? body, trailers, unannouncedTrailers: true };
    // Not the body's own stream: the body is kept until the response is forgotten, and its stream would keep that.
    const stream = () => relay?.stream ?? chunkStream(() => body.read(), (reason) => body.cancel(reason));
    const sent = responseSending(message, stream);
    cancelWhenForgotten(sent, body);
    return sent;
  }

  #fields(response: IncomingResponse, { server, incoming, asking }: Answered): Field[] {
    const fields = responseFields(response);
    if (isSwitch(response)) addSwitchFields(incoming, response, fields);
    if (this.#rewrites) rewriteFields(fields, this.#fieldRewrites(server, incoming, asking));
    const { responseHeaders } = this.#rewrite;
    return responseHeaders === undefined ? fields : changed(fields, responseHeaders, asking);
  }

  #fieldRewrites(server: UpstreamServer, incoming: IncomingRequest, { request, info }: Asking): FieldRewrites {
    const { cookieDomain, cookiePath, location } = this.#rewrite;
    if (typeof location === "function") {
      return { cookieDomain, cookiePath, location: (value) => location(value, request, info) };
    }
    if (location !== true) return { cookieDomain, cookiePath, location: null };
    const host = incoming.authority;
    const ends = {
      server: server.url,
      hosts: [host],
      basePath: server.basePath,
      origin: `${info.tls === null ? "http" : "https"}://${host}`,
    };
    return { cookieDomain, cookiePath, location: (value) => locationForClient(value, ends) };
  }
}

/**
 * Refuses a transfer coding that the client could not undo: one that hides where the chunks end (RFC 9112 §6.1), or any that
 * is more than chunks, for a client of HTTP/1.0.
 *
 * @throws {ProtocolError} `bad-transfer-encoding`.
 */
export function checkCoding({ fields, body }: IncomingResponse, { version }: IncomingRequest): void {
  if (body.framing.type === "none" || !fields.has("transfer-encoding")) return;
  const codings = fields.list("transfer-encoding");
  const chunks = codings.filter((coding) => coding.toLowerCase() === "chunked").length;
  const plain = chunks === (body.framing.type === "chunked" ? 1 : 0);
  if (plain && (version === "1.1" || codings.length === chunks)) return;
  const error = new ProtocolError(
    "bad-transfer-encoding",
    "Cannot pass on the response: its codings",
    "RFC 9112 §6.1",
    502,
  );
  body.cancel(error);
  throw error;
}

/** HTTP/2 has them behind any body (RFC 9113 §8.1), HTTP/1.1 behind chunks. */
function mayHaveTrailers({ version, body: { framing } }: IncomingResponse, incoming: IncomingRequest): boolean {
  return framing.type === "chunked" || (version === "2" && incoming.version === "2");
}

/** Whether the client's body is delimited as the server's is: else its head would depend on how much has arrived. */
function keepsFraming({ version, body: { framing } }: IncomingResponse, incoming: IncomingRequest): boolean {
  return framing.type === "length" || (framing.type === "chunked" && version !== "2" && incoming.version === "1.1");
}

/** A response that goes on for long keeps its server busy. */
function countUntilOver(server: UpstreamServer, over: Promise<unknown>): void {
  server.active++;
  const end = (): void => void server.active--;
  over.then(end, end);
}
