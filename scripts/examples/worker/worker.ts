/**
 * A Cloudflare Worker that switches protocols, directly and through a tunnel: `./http1` over `cloudflare:sockets`.
 *
 * `POST /?server=host:port` speaks `echo/1` with `echo_server.ts`: the body goes there, what comes back is the answer.
 * `POST /?server=host:port&proxy=host:port` does the same through a CONNECT to `http_proxy.ts`. `config.capnp` is for `workerd`, Cloudflare's own runtime, beside the bundle of this file.
 *
 * @module
 */

import { connect } from "cloudflare:sockets";
import { type Duplex, handshake, onUpgrade, type Upgraded } from "@http-upgrade/http-upgrade/http1";

/** Without this a Worker's socket ends both sides as soon as the peer has ended its own. */
const halfOpen = { allowHalfOpen: true };

/** Asks a server to switch, over any connection to it. */
async function upgrade(io: Duplex, server: string): Promise<Upgraded> {
  const { sender } = handshake(io);
  const response = await sender.send({
    method: "GET",
    target: "/",
    fields: [["Host", server], ["Connection", "Upgrade"], ["Upgrade", "echo/1"]],
  });
  return await onUpgrade(response);
}

/** Asks a proxy for a tunnel. What it gives is a connection like any other. */
async function tunnel(proxy: string, server: string): Promise<Upgraded> {
  const { sender } = handshake(connect(proxy, halfOpen));
  return await onUpgrade(await sender.send({ method: "CONNECT", target: server, fields: [["Host", server]] }));
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const server = searchParams.get("server") ?? "";
    const proxy = searchParams.get("proxy");
    try {
      const io = proxy === null ? connect(server, halfOpen) : await tunnel(proxy, server);
      const { readable, writable, protocol } = await upgrade(io, server);
      (request.body ?? new Blob().stream()).pipeTo(writable).catch(console.error);
      return new Response(readable, { headers: { "x-protocol": `${protocol}` } });
    } catch (error) {
      return new Response(`${error}\n`, { status: 502 });
    }
  },
};
