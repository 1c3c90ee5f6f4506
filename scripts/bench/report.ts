/**
 * What was measured, as Markdown or JSON.
 *
 * @module
 */

import type { Benchmark } from "./catalogue.ts";
import type { Measured } from "./measure.ts";

/** One comparison. */
export interface Row {
  readonly benchmark: string;
  readonly title: string;
  readonly unit: Benchmark["unit"];
  /** Which one of ours. */
  readonly contender: string;
  readonly peer: string;
  /** Ours in a second by the peer's: the median over the rounds, and the lowest and the highest. */
  readonly ratio: Spread;
  /** The peer's CPU time by ours: how many times less the server works for the same. */
  readonly cpuRatio: Spread;
  /** Medians of operations or bytes in a second; these depend on the machine and what else it does. */
  readonly ours: number;
  readonly theirs: number;
  /** CPU time for an operation or a byte, in microseconds, medians. */
  readonly oursCpuUs: number;
  readonly theirsCpuUs: number;
}

/** A median with its extremes. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Compares each of ours with each of the others, round by round. */
export function compare(benchmark: Benchmark, measured: readonly Measured[]): Row[] {
  const peers = measured.filter(({ contender }) => !contender.ours);
  return measured.filter(({ contender }) => contender.ours).flatMap((ours) => comparisons(benchmark, ours, peers));
}

function comparisons(benchmark: Benchmark, ours: Measured, peers: readonly Measured[]): Row[] {
  return peers.map(({ contender, samples }) => {
    const pairs = samples.map((theirs, round) => ({ ours: ours.samples[round]!, theirs }));
    return {
      benchmark: benchmark.name,
      title: benchmark.title,
      unit: benchmark.unit,
      contender: ours.contender.title,
      peer: contender.title,
      ratio: spread(pairs.map((pair) => pair.ours.perSecond / pair.theirs.perSecond)),
      cpuRatio: spread(pairs.map((pair) => pair.theirs.cpuUs / pair.ours.cpuUs)),
      ours: spread(pairs.map((pair) => pair.ours.perSecond)).median,
      theirs: spread(pairs.map((pair) => pair.theirs.perSecond)).median,
      oursCpuUs: spread(pairs.map((pair) => pair.ours.cpuUs)).median,
      theirsCpuUs: spread(pairs.map((pair) => pair.theirs.cpuUs)).median,
    };
  });
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  return { median: sorted[sorted.length >> 1]!, low: sorted[0]!, high: sorted[sorted.length - 1]! };
}

/** The head of a table. */
export function tableHead(title: string): string {
  return [
    `## ${title}`,
    "",
    "| | ours | compared with | ratio | lowest–highest | ratio by CPU time | ours (noisy) | theirs (noisy) |",
    "|---|---|---|---|---|---|---|---|",
  ].join("\n");
}

/** A line of the table. */
export function tableRow(row: Row): string {
  const { ratio, cpuRatio } = row;
  return `| ${
    [
      row.title,
      row.contender,
      row.peer,
      `**${ratio.median.toFixed(2)}×**`,
      `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}`,
      `${cpuRatio.median.toFixed(2)}×`,
      amount(row.ours, row.oursCpuUs, row.unit),
      amount(row.theirs, row.theirsCpuUs, row.unit),
    ].join(" | ")
  } |`;
}

function amount(perSecond: number, cpuUs: number, unit: Row["unit"]): string {
  if (unit === "bytes") return `${(perSecond / 1e6).toFixed(0)} MB/s, ${(cpuUs * 1e9 / 1e3).toFixed(0)} ms CPU a GB`;
  return `${(perSecond / 1e3).toFixed(1)} k/s, ${cpuUs.toFixed(1)} µs CPU`;
}
