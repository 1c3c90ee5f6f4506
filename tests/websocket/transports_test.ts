/**
 * How WebSockets end over every kind of transport: channels, plain streams, whole and byte by byte.
 */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { FramePeer, withPeer } from "../support/frame_peer.ts";
import { closePayload, type FrameInit, OPCODES, roles } from "../support/frames.ts";
import { rawEnd, transports } from "../support/switching.ts";
import { FakeClock, turns } from "../support/wire.ts";

const { text, binary, close } = OPCODES;

for (const { over, bytewise, open } of transports) {
  for (const role of roles) {
    const opened = (options: { readonly maxMessageBytes?: number; readonly closeTimeoutMs?: number } = {}) => {
      const [near, far] = open();
      const clock = new FakeClock();
      const io = webSocketOver(near, { role, clock, ...options });
      const end = rawEnd(far);
      return { io, peer: new FramePeer(end, role), end, clock };
    };

    test(`a ${role} over ${over} closes and is closed cleanly [W16]`, async () => {
      for (const who of ["io", "peer"]) {
        const { io, peer, clock } = opened();
        const frames = peer.all();
        if (who === "io") void io.close({ closeCode: 4000, reason: "κ" });
        const sending = peer.send({ opcode: text, payload: "last" }, {
          opcode: close,
          payload: closePayload(4000, "bye"),
        });
        assertEquals([await io.read(), await io.read()], ["last", null]);
        await sending;
        const ended = peer.end.closeWrite();
        assertEquals(await frames, [`close 4000 ${who === "io" ? '"κ"' : '""'}`, "end"]);
        await ended;
        assertEquals(await io.closed, { closeCode: 4000, reason: "bye", wasClean: true });
        assertEquals(clock.pending, 0);
      }
    });

    test(`a ${role} over ${over} tells a peer its fault [W10, W12, W13]`, async () => {
      const faults: readonly (readonly [frame: FrameInit, told: number])[] = [
        [{ opcode: 3, payload: "x" }, 1002],
        [{ opcode: text, payload: new Uint8Array([0xc0]) }, 1007],
        [{ opcode: binary, payload: new Uint8Array(200) }, 1009],
      ];
      for (const [frame, told] of faults) {
        const { io, peer, clock } = opened({ maxMessageBytes: 100 });
        const frames = peer.all();
        const writing = peer.send({ opcode: text, payload: "right" }, frame).catch(() => {});
        assertEquals(await io.read(), "right");
        await assertRejects(() => io.read(), WebSocketProtocolError);
        await writing;
        const ended = peer.end.closeWrite().catch(() => {});
        assertEquals(await frames, [`close ${told} ""`, "end"]);
        await ended;
        assertEquals([(await io.closed).closeCode, clock.pending], [1006, 0]);
      }
    });

    test(`a ${role} over ${over} notices a peer that leaves without a Close [W16]`, async () => {
      const { io, peer, clock } = opened();
      const frames = peer.all();
      const writing = peer.text("last").then(() => peer.end.closeWrite());
      assertEquals(await io.read(), "last");
      await assertRejects(() => io.read(), TransportError);
      await writing.catch(() => {});
      assertEquals([(await io.closed).closeCode, (await io.closed).wasClean, clock.pending], [1006, false, 0]);
      assert(["cut", "end"].includes((await frames).at(-1)!));
    });

    test(`a ${role} over ${over} can be aborted, and fails all that waits`, async () => {
      const { io, peer, clock } = opened();
      const reason = new Error("enough");
      const reading = io.read();
      const written = io.write(new Uint8Array(bytewise ? 300 : 1_000_000));
      const pinged = io.ping();
      const frames = peer.all().catch(() => ["cut"]);
      await turns();
      io.abort(reason);
      assertStrictEquals(await assertRejects(() => reading), reason);
      await written.catch((error) => assertStrictEquals(error, reason));
      await assertRejects(() => pinged);
      await frames;
      assertEquals([(await io.closed).error, clock.pending], [reason, 0]);
    });
  }
}

test("what is wrong behind a message waits for its answer, not for close() or abort() [W10]", async () => {
  for (const role of roles) {
    const wrong: readonly FrameInit[] = [{ opcode: text, payload: "m" }, { opcode: 3 }];
    const answered = withPeer(role);
    await answered.peer.send(...wrong);
    assertEquals(await answered.io.read(), "m");
    await answered.io.write("answer");
    await assertRejects(() => answered.io.read(), WebSocketProtocolError);
    assertEquals([await answered.peer.next(), await answered.peer.next()], ['text "answer"', 'close 1002 ""']);

    const closed = withPeer(role);
    await closed.peer.send(...wrong);
    assertEquals(await closed.io.read(), "m");
    const closing = closed.io.close({ closeCode: 1000 });
    assertEquals(await closed.peer.next(), 'close 1002 ""');
    await closed.peer.end.closeWrite();
    assertEquals(await closed.peer.next(), "end");
    assertEquals([(await closing).closeCode, (await closing).wasClean, closed.clock.pending], [1006, false, 0]);

    const aborted = withPeer(role);
    await aborted.peer.send(...wrong);
    assertEquals(await aborted.io.read(), "m");
    const reason = new Error("enough");
    aborted.io.abort(reason);
    assertStrictEquals((await aborted.io.closed).error, reason);
    await turns();
    assertEquals([await aborted.peer.next(), aborted.clock.pending], ["cut", 0]);
  }
});
