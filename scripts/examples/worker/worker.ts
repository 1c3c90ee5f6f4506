/**
 * A Cloudflare Worker that switches protocols, directly and through a tunnel: `./http1` and `./websocket` over
 * `cloudflare:sockets`.
 *
 * `POST /?server=host:port` speaks `echo/1` with `echo_server.ts`: the body goes there, what comes back is the answer.
 * `POST /?server=host:port&proxy=host:port` does the same through a CONNECT to a proxy. With `&websocket` the body
 * is one message, and `websocket_echo_server.ts` the server. `config.capnp` is for `workerd`, Cloudflare's own runtime,
 * beside the bundle of this file.
 *
 * @module
 */

import { connect } from "cloudflare:sockets";
import { type Duplex, type Field, handshake, onUpgrade, type Upgraded } from "@http-upgrade/http-upgrade/http1";
import { checkWebSocketResponse, keyOf, webSocketOver } from "@http-upgrade/http-upgrade/websocket";

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

/** Says one message to a WebSocket server, and gives the answer. */
async function ask(io: Duplex, server: string, message: string): Promise<string> {
  const { sender } = handshake(io);
  const key = keyOf(crypto.getRandomValues(new Uint8Array(16)));
  const fields: Field[] = [["Host", server], ["Connection", "Upgrade"], ["Upgrade", "websocket"]];
  fields.push(["Sec-WebSocket-Key", key], ["Sec-WebSocket-Version", "13"]);
  const response = await sender.send({ method: "GET", target: "/", fields });
  const socket = webSocketOver(await onUpgrade(response), { role: "client" });
  checkWebSocketResponse(response.fields, key, []);
  await socket.write(message);
  const answer = await socket.read();
  const { wasClean } = await socket.close({ closeCode: 1000 });
  return `${answer}${wasClean ? "" : ", and then it was lost"}`;
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
      if (searchParams.has("websocket")) return new Response(await ask(io, server, await request.text()));
      const { readable, writable, protocol } = await upgrade(io, server);
      (request.body ?? new Blob().stream()).pipeTo(writable).catch(console.error);
      return new Response(readable, { headers: { "x-protocol": `${protocol}` } });
    } catch (error) {
      return new Response(`${error}\n`, { status: 502 });
    }
  },
};
