/**
 * Says how far a run is, so that silence never looks like a hang: a line that renews itself on a terminal, plain lines now
 * and then elsewhere, as most of those end up in a log. On stderr, for what comes of a run goes to stdout.
 *
 * @module
 */

import process from "node:process";

const everyMs = process.stderr.isTTY ? 1000 : 15_000;

/** To wipe a line that is there, and nothing where lines stay. */
const wipe = process.stderr.isTTY ? "\r\x1b[K" : "";

let current: Progress | null = null;

/** Prints a line of what comes of the run, above the line that says how far it is. */
export function say(text = ""): void {
  if (current !== null) process.stderr.write(wipe);
  console.log(text);
}

/** Tells until it is stopped; one at a time. */
export class Progress {
  readonly #describe: () => string;
  readonly #start = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #told = "";

  /**
   * Begins to tell.
   *
   * @param describe How far it is, in a few words.
   */
  constructor(describe: () => string) {
    this.#describe = describe;
    this.#timer = setInterval(() => this.#tell(), everyMs);
    current = this;
  }

  /** Tells no more. */
  stop(): void {
    clearInterval(this.#timer);
    process.stderr.write(wipe);
    current = null;
  }

  #tell(): void {
    const text = this.#describe();
    const line = `${Math.round((performance.now() - this.#start) / 1000)} s: ${text}`;
    if (process.stderr.isTTY) process.stderr.write(`${wipe}${line.slice(0, process.stderr.columns - 1)}`);
    else process.stderr.write(`${line}${text === this.#told ? ", as before" : ""}\n`);
    this.#told = text;
  }
}
