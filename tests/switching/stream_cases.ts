/**
 * What goes on behind the switch: the same, whichever side has asked.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { wire } from "../support/bytes.ts";
import { expectText, isPending } from "../support/switching.ts";
import { readAll } from "../support/wire.ts";
import { type Row, type StreamScene, talks } from "./scenes.ts";

/** As short as they can be. */
const SHORT = {
  headTimeoutMs: 10,
  idleTimeoutMs: 10,
  bodyTimeoutMs: 10,
  drainTimeoutMs: 10,
  upgradeTimeoutMs: 10,
  writeTimeoutMs: 10,
  closeTimeoutMs: 10,
  unclaimedUpgradeTimeoutMs: 10,
};

/** The dialogues. */
export const streamCases: readonly Row<StreamScene>[] = [
  {
    rule: "its head and its protocol are those that were agreed on",
    whole: true,
    play({ io, asked, how, version }) {
      assertEquals(io.protocol, how === "tunnel" ? null : "foobar");
      const { head } = io;
      const status = version === "1.1" && how === "upgrade" ? 101 : 200;
      if (asked) assert("status" in head && head.status === status);
      else assert("method" in head && head.method === (how === "tunnel" ? "CONNECT" : "GET"));
      return Promise.resolve();
    },
  },
  {
    rule: "the peer ends its side alone (RFC 9293 §3.6) [F6]",
    async play({ peer, io }) {
      await peer.writes("last");
      await peer.ends();
      await expectText(io, "last");
      assertEquals([await io.read(), await io.read()], [null, null]);
      await io.write(wire("late"));
      await peer.hears("late");
      assert(await isPending(io.closed));
      await io.closeWrite();
      await peer.hearsEnd();
      await io.closed;
    },
  },
  {
    rule: "our side ends alone (RFC 9293 §3.6) [F6]",
    async play({ peer, io }) {
      await io.write(wire("last"));
      await io.closeWrite();
      await peer.hears("last");
      await peer.hearsEnd();
      await peer.writes("late");
      await expectText(io, "late");
      await assertRejects(() => io.write(wire("x")));
      await peer.ends();
      assertEquals(await io.read(), null);
      await io.closed;
    },
  },
  {
    rule: "abort() cuts, and fails a read that waits with the very reason (RFC 9113 §8.5, RFC 8441 §5)",
    async play({ peer, io }) {
      await talks(peer, io);
      const reading = io.read();
      const reason = new Error("enough");
      io.abort(reason);
      assertStrictEquals(await reading.catch((error) => error), reason);
      await peer.hearsReset();
      await io.closed;
      await assertRejects(() => io.write(wire("x")));
    },
  },
  {
    rule: "a peer that cuts fails reads and writes, and close() still resolves",
    async play({ peer, io }) {
      await talks(peer, io);
      const reading = io.read();
      reading.catch(() => {});
      await peer.resets();
      const error = await assertRejects(() => reading, TransportError);
      assert(error instanceof TransportError && error.code === "reset");
      await assertRejects(() => io.read(), TransportError);
      await assertRejects(() => io.write(wire("x")), TransportError);
      await io.closed;
      await io.close();
    },
  },
  {
    rule: "close() sends what is written, ends our side, and resolves with the peer's end",
    async play({ peer, io }) {
      io.write(wire("last words"));
      const closing = io.close();
      await peer.hears("last words");
      await peer.hearsEnd();
      await peer.ends();
      await closing;
      await io.close();
      await io[Symbol.asyncDispose]();
      await assertRejects(() => io.write(wire("x")));
    },
  },
  {
    rule: "readable.pipeTo(writable) is an echo, the end included",
    async play({ peer, io }) {
      const echoing = io.readable.pipeTo(io.writable);
      await peer.writes("hello");
      await peer.hears("hello");
      await peer.ends();
      await peer.hearsEnd();
      await echoing;
    },
  },
  {
    rule: "writable ends our side alone",
    async play({ peer, io }) {
      const writer = io.writable.getWriter();
      await writer.write(wire("bye"));
      await writer.close();
      await peer.hears("bye");
      await peer.hearsEnd();
      await peer.writes("still here");
      await peer.ends();
      assertEquals(await readAll(io), "still here");
    },
  },
  {
    rule: "readable that is canceled cuts",
    async play({ peer, io }) {
      await talks(peer, io);
      await io.readable.cancel(new Error("enough"));
      await peer.hearsReset();
    },
  },
  {
    rule: "a write of nothing sends nothing, and is no end",
    async play({ peer, io }) {
      await io.write(new Uint8Array(0));
      await peer.hearsNothing();
      await talks(peer, io);
    },
  },
  {
    rule: "no time limit of HTTP holds [E14]",
    options: SHORT,
    whole: true,
    async play({ peer, io, clock }) {
      const reading = io.read();
      await clock.advance(1_000_000_000);
      await peer.writes("late");
      assertEquals((await reading)!.length, 4);
      await clock.advance(1_000_000_000);
      await talks(peer, io);
    },
  },
];
