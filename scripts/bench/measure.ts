/**
 * Measures contenders side by side: short slices in turn, so that whatever else the machine does meets all of them.
 *
 * @module
 */

import type { Runtime } from "../testing/runtimes.ts";
import type { Benchmark, Contender } from "./catalogue.ts";
import { Child, type ChildOptions } from "./child.ts";
import type { Count, LoadCommand } from "./load/main.ts";
import type { Preface } from "./load/preface.ts";
import type { Usage } from "./servers/main.ts";

/** What one slice came to. */
export interface Sample {
  /** Operations or bytes in a second. */
  readonly perSecond: number;
  /** CPU time of the server for each, in microseconds. */
  readonly cpuUs: number;
}

/** A contender with its slices, in the order of the rounds. */
export interface Measured {
  readonly contender: Contender;
  readonly samples: readonly Sample[];
  /** Resident memory at the end. */
  readonly memoryBytes: number;
}

/** How long and how often. */
export interface Pace {
  readonly rounds: number;
  readonly sliceMs: number;
  /** Before the first slice of each contender, for its compiler. */
  readonly warmUpMs: number;
  /** At the beginning of each slice, not counted. */
  readonly settleMs: number;
}

/** Measures one benchmark. */
export async function measure(
  benchmark: Benchmark,
  runtime: Runtime,
  generatorRuntime: Runtime,
  pace: Pace,
  options: ChildOptions = {},
): Promise<Measured[]> {
  const children: Child[] = [];
  try {
    const generator = new Child(generatorRuntime, "scripts/bench/load/main.ts", []);
    children.push(generator);
    const subjects: Subject[] = [];
    for (const contender of benchmark.contenders) {
      const server = new Child(runtime, "scripts/bench/servers/main.ts", contender.server.split("."), options);
      children.push(server);
      const subject = new Subject(contender, benchmark, server, generator, await server.line() as { port: number });
      await subject.prepare(pace);
      subjects.push(subject);
    }
    for (let round = 0; round < pace.rounds; round++) {
      const order = round % 2 === 0 ? subjects : subjects.toReversed();
      for (const subject of order) await subject.slice(pace);
    }
    return await Promise.all(subjects.map((subject) => subject.result()));
  } finally {
    for (const child of children) await child[Symbol.asyncDispose]();
  }
}

class Subject {
  readonly #contender: Contender;
  readonly #benchmark: Benchmark;
  readonly #server: Child;
  readonly #generator: Child;
  readonly #port: number;
  readonly #samples: Sample[] = [];

  constructor(contender: Contender, benchmark: Benchmark, server: Child, generator: Child, { port }: { port: number }) {
    this.#contender = contender;
    this.#benchmark = benchmark;
    this.#server = server;
    this.#generator = generator;
    this.#port = port;
  }

  async prepare({ warmUpMs }: Pace): Promise<void> {
    const { held } = this.#benchmark;
    if (held > 0) await this.#say({ type: "hold", port: this.#port, preface: this.#preface(), connections: held });
    await this.#load(warmUpMs, 0);
  }

  async slice({ sliceMs, settleMs }: Pace): Promise<void> {
    this.#samples.push(await this.#load(settleMs, sliceMs));
  }

  async result(): Promise<Measured> {
    const { memoryBytes } = await this.#usage();
    return { contender: this.#contender, samples: this.#samples, memoryBytes };
  }

  async #load(settleMs: number, sliceMs: number): Promise<Sample> {
    await this.#say({ type: "start", port: this.#port, preface: this.#preface(), plan: this.#benchmark.plan });
    await pause(settleMs);
    const [before, usedBefore] = [await this.#count(), await this.#usage()];
    await pause(sliceMs);
    const [after, usedAfter] = [await this.#count(), await this.#usage()];
    await this.#say({ type: "stop" });
    const count = after.count - before.count;
    return { perSecond: count / (after.ms - before.ms) * 1000, cpuUs: (usedAfter.cpuUs - usedBefore.cpuUs) / count };
  }

  #preface(): Preface {
    return { type: this.#contender.preface };
  }

  #say(command: LoadCommand): Promise<unknown> {
    return this.#generator.ask(command);
  }

  #count(): Promise<Count> {
    return this.#say({ type: "count" }) as Promise<Count>;
  }

  #usage(): Promise<Usage> {
    return this.#server.ask("usage") as Promise<Usage>;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
