/**
 * The fields that both ends remember (RFC 7541 §2.3.2 and §4). The reader and the writer of field blocks have one each.
 *
 * @module
 */

import type { FieldLine } from "./field_line.ts";

/** What an entry counts for beside its characters (RFC 7541 §4.1). */
const ENTRY_BYTES = 32;
/** So many places of entries that have gone are kept at least. */
const GONE = 64;

/** The size of a field, in a table and in a list of fields (RFC 7541 §4.1, RFC 9113 §6.5.2). */
export function fieldSize(name: string, value: string): number {
  return name.length + value.length + ENTRY_BYTES;
}

function lineSize({ field }: FieldLine): number {
  return fieldSize(field[0], field[1]);
}

/** Entries, of which the oldest go when there is no room. */
export class DynamicTable {
  #entries: FieldLine[] = [];
  #first = 0;
  #added = 0;
  #size = 0;
  #maxSize: number;
  readonly #onGone: ((line: FieldLine, number: number) => void) | null;

  /**
   * Makes an empty table.
   *
   * @param maxSize In bytes as RFC 7541 §4.1 counts them.
   * @param onGone Told of each entry that goes, and of its number.
   */
  constructor(maxSize: number, onGone: ((line: FieldLine, number: number) => void) | null = null) {
    this.#maxSize = maxSize;
    this.#onGone = onGone;
  }

  /** How many entries there are. */
  get length(): number {
    return this.#entries.length - this.#first;
  }

  /** What they count for, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** What they may count for. */
  get maxSize(): number {
    return this.#maxSize;
  }

  /** How many were added ever: the number of the newest entry. */
  get added(): number {
    return this.#added;
  }

  /** Changes what they may count for; the oldest go. */
  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#shrinkTo(maxSize);
  }

  /** The entry at `index`, 0 for the newest; `undefined` where there is none. */
  at(index: number): FieldLine | undefined {
    return index < this.length ? this.#entries[this.#entries.length - 1 - index] : undefined;
  }

  /**
   * Adds an entry. One that is larger than the table empties it (RFC 7541 §4.4).
   *
   * @returns Whether it is in the table now.
   */
  add(line: FieldLine): boolean {
    const size = lineSize(line);
    this.#shrinkTo(Math.max(0, this.#maxSize - size));
    if (size > this.#maxSize) return false;
    this.#entries.push(line);
    this.#size += size;
    this.#added++;
    return true;
  }

  #shrinkTo(size: number): void {
    while (this.#size > size) {
      const gone = this.#entries[this.#first++]!;
      this.#size -= lineSize(gone);
      this.#onGone?.(gone, this.#added - this.length);
    }
    if (this.#first > GONE && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }
}
