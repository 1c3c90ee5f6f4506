/**
 * What becomes of what was opened for a switch, such as the target of a tunnel: it is aborted if there is none.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Owned } from "../../src/http1/owned.ts";
import { moment } from "./peer.ts";
import { type Row, type ServerScene, talks } from "./scenes.ts";

/** Something that was opened, and the codes of the reasons with which it was ended. */
function opened(): { readonly owns: Owned; readonly codes: unknown[] } {
  const codes: unknown[] = [];
  const owns: Owned = {
    abort(reason) {
      codes.push((reason as { readonly code?: unknown }).code);
      throw new Error("nobody wants to hear of this");
    },
  };
  return { owns, codes };
}

/** The dialogues. */
export const ownedCases: readonly Row<ServerScene>[] = [
  {
    rule: "what is owned is aborted once when another response is sent",
    async play(scene) {
      const { owns, codes } = opened();
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      exchange.offer({ owns });
      exchange.answers({ status: 403 });
      await scene.peer.hearsResponse(403);
      assertEquals(codes, ["refused"]);
    },
  },
  {
    rule: "what is owned is aborted where the client has reset before it was offered",
    async play(scene) {
      const { owns, codes } = opened();
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      await scene.clock.advance(500);
      await scene.peer.resets();
      await moment();
      exchange.answers(exchange.offer({ owns }).response);
      await moment();
      assertEquals(codes, ["canceled"]);
    },
  },
  {
    rule: "what is owned is aborted when the handler fails behind its offer",
    async play(scene) {
      const { owns, codes } = opened();
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      exchange.offer({ owns });
      exchange.fails(new Error("a bug"));
      await scene.peer.hearsFailure();
      assertEquals(codes, ["canceled"]);
    },
  },
  {
    rule: "what is owned is aborted when the handler takes too long behind its offer",
    options: { upgradeTimeoutMs: 100 },
    whole: true,
    async play(scene) {
      const { owns, codes } = opened();
      await scene.peer.asks(scene.how);
      (await scene.request()).offer({ owns });
      await scene.clock.advance(100);
      await scene.peer.hearsFailure(503);
      assertEquals(codes, ["timeout"]);
    },
  },
  ...[true, false].map((claims): Row<ServerScene> => ({
    rule: `what is owned is ${claims ? "left alone with a switch that is claimed" : "aborted with one that is not"}`,
    whole: true,
    async play(scene) {
      const { owns, codes } = opened();
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      const offer = exchange.offer({ owns });
      const io = claims ? offer.upgraded : null;
      exchange.answers(offer.response);
      await scene.peer.hearsSwitch();
      assertEquals(codes, []);
      await scene.clock.advance(30_000);
      assertEquals(codes, claims ? [] : ["canceled"]);
      if (io !== null) await talks(scene.peer, await io);
    },
  })),
];
