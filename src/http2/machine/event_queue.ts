/**
 * What the machine has found and not yet told. Most of what comes brings one event, which is told before the next frame is read.
 *
 * @module
 */

/** Keeps events in order. */
export class EventQueue<Event> {
  #first: Event | null = null;
  /** Those behind it. An array alone would be made anew for each event: V8 cuts off its front when one is taken. */
  readonly #others: Event[] = [];

  /** Whether none waits. */
  get empty(): boolean {
    return this.#first === null;
  }

  /** Adds one at the end. */
  push(event: Event): void {
    if (this.#first === null) this.#first = event;
    else this.#others.push(event);
  }

  /** Takes the one that waits longest, `null` if none does. */
  shift(): Event | null {
    const event = this.#first;
    if (event !== null) this.#first = this.#others.length === 0 ? null : this.#others.shift()!;
    return event;
  }
}
