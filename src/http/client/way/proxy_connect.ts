/**
 * A tunnel through an HTTP proxy: CONNECT, and a second one when the proxy wants other credentials. `Connections` calls it
 * and gives it a connection to the proxy; the program's `onProxyChallenge` is asked here, for forwarded requests as well.
 *
 * @module
 */

import { unlessAborted } from "../../../duplex/abort.ts";
import type { ClientConnection } from "../../../http1/client_connection.ts";
import type { IncomingResponse } from "../../../http1/incoming.ts";
import { onUpgrade } from "../../../http1/upgrade.ts";
import { UpgradeRejected } from "../../../errors/upgrade_rejected.ts";
import type { Upgraded } from "../../../http1/upgraded.ts";
import { type Field, hasField } from "../../../semantics/fields.ts";
import type { ClientOptions } from "../options.ts";
import { clientResponse } from "../response.ts";
import type { ProxyServer } from "./proxy_rules.ts";

/** What it takes to open a tunnel. */
interface TunnelRequest {
  /** Opens a connection to the proxy. */
  open(): Promise<ClientConnection>;
  /** The target: `host:port`. */
  readonly authority: string;
  /** Further field lines. */
  readonly fields: readonly Field[];
  /** The proxy. Its credentials, if its URL has any, are sent with the first request. */
  readonly proxy: ProxyServer;
  /** The client's option. */
  readonly onProxyChallenge: ClientOptions["onProxyChallenge"];
  /** Gives up. */
  readonly signal: AbortSignal;
}

/**
 * Opens a tunnel. A 407 is answered on the same connection if that stays open, else on a new one.
 *
 * @throws {UpgradeRejected} `proxy-refused`; `response` is the proxy's answer, whose connection closes behind it.
 */
export async function openTunnel(wanted: TunnelRequest): Promise<Upgraded> {
  const { proxy, response } = await answered(wanted);
  if (response.ok) return await onUpgrade(response);
  // Exchanges end before the connection does; what was meant for the tunnel is never sent here (RFC 9931 §4).
  proxy.gracefulShutdown();
  const answer = answerOf(response, wanted.proxy);
  throw new UpgradeRejected("proxy-refused", { status: answer.status, response: answer, proxy: wanted.proxy.address });
}

/** What the proxy says in the end. A failure on the way, one of `onProxyChallenge` among them, ends the connection. */
async function answered(wanted: TunnelRequest): Promise<{ proxy: ClientConnection; response: IncomingResponse }> {
  let proxy = await wanted.open();
  try {
    let response = await ask(proxy, wanted, wanted.proxy.authorization, wanted.fields);
    if (response.status === 407 && wanted.onProxyChallenge !== undefined) {
      const answer = await answerChallenge(response, wanted.onProxyChallenge, wanted.signal);
      if (answer !== null) {
        response.body.cancel();
        const open = await proxy.ready().then(() => true, () => false);
        wanted.signal.throwIfAborted();
        if (!open) proxy = await wanted.open();
        const others = wanted.fields.filter(([name]) => name.toLowerCase() !== "proxy-authorization");
        response = await ask(proxy, wanted, answer, others);
      }
    }
    return { proxy, response };
  } catch (error) {
    proxy.abort(error);
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

async function ask(
  proxy: ClientConnection,
  { authority, signal }: TunnelRequest,
  authorization: string | null,
  given: readonly Field[],
): Promise<IncomingResponse> {
  const fields: Field[] = hasField(given, "host") ? [] : [["host", authority]];
  if (authorization !== null && !hasField(given, "proxy-authorization")) {
    fields.push(["proxy-authorization", authorization]);
  }
  return await proxy.send({ method: "CONNECT", target: authority, fields: [...fields, ...given] }, { signal });
}

/** It is the proxy's, and so is its URL; that has no credentials. */
function answerOf(response: IncomingResponse, { scheme, address }: ProxyServer): Response {
  const url = new URL(`${scheme}://${address}/`);
  return clientResponse(response, { url, redirected: false, bodiless: false, codings: [], signal: undefined });
}
