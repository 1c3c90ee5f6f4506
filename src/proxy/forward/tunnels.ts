/**
 * CONNECT: a tunnel to a target that rules allow, for as long as limits let it be.
 *
 * ```text
 *  CONNECT ─▶ who asks ─▶ room for one more ─▶ rules ─▶ addresses ─▶ dial ─▶ 200 ─▶ [hello] ─▶ bytes
 *      └────────────────────────── a refusal, and the connection closes (RFC 9931) ──┘
 * ```
 *
 * @module
 */

import { type Clock, Deadline } from "../../duplex/clock.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { abandon } from "../../http/client/way/connector.ts";
import type { ConnectRequest } from "../../http/server/connect_request.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import { connectResponse } from "../../http1/switch.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import { tunnel } from "../tunnel.ts";
import type { EndReason, Exchange } from "./audit.ts";
import { allowedBy, deniedBy } from "./decide.ts";
import type { Dialed } from "./destination.ts";
import { admit, type Admitted, askedOf, clientAddress, noteRefusal, questionOf, reach, type Ways } from "./gate.ts";
import { authorityText, type Host } from "./host.ts";
import { ACCESS_DENIED, inspect, objectionTo } from "./inspect.ts";
import type { TunnelCount } from "./limits.ts";
import { refusalFor, refusalResponse } from "./refusal.ts";

/** What tunnels share. */
export interface TunnelHouse extends Ways {
  /** What the proxy calls itself. */
  readonly name: string;
  readonly count: TunnelCount;
}

/** Answers a CONNECT. */
export async function answerConnect(
  request: ConnectRequest,
  info: ServeInfo,
  exchange: Exchange,
  house: TunnelHouse,
): Promise<Response> {
  let admitted: Admitted;
  let target: Dialed;
  try {
    admitted = await admitTunnel(request, info, exchange, house);
    target = await reach(admitted, house, request.signal);
  } catch (error) {
    return refuse(error, request, exchange, house);
  }
  const { io, address, via } = target;
  exchange.note({ address, via, status: 200 });
  const owns = {
    abort(reason: unknown): void {
      abandon(io, reason);
      exchange.end("client-left");
    },
  };
  try {
    exchange.start();
  } catch (error) {
    owns.abort(error);
    throw error;
  }
  return connectResponse(request, { owns }, (client) => join(client, target, admitted, exchange, house)).response;
}

async function admitTunnel(
  request: ConnectRequest,
  info: ServeInfo,
  exchange: Exchange,
  { settings, count }: TunnelHouse,
): Promise<Admitted> {
  const client = clientAddress(info);
  const identity = await settings.doorkeeper.identify(client, info.head.fields);
  const about = { kind: "tunnel", method: "CONNECT", path: null, intercepted: false } as const;
  const question = questionOf(request, about, identity);
  exchange.note({ identity: question.identity, authority: authorityText(question.host, question.port) });
  exchange.onEnd(count.enter(question.identity ?? client, settings));
  const admitted = await admit({ question, asked: askedOf(question, identity, client, info.head) }, settings);
  exchange.note({ decision: "allowed", rule: admitted.allowed.by });
  return admitted;
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
async function join(
  client: Upgraded,
  { io }: Dialed,
  admitted: Admitted,
  exchange: Exchange,
  house: TunnelHouse,
): Promise<void> {
  const { settings, clock } = house;
  const limit = new TunnelLimit(settings.maxTunnelMs, settings.maxTunnelBytes, clock);
  try {
    const near = await inspected(client, admitted, house);
    if (near === null) {
      abandon(io);
      return exchange.end("client-hello");
    }
    await tunnel(near, io, {
      idleTimeoutMs: settings.tunnelIdleTimeoutMs,
      signal: limit.signal,
      clock,
      onBytes(sent, received) {
        exchange.count(sent, received);
        limit.count(sent + received);
      },
    });
    exchange.end("done");
  } catch (error) {
    client.abort(error);
    abandon(io, error);
    exchange.end(limit.reason ?? reasonOf(error));
  } finally {
    limit.stop();
  }
}

/** The client's side, with what it began with in front; `null` if that was not allowed, and the client was told so. */
async function inspected(
  client: Upgraded,
  { question, allowed }: Admitted,
  house: TunnelHouse,
): Promise<Upgraded | null> {
  const { settings: { clientHello, rules }, clock } = house;
  if (clientHello === undefined) return client;
  const { hello, io } = await inspect(client, clientHello.timeoutMs ?? 10_000, clock);
  const named = (host: Host): boolean => {
    const asked = { ...question, host };
    return deniedBy(rules, asked) === null && (allowed.by === "decide" || allowedBy(rules, asked).type === "allowed");
  };
  if (objectionTo(hello, question.host, clientHello, named) === null) return io;
  // It may have sent more than was read; what it is told must not be overtaken by a reset.
  if (hello.type === "hello") await client.write(ACCESS_DENIED);
  await client.closeWrite();
  client.close().catch(() => {});
  return null;
}

function reasonOf(error: unknown): EndReason {
  return error instanceof TransportError && error.code === "timeout" ? "idle-timeout" : "cut";
}

/** How long a tunnel may be, in time and in bytes. */
class TunnelLimit {
  /** Aborts when the time is up; `undefined` where there is no limit. */
  readonly signal: AbortSignal | undefined;
  /** Which limit was reached. */
  reason: EndReason | null = null;
  readonly #maxBytes: number;
  readonly #deadline: Deadline;

  constructor(maxMs: number, maxBytes: number, clock: Clock) {
    this.#maxBytes = maxBytes;
    this.#deadline = new Deadline(clock);
    if (maxMs === 0 || maxMs === Infinity) return;
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#deadline.set(maxMs, () => {
      this.reason = "time-limit";
      controller.abort(new TransportError("closed", `The tunnel was open for ${maxMs} ms`));
    });
  }

  count(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    this.reason = "byte-limit";
    throw new TransportError("closed", `More than ${this.#maxBytes} bytes went through the tunnel`);
  }

  stop(): void {
    this.#deadline.stop();
  }
}
