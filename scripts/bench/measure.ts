/**
 * Measures contenders side by side: short slices in turn, so that whatever else the machine does meets all of them.
 *
 * @module
 */

import type { Runtime } from "../testing/runtimes.ts";
import type { Benchmark, Contender } from "./catalogue.ts";
import { Child, type ChildOptions } from "./child.ts";
import type { Count, GeneratorCommand } from "./load/main.ts";
import { openSubject, type Subject } from "./subject.ts";

/** What one slice came to. */
export interface Sample {
  /** Operations or bytes in a second. */
  readonly perSecond: number;
  /** CPU time of the contender for each, in microseconds. */
  readonly cpuUs: number;
}

/** A contender with its slices, in the order of the rounds. */
export interface Measured {
  /** The contender. */
  readonly contender: Contender;
  /** A slice for each round. */
  readonly samples: readonly Sample[];
  /** Resident memory of its process at the end. */
  readonly memoryBytes: number;
}

/**
 * How long and how often. Times are CPU time of the contender, in milliseconds: where others use the machine as well, a
 * slice takes longer and means the same.
 */
export interface Pace {
  /** How many slices each contender gets. */
  readonly rounds: number;
  /** How long a slice counts. */
  readonly sliceMs: number;
  /** Before the first slice of each contender, for its compiler. */
  readonly warmUpMs: number;
  /** At the beginning of each slice, not counted. */
  readonly settleMs: number;
}

/** What runs where. */
export interface Stage {
  /** Where the contenders run. */
  readonly runtime: Runtime;
  /** Where the other side of them runs. */
  readonly generatorRuntime: Runtime;
  /** How long and how often. */
  readonly pace: Pace;
  /** How the contenders are started. */
  readonly options: ChildOptions;
  /** Called before each step of a measurement, with how many are behind and how many there are. */
  onStep?(done: number, all: number): void;
}

/** Measures one benchmark. */
export function measure(benchmark: Benchmark, stage: Stage): Promise<Measured[]> {
  return benchmark.cold > 0 ? measureCold(benchmark, stage) : measureWarm(benchmark, stage);
}

/** A new process for each slice. */
async function measureCold(benchmark: Benchmark, stage: Stage): Promise<Measured[]> {
  const { runtime, generatorRuntime, pace, options } = stage;
  const measured = benchmark.contenders.map((contender) => ({ contender, samples: [] as Sample[], memoryBytes: 0 }));
  await using generator = new Child(generatorRuntime, "scripts/bench/load/main.ts", []);
  for (let round = 0; round < pace.rounds; round++) {
    for (const one of round % 2 === 0 ? measured : measured.toReversed()) {
      await using subject = await openSubject(benchmark, one.contender, generator, runtime, options);
      one.samples.push(await firstOperations(subject, benchmark.cold));
      one.memoryBytes = (await subject.usage()).memoryBytes;
    }
  }
  return measured;
}

async function firstOperations(subject: Subject, operations: number): Promise<Sample> {
  const usedBefore = await subject.usage();
  const beganMs = performance.now();
  await subject.start();
  let { count } = await subject.count();
  while (count < operations) {
    await pause(5);
    count = (await subject.count()).count;
  }
  const ms = performance.now() - beganMs;
  const usedAfter = await subject.usage();
  await subject.stop();
  return { perSecond: count / ms * 1000, cpuUs: (usedAfter.cpuUs - usedBefore.cpuUs) / count };
}

async function measureWarm(benchmark: Benchmark, stage: Stage): Promise<Measured[]> {
  const { runtime, generatorRuntime, pace, options } = stage;
  const inStep = messagesInStep(benchmark);
  const generator = new Child(generatorRuntime, "scripts/bench/load/main.ts", []);
  const subjects: Subject[] = [];
  let done = 0;
  const step = (): void => stage.onStep?.(done++, benchmark.contenders.length * (pace.rounds + 1));
  try {
    for (const contender of benchmark.contenders) {
      step();
      const subject = await openSubject(benchmark, contender, generator, runtime, options);
      subjects.push(subject);
      await slice(subject, { settleMs: pace.warmUpMs, sliceMs: 0, inStep });
    }
    const samples = new Map<Subject, Sample[]>(subjects.map((subject) => [subject, []]));
    for (let round = 0; round < pace.rounds; round++) {
      for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
        step();
        samples.get(subject)!.push(await slice(subject, { ...pace, inStep }));
      }
    }
    return await Promise.all(subjects.map(async (subject) => {
      const { memoryBytes } = await subject.usage();
      return { contender: subject.contender, samples: samples.get(subject)!, memoryBytes };
    }));
  } finally {
    for (const subject of subjects) await subject[Symbol.asyncDispose]();
    await generator[Symbol.asyncDispose]();
  }
}

/**
 * How busy the load generator is when it has nothing to wait for.
 *
 * @returns Its CPU time for a request, in microseconds.
 */
export async function generatorCost(generatorRuntime: Runtime): Promise<number> {
  await using server = new Child(generatorRuntime, "scripts/bench/load/main.ts", []);
  await using generator = new Child(generatorRuntime, "scripts/bench/load/main.ts", []);
  const say = (child: Child, command: GeneratorCommand): Promise<unknown> => child.ask(command);
  const port = await say(server, { type: "answer" }) as number;
  await say(generator, { type: "start", port, preface: { type: "none" }, plan: { type: "requests" } });
  await pause(500);
  const before = await say(generator, { type: "count" }) as Count;
  await pause(1000);
  const after = await say(generator, { type: "count" }) as Count;
  return (after.cpuUs - before.cpuUs) / (after.count - before.count);
}

/** What a slice takes. */
interface Slice {
  /** CPU time before the count. */
  readonly settleMs: number;
  /** CPU time that counts. */
  readonly sliceMs: number;
  /** So many operations at least before the count, and twice as many within. */
  readonly inStep: number;
}

async function slice(subject: Subject, { settleMs, sliceMs, inStep }: Slice): Promise<Sample> {
  await subject.start();
  const { count: none } = await subject.count();
  await use(subject, settleMs);
  const before = await counted(subject, none + inStep);
  const usedBefore = await subject.usage();
  await use(subject, sliceMs);
  const after = await counted(subject, before.count + 2 * inStep);
  const usedAfter = await subject.usage();
  await subject.stop();
  const count = after.count - before.count;
  return { perSecond: count / (after.ms - before.ms) * 1000, cpuUs: (usedAfter.cpuUs - usedBefore.cpuUs) / count };
}

/**
 * How many messages come to their end together: long ones that are on their way at once, and what is sent to all. A slice that is
 * shorter than they take would count none of them, or all.
 */
function messagesInStep({ plan }: Benchmark): number {
  const together = plan?.type === "messages" && (plan.bytes >= LONG_BYTES || plan.senders !== undefined);
  return together ? plan.connections : 0;
}

const LONG_BYTES = 65_536;
/** A contender that stands still must not take for ever either. */
const STALLED_MS = 30_000;

/** What has been done, once that is enough. */
async function counted(subject: Subject, least: number): Promise<Count> {
  const latest = performance.now() + STALLED_MS;
  let count = await subject.count();
  while (count.count < least && performance.now() < latest) {
    await pause(5);
    count = await subject.count();
  }
  return count;
}

/** A contender that hardly uses the CPU must not take for ever. */
const MAX_STRETCH = 20;

/** Waits until a contender has used so much CPU time more. */
async function use(subject: Subject, cpuMs: number): Promise<void> {
  const { cpuUs } = await subject.usage();
  const latest = performance.now() + MAX_STRETCH * cpuMs;
  for (let left = cpuMs; left > 0 && performance.now() < latest;) {
    await pause(Math.max(left, 5));
    left = cpuMs - ((await subject.usage()).cpuUs - cpuUs) / 1000;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
