/**
 * Whoever leaves a WebSocket, or is left, does not wait forever.
 */

import { test } from "node:test";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { OpeningWebSocket } from "../../src/websocket/pending.ts";
import { WebSocket } from "../../src/websocket/web_socket.ts";
import { allMessages, bothEnds, withPeer } from "../support/frame_peer.ts";
import { roles } from "../support/frames.ts";
import { pattern } from "../support/switching.ts";
import { turns } from "../support/wire.ts";

test("leaving a stream with a code that may not be sent is refused, and closes without one [L1]", async () => {
  for (const role of roles) {
    for (const leave of ["cancel", "abort"] as const) {
      const { io, peer } = withPeer(role);
      const left = leave === "cancel"
        ? io.readable.cancel({ closeCode: 1006 })
        : io.writable.abort({ closeCode: 4000, reason: "x".repeat(124) });
      await assertRejects(() => left, RangeError);
      assertEquals(await peer.next(), "close");
      await peer.close(1000);
      await peer.end.closeWrite();
      await peer.all();
      assertStrictEquals((await io.closed).wasClean, true);
    }
  }
});

test("whatever is piped into writable is canceled when the peer has closed, without a message [L1, L3]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    let canceled: unknown;
    const source = new ReadableStream<string>({ cancel: (reason) => void (canceled = reason) });
    const piping = source.pipeTo(io.writable);
    await peer.close(1000);
    await peer.end.closeWrite();
    await peer.all();
    await io.closed;
    await assertRejects(() => piping, StateError);
    assertStrictEquals((canceled as StateError).code, "closed");
  }
});

test("whatever is piped into writable is canceled when the connection is lost, without a message [L1, L3]", async () => {
  const { io, peer } = withPeer("server");
  const piping = new ReadableStream<string>().pipeTo(io.writable);
  peer.end.abort();
  await assertRejects(() => piping, TransportError);
});

test("aborting writable while a message waits for the peer ends after closeTimeoutMs [L1]", async () => {
  for (const role of roles) {
    const { io, clock } = withPeer(role, { closeTimeoutMs: 3000 }, { capacityBytes: 10 });
    const writer = io.writable.getWriter();
    const written = writer.write(pattern(1000));
    written.catch(() => {});
    writer.closed.catch(() => {});
    await turns();
    const aborted = writer.abort("enough");
    await clock.advance(2999);
    assertStrictEquals(io.state, "open");
    await clock.advance(1);
    await assertRejects(() => written, TransportError);
    await aborted;
    assertEquals([(await io.closed).closeCode, io.bufferedAmount > 0, clock.pending], [1006, true, 0]);
  }
});

class UnreadableBlob extends Blob {
  override arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.reject(new Error("the file is gone"));
  }
}

test("WebSocket.send() of a Blob that cannot be read ends the connection with its error, and nothing behind it is sent", async () => {
  const { client, server } = bothEnds();
  const received = allMessages(server);
  const socket = new WebSocket("ws://a.example/", { socket: new OpeningWebSocket(Promise.resolve(client)) });
  await new Promise((resolve) => socket.onopen = resolve);
  const told: string[] = [];
  const closed = new Promise<void>((resolve) => {
    socket.onerror = ({ error }) => void told.push(String(error));
    socket.onclose = ({ code, wasClean }) => {
      told.push(`close ${code} ${wasClean}`);
      resolve();
    };
  });
  socket.send(new Blob(["readable"]));
  socket.send(new UnreadableBlob(["x"]));
  socket.send("behind it");
  socket.send(new UnreadableBlob(["y"]));
  socket.close();
  await closed;
  assertEquals(told, ["Error: the file is gone", "close 1006 false"]);
  await assertRejects(() => received, TransportError);
});

test("what was written and never left counts in bufferedAmount once the connection is lost, and writtenBytes forgets nothing", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role, { extensions: "permessage-deflate" });
    const compressed = io.write(pattern(1_000_000));
    const behind = io.write("x".repeat(100));
    assertEquals([io.bufferedAmount, io.writtenBytes], [1_000_100, 1_000_100]);
    peer.end.abort();
    await assertRejects(() => compressed, TransportError);
    await assertRejects(() => behind, TransportError);
    assertEquals([io.bufferedAmount, io.writtenBytes], [1_000_100, 1_000_100]);
  }
});

test("WebSocket.bufferedAmount counts Blobs that were not read when the connection was lost, and what is sent behind them", async () => {
  const { io, peer } = withPeer("client");
  const socket = new WebSocket("ws://a.example/", { socket: new OpeningWebSocket(Promise.resolve(io)) });
  await new Promise((resolve) => socket.onopen = resolve);
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.send(new Blob(["x".repeat(1000)]));
  socket.send("behind it");
  io.abort();
  await closed;
  await turns();
  assertEquals(socket.bufferedAmount, 1009);
  socket.send("later");
  assertEquals(socket.bufferedAmount, 1014);
  peer.end.abort();
});
