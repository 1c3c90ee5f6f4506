/**
 * A client behind an `https:` proxy that the test plays, frame by frame or byte by byte, over TLS in memory.
 *
 * @module
 */

import type { Socket } from "../../src/duplex/socket.ts";
import { startTls } from "../../src/net/mod.ts";
import type { Client } from "../../src/http/client/client.ts";
import type { ClientOptions } from "../../src/http/client/options.ts";
import { authority, serverCert, serverKey } from "./certificates.ts";
import { type Dialed, dialing } from "./dialing.ts";
import { Http2Peer } from "./http2_dialing.ts";

/** A client, and its connections to the proxy. */
export interface Proxying {
  readonly client: Client;
  readonly dialed: readonly Dialed[];
  /** The proxy's end of the connection of this number, once TLS is there, and what ALPN has agreed on. */
  secured(index: number): Promise<{ readonly io: Socket; readonly alpn: string | null }>;
  /** The same, where HTTP/2 was agreed on; it has begun with these SETTINGS. */
  peer(index: number, ...pairs: readonly (readonly [id: number, value: number])[]): Promise<Http2Peer>;
}

/**
 * Plays the proxy.
 *
 * @param protocols What the proxy takes by ALPN.
 */
export function proxying(options: ClientOptions = {}, protocols: readonly string[] = ["h2", "http/1.1"]): Proxying {
  const sockets: Socket[] = [];
  const { client, dialed, connection } = dialing(
    { proxy: "https://us:pw@localhost:3128", proxyTls: { caCerts: [authority] }, ...options },
    ({ far }) => {
      sockets.push(startTls(far, { isServer: true, cert: serverCert, key: serverKey, alpnProtocols: protocols }));
    },
  );
  const secured: Proxying["secured"] = async (index) => {
    await connection(index);
    const io = sockets[index]!;
    const { alpn } = await io.opened;
    return { io, alpn };
  };
  return {
    client,
    dialed,
    secured,
    async peer(index, ...pairs) {
      const peer = new Http2Peer((await secured(index)).io);
      await peer.begin(...pairs);
      return peer;
    },
  };
}
