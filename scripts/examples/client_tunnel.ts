/**
 * A client behind a CONNECT proxy: TLS inside of a raw tunnel by hand, and the same in one line.
 *
 * @module
 */

import { Client, handshake } from "../../mod.ts";
import { startTls, type TlsOptions } from "../../src/net/mod.ts";

/**
 * Fetches through a tunnel, step by step: CONNECT, TLS, HTTP.
 *
 * @param proxy For example `http://user:password@proxy:3128`.
 * @param authority `host:port`.
 * @param tls What TLS needs beyond the name.
 */
export async function fetchByHand(proxy: string, authority: string, tls: TlsOptions = {}): Promise<string> {
  const client = new Client({ proxy });
  const tunnel = await client.connect(authority);
  const serverName = authority.slice(0, authority.lastIndexOf(":"));
  const secure = startTls(tunnel, { serverName, alpnProtocols: ["http/1.1"], ...tls });
  const { sender, connection } = handshake(secure);
  const response = await sender.send({ method: "GET", target: "/", fields: [["Host", authority]] });
  const text = `${response.status} ${await response.body.text()}`;
  await connection.gracefulShutdown();
  await client.close();
  return text;
}

/**
 * The same. Connections, and tunnels below them, would be kept for further requests.
 *
 * @param proxy As above.
 * @param authority As above.
 * @param tls As above.
 */
export async function fetchThrough(proxy: string, authority: string, tls: TlsOptions = {}): Promise<string> {
  const client = new Client({ proxy, noProxy: "localhost.localdomain,10.0.0.0/8", tls });
  try {
    const response = await client.fetch(`https://${authority}/`);
    return `${response.status} ${await response.text()}`;
  } finally {
    await client.close();
  }
}
