/**
 * The switch over HTTP/2: an extended CONNECT (RFC 8441) is an upgrade, a CONNECT opens a tunnel (RFC 9113 §8.5), and behind both the
 * stream is a transport: END_STREAM ends a side, RST_STREAM cuts it.
 */

import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { duplexPair, type DuplexPairOptions } from "../../src/duplex/pair.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { Handler } from "../../src/http1/server_exchange.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { handshake, type Http2ClientConnection } from "../../src/http2/client_connection.ts";
import type { Http2ServerConnectionOptions } from "../../src/http2/options.ts";
import { type Http2ServerConnection, serveConnection } from "../../src/http2/server_connection.ts";
import { upgradeWebSocket, webSocketOver } from "../../src/websocket/mod.ts";
import { text } from "../support/bytes.ts";
import { ask } from "../support/http2_ask.ts";
import { FakeClock, turns, wire } from "../support/wire.ts";

interface Both {
  readonly client: Http2ClientConnection;
  readonly server: Http2ServerConnection;
}

function both(handler: Handler, options: Http2ServerConnectionOptions = {}, pair?: DuplexPairOptions): Both {
  const [near, far] = duplexPair(pair);
  const server = serveConnection(far, handler, { connectProtocol: true, ...options });
  return { server, client: handshake(near).connection };
}

const UPGRADE: readonly (readonly [string, string])[] = [["connection", "upgrade"], ["upgrade", "echo"]];
const TUNNEL = { method: "CONNECT", target: "b.example:443" } as const;

/** An upgrade to `echo`, or a tunnel, on both sides. */
async function switched(
  how: "upgrade" | "tunnel",
  pair?: DuplexPairOptions,
): Promise<Both & { readonly near: Upgraded; readonly far: Upgraded }> {
  let far!: Promise<Upgraded>;
  const ends = both(
    (request) => {
      const { response, upgraded } = how === "upgrade" ? upgradeResponse(request, "echo") : connectResponse(request);
      far = upgraded;
      return response;
    },
    {},
    pair,
  );
  const response = how === "upgrade"
    ? await ask(ends.client, { authority: "a", path: "/up", fields: UPGRADE })
    : await ends.client.send(TUNNEL);
  assertEquals([response.status, response.version], [200, "2"]);
  return { ...ends, near: await onUpgrade(response), far: await far };
}

/** Everything up to the end. */
async function rest(io: Upgraded): Promise<string> {
  let all = "";
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) all += text(chunk);
  return all;
}

test("an upgrade over HTTP/2 goes to a protocol with a version as over HTTP/1.1 (RFC 9110 §7.8)", async () => {
  const protocol = "json-rpc/2.0";
  const seen: unknown[] = [];
  const ends = both((request) => {
    seen.push(request.proposal);
    const { response, upgraded } = upgradeResponse(request, protocol);
    upgraded.then((io) => io.close());
    return response;
  });
  const fields = [["connection", "upgrade"], ["upgrade", protocol]] as const;
  const io = await onUpgrade(await ask(ends.client, { authority: "a", fields }));
  assertEquals([io.protocol, seen], [protocol, [{ type: "upgrade", protocols: [protocol] }]]);
  await io.close();
  await ends.client.gracefulShutdown();
});

for (const how of ["upgrade", "tunnel"] as const) {
  for (const readBytes of [1, 65_536]) {
    test(`${how} over HTTP/2: bytes go both ways, each side ends by itself, ${readBytes} at a time`, async () => {
      const { near, far, client, server } = await switched(how, { readBytes });
      assertEquals([near.protocol, far.protocol], how === "upgrade" ? ["echo", "echo"] : [null, null]);
      await near.write(wire("from the client"));
      await near.closeWrite();
      assertEquals(await rest(far), "from the client");
      await far.write(wire("from the server"));
      await far.closeWrite();
      assertEquals(await rest(near), "from the server");
      await Promise.all([near.closed, far.closed]);
      assertEquals([client.openStreams, server.idle], [0, true]);
      await client.gracefulShutdown();
    });
  }

  test(`${how} over HTTP/2: abort() resets the stream, and the connection goes on`, async () => {
    const { near, far, client } = await switched(how);
    near.abort();
    await assertRejects(() => far.read(), TransportError);
    await far.closed;
    const again = await client.send(TUNNEL);
    assertEquals(again.status, how === "tunnel" ? 200 : 500);
    client.abort();
  });

  for (const side of ["near", "far"] as const) {
    test(`${how} over HTTP/2: a write of the ${side} end has not gone because an earlier one has`, async () => {
      const ends = await switched(how);
      const io = ends[side];
      const settled: string[] = [];
      const write = (name: string, bytes: number): void =>
        void io.write(new Uint8Array(bytes)).then(() => settled.push(name));
      write("at once", 130_000);
      write("behind what is unsent", 2000);
      write("behind the window", 1_000_000);
      for (let turn = 0; turn < 20; turn++) await turns();
      assertEquals(settled.includes("behind the window"), false);
      void io.closeWrite();
      const other = side === "near" ? ends.far : ends.near;
      let came = 0;
      for (let chunk = await other.read(); chunk !== null; chunk = await other.read()) came += chunk.length;
      assertEquals([came, settled.at(-1)], [1_132_000, "behind the window"]);
      ends.client.abort();
    });
  }

  test(`${how} over HTTP/2: windows that open for what was read leave with the answer`, async () => {
    const [near, far] = duplexPair();
    const writes: number[] = [];
    const write = far.write.bind(far);
    far.write = (bytes) => {
      writes.push(bytes.length);
      return write(bytes);
    };
    serveConnection(far, (request) => {
      const { response, upgraded } = how === "upgrade" ? upgradeResponse(request, "echo") : connectResponse(request);
      upgraded.then(async (io) => {
        for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) await io.write(Uint8Array.of(1));
        await io.close();
      });
      return response;
    }, { connectProtocol: true });
    const { connection } = handshake(near);
    const asked = how === "upgrade"
      ? await ask(connection, { authority: "a", path: "/up", fields: UPGRADE })
      : await connection.send(TUNNEL);
    const io = await onUpgrade(asked);
    await turns();
    writes.length = 0;
    for (let exchange = 0; exchange < 64; exchange++) {
      await io.write(new Uint8Array(16_384)); // as many as open the stream's window eight times, and the connection's twice
      assertEquals(await io.read(), Uint8Array.of(1));
    }
    assertEquals([writes.length, writes.filter((bytes) => bytes > 10).length], [64, 8]);
    await io.close();
    await connection.gracefulShutdown();
  });

  for (const by of ["read()", "readable"] as const) {
    test(`${how} over HTTP/2: a chunk of ${by} may be transferred without harm to what comes`, async () => {
      const { near, far, client } = await switched(how);
      const reader = by === "readable" ? near.readable.getReader() : null;
      const read = async (): Promise<Uint8Array | null> =>
        reader === null ? await near.read() : (await reader.read()).value ?? null;
      const sent = Uint8Array.from({ length: 200_000 }, (_, at) => at ^ at >>> 8);
      const writing = (async () => {
        for (let at = 0; at < sent.length; at += 5000) await far.write(sent.subarray(at, at + 5000));
        await far.closeWrite();
      })();
      const came: Uint8Array[] = [];
      for (let chunk = await read(); chunk !== null; chunk = await read()) {
        came.push(chunk.slice());
        structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
      }
      await writing;
      assertEquals(new Uint8Array(await new Blob(came as BlobPart[]).arrayBuffer()), sent);
      client.abort();
    });
  }

  test(`${how} over HTTP/2: a peer that does not read stops the writer`, async () => {
    const { near, far, client } = await switched(how);
    let written = 0;
    const writing = (async () => {
      for (; written < 100; written++) await near.write(new Uint8Array(100_000));
      await near.closeWrite();
    })();
    for (let turn = 0; turn < 50; turn++) await turns();
    assert(written < 10, `${written}`);
    let read = 0;
    for (let chunk = await far.read(); chunk !== null; chunk = await far.read()) read += chunk.length;
    await writing;
    assertEquals(read, 10_000_000);
    client.abort();
  });

  test(`${how} over HTTP/2: close() sends what was written, and ends both sides`, async () => {
    const { near, far, client } = await switched(how);
    const all = rest(far).then(async (all) => {
      await far.close();
      return all;
    });
    await near.write(wire("last words"));
    await near.close();
    assertEquals(await all, "last words");
    await far.closed;
    await client.gracefulShutdown();
  });

  test(`${how} over HTTP/2 fails on both sides with its connection`, async () => {
    const { near, far, client } = await switched(how);
    client.abort(new TransportError("reset", "cut"));
    await assertRejects(() => near.read(), TransportError);
    await assertRejects(() => far.read(), TransportError);
  });
}

for (const from of ["near", "far"] as const) {
  test(`a stream whose last bytes wait for the windows behind the peer's end is over once they have gone, from the ${from} side`, async () => {
    const ends = await switched("upgrade");
    const sender = ends[from];
    const receiver = ends[from === "near" ? "far" : "near"];
    await receiver.closeWrite();
    assertEquals(await sender.read(), null);
    const bytes = new Uint8Array(300_000); // more than a window
    const written = sender.write(bytes);
    const closing = sender.close();
    let left = bytes.length;
    for (let chunk = await receiver.read(); chunk !== null; chunk = await receiver.read()) left -= chunk.length;
    assertEquals(left, 0);
    await Promise.all([written, closing, sender.closed, receiver.close()]);
    await ends.client.gracefulShutdown();
  });
}

test("a refusal is a response with its body, the promises of both sides reject with it, and the connection goes on", async () => {
  const rejected: unknown[] = [];
  const ends = both((request) => {
    onUpgrade(request).catch((error) => rejected.push(error.code, error.status));
    return { status: 403, body: "no" };
  });
  for (
    const response of [
      await ask(ends.client, { authority: "a", fields: UPGRADE }),
      await ends.client.send(TUNNEL),
    ]
  ) {
    assertEquals([response.status, await response.body.text()], [403, "no"]);
    const error = await assertRejects(() => onUpgrade(response), UpgradeRejected);
    assertEquals([error.code, error.status], ["refused", 403]);
  }
  assertEquals(rejected, ["refused", 403, "refused", 403]);
  assertEquals((await ask(ends.client, { authority: "a" })).status, 403);
  await ends.client.gracefulShutdown();
});

test("an upgrade is not sent to a server that has not told that it takes it (RFC 8441 §3)", async () => {
  const ends = both(() => ({ status: 200 }), { connectProtocol: false });
  assertEquals(await ends.client.takesUpgrades(), false);
  const error = await assertRejects(() => ask(ends.client, { authority: "a", fields: UPGRADE }), UnsentError);
  assert(error.cause instanceof StateError && error.cause.code === "no-switch");
  await ends.client.gracefulShutdown();
});

test("a WebSocket over HTTP/2 needs no key, keeps subprotocol and compression, and closes as over TCP (RFC 8441 §5)", async () => {
  const closed: unknown[] = [];
  const ends = both((request) => {
    const { response, socket } = upgradeWebSocket(request as never, { deflate: true, protocols: ["b"] });
    socket.opened.then(async (open) => {
      for await (const message of open) await open.write(message);
      closed.push((await open.closed).closeCode);
    });
    return response as never;
  });
  const response = await ask(ends.client, {
    authority: "a",
    path: "/chat",
    fields: [
      ["connection", "upgrade"],
      ["upgrade", "websocket"],
      ["sec-websocket-version", "13"],
      ["sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="],
      ["sec-websocket-protocol", "a, b"],
    ],
  });
  assertEquals([response.status, response.fields.get("sec-websocket-protocol")], [200, "b"]);
  assertEquals([response.fields.has("sec-websocket-accept"), response.fields.has("upgrade")], [false, false]);
  const socket = webSocketOver(await onUpgrade(response), { role: "client" });
  for (const message of ["hello", "x".repeat(1_000_000), new Uint8Array(100_000).fill(7)]) {
    await socket.write(message);
    assertEquals(await socket.read(), message);
  }
  await socket.close({ closeCode: 4000 });
  await ends.client.gracefulShutdown();
  assertEquals(closed, [4000]);
});

test("a 2xx that does not switch never looks like a switch: 501 (RFC 8441 §4)", async () => {
  const ends = both(() => ({ status: 200, body: "a page" }));
  const response = await ask(ends.client, { authority: "a", fields: UPGRADE });
  assertEquals([response.status, await response.body.text()], [501, ""]);
  assertEquals((await assertRejects(() => onUpgrade(response), UpgradeRejected)).status, 501);
  await ends.client.gracefulShutdown();
});

for (const reads of [true, false]) {
  test(`Upgraded.close() over HTTP/2 ${reads ? "waits for" : "does not wait without end for"} a peer that is slow to open its window`, async () => {
    const clock = new FakeClock();
    let far!: Promise<Upgraded>;
    const { client } = both((request) => {
      const { response, upgraded } = connectResponse(request);
      far = upgraded;
      return response;
    }, { clock, closeTimeoutMs: 10, writeTimeoutMs: 1000 });
    const near = await onUpgrade(await client.send(TUNNEL));
    const io = await far;
    const written = io.write(new Uint8Array(3_000_000)).catch((error) => error);
    const closing = io.close();
    await clock.advance(999);
    if (reads) {
      assertEquals((await rest(near)).length, 3_000_000);
      assertEquals(await written, undefined);
      await clock.advance(9);
      await near.close();
    } else {
      await clock.advance(1001);
      assert(await written instanceof TransportError);
      await assertRejects(() => rest(near), TransportError);
    }
    await closing;
    client.abort();
    await turns();
    assertEquals(clock.pending, 0);
  });
}
