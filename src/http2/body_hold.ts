/**
 * Whether the body of a request may go: a client that expects a 100 waits for it, for the answer, or for time to pass (RFC 9110
 * §10.1.1). `client_stream.ts` has one for each request that says so.
 *
 * @module
 */

import { type Clock, Deadline } from "../duplex/clock.ts";
import { Deferred } from "../duplex/deferred.ts";

/** What was decided. */
type Decision = "none" | "go" | "stay";

/** Holds one body back. */
export class BodyHold {
  readonly #decided: Deferred<void> = new Deferred<void>();
  readonly #deadline: Deadline;
  #decision: Decision = "none";

  /** Time begins to pass. */
  constructor(clock: Clock, limitMs: number) {
    this.#deadline = new Deadline(clock);
    this.#deadline.set(limitMs, () => this.go());
  }

  /** Resolves when it is decided. */
  get decided(): Promise<void> {
    return this.#decided.promise;
  }

  /** Whether nothing is decided: nothing of the body is on its way. */
  get waits(): boolean {
    return this.#decision === "none";
  }

  /** Whether the answer came first: the body stays. */
  get stays(): boolean {
    return this.#decision === "stay";
  }

  /** The body may go. Without effect once it is decided. */
  go(): void {
    this.#decide("go");
  }

  /** The answer has come. Returns whether the body stays for that; else it is under way. */
  stay(): boolean {
    return this.#decide("stay");
  }

  #decide(decision: Decision): boolean {
    if (this.#decision !== "none") return false;
    this.#decision = decision;
    this.#deadline.stop();
    this.#decided.resolve();
    return true;
  }
}
