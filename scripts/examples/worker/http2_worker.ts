/**
 * A Cloudflare Worker that speaks HTTP/2 as a client: `./http2` over `cloudflare:sockets`.
 *
 * `POST /?server=host:port` sends the body on, and the answer back. With `&upgrade` it goes through a switch to `echo/1` by
 * extended CONNECT (RFC 8441), with `&websocket` it is one message of a WebSocket. `&proxy=host:port` leads through a CONNECT
 * to a proxy that speaks HTTP/2 too. With `&tls` the server is asked over TLS. For `workerd` the bundle of this file is
 * `worker.js`, beside `config.capnp`.
 *
 * @module
 */

import { connect } from "cloudflare:sockets";
import {
  type Duplex,
  type Field,
  handshake,
  type Http2ClientConnection,
  onUpgrade,
  type Upgraded,
} from "@http-upgrade/http-upgrade/http2";
import { webSocketOver } from "@http-upgrade/http-upgrade/websocket";

/** A connection to the server, with prior knowledge: a Worker's TLS offers no protocol by ALPN. */
async function open(server: string, proxy: string | null, tls: boolean): Promise<Http2ClientConnection> {
  const scheme = tls ? "https" : "http";
  if (proxy !== null) return handshake(await tunnel(proxy, server), { scheme }).connection;
  return handshake(dial(server, tls), { scheme }).connection;
}

/** Without `allowHalfOpen` a Worker's socket ends both sides as soon as the peer has ended its own. */
function dial(place: string, tls: boolean): Duplex {
  return connect(place, { allowHalfOpen: true, secureTransport: tls ? "on" : "off" });
}

/** A stream of a connection to a proxy. What it gives is a connection like any other, and the one below ends with it. */
async function tunnel(proxy: string, server: string): Promise<Upgraded> {
  const { sender, connection } = handshake(dial(proxy, false), { scheme: "http" });
  const tunneled = await onUpgrade(await sender.send({ method: "CONNECT", target: server }));
  connection.gracefulShutdown();
  return tunneled;
}

/** Asks a server to switch. It waits until the server has said that it takes upgrades, and fails if it does not. */
async function upgrade(sender: Http2ClientConnection, server: string, protocol: string): Promise<Upgraded> {
  const fields: Field[] = [["Host", server], ["Connection", "Upgrade"], ["Upgrade", protocol]];
  if (protocol === "websocket") fields.push(["Sec-WebSocket-Version", "13"]);
  return await onUpgrade(await sender.send({ method: "GET", target: "/", fields }));
}

/** Says one message to a WebSocket server, and gives the answer. */
async function ask(io: Upgraded, message: string): Promise<string> {
  const socket = webSocketOver(io, { role: "client" });
  await socket.write(message);
  const answer = await socket.read();
  const { wasClean } = await socket.close({ closeCode: 1000 });
  return `${answer}${wasClean ? "" : ", and then it was lost"}`;
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const server = searchParams.get("server") ?? "";
    try {
      const sender = await open(server, searchParams.get("proxy"), searchParams.has("tls"));
      try {
        return await answer(request, sender, { server, searchParams });
      } finally {
        sender.gracefulShutdown(); // when what is under way is over
      }
    } catch (error) {
      return new Response(`${error}\n`, { status: 502 });
    }
  },
};

/** What was asked for. */
interface Query {
  readonly server: string;
  readonly searchParams: URLSearchParams;
}

async function answer(
  request: Request,
  sender: Http2ClientConnection,
  { server, searchParams }: Query,
): Promise<Response> {
  if (searchParams.has("websocket")) {
    return new Response(await ask(await upgrade(sender, server, "websocket"), await request.text()));
  }
  if (searchParams.has("upgrade")) {
    const { readable, writable, protocol } = await upgrade(sender, server, "echo/1");
    (request.body ?? new Blob().stream()).pipeTo(writable).catch(console.error);
    return new Response(readable, { headers: { "x-protocol": `${protocol}` } });
  }
  const fields: Field[] = [["Host", server]];
  const { status, body } = await sender.send({ method: "POST", target: "/", fields, body: request.body });
  return new Response(body.stream, { status });
}
