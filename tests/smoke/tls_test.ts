import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { Client, serve, upgradeWebSocket, WebSocketStream } from "../../mod.ts";
import { connect, listen, TransportError } from "../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { unlessTlsIsRefused } from "../support/runtime.ts";
import { readAll, wire } from "../support/wire.ts";

const caCerts = [authority];
const secure = { hostname: "127.0.0.1", port: 0, tls: { cert: serverCert, key: serverKey } };

test("connect() and listen() speak TLS, each side ends on its own", unlessTlsIsRefused, async () => {
  const listener = await listen(secure);
  const { port } = listener.address;
  const client = connect({ hostname: "localhost", port }, { tls: { caCerts } });
  const accepted = listener.accept();
  await client.write(wire("ping"));
  await client.closeWrite();
  const server = (await accepted)!;
  assertEquals(await readAll(server), "ping");
  await server.write(wire("pong"));
  await server.closeWrite();
  assertEquals(await readAll(client), "pong");
  await Promise.all([client.close(), server.close(), listener.close()]);
});

test("connect() refuses a certificate that nobody has vouched for, or TLS as a whole", async () => {
  const listener = await listen(secure).catch((error) => {
    if (!(error instanceof TransportError) || error.code !== "tls") throw error;
  });
  const { port } = (listener ?? await listen({ hostname: "127.0.0.1" })).address as { readonly port: number };
  const accepted = listener?.accept().then((socket) => socket?.opened.catch(() => {}));
  const error = await assertRejects(() => connect({ hostname: "localhost", port }, { tls: {} }).opened, TransportError);
  assertEquals(error.code, "tls");
  await listener?.close();
  await accepted;
});

test("serve() and Client speak https and wss", unlessTlsIsRefused, async () => {
  const server = serve(secure, (request) => {
    if (request.headers.get("upgrade") === null) return new Response("hello");
    const { response, socket } = upgradeWebSocket(request);
    socket.opened.then(({ readable, writable }) => readable.pipeTo(writable));
    return response;
  });
  const [{ port }] = await server.listening;
  const client = new Client({ tls: { caCerts } });
  assertEquals(await (await client.fetch(`https://localhost:${port}/`)).text(), "hello");
  await client.close();
  const socket = new WebSocketStream(`wss://localhost:${port}/`, { tls: { caCerts } });
  const io = await socket.opened;
  await io.write("hello");
  assertEquals(await io.read(), "hello");
  assertEquals((await io.close()).wasClean, true);
  await server.shutdown({ upgraded: "close" });
});
