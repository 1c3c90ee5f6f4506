import * as nodeNet from "node:net";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Socket } from "../../src/duplex/socket.ts";
import { connect, listen } from "../../src/net/mod.ts";
import { text } from "../support/bytes.ts";

/** Connects and resets at once. */
function vanish(port: number): Promise<void> {
  return new Promise((resolve) => {
    const peer = nodeNet.connect({ host: "127.0.0.1", port });
    peer.on("error", () => {});
    peer.on("close", () => resolve());
    peer.on("connect", () => peer.resetAndDestroy());
  });
}

/** The timers that are set meanwhile: how long each is. */
async function timersDuring(act: () => Promise<void>): Promise<unknown[]> {
  const timers: unknown[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((callback: () => void, ms?: number) => {
    timers.push(ms);
    return setTimeout(callback, ms);
  }) as typeof setTimeout;
  try {
    await act();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return timers;
}

test("accept() goes on at once behind peers that are gone before they were accepted", async () => {
  const listener = await listen({ hostname: "127.0.0.1", backlog: 100 });
  const { port } = listener.address;
  await Promise.all(Array.from({ length: 60 }, () => vanish(port)));
  const client = connect(listener.address);
  await client.opened;
  await client.write(new TextEncoder().encode("here"));

  const pauses = await timersDuring(async () => {
    let heard = "";
    while (heard === "") {
      const socket: Socket = (await listener.accept())!;
      const chunk = await socket.read().catch(() => null);
      heard = chunk === null ? "" : text(chunk);
      socket.abort();
    }
    assertEquals(heard, "here");
  });
  assertEquals(pauses, []);
  client.abort();
  await listener.close();
});
