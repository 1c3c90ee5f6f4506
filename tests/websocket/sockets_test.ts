/**
 * WebSockets over the sockets of this runtime, in both roles.
 */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { Socket } from "../../src/duplex/socket.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import * as net from "../../src/net/mod.ts";
import * as node from "../../src/net/node/mod.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { upgradeWebSocket, type UpgradeWebSocketOptions } from "../../src/websocket/upgrade.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { allMessages, FramePeer } from "../support/frame_peer.ts";
import { closePayload, hex, OPCODES, roles, toward } from "../support/frames.ts";
import { listening } from "../support/http_server.ts";
import { joined, pattern } from "../support/switching.ts";

const networks = [["./net", net.connect, net.listen], ["./node", node.connect, node.listen]] as const;

/** Both ends of a TCP connection on loopback. */
async function tcpPair([, connect, listen]: typeof networks[number]): Promise<[Socket, Socket]> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const near = connect(listener.address);
  const far = (await listener.accept())!;
  await near.opened;
  await listener.close();
  return [near, far];
}

const EVERYTHING = [
  "",
  "κόσμε",
  "x".repeat(125),
  "x".repeat(126),
  "€".repeat(30_000),
  new Uint8Array(0),
  pattern(127),
  pattern(65_536),
  pattern(3_000_000),
];

async function echo(io: WebSocketConnection): Promise<void> {
  for (let message = await io.read(); message !== null; message = await io.read()) await io.write(message);
}

async function talk(io: WebSocketConnection): Promise<void> {
  const receiving = allMessages(io);
  for (const message of EVERYTHING) await io.write(message);
  await io.ping();
  await io.writeParts((async function* () {
    yield "par";
    yield "ts";
  })());
  void io.close({ closeCode: 4000, reason: "done" });
  const received = await receiving;
  assertEquals(received.map((message) => typeof message), [...EVERYTHING, ""].map((message) => typeof message));
  for (const [i, message] of [...EVERYTHING, "parts"].entries()) {
    const found = received[i]!;
    if (typeof message === "string") assert(found === message, `message ${i}`);
    else assertEquals(hex(found as Uint8Array), hex(message));
  }
  const { closeCode, wasClean } = await io.closed;
  assertEquals([closeCode, wasClean], [4000, true]);
}

for (const network of networks) {
  const [door] = network;

  for (const extensions of ["", "permessage-deflate"]) {
    test(`both roles talk over TCP of ${door}${extensions && " with deflate"} [W16, W17]`, async () => {
      for (const who of roles) {
        const [near, far] = await tcpPair(network);
        const client = webSocketOver(near, { role: "client", extensions });
        const server = webSocketOver(far, { role: "server", extensions });
        const [speaker, echoer] = who === "client" ? [client, server] : [server, client];
        const echoing = echo(echoer);
        await talk(speaker);
        await echoing;
        assertEquals(await echoer.closed, { closeCode: 4000, reason: "done", wasClean: true });
      }
    });
  }

  test(`a raw peer over TCP of ${door} is told everything: early frames, Close, the end [W16]`, async () => {
    for (const role of roles) {
      const [near, far] = await tcpPair(network);
      const peer = new FramePeer(far, role);
      const early = toward(role, { opcode: OPCODES.text, payload: "early" });
      const io = webSocketOver(near, { role, readBuf: early });
      await far.write(joined(
        toward(role, { opcode: OPCODES.ping, payload: "p" }),
        toward(role, { opcode: OPCODES.text, payload: "later" }),
        toward(role, { opcode: OPCODES.close, payload: closePayload(1001, "bye") }),
      ));
      assertEquals(await allMessages(io), ["early", "later"]);
      if (role === "client") await far.closeWrite();
      assertEquals(await peer.all(), ["pong 70", 'close 1001 ""', "end"]);
      await far.close();
      assertEquals(await io.closed, { closeCode: 1001, reason: "bye", wasClean: true });
    }
  });

  test(`a fault is told to a raw peer over TCP of ${door} that goes on sending (RFC 6455 §7.1.7) [W10]`, async () => {
    for (const role of roles) {
      const [near, far] = await tcpPair(network);
      const peer = new FramePeer(far, role);
      const io = webSocketOver(near, { role });
      await peer.send({ opcode: OPCODES.text, payload: new Uint8Array([0xff]) });
      for (let i = 0; i < 4; i++) await far.write(new Uint8Array(10_000)).catch(() => {});
      await assertRejects(() => io.read());
      assertEquals(await peer.next(), 'close 1007 ""');
      await far.close();
      assertStrictEquals((await io.closed).closeCode, 1006);
    }
  });

  test(`a peer over TCP of ${door} that is still sending is told that parts have failed, and heard out [W11, W16]`, async () => {
    for (const role of roles) {
      const [near, far] = await tcpPair(network);
      const peer = new FramePeer(far, role);
      const io = webSocketOver(near, { role });
      const sent = io.writeParts((async function* () {
        yield "first";
        await peer.text("something");
        throw new Error("no more");
      })());
      await assertRejects(() => sent, Error, "no more");
      assertEquals(await peer.next(), 'text+ "first"');
      assertEquals(await peer.next(), 'close 1011 ""');
      for (let i = 0; i < 20; i++) await far.write(new Uint8Array(10_000));
      assertEquals(await peer.next(), "end");
      await far.closeWrite();
      await near.closed;
      assertStrictEquals((await io.closed).closeCode, 1006);
      await far.close();
    }
  });

  test(`a peer that cuts the connection of ${door} makes 1006 [W16]`, async () => {
    for (const role of roles) {
      const [near, far] = await tcpPair(network);
      const io = webSocketOver(near, { role });
      const reading = io.read();
      await new FramePeer(far, role).text("first");
      assertEquals(await reading, "first");
      far.abort();
      await assertRejects(() => io.read(), TransportError);
      assertEquals([(await io.closed).closeCode, (await io.closed).wasClean], [1006, false]);
      await assertRejects(() => io.write("x"));
    }
  });

  test(`a peer over TCP of ${door} that does not read holds write() up [L3]`, async () => {
    const [near, far] = await tcpPair(network);
    const io = webSocketOver(near, { role: "server" });
    const message = new Uint8Array(1_048_576);
    let written = 0;
    const flooding = (async () => {
      for (; written < 64; written++) await io.write(message);
    })();
    const peer = new FramePeer(far, "server");
    let seen = 0;
    // What the kernel takes is bounded; what the peer takes lets the rest through.
    while (seen < 64) {
      const frame = await peer.frame();
      seen++;
      assertStrictEquals(frame!.payload.length, message.length);
      assert(written - seen < 32, `${written} were written when ${seen} were read`);
    }
    await flooding;
    io.abort();
    far.abort();
  });
}

const handshakes: readonly (readonly [name: string, options: UpgradeWebSocketOptions])[] = [
  ["plain", {}],
  ["with deflate", { deflate: true }],
  ["with deflate without context", {
    deflate: { serverNoContextTakeover: true, clientNoContextTakeover: true, thresholdBytes: 0 },
  }],
];

for (const [name, options] of handshakes) {
  test(`WebSocketStream and upgradeWebSocket() talk through serve(), ${name} [W17, K2]`, async () => {
    const ended: Promise<void>[] = [];
    const { server, port } = await listening((request) => {
      const { response, socket } = upgradeWebSocket(request, { protocols: ["v2"], ...options });
      ended.push(socket.opened.then(echo));
      return response;
    });
    const sockets = Array.from(
      { length: 5 },
      () => new WebSocketStream(`ws://127.0.0.1:${port}/`, { protocols: ["v1", "v2"] }),
    );
    await Promise.all(sockets.map(async ({ opened, closed }) => {
      const io = await opened;
      assertEquals([io.protocol, io.extensions.startsWith("permessage-deflate")], ["v2", name !== "plain"]);
      await talk(io);
      assertStrictEquals((await closed).wasClean, true);
    }));
    await Promise.all(ended);
    await server.shutdown();
  });
}
