import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import type { FetchInit } from "../../../src/http/client/options.ts";
import { listen, type Socket } from "../../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { dialing, rejection } from "../../support/dialing.ts";
import { readUntil, wire } from "../../support/wire.ts";

const OK = "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok";

/** What is sent once only, and ends in `body` on the wire. */
const unrepeatable: readonly (readonly [what: string, init: () => FetchInit])[] = [
  ["a POST", () => ({ method: "POST", body: "body" })],
  ["a PATCH", () => ({ method: "PATCH", body: "body" })],
  ["a PUT of a stream", () => ({
    method: "PUT",
    body: new Blob(["body"]).stream(),
    headers: { "content-length": "4" },
  })],
];

/** How a server leaves right behind its answer, without having said so. */
const leaving: readonly (readonly [how: string, leave: (socket: Socket) => Promise<unknown>])[] = [
  ["ends it", (socket) => socket.closeWrite()],
  ["closes it", (socket) => socket.close()],
  ["speaks unasked", (socket) => socket.write(wire(OK))],
];

/** A server that answers each request on a connection, and leaves it at once. */
async function answering(leave: (socket: Socket) => Promise<unknown>, tls: boolean) {
  const listener = await listen({
    hostname: "127.0.0.1",
    ...(tls ? { tls: { cert: serverCert, key: serverKey } } : {}),
  });
  const sockets: Socket[] = [];
  const serve = async (socket: Socket) => {
    sockets.push(socket);
    await readUntil(socket, (soFar) => soFar.endsWith("¶¶body"));
    await socket.write(wire(OK));
    await leave(socket);
  };
  const accepting = (async () => {
    for (let socket = await listener.accept(); socket !== null; socket = await listener.accept()) {
      serve(socket).catch(() => {});
    }
  })();
  const { port } = listener.address;
  return {
    origin: `${tls ? "https" : "http"}://localhost:${port}`,
    sockets,
    async close() {
      await listener.close();
      await accepting;
      for (const socket of sockets) socket.abort();
    },
  };
}

for (const [what, init] of unrepeatable) {
  for (const [how, leave] of leaving) {
    for (const tls of [false, true]) {
      const title = `fetch() sends ${what} over a new connection once the server ${how}, seen or not` +
        `${tls ? ", under TLS" : ""} (RFC 9112 §9.3.1)`;
      test(title, async () => {
        const server = await answering(leave, tls);
        const client = new Client({ tls: { caCerts: [authority] } });
        const texts: string[] = [];
        for (let i = 0; i < 10; i++) {
          const response = await client.fetch(server.origin, init());
          texts.push(await response.text());
        }
        assertEquals(texts, Array.from({ length: 10 }, () => "ok"));
        assertEquals(server.sockets.length, 10);
        await client.abort();
        await server.close();
      });
    }
  }
}

test("fetch() sends a POST over the connection that is kept and has not ended", async () => {
  const { client, connection, dialed } = dialing();
  for (const path of ["first", "second"]) {
    const fetching = client.fetch(`http://a/${path}`, { method: "POST", body: "body" });
    const { far } = await connection(0);
    await readUntil(far, "¶¶body");
    await far.write(wire(OK));
    assertEquals(await (await fetching).text(), "ok");
  }
  assertEquals(dialed.length, 1);
  await client.close();
});

for (const how of ["signal", "abort()"] as const) {
  test(`fetch() of a POST that looks at a kept connection gives up with ${how}, and dials nothing`, async () => {
    const { client, connection, dialed } = dialing();
    const first = client.fetch("http://a/", { method: "POST", body: "body" });
    const { far } = await connection(0);
    await readUntil(far, "¶¶body");
    await far.write(wire(OK));
    await (await first).text();
    const controller = new AbortController();
    const outcome = rejection(client.fetch("http://a/", { method: "POST", body: "body", signal: controller.signal }));
    const reason = new Error("enough");
    if (how === "signal") controller.abort(reason);
    else await client.abort(reason);
    assertEquals(await outcome, reason);
    assertEquals(dialed.length, 1);
    await client.close();
  });
}
