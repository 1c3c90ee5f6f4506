/**
 * Where the time of a run goes: the processes and the tests that took longest.
 *
 * @module
 */

/** How many of each are shown. */
const SHOWN = 10;

/** What took a while. */
export interface Timed {
  /** The runtime's title, and a group of files or a test. */
  readonly title: string;
  /** How long it took. */
  readonly ms: number;
  /** What it took of the processors; 0 where that is not known. */
  readonly cpuMs: number;
}

/** Collects, and keeps the slowest. */
export class Slowest {
  readonly #what: string;
  #kept: Timed[] = [];

  /** @param what What they are, in the plural. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Takes more. By processor time, where it is known, as the rest is spent waiting for others. */
  add(more: readonly Timed[]): void {
    this.#kept = [...this.#kept, ...more].sort((a, b) => b.cpuMs - a.cpuMs || b.ms - a.ms).slice(0, SHOWN);
  }

  /** A line for each. */
  lines(): string[] {
    const lines = this.#kept.map(({ title, ms, cpuMs }) => {
      const cpu = cpuMs > 0 ? `, ${seconds(cpuMs)} of CPU` : "";
      return `  ${seconds(ms).padStart(7)}${cpu}  ${title.length > 150 ? `${title.slice(0, 149)}…` : title}`;
    });
    return [`The slowest ${this.#what}:`, ...lines];
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
