/**
 * How long a server of ours waits until a proposal is decided.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { isPending, rejectedFor } from "../support/switching.ts";
import { turns } from "../support/wire.ts";
import { type Row, type ServerScene, talks } from "./scenes.ts";

/** The dialogues. */
export const serverTimeCases: readonly Row<ServerScene>[] = [
  {
    rule: "upgradeTimeoutMs: what is not answered for 60 s gets 503, and its promise rejects",
    whole: true,
    async play(scene) {
      await scene.peer.asks(scene.how);
      const { upgraded } = await scene.request();
      await scene.clock.advance(59_999);
      assertEquals(await isPending(upgraded), true);
      await scene.clock.advance(1);
      assertEquals((await rejectedFor("timeout", upgraded)).status, 503);
      await scene.peer.hearsFailure(503);
      if (scene.version === "2") return await scene.goesOn();
      await scene.peer.ends();
      assertEquals(await scene.connection.closed, { reason: "shutdown" });
      assertEquals(scene.clock.pending, 0);
    },
  },
  ...(["what accepts", "a body", "an error"] as const).map((late): Row<ServerScene> => ({
    rule: `upgradeTimeoutMs: ${late} that comes too late is discarded`,
    options: { upgradeTimeoutMs: 100 },
    whole: true,
    async play(scene) {
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      const { upgraded } = exchange;
      await scene.clock.advance(100);
      let canceled = late !== "a body";
      if (late === "what accepts") exchange.accepts();
      else if (late === "an error") exchange.fails(new Error("late"));
      else {
        const body = new ReadableStream<Uint8Array>({ cancel: () => void (canceled = true) });
        exchange.answers({ status: 404, body });
      }
      await scene.peer.hearsFailure(503);
      await rejectedFor("timeout", upgraded);
      await turns();
      assertEquals([canceled, scene.errors], [true, []]);
    },
  })),
  {
    rule: "upgradeTimeoutMs: an answer in time stops the clock, and each request has its own",
    options: { upgradeTimeoutMs: 100 },
    hows: ["upgrade"],
    whole: true,
    async play(scene) {
      const { peer, clock } = scene;
      await peer.asks(scene.how);
      const refused = await scene.request();
      await clock.advance(99);
      refused.answers({ status: 404 });
      await peer.hearsResponse(404);
      await rejectedFor("refused", refused.upgraded);
      await peer.asks(scene.how);
      const accepted = await scene.request();
      await clock.advance(99);
      const upgraded = accepted.accepts();
      await peer.hearsSwitch();
      await clock.advance(10_000);
      await talks(peer, await upgraded);
    },
  },
  {
    rule: "upgradeTimeoutMs: 0 waits without end",
    options: { upgradeTimeoutMs: 0 },
    whole: true,
    async play(scene) {
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      await scene.clock.advance(1_000_000_000);
      const upgraded = exchange.accepts();
      await scene.peer.hearsSwitch();
      await talks(scene.peer, await upgraded);
    },
  },
  {
    rule: "upgradeTimeoutMs does not count for requests that propose nothing",
    options: { upgradeTimeoutMs: 100 },
    hows: ["nothing"],
    whole: true,
    async play(scene) {
      await scene.peer.asks("nothing");
      const { answers } = await scene.request();
      await scene.clock.advance(1000);
      answers({ status: 200, body: "ok" });
      await scene.peer.hearsResponse(200, { body: "ok" });
    },
  },
];
