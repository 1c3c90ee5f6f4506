/**
 * WebSockets of a client over streams of HTTP/2 (RFC 8441): what is asked there, what the answer means, and that all works as over
 * HTTP/1.1.
 */

import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import { WebSocket } from "../../src/websocket/web_socket.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { rejection } from "../support/dialing.ts";
import { closePayload, OPCODES, toward } from "../support/frames.ts";
import { data, headers } from "../support/h2_wire.ts";
import { playing } from "../support/http2_dialing.ts";
import { deflates, unlessNoDeflate, unlessTlsIsRefused } from "../support/runtime.ts";
import { expectTalk, talking } from "../support/websocket_talk.ts";

const TAKES_UPGRADES = [8, 1] as const;
const tls = { caCerts: [authority] };

test(
  "WebSocketStream asks over HTTP/2 without a key (RFC 8441 §5), and speaks on the stream",
  unlessNoDeflate,
  async () => {
    const { client, peer } = playing();
    const socket = new WebSocketStream("ws://a/chat", {
      client,
      protocols: ["soap", "chat"],
      headers: { cookie: "a=1" },
    });
    const server = await peer(0, TAKES_UPGRADES);
    assertEquals(
      await server.until("HEADERS"),
      "HEADERS 1 :method: CONNECT, :protocol: websocket, :scheme: http, :authority: a, :path: /chat, " +
        "sec-websocket-version: 13, sec-websocket-protocol: soap, chat, " +
        "sec-websocket-extensions: permessage-deflate; client_max_window_bits, cookie: a=1, accept: */*, user-agent: t",
    );
    const fields = [":status: 200", "sec-websocket-protocol: chat", "sec-websocket-extensions: permessage-deflate"];
    await server.send(
      headers(1, fields, "open"),
      data(1, toward("client", { opcode: OPCODES.text, payload: "hello" })),
    );
    const io = await socket.opened;
    assertEquals([io.protocol, io.extensions, await io.read()], ["chat", "permessage-deflate", "hello"]);
    const closing = io.close({ closeCode: 1000 });
    assert((await server.until("DATA 1")).startsWith("DATA 1 "));
    await server.send(data(1, toward("client", { opcode: OPCODES.close, payload: closePayload(1000) }), true));
    assertEquals((await closing).wasClean, true);
    await client.abort();
  },
);

const wrong: readonly (readonly [what: string, field: string, code: string])[] = [
  ["a subprotocol that was not offered", "sec-websocket-protocol: other", "handshake-protocol"],
  ["an extension that was not offered", "sec-websocket-extensions: x", "handshake-extension"],
];

for (const [what, field, code] of wrong) {
  test(`WebSocketStream over HTTP/2 resets the stream whose server takes ${what} (RFC 6455 §4.1)`, async () => {
    const { client, peer, dialed } = playing();
    const socket = new WebSocketStream("ws://a/", { client, protocols: ["chat"] });
    const server = await peer(0, TAKES_UPGRADES);
    await server.until("HEADERS 1");
    await server.send(headers(1, [":status: 200", field], "open"));
    const error = await rejection(socket.opened);
    assertInstanceOf(error, WebSocketProtocolError);
    assertEquals(error.code, code as typeof error.code);
    assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
    const fetching = client.fetch("http://a/");
    await server.until("HEADERS 3");
    await server.send(headers(3, [":status: 204"]));
    assertEquals([(await fetching).status, dialed.length], [204, 1]);
    await client.abort();
  });
}

test("WebSocketStream over HTTP/2 that is refused tells the answer", async () => {
  const { client, peer } = playing();
  const socket = new WebSocketStream("ws://a/", { client });
  const server = await peer(0, TAKES_UPGRADES);
  await server.until("HEADERS 1");
  await server.send(headers(1, [":status: 403"], "open"), data(1, "not you", true));
  const error = await rejection(socket.opened);
  assertInstanceOf(error, UpgradeRejected);
  assertEquals([error.status, await (error.response as Response).text()], [403, "not you"]);
  await client.abort();
});

/** A server over TLS, which tells the versions of its requests. */
async function site(handler: ServeHandler, connectProtocol: boolean) {
  const versions = new Set<string>();
  const options = {
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: serverCert, key: serverKey },
    http2: { connectProtocol },
    onError() {},
  };
  const server = serve(options, (request, info) => {
    versions.add(info.head.version);
    return handler(request, info);
  });
  const [{ port }] = await server.listening;
  return { server, versions, url: `wss://localhost:${port}/` };
}

for (const connectProtocol of [true, false]) {
  const over = connectProtocol ? "HTTP/2" : "HTTP/1.1, as the server takes none over HTTP/2";
  const version = connectProtocol ? "2" : "1.1";

  test(`WebSocketStream of a client goes through all of WebSocket over ${over}`, unlessTlsIsRefused, async () => {
    const { server, versions, url } = await site(talking({ deflate: true }), connectProtocol);
    const client = new Client({ tls });
    await expectTalk(url, { client }, { deflate: deflates });
    assertEquals([...versions], [version]);
    await client.abort();
    await server.shutdown({ upgraded: "close" });
  });

  test(`WebSocket without a client goes over ${over}`, unlessTlsIsRefused, async () => {
    const { server, versions, url } = await site(talking(), connectProtocol);
    for (let turn = 0; turn < 2; turn++) {
      const socket = new WebSocket(url, { tls });
      const said: unknown[] = [];
      await new Promise<void>((resolve) => {
        socket.onopen = () => socket.send("hello");
        socket.onmessage = ({ data }) => {
          said.push(data);
          socket.close(1000);
        };
        socket.onclose = ({ code, wasClean }) => {
          said.push(code, wasClean);
          resolve();
        };
      });
      assertEquals(said, ["hello", 1000, true]);
    }
    assertEquals([...versions], [version]);
    await server.shutdown();
  });
}

test("WebSockets and fetches of a client share one connection of HTTP/2", unlessTlsIsRefused, async () => {
  const talk = talking({ deflate: true });
  const { server, versions, url } = await site(
    (request, info) => request.headers.has("upgrade") ? talk(request, info) : new Response(request.url),
    true,
  );
  const client = new Client({ tls });
  const ios = await Promise.all(Array.from({ length: 8 }, () => new WebSocketStream(url, { client }).opened));
  const https = url.replace("wss", "https");
  await Promise.all(ios.map(async (io, i) => {
    for (let turn = 0; turn < 10; turn++) {
      const message = `${i} ${turn} `.repeat(2000);
      const [back, fetched] = await Promise.all([
        io.write(message).then(() => io.read()),
        client.fetch(`${https}${i}`).then((response) => response.text()),
      ]);
      assertEquals([back, fetched], [message, `${https}${i}`]);
    }
  }));
  assertEquals([server.connections, client.connections, [...versions]], [1, 1, ["2"]]);
  await client.close();
  for (const io of ios) {
    await io.write("still here");
    assertEquals(await io.read(), "still here");
    await io.close({ closeCode: 1000 });
  }
  await server.shutdown();
});
