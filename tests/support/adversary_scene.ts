/**
 * What every adversary does, whatever it speaks: it lets time pass, and stops reading for a while. And how a connection has to end.
 *
 * @module
 */

import { assert } from "@std/assert";
import fc from "fast-check";
import { Deferred } from "../../src/duplex/deferred.ts";
import type { Ledger } from "./h2_ledger.ts";
import { type FakeClock, turns } from "./wire.ts";

/** Whether an adversary reads. */
export class Reading {
  #held: Deferred<void> | null = null;

  /** Resolves when it may read on; `undefined` if it may. */
  get mayGoOn(): Promise<void> | undefined {
    return this.#held?.promise;
  }

  /** It reads no more. */
  stop(): void {
    this.#held ??= new Deferred();
  }

  /** It reads on. */
  goOn(): void {
    this.#held?.resolve();
    this.#held = null;
  }
}

/** A step that each of them may take. */
export type CommonStep =
  | { readonly type: "pause" | "stop-reading" | "read" }
  | { readonly type: "time"; readonly ms: number };

/** Waits most of the time, and stops reading for a while. */
export const READING_STEP: fc.Arbitrary<CommonStep> = fc.record({
  type: fc.constantFrom("pause", "pause", "pause", "stop-reading", "read"),
});

/** Takes it. */
export async function take(step: CommonStep, reading: Reading, clock: FakeClock): Promise<void> {
  switch (step.type) {
    case "pause":
      return await turns();
    case "stop-reading":
      return reading.stop();
    case "read":
      return reading.goOn();
    case "time":
      return await clock.advance(step.ms);
  }
}

/** All time limits have passed: the connection is over, and soon what was begun with it. */
export async function assertOver(
  connection: { readonly closed: Promise<unknown> },
  begun: Ledger,
): Promise<void> {
  const closed = await Promise.race([connection.closed, turns().then(turns).then(() => null)]);
  assert(closed !== null, "the connection is over");
  begun.release();
  for (let i = 0; i < 10 && !begun.clean; i++) await turns();
}
