import { readdirSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Socket } from "../../../src/duplex/socket.ts";
import { nextTurn } from "../../../src/platform/turns.ts";
import { wire } from "../../support/bytes.ts";
import { skipUnless } from "../../support/runtime.ts";
import { readUntil } from "../../support/wire.ts";
import { scene, statusOf } from "./scene.ts";

/** How many descriptors this process has open. */
function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

const onLinux = skipUnless(process.platform === "linux", "descriptors are counted in /proc");

test("1,000 tunnels opened and dropped, in every way to drop them, leave no descriptor and nothing open", {
  ...onLinux,
  timeout: 120_000,
}, async (t) => {
  const s = await scene(t, { allow: ["*.test"], echo: true, tunnelIdleTimeoutMs: 60_000 });
  const drops: readonly ((io: Socket) => unknown)[] = [
    (io) => io.abort(),
    (io) => io.close(),
    async (io) => {
      await io.closeWrite();
      while (await io.read() !== null);
      await io.close();
    },
    (io) => io.write(wire("bytes")).then(() => io.abort()),
  ];
  const round = async (count: number): Promise<void> => {
    await Promise.all(Array.from({ length: count }, async (_, i) => {
      const { head, io } = await s.ask(i % 5 === 0 ? "evil.org:1" : "public.test:1");
      assertEquals(statusOf(head), i % 5 === 0 ? 403 : 200);
      await drops[i % drops.length]!(io);
    }));
  };
  await round(1);
  const before = descriptors();
  for (let done = 1; done < 1001; done += 50) {
    await round(50);
    await s.ends(done + 50);
  }
  assertEquals(s.proxy.open, []);
  assertEquals(s.proxy.traffic.exchanges, 1001);
  // A socket is closed a moment after it has ended; some of a thousand tunnels that stayed would be more than these.
  while (descriptors() > before + 20) await new Promise<void>((resolve) => nextTurn(resolve));
});

test("a client that never reads holds back its target, and nothing grows", { timeout: 60_000 }, async (t) => {
  const s = await scene(t, { allow: ["*.test"] });
  const { io } = await s.ask("public.test:1");
  const target = await s.target();
  let accepted = 0;
  const chunk = new Uint8Array(262_144);
  const stalled = (async () => {
    while (accepted < 256 * chunk.length) {
      await target.write(chunk);
      accepted += chunk.length;
    }
  })();
  stalled.catch(() => {});
  // A round trip the other way, again and again, until the target has been standing still for a while.
  for (let still = 0, before = -1; still < 50; still = accepted === before ? still + 1 : 0) {
    before = accepted;
    await io.write(wire("x"));
    await readUntil(target, "x");
  }
  assert(accepted < 256 * chunk.length, `all ${accepted} bytes were taken`);
  const received = s.proxy.open[0]!.received;
  assert(received <= accepted);
  io.abort();
  target.abort();
  await s.ends(1);
  assertEquals(s.proxy.open, []);
});
