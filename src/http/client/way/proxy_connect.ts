/**
 * A tunnel through an HTTP proxy: CONNECT, and a second one when the proxy wants other credentials. `opener.ts` calls it
 * and gives it connections to the proxy; the program's `onProxyChallenge` is asked here, for forwarded requests as well.
 *
 * @module
 */

import { unlessAborted } from "../../../duplex/abort.ts";
import { Http2Error } from "../../../errors/http2_error.ts";
import { TransportError } from "../../../errors/transport_error.ts";
import type { IncomingResponse } from "../../../http1/incoming.ts";
import type { OutgoingRequest } from "../../../http1/outgoing_request.ts";
import { onUpgrade } from "../../../http1/upgrade.ts";
import { UpgradeRejected } from "../../../errors/upgrade_rejected.ts";
import type { Upgraded } from "../../../http1/upgraded.ts";
import { type Field, hasField } from "../../../semantics/fields.ts";
import type { Carrier } from "../carrier.ts";
import type { ClientOptions } from "../options.ts";
import type { Pooled } from "../pool.ts";
import { isFull, type ProxyCarrier, type ProxyConnections } from "../proxy_connections.ts";
import { isSentAgain, wentAway } from "../resend.ts";
import { clientResponse } from "../response.ts";
import type { ProxyServer } from "./proxy_rules.ts";
import type { ProxyWay } from "./route.ts";

/** What it takes to open a tunnel. */
interface TunnelRequest {
  /** Those of the client. */
  readonly connections: ProxyConnections;
  /** The proxy. Its credentials, if its URL has any, are sent with the first request. */
  readonly way: ProxyWay;
  /** The target: `host:port`. */
  readonly authority: string;
  /** Further field lines. */
  readonly fields: readonly Field[];
  /** The client's option. */
  readonly onProxyChallenge: ClientOptions["onProxyChallenge"];
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** What a proxy has answered. */
interface Answer {
  /** The connection that it came on. */
  readonly carrier: Carrier;
  /** Its head. */
  readonly response: IncomingResponse;
}

/** What servers answer that know CONNECT in HTTP/1.1 and not in HTTP/2. */
const UNKNOWN_METHOD: ReadonlySet<number> = new Set([405, 501]);
/** How they reset its stream: without `:path` it is no request for them. */
const UNKNOWN_REQUEST: ReadonlySet<string> = new Set(["protocol", "http-1.1-required"]);

/**
 * Opens a tunnel. A 407 is answered on the same connection if that stays open, else on a new one.
 *
 * @throws {UpgradeRejected} `proxy-refused`; `response` is the proxy's answer. If that came over HTTP/1.1, its connection closes behind it.
 * @throws {TransportError} `reset`: the proxy has reset the stream.
 */
export async function openTunnel(wanted: TunnelRequest): Promise<Upgraded> {
  const { carrier, response } = await answered(wanted);
  if (response.ok) return await onUpgrade(response);
  // Exchanges end before the connection does; what was meant for the tunnel is never sent here (RFC 9931 §4).
  if (carrier.version === "1.1") carrier.connection.gracefulShutdown();
  const { proxy } = wanted.way;
  const answer = answerOf(response, proxy);
  throw new UpgradeRejected("proxy-refused", { status: answer.status, response: answer, proxy: proxy.address });
}

/** What the proxy says in the end. One that knows no CONNECT of HTTP/2 is asked in HTTP/1.1, and from then on, if it knows that. */
async function answered(wanted: TunnelRequest): Promise<Answer> {
  const first = await converse(wanted, false).catch((error: unknown) => failure(error, wanted));
  const { connections, way, signal } = wanted;
  const answers = !(first instanceof Error);
  if (answers && (first.carrier.version === "1.1" || !UNKNOWN_METHOD.has(first.response.status))) return first;
  const second = await converse(wanted, true).catch(() => null);
  signal.throwIfAborted();
  if (second !== null && (second.response.ok || !answers)) {
    connections.noteHttp1(way);
    if (answers) first.response.body.cancel();
    return second;
  }
  if (second !== null) discard(second);
  if (answers) return first;
  throw first;
}

/** The failure of a proxy that may know CONNECT in HTTP/1.1; any other one is thrown. */
function failure(error: unknown, { way, authority }: TunnelRequest): TransportError {
  if (!(error instanceof TransportError) || !(error.cause instanceof Http2Error)) throw error;
  const { code, message, cause } = error;
  const text = `Cannot connect to ${authority} through ${way.proxy.address}: ${message}`;
  const told = new TransportError(code, text, { cause });
  if (UNKNOWN_REQUEST.has(cause.code)) return told;
  throw told;
}

function discard({ carrier, response }: Answer): void {
  response.body.cancel();
  if (carrier.version === "1.1") carrier.connection.gracefulShutdown();
}

/** What the proxy says over one version, to other credentials in the end. */
async function converse(wanted: TunnelRequest, http1: boolean): Promise<Answer> {
  const { way, fields, onProxyChallenge, signal } = wanted;
  const first = await ask(wanted, http1, null, way.proxy.authorization, fields);
  const { carrier, response } = first;
  if (response.status !== 407 || onProxyChallenge === undefined) return first;
  try {
    const answer = await answerChallenge(response, onProxyChallenge, signal);
    if (answer === null) return first;
    response.body.cancel();
    const others = fields.filter(([name]) => name.toLowerCase() !== "proxy-authorization");
    const kept = carrier.version === "1.1" && await carrier.connection.ready().then(() => true, () => false);
    signal.throwIfAborted();
    return await ask(wanted, http1, kept ? { carrier, reused: true } : null, answer, others);
  } catch (error) {
    if (carrier.version === "1.1") carrier.connection.abort(error);
    else response.body.cancel(error);
    throw error;
  }
}

/** What a program answers to a 407; it is not waited for any more when the signal gives up. */
export async function answerChallenge(
  { fields }: IncomingResponse,
  onProxyChallenge: NonNullable<ClientOptions["onProxyChallenge"]>,
  signal: AbortSignal,
): Promise<string | null> {
  signal.throwIfAborted();
  const answer = onProxyChallenge(fields.getAll("proxy-authenticate"));
  return await unlessAborted(Promise.resolve(answer), signal);
}

/**
 * Asks for the tunnel, on the connection that is given or another one. What the proxy has not looked at is asked again, and what was on
 * a kept connection that went away: nothing has come of it.
 */
async function ask(
  { connections, way, authority, signal }: TunnelRequest,
  http1: boolean,
  kept: ProxyCarrier | null,
  authorization: string | null,
  given: readonly Field[],
): Promise<Answer> {
  const fields: Field[] = hasField(given, "host") ? [] : [["host", authority]];
  if (authorization !== null && !hasField(given, "proxy-authorization")) {
    fields.push(["proxy-authorization", authorization]);
  }
  const request: OutgoingRequest = { method: "CONNECT", target: authority, fields: [...fields, ...given] };
  for (let resent = 0;;) {
    const { carrier, reused } = kept ?? await connections.take(way, http1, signal);
    if (carrier.version === "1.1") {
      const response = await askAlone(carrier, request, signal, reused);
      if (response !== null) return { carrier, response };
      kept = null;
      continue;
    }
    if (isFull(carrier)) continue;
    try {
      return { carrier, response: await carrier.connection.send(request, { signal }) };
    } catch (error) {
      const sending = { reused, heard: false, repeatable: true, replayable: true, resent };
      if (signal.aborted || !isSentAgain(carrier, error, sending)) throw error;
      resent++;
    } finally {
      connections.release(carrier);
    }
  }
}

/**
 * A failure on the way ends the connection.
 *
 * @returns `null` if the proxy has closed a connection behind its 407, as many do without a word of it.
 */
async function askAlone(
  carrier: Pooled,
  request: OutgoingRequest,
  signal: AbortSignal,
  reused: boolean,
): Promise<IncomingResponse | null> {
  try {
    return await carrier.connection.send(request, { signal });
  } catch (error) {
    carrier.connection.abort(error);
    if (reused && !signal.aborted && wentAway(carrier, error)) return null;
    throw error;
  }
}

/** It is the proxy's, and so is its URL; that has no credentials. */
function answerOf(response: IncomingResponse, { scheme, address }: ProxyServer): Response {
  const url = new URL(`${scheme}://${address}/`);
  return clientResponse(response, { url, redirected: false, bodiless: false, codings: [], signal: undefined });
}
