/** How a `WebSocket` delivers its messages: one after the other, and it keeps none of them. */

import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { OpeningWebSocket } from "../../src/websocket/pending.ts";
import { WebSocket } from "../../src/websocket/web_socket.ts";
import { withPeer } from "../support/frame_peer.ts";
import { type FrameInit, OPCODES } from "../support/frames.ts";
import { collectGarbage } from "../support/garbage.ts";
import { nextImmediate } from "../support/turns.ts";

async function open(io: ReturnType<typeof withPeer>["io"]): Promise<WebSocket> {
  const socket = new WebSocket("ws://a.example/", { socket: new OpeningWebSocket(Promise.resolve(io)) });
  socket.binaryType = "arraybuffer";
  await new Promise((resolve) => socket.onopen = resolve);
  return socket;
}

const text = (payload: string): FrameInit => ({ opcode: OPCODES.text, payload });

function nextMessage(socket: WebSocket): Promise<MessageEvent> {
  return new Promise((resolve) => socket.onmessage = resolve);
}

test("WebSocket: what waits for a message goes on before the next one, however many have come at once", async () => {
  const { io, peer } = withPeer("client");
  const socket = await open(io);
  const texts = Array.from({ length: 20 }, (_, number) => `message ${number}`);
  const first = nextMessage(socket);
  await peer.send(...texts.map(text));
  const got = [(await first).data];
  while (got.length < texts.length) got.push((await nextMessage(socket)).data);
  assertEquals(got, texts);
  io.abort();
});

test("WebSocket: messages that came before it was open are delivered behind its open event", async () => {
  const { io, peer } = withPeer("client");
  await peer.text("early");
  for (let turn = 0; turn < 5; turn++) await nextImmediate();
  const socket = await open(io);
  assertEquals((await nextMessage(socket)).data, "early");
  io.abort();
});

test("WebSocket: each message comes in the async context in which it was made, whoever brings it", async () => {
  const context = new AsyncLocalStorage<string>();
  const { io, peer } = withPeer("client");
  const socket = await context.run("made", () => open(io));
  const seen: unknown[] = [];
  const over = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }) => seen.push([data, context.getStore()]);
    socket.onclose = () => resolve(void seen.push(context.getStore()));
  });
  for (const payload of ["one", "two", "three"]) {
    await nextImmediate();
    await context.run("peer", () => peer.text(payload));
  }
  await nextImmediate();
  context.run("abort", () => io.abort());
  await over;
  assertEquals(seen, [["one", "made"], ["two", "made"], ["three", "made"], "made"]);
});

test("WebSocket: a handler that closes it is given none of the messages that have come with the first", async () => {
  const { io, peer } = withPeer("client");
  const socket = await open(io);
  const got: unknown[] = [];
  socket.onmessage = ({ data }) => {
    got.push(data);
    socket.close();
  };
  const over = new Promise((resolve) => socket.onclose = resolve);
  await peer.send(...["one", "two"].map(text), { opcode: OPCODES.close, payload: new Uint8Array(0) });
  const frames = peer.all();
  await peer.end.closeWrite();
  await over;
  assertEquals([got, (await frames).length], [["one"], 2]); // a Close frame, and the end
});

test("WebSocket: what it has delivered can be collected while it waits for more", async () => {
  const delivered: WeakRef<ArrayBuffer>[] = [];
  const ends: (() => void)[] = [];
  for (let number = 0; number < 8; number++) {
    const { io, peer } = withPeer("client");
    const socket = await open(io);
    const told = new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        delivered.push(new WeakRef(data));
        resolve();
      };
    });
    await peer.send({ opcode: OPCODES.binary, payload: new Uint8Array(100_000) });
    await told;
    ends.push(() => io.abort());
  }
  while (delivered.filter((buffer) => buffer.deref() !== undefined).length > 1) { // a stack may still hold the last one
    await nextImmediate();
    collectGarbage();
  }
  for (const end of ends) end();
});
