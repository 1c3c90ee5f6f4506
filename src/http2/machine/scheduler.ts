/**
 * Whose data goes next: RFC 9218 §10. The more urgent stream first; among equals those that are not incremental one after the other,
 * and then the others in turn, a frame each. A stream whose client said nothing shares, so that no one starves.
 *
 * @module
 */

import type { Stream } from "./stream.ts";

const URGENCIES = 8;

/** The streams that have data and a window for it. */
export class Scheduler {
  readonly #whole: Set<Stream>[] = Array.from({ length: URGENCIES }, () => new Set());
  readonly #shared: Set<Stream>[] = Array.from({ length: URGENCIES }, () => new Set());
  /** How many they are. Only this class writes it. */
  size = 0;

  /** Whether no stream has anything to send. */
  get empty(): boolean {
    return this.size === 0;
  }

  /** Adds a stream behind those of its urgency; one that is there already stays where it is. */
  add(stream: Stream): void {
    const turn = this.#turnOf(stream);
    if (turn.has(stream)) return;
    turn.add(stream);
    this.size++;
  }

  /** Takes a stream out, before its priority changes, too. */
  remove(stream: Stream): void {
    if (this.#turnOf(stream).delete(stream)) this.size--;
  }

  /** The stream that sends the next frame. It stays: {@linkcode remove} it when it has nothing more, or no window. */
  next(): Stream | undefined {
    if (this.size === 0) return undefined;
    for (let urgency = 0; urgency < URGENCIES; urgency++) {
      for (const stream of this.#whole[urgency]!) return stream;
      const shared = this.#shared[urgency]!;
      for (const stream of shared) {
        if (shared.size > 1) { // it goes behind the others
          shared.delete(stream);
          shared.add(stream);
        }
        return stream;
      }
    }
    return undefined;
  }

  #turnOf(stream: Stream): Set<Stream> {
    return (stream.incremental ? this.#shared : this.#whole)[stream.urgency]!;
  }
}
