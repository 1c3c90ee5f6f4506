import { test } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { FramePeer } from "../support/frame_peer.ts";
import { OPCODES, toward } from "../support/frames.ts";
import { calling, CONNECT, CONNECT_REQUEST, joined, serving, UPGRADE } from "../support/switching.ts";
import { everyCut, FakeClock, readUntil, wire } from "../support/wire.ts";

const HELLO = toward("server", { opcode: OPCODES.text, payload: "hello" });

test("webSocketOver() speaks over whatever was upgraded, with the bytes that came behind the request [E7]", async () => {
  for (const [request, respond] of [[UPGRADE, upgradeResponse], [CONNECT, connectResponse]] as const) {
    for (const { how, chunks } of everyCut(joined(wire(request), HELLO))) {
      let upgraded!: Promise<Upgraded>;
      const { client } = serving((incoming) => {
        upgraded = onUpgrade(incoming);
        return respond === upgradeResponse ? respond(incoming, "foobar").response : connectResponse(incoming).response;
      });
      for (const chunk of chunks) await client.write(chunk);
      await readUntil(client, "¶¶");
      const io = webSocketOver(await upgraded, { role: "server", clock: new FakeClock() });
      assertEquals(await io.read(), "hello", how);
      await io.write("back");
      const peer = new FramePeer(client, "server");
      assertEquals(await peer.next(), 'text "back"');
      await peer.close(1000);
      await client.closeWrite();
      assertEquals(await peer.all(), ['close 1000 ""', "end"]);
      assertStrictEquals((await io.closed).wasClean, true);
    }
  }
});

test("webSocketOver() speaks in a client's tunnel, with the bytes that came behind the answer [E8, F5]", async () => {
  const early = toward("client", { opcode: OPCODES.text, payload: "hello" });
  for (const { how, chunks } of everyCut(joined(wire("HTTP/1.1 200 OK¶¶"), early))) {
    const { sender, server } = calling();
    const responding = sender.send(CONNECT_REQUEST);
    await readUntil(server, "¶¶");
    for (const chunk of chunks) await server.write(chunk);
    const io = webSocketOver(await onUpgrade(await responding), { role: "client", clock: new FakeClock() });
    assertEquals(await io.read(), "hello", how);
    await io.write("back");
    assertEquals(await new FramePeer(server, "client").next(), 'text "back"');
    io.abort();
  }
});
