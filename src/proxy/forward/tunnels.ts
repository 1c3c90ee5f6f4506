/**
 * CONNECT: a tunnel to a target that rules allow, for as long as limits let it be.
 *
 * ```text
 *  CONNECT ─▶ who asks ─▶ room for one more ─▶ rules ─▶ addresses ─▶ dial ─▶ 200 ─▶ [hello] ─▶ bytes
 *      │                                         └─▶ [200 ─▶ hello ─▶ TLS ─▶ requests, each by the rules]
 *      └── a refusal, and the connection closes (RFC 9931)
 * ```
 *
 * @module
 */

import { abandon } from "../../http/client/way/connector.ts";
import type { ConnectRequest } from "../../http/server/connect_request.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import { isPromise } from "../../http1/answering.ts";
import { endWithClient, type IncomingRequest } from "../../http1/incoming.ts";
import type { Owned } from "../../http1/owned.ts";
import { messageOf } from "../../http1/stand_in.ts";
import { connectResponse } from "../../http1/switch.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import type { Exchange } from "./audit.ts";
import { copy } from "./copy.ts";
import type { Asker, Dialed } from "./destination.ts";
import { admit, type Admitted, askedOf, clientAddress, noteRefusal, questionOf, reach } from "./gate.ts";
import { begin } from "./hello_gate.ts";
import type { TunnelHouse } from "./house.ts";
import type { Identity } from "./identity.ts";
import { intercept } from "./intercept.ts";
import { refusalFor, refusalResponse } from "./refusal.ts";
import { covers } from "./rule.ts";
import type { Settings } from "./settings.ts";

/** Answers a CONNECT. */
export async function answerConnect(
  request: ConnectRequest,
  info: ServeInfo,
  exchange: Exchange,
  house: TunnelHouse,
): Promise<Response> {
  let admitted: Admitted;
  let target: Dialed | null = null;
  try {
    const admitting = admitTunnel(request, info, exchange, house);
    admitted = isPromise(admitting) ? await admitting : admitting;
    if (!admitted.question.intercepted) target = await reach(admitted, house, new ClientOf(request));
  } catch (error) {
    return refuse(error, request, exchange, house);
  }
  const owns = {
    abort(reason: unknown): void {
      if (target !== null) abandon(target.io, reason);
      exchange.end("client-left");
    },
  };
  const { known } = exchange;
  known.status = 200;
  if (target !== null) ({ address: known.address, via: known.via } = target);
  try {
    exchange.start();
  } catch (error) {
    owns.abort(error);
    throw error;
  }
  return connectResponse(request, { owns }, (client) => {
    if (target === null) return intercept(client, admitted, info, exchange, house);
    return join(client, target, admitted, exchange, house);
  }).response;
}

/** The client of a CONNECT. */
class ClientOf implements Asker {
  readonly #request: ConnectRequest;

  constructor(request: ConnectRequest) {
    this.#request = request;
  }

  /** See {@linkcode Asker}. */
  get signal(): AbortSignal {
    return this.#request.signal;
  }

  /** See {@linkcode Asker}. */
  own(owned: Owned): void {
    endWithClient(messageOf(this.#request) as IncomingRequest, owned);
  }
}

/** A promise only where a function of the user gives one. */
function admitTunnel(
  request: ConnectRequest,
  info: ServeInfo,
  exchange: Exchange,
  house: TunnelHouse,
): Admitted | Promise<Admitted> {
  const client = clientAddress(info);
  const identity = house.settings.doorkeeper.identify(client, info.head.fields, info.tls);
  const next = (identity: Identity | null): Admitted | Promise<Admitted> =>
    admitClient(request, identity, client, info, exchange, house);
  return isPromise(identity) ? identity.then(next) : next(identity);
}

function admitClient(
  request: ConnectRequest,
  identity: Identity | null,
  client: string,
  info: ServeInfo,
  exchange: Exchange,
  { settings, count }: TunnelHouse,
): Admitted | Promise<Admitted> {
  const about = { kind: "tunnel", method: "CONNECT", path: null, intercepted: false } as const;
  const plain = questionOf(request, about, identity);
  const intercepted = settings.intercept?.rules.some((rule) => covers(rule, plain)) ?? false;
  const question = intercepted ? { ...plain, intercepted } : plain;
  const asked = askedOf(question, identity, client, info.head);
  const { known } = exchange;
  known.identity = question.identity;
  known.authority = asked.authority;
  exchange.onEnd(count.enter(question.identity ?? client, settings));
  const admitting = admit({ question, asked }, settings);
  const noted = (admitted: Admitted): Admitted => {
    known.decision = "allowed";
    known.rule = admitted.allowed.by;
    return admitted;
  };
  return isPromise(admitting) ? admitting.then(noted) : noted(admitting);
}

/** The connection closes behind it, with all that the client may have sent already (RFC 9931 §4). */
function refuse(error: unknown, request: ConnectRequest, exchange: Exchange, { name }: TunnelHouse): Response {
  const refusal = refusalFor(error, request.authority);
  noteRefusal(exchange, refusal);
  exchange.start();
  exchange.end(request.signal.aborted ? "client-left" : refusal.details.by === undefined ? "failed" : "refused");
  return refusalResponse(refusal, name);
}

/** Copies until it is over. */
function join(
  client: Upgraded,
  { io }: Dialed,
  admitted: Admitted,
  exchange: Exchange,
  house: TunnelHouse,
): Promise<void> {
  const { clientHello } = house.settings;
  if (clientHello === undefined) return copy(client, io, exchange, house);
  return joinBehindHello(client, io, admitted, exchange, { ...house, clientHello });
}

/** The same, if the tunnel begins as it may. */
async function joinBehindHello(
  client: Upgraded,
  io: Dialed["io"],
  admitted: Admitted,
  exchange: Exchange,
  house: TunnelHouse & { readonly clientHello: NonNullable<Settings["clientHello"]> },
): Promise<void> {
  try {
    const begun = await begin(client, admitted, house.clientHello, house);
    if (begun !== null) return await copy(begun.io, io, exchange, house);
    abandon(io);
    exchange.end("client-hello");
  } catch (error) {
    client.abort(error);
    abandon(io, error);
    exchange.end("cut");
  }
}
