/**
 * The streams of a connection: which are open, which numbers come next, and how those were closed that are gone.
 *
 * @module
 */

import type { Http2Role } from "./settings.ts";
import type { Stream } from "./stream.ts";
import { StreamTable } from "./stream_table.ts";
import type { StreamState } from "./stream_state.ts";

/** The last number there is (RFC 9113 §5.1.1). */
export const MAX_STREAM_ID: number = 2 ** 31 - 1;
/** How many closed streams are known by how they were closed. Older ones count as closed in order. */
const REMEMBERED = 1024;
/** How many gaps between numbers are known. Those in older ones count as closed in order. */
const REMEMBERED_GAPS = 64;

/** The streams. */
export class Streams {
  readonly #role: Http2Role;
  readonly #live: StreamTable<Stream> = new StreamTable();
  /** Those that were reset, the oldest first. */
  readonly #reset: Map<number, "reset-by-peer" | "reset-by-us"> = new Map();
  /** Numbers that were left out, so that they can never be used (RFC 9113 §5.1.1), the oldest first. */
  readonly #gaps: { readonly from: number; readonly to: number }[] = [];
  /** The last number that was used: by the client, which alone opens streams. */
  #last = 0;
  /** The last one that a server has taken up. */
  #lastAccepted = 0;

  /** Has none. */
  constructor(role: Http2Role) {
    this.#role = role;
  }

  /** How many are open. */
  get size(): number {
    return this.#live.size;
  }

  /** The last one that was taken up: what a server's GOAWAY names (RFC 9113 §6.8). */
  get lastAccepted(): number {
    return this.#lastAccepted;
  }

  /** The number of the next stream that a client opens; above {@linkcode MAX_STREAM_ID} there are none left. */
  get nextId(): number {
    return this.#last === 0 ? 1 : this.#last + 2;
  }

  /** All that are open. */
  [Symbol.iterator](): Iterator<Stream> {
    return this.#live.values()[Symbol.iterator]();
  }

  /** The stream, if it is open. */
  get(id: number): Stream | undefined {
    return this.#live.get(id);
  }

  /** The state of any stream, those that are gone and those that never were included. */
  stateOf(id: number): StreamState {
    const stream = this.#live.get(id);
    if (stream !== undefined) return stream.state;
    if (id % 2 === 0 || id > this.#last || this.#gaps.some(({ from, to }) => id >= from && id <= to)) return "idle";
    return this.#reset.get(id) ?? "closed";
  }

  /** Whether the client may open this stream: its number is odd, and higher than any before (RFC 9113 §5.1.1). */
  mayOpen(id: number): boolean {
    return this.#role === "server" && id % 2 === 1 && id > this.#last;
  }

  /** The number is used from now on, whatever becomes of its stream. */
  use(id: number): void {
    const { nextId } = this;
    if (id > nextId && this.#gaps.push({ from: nextId, to: id - 2 }) > REMEMBERED_GAPS) this.#gaps.shift();
    this.#last = id;
  }

  /** Takes up a stream whose number is used. */
  add(stream: Stream): void {
    this.#lastAccepted = stream.id;
    this.#live.add(stream.id, stream);
  }

  /** Forgets a stream that is closed. */
  delete(stream: Stream): void {
    this.#live.delete(stream.id);
    const { state } = stream;
    if (state === "reset-by-peer" || state === "reset-by-us") this.remember(stream.id, state);
  }

  /** Remembers how a stream was closed that is not open. */
  remember(id: number, state: "reset-by-peer" | "reset-by-us"): void {
    this.#reset.set(id, state);
    if (this.#reset.size > REMEMBERED) this.#reset.delete(this.#reset.keys().next().value!);
  }
}
