/**
 * Field blocks, written (RFC 7541 §6). The writer of frames calls it with each list of fields; the blocks of a connection share one
 * encoder.
 *
 * @module
 */

import { writeLatin1 } from "../../../bytes/latin1.ts";
import { DynamicTable, fieldSize } from "./dynamic_table.ts";
import { FieldLine } from "./field_line.ts";
import { huffmanLength, writeHuffman } from "./huffman.ts";
import { MAX_INTEGER_BYTES, writeInteger } from "./integer.ts";
import { STATIC_ENTRIES, STATIC_TABLE } from "./static_table.ts";

/** A field line to be sent: a name in lower case, a value, and whether no hop may remember it. Credentials are never remembered. */
export type FieldToSend = readonly [name: string, value: string, neverIndexed?: boolean];

const INDEXED = 0x80;
const LITERAL_INDEXED = 0x40;
const SIZE_UPDATE = 0x20;
const NEVER_INDEXED = 0x10;
const NOT_INDEXED = 0x00;
const HUFFMAN = 0x80;

/** What others must not be able to guess by what compresses well (RFC 7541 §7.1.3). */
const CREDENTIALS: ReadonlySet<string> = new Set(["authorization", "proxy-authorization"]);
/** A cookie of fewer characters could be guessed. */
const SHORT_COOKIE = 20;
/** Values that seldom come again would only drive out others. */
const SELDOM_AGAIN: ReadonlySet<string> = new Set(
  ":path age content-length etag if-modified-since if-none-match location set-cookie".split(" "),
);
/** A field that takes more than this part of the table would drive out too many. */
const LARGE_PART = 3 / 4;

/** What is known beforehand of a name. */
interface StaticName {
  /** The first entry of this name. */
  readonly index: number;
  /** The entries of this name. */
  readonly values: readonly (readonly [value: string, index: number])[];
  readonly credential: boolean;
  readonly seldomAgain: boolean;
}

const STATIC_NAMES: ReadonlyMap<string, StaticName> = new Map(
  STATIC_TABLE.map(([name]) => [name, staticName(name)]),
);

function staticName(name: string): StaticName {
  const entries = STATIC_TABLE.map(([other, value], i) => ({ other, value, index: i + 1 }))
    .filter(({ other }) => other === name);
  return {
    index: entries[0]!.index,
    values: entries.map(({ value, index }) => [value, index] as const),
    credential: CREDENTIALS.has(name),
    seldomAgain: SELDOM_AGAIN.has(name),
  };
}

/** The entries of one name that are in the table. */
interface DynamicName {
  /** The number of the newest one. */
  newest: number;
  /** The number of each by its value. */
  readonly numbers: Map<string, number>;
}

/** Writes blocks. */
export class HpackEncoder {
  readonly #most: number;
  readonly #table: DynamicTable;
  readonly #names: Map<string, DynamicName> = new Map();
  /** The sizes that the next block has to tell: the least since the last one, and the one that holds. */
  #update: { least: number } | null = null;
  #target: Uint8Array = new Uint8Array(1024);
  #at = 0;

  /**
   * Has written no block.
   *
   * @param most What the table may hold at most, whatever the peer allows. 4,096 by default.
   */
  constructor(most = 4096) {
    this.#most = most;
    this.#table = new DynamicTable(Math.min(4096, most), ({ field: [name, value] }, number) => {
      const known = this.#names.get(name)!;
      // The oldest go first: with the newest one of a name all others have gone.
      if (known.newest === number) this.#names.delete(name);
      else if (known.numbers.get(value) === number) known.numbers.delete(value);
    });
    if (most < 4096) this.#update = { least: most };
  }

  /** What the table holds, in bytes. */
  get tableSize(): number {
    return this.#table.size;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setMaxTableSize(size: number): void {
    const wanted = Math.min(size, this.#most);
    if (wanted === this.#table.maxSize) return;
    this.#update = { least: Math.min(wanted, this.#update?.least ?? wanted) };
    this.#table.resize(wanted);
  }

  /**
   * Writes a block.
   *
   * @returns The block, in memory that is used again for the next one.
   * @throws {TypeError} A character is above U+00FF.
   */
  encode(fields: Iterable<FieldToSend>): Uint8Array {
    this.#at = 0;
    this.#writeUpdates();
    for (const field of fields) this.#writeField(field[0], field[1], field[2] === true);
    return this.#target.subarray(0, this.#at);
  }

  /** The least size since the last block, and then the size that holds (RFC 7541 §4.2). */
  #writeUpdates(): void {
    if (this.#update === null) return;
    const { least } = this.#update;
    this.#update = null;
    this.#reserve(2 * MAX_INTEGER_BYTES);
    if (least < this.#table.maxSize) this.#integer(SIZE_UPDATE, 5, least);
    this.#integer(SIZE_UPDATE, 5, this.#table.maxSize);
  }

  #writeField(name: string, value: string, neverIndexed: boolean): void {
    this.#reserve(3 * MAX_INTEGER_BYTES + 4 * (name.length + value.length));
    const fixed = STATIC_NAMES.get(name);
    const known = this.#names.get(name);
    const nameIndex = fixed?.index ?? (known === undefined ? 0 : this.#indexOf(known.newest));
    if (neverIndexed || (fixed !== undefined && isCredential(fixed, name, value))) {
      return this.#literal(NEVER_INDEXED, 4, nameIndex, name, value);
    }
    const index = this.#find(fixed, known, value);
    if (index !== 0) return this.#integer(INDEXED, 7, index);
    if (fixed?.seldomAgain === true || fieldSize(name, value) > this.#table.maxSize * LARGE_PART) {
      return this.#literal(NOT_INDEXED, 4, nameIndex, name, value);
    }
    this.#literal(LITERAL_INDEXED, 6, nameIndex, name, value);
    if (this.#table.add(new FieldLine([name, value]))) this.#remember(name, value);
  }

  /** The index of the entry with this value, or 0. */
  #find(fixed: StaticName | undefined, known: DynamicName | undefined, value: string): number {
    if (fixed !== undefined) {
      const { values } = fixed;
      for (let i = 0; i < values.length; i++) if (values[i]![0] === value) return values[i]![1];
    }
    const number = known?.numbers.get(value);
    return number === undefined ? 0 : this.#indexOf(number);
  }

  /** The entry that is the newest now. Those that had to go for it may have been the last of its name. */
  #remember(name: string, value: string): void {
    const number = this.#table.added;
    const known = this.#names.get(name);
    if (known === undefined) {
      this.#names.set(name, { newest: number, numbers: new Map([[value, number]]) });
      return;
    }
    known.newest = number;
    known.numbers.set(value, number);
  }

  #literal(first: number, bits: number, nameIndex: number, name: string, value: string): void {
    this.#integer(first, bits, nameIndex);
    if (nameIndex === 0) this.#text(name);
    this.#text(value);
  }

  /** The index of an entry by its number: the newest one comes behind the static ones. */
  #indexOf(number: number): number {
    return STATIC_ENTRIES + 1 + this.#table.added - number;
  }

  #text(text: string): void {
    const target = this.#target;
    const coded = huffmanLength(text);
    if (coded === 0 && text !== "") throw new TypeError("Cannot write a field: a character is above U+00FF");
    if (coded < text.length) {
      this.#integer(HUFFMAN, 7, coded);
      this.#at = writeHuffman(target, this.#at, text);
      return;
    }
    this.#integer(0, 7, text.length);
    this.#at = writeLatin1(target, this.#at, text);
  }

  #integer(first: number, bits: number, value: number): void {
    this.#at = writeInteger(this.#target, this.#at, first, bits, value);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#target.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#target.length, this.#at + bytes));
    grown.set(this.#target.subarray(0, this.#at));
    this.#target = grown;
  }
}

function isCredential(fixed: StaticName, name: string, value: string): boolean {
  return fixed.credential || (value.length < SHORT_COOKIE && name === "cookie");
}
