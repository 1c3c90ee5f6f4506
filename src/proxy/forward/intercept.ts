/**
 * A tunnel that is looked into, because a rule asks for it: TLS ends here, with a certificate that the program brings, the
 * requests inside go through the rules as those outside, and out again over TLS that is checked.
 *
 * @module
 */

import { onAbort } from "../../duplex/abort.ts";
import { Deadline } from "../../duplex/clock.ts";
import { Deferred } from "../../duplex/deferred.ts";
import type { Socket } from "../../duplex/socket.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { connectionOptions, Exchanges, uncounted } from "../../http/server/exchanges.ts";
import type { ServeInfo } from "../../http/server/serve_info.ts";
import type { Upgraded } from "../../http1/upgraded.ts";
import { startTls } from "../platform.ts";
import type { Exchange } from "./audit.ts";
import { TunnelLimit } from "./copy.ts";
import type { Admitted } from "./gate.ts";
import { begin } from "./hello_gate.ts";
import { hostText } from "./host.ts";
import type { TunnelHouse } from "./house.ts";
import type { Source } from "./requests.ts";

/** Serves the requests inside of a tunnel until that is over. */
export async function intercept(
  client: Upgraded,
  admitted: Admitted,
  info: ServeInfo,
  exchange: Exchange,
  house: TunnelHouse,
): Promise<void> {
  const { settings, clock } = house;
  const limit = new TunnelLimit(settings.maxTunnelMs, Infinity, clock);
  try {
    const begun = await begin(client, admitted, { ...settings.clientHello, notTls: "deny" }, house);
    if (begun === null) return exchange.end("client-hello");
    const name = begun.name ?? hostText(admitted.question.host);
    const socket = await secured(begun.io, name, admitted, house);
    const unlisten = onAbort(limit.signal, () => socket.abort(limit.signal!.reason));
    await serveInside(socket, name, admitted, info, exchange, house);
    unlisten();
    exchange.end(limit.reason ?? "done");
  } catch (error) {
    client.abort(error);
    exchange.end("cut");
    if (!(error instanceof TransportError)) throw error;
  } finally {
    limit.stop();
  }
}

/** TLS with the client. */
async function secured(
  io: Upgraded,
  name: string,
  { asked }: Admitted,
  { settings, clock }: TunnelHouse,
): Promise<Socket> {
  const { cert, key } = await settings.intercept!.certificateFor(name, asked);
  const controller = new AbortController();
  const deadline = new Deadline(clock);
  deadline.set(settings.connectTimeoutMs, () => {
    controller.abort(new TransportError("timeout", "The client did not finish its TLS handshake in time"));
  });
  try {
    const { signal } = controller;
    const socket = startTls(io, { isServer: true, cert, key, alpnProtocols: ["http/1.1"], signal });
    await socket.opened;
    return socket;
  } finally {
    deadline.stop();
  }
}

async function serveInside(
  socket: Socket,
  name: string,
  { question, asked }: Admitted,
  info: ServeInfo,
  exchange: Exchange,
  house: TunnelHouse,
): Promise<void> {
  const source: Source = {
    type: "tunnel",
    identity: asked.identity,
    hostname: hostText(question.host),
    port: question.port,
    names: [name, hostText(question.host)],
    secure: { serverName: name, tls: house.settings.intercept!.tls ?? {} },
  };
  const over = new Deferred<void>();
  const handling = uncounted(
    { clock: house.clock, trace: house.settings.intercept!.trace },
    (request, inside) => house.answerInside(request, inside, source, exchange.known.id),
    () => over.resolve(),
  );
  const { remoteAddress, localAddress, alpn, tls } = await socket.opened;
  const place = { remote: info.remote, local: info.local, remoteAddress, localAddress, alpn, tls };
  const { connection } = new Exchanges(socket, place, true, handling, connectionOptions(handling));
  await connection.closed;
  if (handling.switched.size > 0) await over.promise;
}
