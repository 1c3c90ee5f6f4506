/**
 * What was begun and has to end: handlers, sources of bodies, streams behind a switch; and what was reported meanwhile.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { turns } from "./wire.ts";

/** What one side does behind a switch, step by step. */
export type Switched = readonly ("read" | "read-all" | "write" | "closeWrite" | "close" | "abort" | "pause" | "pipe")[];

export const SWITCHED: fc.Arbitrary<Switched> = fc.array(
  fc.constantFrom("read", "read-all", "write", "closeWrite", "close", "abort", "pause", "pipe"),
  { maxLength: 5 },
);

/** Counts. */
export class Ledger {
  #running = 0;
  #sources = 0;
  readonly #switched: Set<Upgraded> = new Set();
  readonly #faults: unknown[] = [];
  #release!: () => void;
  /** Resolves when those who wait for nothing else may end. */
  readonly released: Promise<void> = new Promise((resolve) => this.#release = resolve);

  /** Lets them end. */
  release(): void {
    this.#release();
  }

  /** Something that has to end, well or not. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }

  /** A body that has to be read to its end, or canceled; a third of them fail to be. */
  source(bytes: number, end: "end" | "stall" | "fail"): ReadableStream<Uint8Array> {
    let left = bytes;
    let open = true;
    this.#sources++;
    const over = () => {
      if (open) this.#sources--;
      open = false;
    };
    return new ReadableStream<Uint8Array>({
      pull: (controller) => {
        if (left > 0) {
          const length = Math.min(left, 7000);
          left -= length;
          controller.enqueue(new Uint8Array(length));
        } else if (end === "end") {
          over();
          controller.close();
        } else if (end === "fail") {
          over();
          controller.error(new Error("the source has failed"));
        } else return new Promise(() => {});
      },
      cancel: () => {
        over();
        if (bytes % 3 === 0) throw new Error("the source does not like it");
      },
    }, { highWaterMark: 0 });
  }

  /** A stream behind a switch, whose `closed` has to come. */
  switched(io: Upgraded): void {
    this.#switched.add(io);
    io.closed.then(() => this.#switched.delete(io));
  }

  /** Cuts all streams that have switched: their transport has stopped. */
  cut(): void {
    for (const io of this.#switched) io.abort();
  }

  /** What `onError` was told: errors of programs are faults. */
  report(error: unknown): void {
    const ours = error instanceof TypeError && /Cannot (use|send)|must be|returns/.test(error.message);
    if (error instanceof TypeError && !ours || error instanceof ReferenceError) this.#faults.push(error);
  }

  /** Whether all has ended. */
  get clean(): boolean {
    return this.#running + this.#sources + this.#switched.size === 0;
  }

  /** All has ended. */
  settled(): void {
    assertEquals(
      { running: this.#running, sources: this.#sources, switched: this.#switched.size, faults: this.#faults },
      { running: 0, sources: 0, switched: 0, faults: [] },
    );
  }
}

/** Plays one side behind a switch. */
export async function play(io: Upgraded, steps: Switched, ledger: Ledger): Promise<void> {
  ledger.switched(io);
  const doing: Promise<unknown>[] = [];
  for (const step of steps) {
    switch (step) {
      case "read":
        doing.push(io.read());
        break;
      case "read-all":
        doing.push((async () => {
          while (await io.read() !== null);
        })());
        break;
      case "write":
        doing.push(io.write(new Uint8Array(50_000)));
        break;
      case "closeWrite":
        doing.push(io.closeWrite());
        break;
      case "close":
        doing.push(io.close());
        break;
      case "abort":
        io.abort();
        break;
      case "pause":
        await turns();
        break;
      case "pipe":
        try {
          doing.push(io.readable.pipeTo(io.writable));
        } catch {
          // it is read already
        }
        break;
    }
    for (const each of doing) each.catch(() => {});
  }
  await Promise.all(doing.map((each) => each.catch(() => {})));
}
