/**
 * What becomes of a switch whose promise is not taken at once: on either side.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { wire } from "../support/bytes.ts";
import { expectText, isPending } from "../support/switching.ts";
import { type Row, talks, type UnclaimedScene } from "./scenes.ts";

/** The dialogues. */
export const unclaimedCases: readonly Row<UnclaimedScene>[] = [
  {
    rule: "what is asked for within 30 s is there, bytes in their order, and leaves no timer [R12, E14]",
    async play({ message, peer, clock }) {
      await peer.writes("LATER");
      await clock.advance(29_999);
      const io = await onUpgrade(message);
      await clock.advance(1_000_000);
      await expectText(io, "ELATER");
      await talks(peer, io);
    },
  },
  {
    rule: "what is not asked for within 30 s is cut [R12]",
    async play({ peer, clock }) {
      await clock.advance(29_999);
      await peer.hearsNothing();
      await clock.advance(1);
      await peer.hearsReset();
    },
  },
  {
    rule: "what is asked for too late gives what came, and tells that it was closed [R12]",
    whole: true,
    async play({ message, clock }) {
      await clock.advance(30_000);
      const io = await onUpgrade(message);
      await expectText(io, "E");
      const error = await assertRejects(() => io.read(), StateError);
      assert(error instanceof StateError && error.code === "canceled");
      await assertRejects(() => io.write(wire("x")));
    },
  },
  {
    rule: "unclaimedUpgradeTimeoutMs is how long it takes [R12]",
    options: { unclaimedUpgradeTimeoutMs: 5 },
    whole: true,
    async play({ peer, clock }) {
      await clock.advance(4);
      await peer.hearsNothing();
      await clock.advance(1);
      await peer.hearsReset();
    },
  },
  {
    rule: "unclaimedUpgradeTimeoutMs: 0 is never [R12]",
    options: { unclaimedUpgradeTimeoutMs: 0 },
    whole: true,
    async play({ message, clock }) {
      await clock.advance(1_000_000_000);
      await expectText(await onUpgrade(message), "E");
    },
  },
  {
    rule: "the promise is always the same",
    whole: true,
    async play({ message }) {
      const first = onUpgrade(message);
      assertEquals(await isPending(first), false);
      assertStrictEquals(onUpgrade(message), first);
      assertStrictEquals(await onUpgrade(message), await first);
    },
  },
];
