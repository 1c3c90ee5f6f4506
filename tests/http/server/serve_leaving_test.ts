import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Socket } from "../../../src/duplex/socket.ts";
import type { ServeOptions } from "../../../src/http/server/serve_options.ts";
import { connect, startTls } from "../../../src/net/node/mod.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { listening, say } from "../../support/http_server.ts";
import { FakeClock, turns, wire } from "../../support/wire.ts";

const HEADS = [
  ["a request", "GET /wait HTTP/1.1¶Host: a¶¶"],
  ["an upgrade", "GET /wait HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶"],
  ["a CONNECT", "CONNECT a:1 HTTP/1.1¶Host: a:1¶¶"],
] as const;

/** A client that can cut the connection: a `Deno.Conn` only closes it, and what is unsent then goes first. */
function dial(port: number): Socket {
  return connect({ hostname: "127.0.0.1", port });
}

/** A server with one place, whose handlers never come back but for `/`. */
async function withOnePlace(options: ServeOptions) {
  const clock = new FakeClock();
  let asked: () => void = () => {};
  const never = (): Promise<Response> => {
    asked();
    return new Promise(() => {});
  };
  const { server, port } = await listening(
    (request) => new URL(request.url).pathname === "/wait" ? never() : new Response("free"),
    { clock, maxConnections: 1, connect: never, ...options },
  );
  return { server, port, clock, asked: () => new Promise<void>((resolve) => asked = resolve) };
}

for (const how of ["cuts the connection", "closes it"] as const) {
  for (const [what, head] of HEADS) {
    test(`serve() gives the place of a client that ${how} while ${what} is handled to the next one`, async () => {
      const { server, port, clock, asked } = await withOnePlace({});
      const client = dial(port);
      const handled = asked();
      await client.write(wire(head));
      await handled;
      await clock.advance(500);
      if (how === "cuts the connection") client.abort();
      else await client.close();
      // The news of it comes by the network, so time goes on until it has.
      while (server.connections > 0) await clock.advance(1000);
      assertStringIncludes(await say(port, "GET / HTTP/1.1¶Host: a¶¶"), "free");
      await server.shutdown();
    });
  }
}

/** The same with TLS on it, where that is asked for; the connection below is cut, too. */
async function dialWith(tls: boolean, port: number): Promise<Pick<Socket, "write" | "abort">> {
  const below = dial(port);
  if (!tls) return below;
  const { readable, writable } = below;
  const above = startTls({ readable, writable }, { serverName: "localhost", caCerts: [authority] });
  await above.opened;
  return { write: (bytes) => above.write(bytes), abort: (reason) => below.abort(reason) };
}

for (const [over, options] of [["TCP", {}], ["TLS", { tls: { cert: serverCert, key: serverKey } }]] as const) {
  test(`serve() notices that a client has cut the connection behind a body that nobody reads, and reads no more than it must, over ${over}`, async () => {
    const { server, port, clock, asked } = await withOnePlace(options);
    const client = await dialWith(over === "TLS", port);
    const handled = asked();
    await client.write(wire("POST /wait HTTP/1.1¶Host: a¶Content-Length: 90000000¶¶"));
    await handled;
    let taken = 0;
    const writing = (async () => {
      for (; taken < 90; taken++) await client.write(new Uint8Array(1_000_000));
    })().catch(() => {});
    await clock.advance(500);
    for (let before = -1; before < taken;) {
      before = taken;
      for (let i = 0; i < 100; i++) await turns();
    }
    client.abort();
    await writing;
    while (server.connections > 0) await clock.advance(1000);
    assertEquals(taken < 90, true, "all of it was taken");
    await server.shutdown();
  });
}
