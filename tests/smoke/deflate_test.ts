import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { serve, upgradeWebSocket, WebSocketStream } from "../../mod.ts";
import { sameBytes } from "../support/bytes.ts";
import { deflates } from "../support/runtime.ts";
import { noise, textOf, zeros } from "../support/websocket_talk.ts";

for (const thresholdBytes of [0, 1024]) {
  test(`WebSockets that compress from ${thresholdBytes} bytes carry messages of every size, or agree to compress none`, async () => {
    const deflate = deflates ? { thresholdBytes } : true;
    const server = serve({ hostname: "127.0.0.1", port: 0 }, (request) => {
      const { response, socket } = upgradeWebSocket(request, { deflate });
      socket.opened.then(({ readable, writable }) => readable.pipeTo(writable));
      return response;
    });
    const [{ port }] = await server.listening;
    const io = await new WebSocketStream(`ws://127.0.0.1:${port}/`, { deflate }).opened;
    assertEquals(io.extensions.startsWith("permessage-deflate"), deflates);
    for (const size of [0, 1, 126, 70_000, 1_000_000]) {
      for (const message of [textOf(size), zeros(size), noise(size)]) {
        await io.write(message);
        const back = await io.read();
        assertEquals(back?.length, message.length);
        assert(typeof back === "string" ? back === message : sameBytes(back as Uint8Array, message as Uint8Array));
      }
    }
    assertEquals((await io.close()).wasClean, true);
    await server.shutdown({ upgraded: "close" });
  });
}
