import { test } from "node:test";
import { type AddressInfo, connect as connectNode, createServer, type Socket as NodeSocket } from "node:net";
import { Duplex as NodeDuplex } from "node:stream";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { type ClientConnection, handshake } from "../../src/http1/client_connection.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { serveConnection, type ServerConnection } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Parts } from "../../src/http1/parts.ts";
import { Upgraded } from "../../src/http1/upgraded.ts";
import * as net from "../../src/net/mod.ts";
import * as node from "../../src/net/node/mod.ts";
import { runtimeName, skipUnless } from "../support/runtime.ts";
import { readAll, readUntil, text, wire } from "../support/wire.ts";
import {
  CONNECT,
  CONNECT_REQUEST,
  CONNECTED,
  expectBytes,
  expectText,
  isPending,
  joined,
  OK,
  pattern,
  rejectedFor,
  SWITCHED,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

const networks = [{ door: "./net", connect: net.connect, listen: net.listen }, {
  door: "./node",
  connect: node.connect,
  listen: node.listen,
}] as const;

type Network = typeof networks[number];

/** Both ends of a TCP connection on loopback. */
async function tcpPair({ connect, listen }: Network): Promise<[Socket, Socket]> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const near = connect(listener.address);
  const far = (await listener.accept())!;
  await near.opened;
  await listener.close();
  return [near, far];
}

/** A server of ours behind a raw client. */
async function rawClient(
  network: Network,
  handler: (upgraded: Promise<Upgraded>) => OutgoingResponse | Promise<OutgoingResponse>,
): Promise<{ client: Socket; far: Socket; connection: ServerConnection; upgraded: () => Promise<Upgraded> }> {
  const [client, far] = await tcpPair(network);
  let upgraded!: Promise<Upgraded>;
  const connection = serveConnection(far, (request) => handler(upgraded = onUpgrade(request)), { dateHeader: false });
  return { client, far, connection, upgraded: () => upgraded };
}

/** Both roles, switched. */
async function switched(network: Network, how: "upgrade" | "CONNECT") {
  const [near, far] = await tcpPair(network);
  let upgraded!: Promise<Upgraded>;
  const serving = serveConnection(far, (request) => {
    const made = how === "CONNECT" ? connectResponse(request) : upgradeResponse(request, "foobar");
    upgraded = made.upgraded;
    return made.response;
  });
  const { sender, connection } = handshake(near);
  const response = await sender.send(how === "CONNECT" ? CONNECT_REQUEST : UPGRADE_REQUEST);
  return { client: await onUpgrade(response), server: await upgraded, near, far, connection, serving };
}

const PLAIN: OutgoingResponse = { status: 101, fields: [["Connection", "upgrade"], ["Upgrade", "foobar"]] };

async function closeAll(...ends: { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(ends.map((end) => end.close()));
}

for (const network of networks) {
  const { door } = network;

  for (const how of ["upgrade", "CONNECT"] as const) {
    test(`${door}: both roles switch over TCP after ${how}, and each side ends on its own`, async () => {
      for (const first of ["client", "server"] as const) {
        const ends = await switched(network, how);
        const [leaving, staying] = first === "client" ? [ends.client, ends.server] : [ends.server, ends.client];
        await leaving.write(wire("one"));
        await expectText(staying, "one");
        await leaving.closeWrite();
        assertEquals(await staying.read(), null);
        await staying.write(wire("two"));
        await expectText(leaving, "two");
        await staying.closeWrite();
        assertEquals(await leaving.read(), null);
        assertEquals([(await ends.connection.closed).reason, (await ends.serving.closed).reason], [
          "upgrade",
          "upgrade",
        ]);
        await closeAll(leaving, staying);
      }
    });

    for (const size of [0, 1, 8191, 8192, 8193, 500_000]) {
      test(`${door}: serveConnection() hands ${size} early bytes over TCP over after ${how} [E7]`, async () => {
        const { client, upgraded } = await rawClient(network, () => how === "CONNECT" ? { status: 200 } : PLAIN);
        const early = pattern(size);
        const writing = client.write(joined(wire(how === "CONNECT" ? CONNECT : UPGRADE), early));
        await expectText(client, how === "CONNECT" ? CONNECTED : SWITCHED);
        const io = await upgraded();
        const reading = expectBytes(io, joined(early, early));
        await writing;
        await client.write(early);
        await client.closeWrite();
        await reading;
        await io.write(wire("answer"));
        await io.closeWrite();
        assertEquals(await readAll(client), "answer");
        await closeAll(client, io);
      });

      test(`${door}: handshake() hands ${size} early bytes over TCP over after ${how} [E8]`, async () => {
        const [near, server] = await tcpPair(network);
        const sending = handshake(near).sender.send(how === "CONNECT" ? CONNECT_REQUEST : UPGRADE_REQUEST);
        await readUntil(server, "¶¶");
        const early = pattern(size);
        const writing = server.write(joined(wire(how === "CONNECT" ? CONNECTED : SWITCHED), early));
        const io = await onUpgrade(await sending);
        const reading = expectBytes(io, joined(early, early));
        await writing;
        await server.write(early);
        await server.closeWrite();
        await reading;
        await closeAll(io, server);
      });
    }
  }

  test(`${door}: 8 MiB pass a tunnel in both directions at once`, async () => {
    const { client, server } = await switched(network, "CONNECT");
    const bytes = pattern(8 * 1024 * 1024);
    const sending = [client, server].map(async (io) => {
      for (let at = 0; at < bytes.length; at += 65_536) await io.write(bytes.subarray(at, at + 65_536));
      await io.closeWrite();
    });
    await Promise.all([...sending, expectBytes(client, bytes), expectBytes(server, bytes)]);
    await closeAll(client, server);
  });

  test(`${door}: a peer that does not read holds up the writer, and gets everything later`, async () => {
    const { client, server } = await switched(network, "CONNECT");
    const block = pattern(65_536);
    let blocks = 0;
    let writing: Promise<void>;
    do {
      blocks++;
      writing = client.write(block);
    } while (!await isPending(writing) && blocks < 1024);
    assert(blocks < 1024, "64 MiB were taken that nobody reads");
    const ended = writing.then(() => client.closeWrite());
    let taken = 0;
    for (let chunk = await server.read(); chunk !== null; chunk = await server.read()) taken += chunk.length;
    assertEquals(taken, blocks * block.length);
    await ended;
    await closeAll(client, server);
  });

  test(`${door}: FIN right behind a CONNECT does not keep the tunnel from opening [T10]`, async () => {
    let answer!: (response: OutgoingResponse) => void;
    const { client, upgraded, connection } = await rawClient(
      network,
      () => new Promise((resolve) => answer = resolve),
    );
    await client.write(wire(CONNECT));
    await client.closeWrite();
    const read = client.read();
    assert(await isPending(read));
    while (answer === undefined) await isPending(read);
    answer({ status: 200 });
    assertEquals(text((await read)!), CONNECTED);
    const io = await upgraded();
    assertEquals(await io.read(), null);
    await io.write(wire("late"));
    await io.closeWrite();
    assertEquals(await readAll(client), "late");
    assertEquals(await connection.closed, { reason: "upgrade" });
    await closeAll(client, io);
  });

  for (const how of ["untouched", "cancelled", "read"] as const) {
    test(`${door}: no byte of a body that is ${how} gets into the new protocol [U14, U16]`, async () => {
      const [client, far] = await tcpPair(network);
      let upgraded!: Promise<Upgraded>;
      serveConnection(far, async (request) => {
        ({ upgraded } = upgradeResponse(request, "foobar"));
        if (how === "cancelled") request.body.cancel();
        if (how === "read") assertEquals((await request.body.bytes()).length, 50_000);
        return PLAIN;
      }, { dateHeader: false });
      const head = UPGRADE.replace("GET", "POST").replace("¶¶", "¶Content-Length: 50000¶¶");
      await client.write(wire(head + "b".repeat(10_000)));
      await client.write(wire("b".repeat(30_000)));
      await client.write(wire(`${"b".repeat(10_000)}EXTRA`));
      await expectText(client, SWITCHED);
      await client.closeWrite();
      const io = await upgraded;
      assertEquals(await readAll(io), "EXTRA");
      await closeAll(client, io);
    });
  }

  test(`${door}: 100 refused upgrades and then one that is taken, on one connection`, async () => {
    const [near, far] = await tcpPair(network);
    let requests = 0;
    let upgraded!: Promise<Upgraded>;
    serveConnection(far, (request) => {
      if (++requests <= 100) return { status: 200, body: "ok" };
      const made = upgradeResponse(request, "foobar");
      upgraded = made.upgraded;
      return made.response;
    });
    const { sender } = handshake(near);
    for (let i = 0; i < 100; i++) {
      const response = await sender.send(UPGRADE_REQUEST);
      await rejectedFor("refused", onUpgrade(response));
      assertEquals(await response.body.text(), "ok");
      await sender.ready();
    }
    const io = await onUpgrade(await sender.send(UPGRADE_REQUEST));
    await io.write(wire("hello"));
    await expectText(await upgraded, "hello");
    await closeAll(io, await upgraded);
  });

  test(`${door}: a refused CONNECT closes, and its answer arrives although more was sent (RFC 9112 §9.6) [T5, O3]`, async () => {
    const { client, connection } = await rawClient(network, () => ({ status: 403, body: "no" }));
    await client.write(joined(wire(CONNECT), pattern(100_000)));
    assertEquals(await readAll(client), "HTTP/1.1 403 Forbidden¶content-length: 2¶connection: close¶¶no");
    await client.close();
    assertEquals((await connection.closed).reason, "shutdown");
  });

  test(`${door}: a peer that resets while a switch is undecided fails it when it is answered [U21]`, async () => {
    let answer!: (response: OutgoingResponse) => void;
    const { client, upgraded, connection } = await rawClient(network, () => new Promise((resolve) => answer = resolve));
    const head = UPGRADE.replace("GET", "POST").replace("¶¶", "¶Content-Length: 5¶¶");
    await client.write(wire(head));
    while (answer === undefined) await isPending(connection.closed);
    client.abort();
    answer(PLAIN);
    const { cause } = await rejectedFor("canceled", upgraded());
    assert(cause !== undefined);
    assertEquals((await connection.closed).reason, "error");
  });

  test(`${door}: a peer that resets behind the switch fails the new protocol's reads, not the process`, async () => {
    const { client, server } = await switched(network, "CONNECT");
    await client.write(wire("x"));
    await expectText(server, "x");
    await server.write(wire("unread, so that the kernel says reset"));
    client.abort();
    const error = await server.read().then((chunk) => chunk, (reason) => reason);
    assert(error === null || error instanceof TransportError, String(error));
    server.abort();
  });

  test(`${door}: withoutShutdown() gives the very socket back on both sides, open [U20]`, async () => {
    const [near, far] = await tcpPair(network);
    const serving = serveConnection(far, () => PLAIN);
    const { sender, connection } = handshake(near);
    const [theirs, ours] = [serving.withoutShutdown(), connection.withoutShutdown()];
    await sender.send(UPGRADE_REQUEST);
    assertStrictEquals((await ours).io, near);
    assertStrictEquals((await theirs).io, far);
    await near.write(wire("up"));
    await expectText(far, "up");
    await far.write(wire("down"));
    await expectText(near, "down");
    await closeAll(near, far);
  });

  for (const side of ["client", "server"] as const) {
    test(`${door}: withoutShutdown() of an idle ${side} gives the socket back at gracefulShutdown(), no byte lost`, async () => {
      const [near, far] = await tcpPair(network);
      const serving = serveConnection(far, () => ({ status: 200, body: "ok" }));
      const { sender, connection } = handshake(near);
      const response = await sender.send({ method: "GET", target: "/", fields: { host: "a" } });
      assertEquals(await response.body.text(), "ok");
      await sender.ready();
      const ending: ClientConnection | ServerConnection = side === "client" ? connection : serving;
      const taking = ending.withoutShutdown();
      assertEquals((await ending.gracefulShutdown()).reason, "shutdown");
      const { io, readBuf, ended } = await taking;
      assertStrictEquals(io, side === "client" ? near : far);
      assertEquals([readBuf.length, ended], [0, false]);
      const own = io as Socket;
      if (side === "client") {
        await own.write(wire("GET /again HTTP/1.1¶Host: a¶Connection: close¶¶"));
        assert((await readAll(own)).endsWith("¶¶ok"));
      } else {
        const again = sender.send({ method: "GET", target: "/again", fields: { host: "a" } });
        assert((await readUntil(own, "¶¶")).startsWith("GET /again"));
        await own.write(wire(OK));
        assertEquals(await (await again).body.text(), "ok");
      }
      await closeAll(near, far);
      await Promise.all([connection.closed, serving.closed]);
    });
  }

  test(`${door}: Upgraded.downcast() gives the platform's own socket, with the bytes that came along`, async () => {
    const { client, far, upgraded } = await rawClient(network, () => PLAIN);
    const { native } = far;
    assert(typeof native === "object" && native !== null);
    await client.write(wire(`${UPGRADE}EARLY`));
    await expectText(client, SWITCHED);
    const io = await upgraded();
    assertStrictEquals(io.downcast((candidate): candidate is Map<1, 1> => candidate instanceof Map), io);
    const parts = io.downcast((candidate): candidate is object => candidate === native);
    assert(!(parts instanceof Upgraded));
    assertStrictEquals(parts.io, native);
    assertEquals(text(parts.readBuf), "EARLY");
    await assertRejects(() => io.read());
    (native as { destroy?(): void; close?(): void; end?(): void }).destroy?.();
    (native as { close?(): void }).close?.();
    (native as { end?(): void }).end?.();
    client.abort();
  });
}

test("Upgraded.downcast() gives a net.Socket that goes on where HTTP stopped", async () => {
  const { client, upgraded } = await rawClient(networks[1], () => PLAIN);
  await client.write(wire(`${UPGRADE}EARLY`));
  await expectText(client, SWITCHED);
  const isNodeSocket = (candidate: object): candidate is NodeSocket => "setNoDelay" in candidate && "pipe" in candidate;
  const parts = (await upgraded()).downcast(isNodeSocket) as Parts<NodeSocket>;
  assertEquals([text(parts.readBuf), parts.ended], ["EARLY", false]);
  const received = new Promise<string>((resolve) => {
    let all = "";
    parts.io.on("data", (chunk: string | Uint8Array) => all += text(chunk as Uint8Array)).on("end", () => resolve(all))
      .resume();
  });
  await client.write(wire("MORE"));
  await client.closeWrite();
  assertEquals(await received, "MORE");
  parts.io.end("bye");
  assertEquals(await readAll(client), "bye");
  await client.close();
});

test(
  "handshake() and serveConnection() switch over a Deno.Conn as it is",
  skipUnless(runtimeName === "deno", "Deno only"),
  async () => {
    const { Deno } = globalThis as unknown as {
      Deno: {
        listen(options: object): { readonly addr: object; accept(): Promise<Duplex>; close(): void };
        connect(options: object): Promise<Duplex>;
      };
    };
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const [near, far] = await Promise.all([Deno.connect(listener.addr), listener.accept()]);
    listener.close();
    let upgraded!: Promise<Upgraded>;
    serveConnection(far, (request) => {
      ({ upgraded } = upgradeResponse(request, "foobar"));
      return upgradeResponse(request, "foobar").response;
    });
    const io = await onUpgrade(await handshake(near).sender.send(UPGRADE_REQUEST));
    await io.write(wire("up"));
    const there = await upgraded;
    await expectText(there, "up");
    const parts = there.downcast((candidate): candidate is Duplex => candidate === far) as Parts;
    assertStrictEquals(parts.io, far);
    await io.closeWrite();
    assertEquals((await parts.io.readable.getReader().read()).done, true);
    await parts.io.writable.close();
    assertEquals(await io.read(), null);
    await io.close();
  },
);

test("handshake() and serveConnection() switch over a net.Socket seen as web streams", async () => {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<NodeSocket>((resolve) => server.once("connection", resolve));
  const { port } = server.address() as AddressInfo;
  const near = connectNode({ host: "127.0.0.1", port, allowHalfOpen: true });
  const far = await accepted;
  server.close();
  let upgraded!: Promise<Upgraded>;
  serveConnection(NodeDuplex.toWeb(far) as Duplex, (request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    return upgradeResponse(request, "foobar").response;
  });
  const io = await onUpgrade(await handshake(NodeDuplex.toWeb(near) as Duplex).sender.send(UPGRADE_REQUEST));
  const there = await upgraded;
  await io.write(wire("up"));
  await expectText(there, "up");
  await there.write(wire("down"));
  await expectText(io, "down");
  // Node's toWeb() resolves close(), and on Node 20 tells of the peer's end, only when both sides have ended.
  const ended = Promise.all([io.closeWrite(), there.closeWrite()]);
  assertEquals([await io.read(), await there.read()], [null, null]);
  await ended;
  await closeAll(io, there);
});
