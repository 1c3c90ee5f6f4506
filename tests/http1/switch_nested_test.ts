import { test } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readUntil, text, wire } from "../support/wire.ts";
import {
  CONNECT,
  CONNECT_REQUEST,
  CONNECTED,
  expectText,
  OK,
  SWITCHED,
  transports,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

const clock = new FakeClock();
const options = { dateHeader: false, clock };

/** Serves HTTP in every tunnel, and echoes behind an upgrade; tells how deep a request came. */
function serveDeep(io: Duplex, depth = 0): void {
  serveConnection(io, (request): OutgoingResponse => {
    if (request.method === "CONNECT") {
      const { response, upgraded } = connectResponse(request);
      upgraded.then((tunnel) => serveDeep(tunnel, depth + 1));
      return response;
    }
    if (!wantsUpgrade(request, "foobar")) return { status: 200, body: `depth ${depth}` };
    const { response, upgraded } = upgradeResponse(request, "foobar");
    upgraded.then(({ readable, writable }) => readable.pipeTo(writable));
    return response;
  }, options);
}

async function connectThrough(io: Duplex): Promise<Upgraded> {
  return await onUpgrade(await handshake(io, { clock }).sender.send(CONNECT_REQUEST));
}

for (const { over, open } of transports) {
  test(`HTTP runs inside a tunnel, three levels deep, with an upgrade inside, over ${over}`, async () => {
    const [near, far] = open();
    serveDeep(far);
    let io: Duplex = near;
    for (let depth = 0; depth < 3; depth++) {
      const { sender } = handshake(io, { clock });
      const response = await sender.send({ method: "GET", target: "/", fields: { host: "a" } });
      assertEquals(await response.body.text(), `depth ${depth}`);
      await sender.ready();
      io = await onUpgrade(await sender.send(CONNECT_REQUEST));
    }
    const echo = await onUpgrade(await handshake(io, { clock }).sender.send(UPGRADE_REQUEST));
    const written = echo.write(wire("hello from below"));
    await expectText(echo, "hello from below");
    await written;
    const ended = echo.closeWrite();
    assertEquals(await echo.read(), null);
    await ended;
  });
}

test("serveConnection() inside a tunnel reads the request that came with the CONNECT", async () => {
  const [client, far] = duplexPair();
  serveDeep(far);
  await client.write(wire(`${CONNECT}${CONNECT}${UPGRADE}EARLY`));
  await expectText(client, CONNECTED + CONNECTED + SWITCHED);
  await expectText(client, "EARLY");
});

test("handshake() inside a tunnel reads what the server said first, and refuses it (RFC 9112 §9.2) [B15]", async () => {
  const [near, server] = duplexPair();
  const tunneling = connectThrough(near);
  await readUntil(server, "¶¶");
  await server.write(wire(`${CONNECTED}HTTP/1.1 200 OK¶Content-Length: 0¶¶`));
  const inner = handshake(await tunneling, { clock });
  assertEquals((await inner.connection.closed).reason, "error");
});

test("A client and a server swap their roles behind a switch", async () => {
  const [near, far] = duplexPair();
  const swapped: Promise<string>[] = [];
  serveConnection(far, (request) => {
    const { response, upgraded } = upgradeResponse(request, "foobar");
    swapped.push(upgraded.then(async (io) => {
      const { sender, connection } = handshake(io, { clock });
      const answer = await sender.send({ method: "GET", target: "/back", fields: { host: "b" } });
      const body = await answer.body.text();
      await connection.gracefulShutdown();
      return body;
    }));
    return response;
  }, options);
  const io = await onUpgrade(await handshake(near, { clock }).sender.send(UPGRADE_REQUEST));
  const back = serveConnection(io, (request) => ({ status: 200, body: `you asked for ${request.target}` }), options);
  assertEquals(await swapped[0], "you asked for /back");
  assertEquals((await back.closed).reason, "eof");
});

test("gracefulShutdown() inside a tunnel ends the tunnel", async () => {
  const [near, far] = duplexPair();
  serveDeep(far);
  const tunnel = await connectThrough(near);
  const inner = handshake(tunnel, { clock });
  const response = await inner.sender.send({ method: "GET", target: "/", fields: { host: "a" } });
  await response.body.text();
  assertEquals(await inner.connection.gracefulShutdown(), { reason: "shutdown" });
  assertEquals(await far.closed.then(() => "over"), "over");
});

test("withoutShutdown() inside a tunnel gives the very Upgraded back, which leads on to the transport", async () => {
  const [client, far] = duplexPair();
  let inner!: Promise<void>;
  serveConnection(far, (request) => {
    const { response, upgraded } = connectResponse(request);
    inner = upgraded.then(async (tunnel) => {
      const connection = serveConnection(tunnel, () => ({ status: 101 }), options);
      const { io, readBuf } = await connection.withoutShutdown();
      assertStrictEquals(io, tunnel);
      assertEquals(text(readBuf), "EARLY");
      const below = tunnel.intoParts();
      assertStrictEquals(below.io, far);
      assertEquals(below.readBuf.length, 0);
    });
    return response;
  }, options);
  await client.write(wire(`${CONNECT}${UPGRADE}EARLY`));
  await inner;
});

test("Upgraded.downcast() of an inner switch finds the outer Upgraded", async () => {
  const [client, far] = duplexPair();
  let found: unknown;
  let outer!: Upgraded;
  const inner = new Promise<void>((resolve) => {
    serveConnection(far, (request) => {
      const { response, upgraded } = connectResponse(request);
      upgraded.then((tunnel) => {
        outer = tunnel;
        serveConnection(tunnel, (incoming: IncomingRequest) => {
          const made = upgradeResponse(incoming, "foobar");
          made.upgraded.then((io) => {
            found = io.downcast((candidate): candidate is Upgraded => candidate instanceof Upgraded);
            resolve();
          });
          return made.response;
        }, options);
      });
      return response;
    }, options);
  });
  await client.write(wire(`${CONNECT}${UPGRADE}EARLY`));
  await inner;
  assert(!(found instanceof Upgraded));
  const { io, readBuf } = found as { io: unknown; readBuf: Uint8Array };
  assertStrictEquals(io, outer);
  assertEquals(text(readBuf), "EARLY");
});

test("serveConnection() inside a tunnel answers the pipelined requests of both levels in order", async () => {
  const [client, far] = duplexPair();
  serveDeep(far);
  const get = "GET / HTTP/1.1¶Host: a¶¶";
  await client.write(wire(`${get}${CONNECT}${get}${get}`));
  const ok = (depth: number) => OK.replace("2¶¶ok", `7¶¶depth ${depth}`);
  await expectText(client, ok(0) + CONNECTED + ok(1) + ok(1));
});
