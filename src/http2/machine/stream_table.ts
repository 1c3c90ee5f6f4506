/**
 * Streams by their numbers. The machine has one for what it knows of them, the driver one for what it does with them.
 *
 * A Map would not do: V8 leaves its former table behind whenever it makes it anew, with a link to the next one, and once such a table
 * is old, all streams since then are kept until the next full collection (seen on Node 26).
 *
 * @module
 */

/** The number of no stream. */
const NONE = -1;

/** A place. */
interface Entry<Value> {
  readonly id: number;
  readonly value: Value;
  next: Entry<Value> | null;
}

/** Values by the numbers of streams. */
export class StreamTable<Value> {
  /** How many there are. Only this class writes it. */
  size = 0;
  /** As many chains as a power of 2: numbers of streams follow each other, so that they are short. */
  #chains: (Entry<Value> | null)[] = [null, null, null, null, null, null, null, null];
  /** What was asked for last: a connection that carries one stream, among many connections, touches less memory so. */
  #lastId = NONE;
  #last: Value | undefined = undefined;

  /** The value, if there is one. */
  get(id: number): Value | undefined {
    if (id === this.#lastId) return this.#last;
    let entry = this.#chains[this.#place(id)]!;
    while (entry !== null && entry.id !== id) entry = entry.next!;
    if (entry === null) return undefined;
    this.#lastId = id;
    return this.#last = entry.value;
  }

  /** Adds a value under a number that has none. */
  add(id: number, value: Value): void {
    if (this.size++ === this.#chains.length) this.#grow();
    const place = this.#place(id);
    this.#chains[place] = { id, value, next: this.#chains[place]! };
  }

  /** Removes a value; tells whether there was one. */
  delete(id: number): boolean {
    if (id === this.#lastId) {
      this.#lastId = NONE;
      this.#last = undefined;
    }
    const place = this.#place(id);
    let before: Entry<Value> | null = null;
    for (let entry = this.#chains[place]!; entry !== null; before = entry, entry = entry.next!) {
      if (entry.id !== id) continue;
      if (before === null) this.#chains[place] = entry.next;
      else before.next = entry.next;
      this.size--;
      return true;
    }
    return false;
  }

  /** All values that there are now, in any order. */
  values(): Value[] {
    const values: Value[] = [];
    for (let entry of this.#chains) {
      for (; entry !== null; entry = entry.next) values.push(entry.value);
    }
    return values;
  }

  #place(id: number): number {
    return id >>> 1 & this.#chains.length - 1;
  }

  #grow(): void {
    const entries = this.#chains;
    this.#chains = Array(entries.length * 2).fill(null);
    for (let entry of entries) {
      while (entry !== null) {
        const { next } = entry as Entry<Value>;
        const place = this.#place(entry.id);
        entry.next = this.#chains[place]!;
        this.#chains[place] = entry;
        entry = next;
      }
    }
  }
}
