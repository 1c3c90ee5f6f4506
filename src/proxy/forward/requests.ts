/**
 * Requests for `http://host/path`, and those inside of a tunnel that is looked into: to an origin that rules allow, over
 * connections that are kept, and back. What passes is what `reverseProxy()` passes, byte for byte.
 *
 * @module
 */

import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import { cancelWhenForgotten } from "../../http/client/response.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import { isDeparture } from "../../http1/failure.ts";
import { endWithClient, type IncomingRequest, type IncomingResponse } from "../../http1/incoming.ts";
import { hasFailed } from "../../http1/incoming_body.ts";
import { responseSending } from "../../http1/light_response.ts";
import type { OutgoingRequest } from "../../http1/outgoing_request.ts";
import { onUpgrade, upgradeOf } from "../../http1/upgrade.ts";
import { type Field, Fields } from "../../semantics/fields.ts";
import type { ResponseHead } from "../../semantics/message.ts";
import { forwardsLeft } from "../max_forwards.ts";
import { checkCoding } from "../reverse/answer.ts";
import { UpstreamExchange } from "../reverse/exchange.ts";
import { addCoding, addWebSocketKey, checkWebSocketAccept, looksLikeSwitch } from "../reverse/translation.ts";
import { lastHop } from "../reverse/refusal.ts";
import { offeredOnward, onwardTarget, requestFields } from "../reverse/request_fields.ts";
import { responseFields } from "../reverse/response_fields.ts";
import type { TimeLimit } from "../../duplex/time_limit.ts";
import { hasPassed, viaField } from "../via.ts";
import type { Exchange } from "./audit.ts";
import { CountedBody } from "./counted.ts";
import { decideName, type Rules } from "./decide.ts";
import { admit, type Admitted, askedOf, clientAddress, noteRefusal, questionOf, type Ways } from "./gate.ts";
import { authorityText, hostText } from "./host.ts";
import type { Identity } from "./identity.ts";
import { copy } from "./copy.ts";
import type { TunnelCount } from "./limits.ts";
import type { Manner, Origin, Origins } from "./origins.ts";
import { Refusal, refusalBy, refusalFor, refusalResponse } from "./refusal.ts";

/** What requests share. */
export interface RequestHouse extends Ways {
  /** What the proxy calls itself. */
  readonly name: string;
  readonly count: TunnelCount;
  readonly origins: Origins;
  /** How long the head of a response may take. */
  readonly firstByte: TimeLimit;
}

/** Where a request came from: from a client, or out of a tunnel of one. */
export type Source =
  | { readonly type: "client" }
  | {
    readonly type: "tunnel";
    readonly identity: Identity | null;
    /** What CONNECT asked for. */
    readonly hostname: string;
    readonly port: number;
    /** The hosts that requests inside may be for. */
    readonly names: readonly string[];
    readonly secure: NonNullable<Manner["secure"]>;
  };

type TunnelSource = Extract<Source, { readonly type: "tunnel" }>;

/** Answers a request. */
export async function answerRequest(
  incoming: IncomingRequest,
  info: ServeInfo,
  source: Source,
  exchange: Exchange,
  house: RequestHouse,
): Promise<Response> {
  let attempt: UpstreamExchange | null = null;
  try {
    const admitted = await admitRequest(incoming, info, source, exchange, house);
    if (forwardsLeft(incoming) === 0) return ended(lastHop(incoming), exchange);
    const secure = source.type === "tunnel" ? source.secure : null;
    const manner = { secure, switches: offeredOnward(incoming.proposal).length > 0 };
    const origin = house.origins.find(admitted, manner, house);
    attempt = new UpstreamExchange(origin, incoming, {
      firstByte: house.firstByte,
      fieldsBack: (head) => fieldsBack(head, house),
    });
    const body = incoming.body.framing.type === "none" ? null : new CountedBody(incoming.body, () => count());
    const count = (received = 0): void => exchange.count(body?.bytes ?? 0, received);
    const message = await onward(incoming, admitted, origin, body, house);
    endWithClient(incoming, attempt);
    const response = await attempt.send(message);
    checkWebSocketAccept(incoming, message, response);
    if (looksLikeSwitch(incoming, response)) throw unswitched(response, exchange);
    checkCoding(response, incoming);
    Object.assign(exchange.known, origin.dialed(attempt.io!));
    exchange.known.status = response.status;
    exchange.start();
    if (response.status === 101) return await switched(incoming, response, exchange, house);
    return back(response, exchange, count, house);
  } catch (error) {
    const clients = (attempt?.left ?? null) !== null || isDeparture(error) || hasFailed(incoming.body);
    if (!clients) return refuse(refusalFor(error, exchange.known.authority, attempt?.phase), exchange, house);
    exchange.end("client-left");
    throw error;
  }
}

/** The refusal of a response that would look like a switch to a client of HTTP/2. */
function unswitched({ status: receivedStatus, body }: IncomingResponse, { known }: Exchange): Refusal {
  body.cancel();
  const why = `Cannot switch with ${known.authority}: it has answered ${receivedStatus}`;
  return new Refusal("http_upgrade_failed", why, { receivedStatus });
}

async function admitRequest(
  incoming: IncomingRequest,
  info: ServeInfo,
  source: Source,
  exchange: Exchange,
  { settings, name, count }: RequestHouse,
): Promise<Admitted> {
  const client = clientAddress(info);
  const inside = source.type === "tunnel";
  const identity = inside ? source.identity : await settings.doorkeeper.identify(client, incoming.fields, info.tls);
  const { known } = exchange;
  known.identity = identity?.name ?? null;
  if (hasPassed(incoming.fields, name)) {
    throw new Refusal("proxy_loop_detected", "The request came back to the proxy that sent it");
  }
  const { hostname, port, path } = inside ? insideOf(incoming, source) : destinationOf(incoming);
  const about = { kind: "request", method: incoming.method, path, intercepted: false } as const;
  const question = questionOf({ hostname, port }, about, identity);
  known.authority = authorityText(question.host, port);
  if (offeredOnward(incoming.proposal).length > 0) {
    exchange.onEnd(count.enter(question.identity ?? client, settings));
  }
  const admitted = await admit({ question, asked: askedOf(question, identity, client, incoming) }, settings);
  if (inside) checkName(settings.rules, admitted, source);
  known.decision = "allowed";
  known.rule = admitted.allowed.by;
  return admitted;
}

/** Where a request leads that names its scheme: in absolute-form, or in the pseudo-fields of HTTP/2 (RFC 9113 §8.3.1). */
function destinationOf(incoming: IncomingRequest): { hostname: string; port: number; path: string } {
  const { target: path } = onwardTarget(incoming, "");
  const { scheme, authority } = incoming;
  if (!(scheme === "http" || (scheme === "ws" && asksForWebSocket(incoming)))) {
    const message = "This is a proxy: ask for http://host/path, or CONNECT host:port";
    throw new Refusal("http_request_error", message, { by: "target" });
  }
  return { ...splitAuthority(authority, 80), path };
}

/** Python's aiohttp asks a proxy for `ws://host/path` (seen on 3.8 and 3.14); others open a tunnel (RFC 6455 §4.1). */
function asksForWebSocket({ proposal }: IncomingRequest): boolean {
  return offeredOnward(proposal).some((protocol) => equalsIgnoringCase(protocol, "websocket"));
}

/** Where a request inside of a tunnel leads: where the tunnel does. One for another host is none of its business. */
function insideOf(
  incoming: IncomingRequest,
  { hostname, port, names }: TunnelSource,
): { hostname: string; port: number; path: string } {
  const { target: path, authority } = onwardTarget(incoming, "");
  const asked = splitAuthority(authority ?? incoming.fields.get("host") ?? "", 443);
  const { host } = questionOf(asked, { kind: "request", method: incoming.method, path, intercepted: false }, null);
  if (asked.port === port && names.includes(hostText(host))) return { hostname, port, path };
  const message = "The request in this tunnel is for another host than the tunnel";
  throw new Refusal("http_request_error", message, { status: 421, by: "host" });
}

function splitAuthority(authority: string, defaultPort: number): { hostname: string; port: number } {
  const [, hostname = "", port = ""] = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(authority) ?? [];
  return { hostname, port: port === "" ? defaultPort : Number(port) };
}

/**
 * In a tunnel to an address TLS asks for a name, and the request is for that: rules for the name count as well.
 *
 * @throws {Refusal} They deny it.
 */
function checkName(rules: Rules, { question, allowed }: Admitted, { hostname, secure }: TunnelSource): void {
  const { serverName: name } = secure;
  if (name === hostname) return;
  const decision = decideName(rules, question, allowed, { type: "name", name });
  if (decision.type === "denied") throw refusalBy(decision);
}

/** The request as the origin gets it. */
async function onward(
  incoming: IncomingRequest,
  { asked }: Admitted,
  { route, host }: Origin,
  body: CountedBody | null,
  { settings, name }: RequestHouse,
): Promise<OutgoingRequest> {
  const { target } = onwardTarget(incoming, "");
  const protocols = offeredOnward(incoming.proposal);
  const { fields, host: found } = requestFields(incoming, { protocols, host, drops: null });
  if (found === null) fields.unshift(["Host", host]);
  addWebSocketKey(incoming, protocols, fields);
  countForward(incoming, fields);
  fields.push(viaField(incoming.version, name));
  addCoding(incoming, fields);
  const changed = settings.headers === undefined ? fields : await changedBy(settings.headers, fields, asked);
  if (route.forward && route.proxy!.authorization !== null) {
    changed.push(["Proxy-Authorization", route.proxy!.authorization]);
  }
  return {
    method: incoming.method,
    target: route.forward ? `http://${host}${target === "*" ? "" : target}` : target,
    fields: changed,
    body,
    trailers: incoming.body.framing.type === "chunked" ? () => incoming.body.trailers : undefined,
    unannouncedTrailers: true,
  };
}

async function changedBy(
  change: NonNullable<Ways["settings"]["headers"]>,
  fields: readonly Field[],
  asked: Admitted["asked"],
): Promise<Field[]> {
  const made = new Fields(fields);
  await change(made, asked);
  return [...made];
}

/** Max-Forwards goes on with one less (RFC 9110 §7.6.2). */
function countForward(incoming: IncomingRequest, fields: Field[]): void {
  const left = forwardsLeft(incoming);
  if (left === null) return;
  const at = fields.findIndex(([name]) => equalsIgnoringCase(name, "max-forwards"));
  if (at !== -1) fields[at] = [fields[at]![0], String(left - 1)];
}

/** The response for the client. The exchange is over with its body, whoever reads that or gives it up. */
function back(
  response: IncomingResponse,
  exchange: Exchange,
  count: (received: number) => void,
  house: RequestHouse,
): Response {
  const { status, reason, body } = response;
  const fields = fieldsBack(response, house);
  if (body.framing.type === "none") return ended(responseSending({ status, reason, fields }, () => null), exchange);
  const counted = new CountedBody(body, () => count(counted.bytes));
  const trailers = body.framing.type === "chunked" ? () => body.trailers : undefined;
  body.trailers.then(() => exchange.end("done"), () => exchange.end("cut"));
  const message = { status, reason, fields, body: counted, trailers, unannouncedTrailers: true };
  const sent = responseSending(message, () => counted.stream);
  cancelWhenForgotten(sent, body);
  return sent;
}

/** A proxy tells that it was on the way in both directions; only a gateway may leave that out (RFC 9110 §7.6.3). */
function fieldsBack(response: ResponseHead, { name }: RequestHouse): Field[] {
  return [...responseFields(response), viaField(response.version, name)];
}

function ended(response: Response, exchange: Exchange): Response {
  exchange.known.status = response.status;
  exchange.end("done");
  return response;
}

/** The two connections become one. */
async function switched(
  incoming: IncomingRequest,
  response: IncomingResponse,
  exchange: Exchange,
  house: RequestHouse,
): Promise<Response> {
  const far = await onUpgrade(response);
  const pending = upgradeOf(incoming)!;
  const owns = {
    abort(reason: unknown): void {
      far.abort(reason);
      exchange.end("client-left");
    },
  };
  pending.acceptance = {
    status: 101,
    reason: response.reason,
    owns,
    onSwitched: (near) => copy(near, far, exchange, house),
  };
  pending.own(owns);
  // It stands for the 101: the platform's class knows none.
  return responseSending({ status: 426, fields: fieldsBack(response, house) }, () => null);
}

function refuse(refusal: Refusal, exchange: Exchange, { name }: RequestHouse): Response {
  noteRefusal(exchange, refusal);
  exchange.start();
  exchange.end(refusal.details.by === undefined ? "failed" : "refused");
  return refusalResponse(refusal, name);
}
