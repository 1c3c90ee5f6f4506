import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { alternate, race } from "../../../src/http/client/way/happy_eyeballs.ts";
import { rejection } from "../../support/dialing.ts";
import { FakeClock, turns } from "../../support/wire.ts";

/** Attempts whose outcomes the test decides. */
function racing(addresses: readonly string[]) {
  const clock = new FakeClock();
  const controller = new AbortController();
  const attempts = new Map<string, { resolve(): void; reject(error: Error): void; signal: AbortSignal }>();
  const discarded: string[] = [];
  const result = race(addresses, {
    attempt: (address, signal) =>
      new Promise<string>((resolve, reject) => {
        attempts.set(address, { resolve: () => resolve(address), reject, signal });
      }),
    discard: (address) => discarded.push(address),
    staggerMs: 250,
    clock,
    signal: controller.signal,
  });
  result.catch(() => {});
  return { clock, controller, attempts, discarded, result, begun: () => [...attempts.keys()] };
}

test("alternate() lets families take turns, the resolver's first choice first (RFC 8305 §4)", () => {
  assertEquals(alternate(["6::1", "6::2", "6::3", "1.1.1.1"]), ["6::1", "1.1.1.1", "6::2", "6::3"]);
  assertEquals(alternate(["1.1.1.1", "6::1", "6::2"]), ["1.1.1.1", "6::1", "6::2"]);
  assertEquals(alternate(["1.1.1.1"]), ["1.1.1.1"]);
});

test("race() begins the next attempt after 250 ms and gives the first connection (RFC 8305 §5)", async () => {
  const { clock, attempts, begun, result } = racing(["a", "b", "c"]);
  assertEquals(begun(), ["a"]);
  await clock.advance(249);
  assertEquals(begun(), ["a"]);
  await clock.advance(1);
  assertEquals(begun(), ["a", "b"]);
  attempts.get("b")!.resolve();
  assertEquals(await result, "b");
  assert(attempts.get("a")!.signal.aborted);
  assertEquals([clock.pending, begun()], [0, ["a", "b"]]);
});

test("race() begins the next attempt at once when one fails, and fails with the last error", async () => {
  const { clock, attempts, begun, result } = racing(["a", "b"]);
  attempts.get("a")!.reject(new Error("a"));
  await turns();
  assertEquals(begun(), ["a", "b"]);
  const last = new Error("b");
  attempts.get("b")!.reject(last);
  assertEquals(await rejection(result), last);
  assertEquals(clock.pending, 0);
});

test("race() lets a slow first attempt win after a later one failed", async () => {
  const { clock, attempts, result } = racing(["a", "b"]);
  await clock.advance(250);
  attempts.get("b")!.reject(new Error("b"));
  await turns();
  attempts.get("a")!.resolve();
  assertEquals(await result, "a");
});

test("race() discards a connection that comes too late", async () => {
  const { clock, attempts, discarded, result } = racing(["a", "b"]);
  await clock.advance(250);
  attempts.get("a")!.resolve();
  assertEquals(await result, "a");
  attempts.get("b")!.resolve();
  await turns();
  assertEquals(discarded, ["b"]);
});

test("race() aborted gives up all attempts and leaves no timer", async () => {
  const { clock, controller, attempts, begun, result } = racing(["a", "b", "c"]);
  await clock.advance(250);
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await rejection(result), reason);
  assert(attempts.get("a")!.signal.aborted && attempts.get("b")!.signal.aborted);
  attempts.get("a")!.reject(new Error("a"));
  await clock.advance(1000);
  assertEquals([clock.pending, begun()], [0, ["a", "b"]]);
});
