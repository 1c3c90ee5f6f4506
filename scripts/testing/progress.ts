/**
 * Says how far a run is, so that silence never looks like a hang: plain lines, since most of them end up in a log.
 *
 * @module
 */

const everyMs = 15_000;

/** Counts what is done. */
export class Progress {
  readonly #total: number;
  readonly #start = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #done = 0;
  #told = -1;

  /** Begins to count. */
  constructor(total: number) {
    this.#total = total;
    console.log(`${total} files to run`);
    this.#timer = setInterval(() => this.#tell(), everyMs);
  }

  /** So many more are done. */
  step(files: number): void {
    this.#done += files;
  }

  /** Says no more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    const seconds = Math.round((performance.now() - this.#start) / 1000);
    const waits = this.#done === this.#told ? ", still the same ones" : "";
    this.#told = this.#done;
    console.log(`${seconds} s: ${this.#done} of ${this.#total} files${waits}`);
  }
}
