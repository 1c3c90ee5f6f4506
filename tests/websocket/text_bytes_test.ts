/** Text that is received as bytes: the option `text`. */
import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import { OpeningWebSocket } from "../../src/websocket/pending.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { TextBytes } from "../../src/websocket/text_bytes.ts";
import { WebSocket } from "../../src/websocket/web_socket.ts";
import { everyCut } from "../support/bytes.ts";
import { allMessages, bothEnds, withPeer } from "../support/frame_peer.ts";
import { OPCODES, received, roles, toward, unhex } from "../support/frames.ts";
import { joined, pattern, transports } from "../support/switching.ts";
import { duplexPair } from "../../src/duplex/pair.ts";

const { continuation, text, binary } = OPCODES;
const PMD = "permessage-deflate";
const TEXTS = ["", "a", "aé€💬", "\ufeffmark", "x".repeat(65), "é".repeat(40_000), "aé€💬".repeat(30_000)];

test("WebSocketMachine gives text as bytes if it is told to, whole or in fragments, cut anywhere (RFC 6455 §8.1)", () => {
  for (const role of roles) {
    const payload = new TextEncoder().encode("aé€");
    const bytes = joined(
      toward(role, { opcode: text, payload }),
      toward(role, { opcode: text, fin: false, payload: payload.subarray(0, 2) }),
      toward(role, { opcode: continuation, payload: payload.subarray(2) }),
      toward(role, { opcode: text }),
      toward(role, { opcode: binary, payload }),
    );
    const digits = "61c3a9e282ac";
    const expected = [`text-bytes ${digits}`, `text-bytes ${digits}`, "text-bytes", `binary ${digits}`, "need-data"];
    for (const lent of [false, true]) {
      for (const { how, chunks } of everyCut(bytes)) {
        assertEquals(received(role, chunks, { text: "bytes", lent }), expected, how);
      }
    }
  }
});

test("WebSocketMachine gives no text as bytes that is not UTF-8 (RFC 6455 §8.1)", () => {
  for (const role of roles) {
    for (const digits of ["ff", "61c3", "eda080", "f4908080", "c080"]) {
      const payload = unhex(digits);
      const fragments = [
        toward(role, { opcode: text, fin: false, payload: payload.subarray(0, 1) }),
        toward(role, { opcode: continuation, payload: payload.subarray(1) }),
      ];
      for (const chunks of [[toward(role, { opcode: text, payload })], fragments]) {
        assertEquals(received(role, chunks, { text: "bytes" }), ["fail bad-utf8 1007"], digits);
      }
    }
  }
});

for (const { over, bytewise, open } of transports) {
  test(`what is written back of text as bytes arrives as text over ${over}`, async () => {
    for (const extensions of ["", PMD]) {
      const [near, far] = open();
      const client = webSocketOver(near, { role: "client", extensions });
      const server = webSocketOver(far, { role: "server", extensions, text: "bytes" });
      const messages = [...TEXTS.filter(({ length }) => !bytewise || length < 100), pattern(300)];
      const kinds: string[] = [];
      const echoing = (async () => {
        for await (const message of server) {
          kinds.push(message instanceof TextBytes ? `text ${String(message).length}` : typeof message);
          await server.write(message);
        }
      })();
      const receiving = allMessages(client);
      for (const message of messages) await client.write(message);
      void client.close();
      const echoed = await receiving;
      await echoing;
      assertEquals(echoed.length, messages.length);
      for (const [i, message] of messages.entries()) assertEquals(echoed[i], message);
      const expected = messages.map((message) => typeof message === "string" ? `text ${message.length}` : "object");
      assertEquals(kinds, expected);
    }
  });
}

test("text as bytes that takes many turns to be inflated is text as well (RFC 7692 §7.2.2)", async () => {
  const long = "aé€💬".repeat(200_000);
  const { client, server } = bothEnds({ extensions: PMD, text: "bytes" });
  void client.write(long);
  const message = await server.read();
  assert(message instanceof TextBytes && String(message) === long);
  void server.write(message);
  const back = await client.read();
  assert(back instanceof TextBytes && back.length === message.length);
  client.abort();
});

test("compressed text as bytes that is not UTF-8 closes with 1007 (RFC 7692 §7.2.2)", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: PMD, text: "bytes" });
    await peer.send({ opcode: text, rsv: 4, payload: unhex("00 01 00 fe ff ff 00") });
    const error = await assertRejects(() => io.read(), WebSocketProtocolError);
    assertEquals(error.code, "bad-utf8");
    assertEquals(await peer.next(), 'close 1007 ""');
    io.abort();
  }
});

test("TextBytes says the text, and what is cut from it is bytes", async () => {
  const { client, server } = bothEnds({ text: "bytes" });
  void client.write('{"é":1}');
  const message = await server.read();
  assert(message instanceof TextBytes);
  assertEquals([message.length, String(message)], [8, '{"é":1}']);
  for (const part of [message.subarray(0, 3), message.slice(0, 3), message.map((byte) => byte)]) {
    assert(part instanceof Uint8Array && !(part instanceof TextBytes));
  }
  void server.write(message.subarray(0, 3));
  const part = await client.read();
  assert(part instanceof Uint8Array && !(part instanceof TextBytes), "a part is sent as bytes");
  client.abort();
});

test("writeParts() and write() take TextBytes for text, unless told otherwise", async () => {
  const { client, server } = bothEnds({ text: "bytes" });
  void client.write("ab");
  const message = await server.read();
  assert(message instanceof TextBytes);
  void server.writeParts((async function* () {
    yield message;
    yield message;
  })());
  const twice = await client.read();
  assert(twice instanceof TextBytes && String(twice) === "abab");
  void server.write(message, { kind: "binary" });
  assert(!(await client.read() instanceof TextBytes));
  client.abort();
});

test("WebSocket delivers strings, also over a connection that has text as bytes", async () => {
  const [near, far] = duplexPair();
  const connection = webSocketOver(near, { role: "client", text: "bytes" });
  const server = webSocketOver(far, { role: "server" });
  const socket = new WebSocket("ws://a.example/", { socket: new OpeningWebSocket(Promise.resolve(connection)) });
  const data = new Promise((resolve) => socket.onmessage = (event) => resolve(event.data));
  void server.write("é");
  assertEquals(await data, "é");
  server.abort();
});

test("the option text is `string` or `bytes`", () => {
  const [near] = duplexPair();
  for (const wrong of ["blob", 1, null]) {
    assertThrows(() => webSocketOver(near, { role: "client", text: wrong as "bytes" }), TypeError, "text");
  }
});
