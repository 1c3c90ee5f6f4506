/**
 * An end of a pair as other makers would hand it in: as plain streams that take their time, that break after a while in one direction or
 * that stop without a word; or as what lends its memory.
 *
 * @module
 */

import fc from "fast-check";
import type { DuplexLike } from "../../src/duplex/duplex.ts";
import type { PairEnd } from "../../src/duplex/pair.ts";
import { LendingEnd } from "./lending_end.ts";

/** What becomes of one direction after so many chunks. */
interface Fate {
  readonly after: number;
  readonly then: "fails" | "stops";
}

/** How the end is handed in. */
export interface ForeignTransport {
  readonly over: "a channel" | "what lends" | "streams";
  /** How many turns of the microtask queue each chunk takes. */
  readonly slow: number;
  readonly highWaterMark: number;
  readonly reading: Fate;
  readonly writing: Fate;
}

const fate: fc.Arbitrary<Fate> = fc.record({
  after: fc.oneof({ weight: 2, arbitrary: fc.constant(Infinity) }, fc.nat(12)),
  then: fc.constantFrom("fails", "stops"),
});

/** Any of them. */
export const FOREIGN_TRANSPORT: fc.Arbitrary<ForeignTransport> = fc.record({
  over: fc.constantFrom("a channel", "what lends", "streams", "streams"),
  slow: fc.constantFrom(0, 1, 20),
  highWaterMark: fc.constantFrom(0, 1, Infinity),
  reading: fate,
  writing: fate,
});

const RELIABLE: Fate = { after: Infinity, then: "fails" };

/** Any that neither fails nor stops. */
export const RELIABLE_TRANSPORT: fc.Arbitrary<ForeignTransport> = FOREIGN_TRANSPORT.map((transport) => ({
  ...transport,
  reading: RELIABLE,
  writing: RELIABLE,
}));

/** Whether it may stop without a word. */
export function mayStop({ over, reading, writing }: ForeignTransport): boolean {
  return over === "streams" && [reading, writing].some(({ after, then }) => after < Infinity && then === "stops");
}

/** The end, as it is handed in. */
export function handedIn(end: PairEnd, transport: ForeignTransport): DuplexLike {
  switch (transport.over) {
    case "a channel":
      return end;
    case "what lends":
      return new LendingEnd(end);
    case "streams":
      return { readable: readableOf(end, transport), writable: writableOf(end, transport) };
    default:
      return transport.over satisfies never;
  }
}

const stopped = () => new Promise<never>(() => {});

async function pass(slow: number, left: number, { then }: Fate): Promise<void> {
  for (let turn = 0; turn < slow; turn++) await null;
  if (left > 0) return;
  if (then === "stops") await stopped();
  throw new Error("the streams have failed");
}

function readableOf(end: PairEnd, { slow, reading }: ForeignTransport): ReadableStream<Uint8Array> {
  let left = reading.after;
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const chunk = await end.read();
      await pass(slow, left--, reading);
      if (chunk === null) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: (reason) => end.abort(reason),
  }, { highWaterMark: 0 });
}

function writableOf(end: PairEnd, { slow, highWaterMark, writing }: ForeignTransport): WritableStream<Uint8Array> {
  let left = writing.after;
  return new WritableStream<Uint8Array>({
    async write(chunk): Promise<void> {
      await pass(slow, left--, writing);
      await end.write(chunk);
    },
    close: () => end.closeWrite(),
    abort: (reason) => end.abort(reason),
  }, { highWaterMark });
}
