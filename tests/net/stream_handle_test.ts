import { subscribe, unsubscribe } from "node:diagnostics_channel";
import net from "node:net";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import * as network from "../../src/net/node/mod.ts";
import { type HandleProcess, streamHandles, streamHandlesOf } from "../../src/net/node/stream_handle.ts";
import { runtimeName, skipUnless } from "../support/runtime.ts";
import { readAll, withPair } from "./fixture.ts";

const onNode = skipUnless(runtimeName === "node", "only Node has these handles");
const PLAIN: HandleProcess = { execArgv: [], env: {} };

test("streamHandles: Node has what handles share", onNode, () => {
  assert(streamHandles !== null);
});

test("streamHandlesOf(): nothing is asked of a process that would complain about it", onNode, () => {
  const complaining: Partial<HandleProcess>[] = [
    { execArgv: ["--pending-deprecation"] },
    { execArgv: ["--throw-deprecation"] },
    { env: { NODE_OPTIONS: "--enable-source-maps --pending-deprecation" } },
    { env: { NODE_PENDING_DEPRECATION: "1" } },
  ];
  for (const process of complaining) {
    let asked = false;
    const binding = (): object => {
      asked = true;
      return {};
    };
    assertEquals(streamHandlesOf({ ...PLAIN, ...process, binding }), null);
    assertEquals(asked, false);
  }
});

test("streamHandlesOf(): what is missing or has another shape is not used", onNode, () => {
  assertEquals(streamHandlesOf(PLAIN), null);
  const refusing = (): object => {
    throw new Error("no permission");
  };
  assertEquals(streamHandlesOf({ ...PLAIN, binding: refusing }), null);
  const whole = (process as unknown as HandleProcess).binding!("stream_wrap") as Record<string, unknown>;
  const tcp = (process as unknown as HandleProcess).binding!("tcp_wrap");
  const names = ["WriteWrap", "ShutdownWrap", "streamBaseState", "kReadBytesOrError", "kLastWriteWasAsync"];
  assert(streamHandlesOf({ ...PLAIN, binding: (name) => name === "tcp_wrap" ? tcp : whole }) !== null);
  for (const name of names) {
    assertEquals(streamHandlesOf({ ...PLAIN, binding: () => ({ ...whole, [name]: undefined }) }), null, name);
  }
  assert(streamHandles!.tcp !== null);
  assertEquals(streamHandlesOf({ ...PLAIN, binding: (name) => name === "tcp_wrap" ? {} : whole })?.tcp, null);
});

test(
  "native: Node's socket of an accepted connection goes on where that stood",
  onNode,
  () =>
    withPair(network, async ({ client, server }) => {
      await client.write(new Uint8Array([1, 2, 3]));
      assertEquals(await server.read(), new Uint8Array([1, 2, 3]));
      const reading = server.read();
      const { native } = server;
      assert(native instanceof net.Socket);
      assertEquals(server.native, native);
      assertEquals(native.remotePort, ((await client.opened).local as { port: number }).port);
      await client.write(new Uint8Array([4]));
      assertEquals(await reading, new Uint8Array([4]));
      await server.write(new Uint8Array([5]));
      assertEquals(await client.read(), new Uint8Array([5]));
      await client.closeWrite();
      assertEquals(await server.read(), null);
      await server.close();
      assertEquals(await client.read(), null);
    }),
);

test("connect(): those who subscribe to Node's own channel are told of sockets that connect", onNode, async () => {
  const told: unknown[] = [];
  const tell = (message: unknown): void => void told.push((message as { socket: unknown }).socket);
  subscribe("net.client.socket", tell);
  try {
    await withPair(network, async ({ client }) => {
      await client.opened;
      assertEquals(told, [client.native]);
    });
  } finally {
    unsubscribe("net.client.socket", tell);
  }
});

test("native: an end of our side stays one", onNode, () =>
  withPair(network, async ({ client, server }) => {
    await server.closeWrite();
    assertEquals((server.native as net.Socket).writable, false);
    await client.write(new TextEncoder().encode("the other side goes on"));
    await client.closeWrite();
    assertEquals(await readAll(server), "the other side goes on");
    assertEquals(await client.read(), null);
    await server.closed;
  }));

test(
  "release(): an accepted connection whose peer has ended is a socket that ends again",
  onNode,
  () =>
    withPair(network, async ({ client, server }) => {
      await client.write(new TextEncoder().encode("all"));
      await client.closeWrite();
      assertEquals(await readAll(server), "all");
      const { native, readBuf, ended } = server.release();
      assertEquals([readBuf.length, ended], [0, true]);
      const socket = native as net.Socket;
      const closed = new Promise((resolve) => socket.on("close", resolve));
      socket.resume().end("answer");
      assertEquals(await readAll(client), "answer");
      await closed;
    }),
);
