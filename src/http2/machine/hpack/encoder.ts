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

/** The static entries by name and value, and by name alone. */
const STATIC_FIELDS: Map<string, number> = new Map();
const STATIC_NAMES: Map<string, number> = new Map();
for (let i = STATIC_ENTRIES; i > 0; i--) {
  const [name, value] = STATIC_TABLE[i - 1]!;
  STATIC_FIELDS.set(`${name}\0${value}`, i);
  STATIC_NAMES.set(name, i);
}

/** Writes blocks. */
export class HpackEncoder {
  readonly #most: number;
  readonly #table: DynamicTable;
  /** The numbers of the newest entries, by name and value, and by name alone. */
  readonly #fields: Map<string, number> = new Map();
  readonly #names: Map<string, number> = new Map();
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
      const key = `${name}\0${value}`;
      if (this.#fields.get(key) === number) this.#fields.delete(key);
      if (this.#names.get(name) === number) this.#names.delete(name);
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
    if (neverIndexed || isCredential(name, value)) return this.#literal(NEVER_INDEXED, 4, name, value);
    const key = `${name}\0${value}`;
    const index = STATIC_FIELDS.get(key) ?? this.#indexOf(this.#fields.get(key));
    if (index !== undefined) return this.#integer(INDEXED, 7, index);
    const once = SELDOM_AGAIN.has(name) || fieldSize(name, value) > this.#table.maxSize * LARGE_PART;
    if (once) return this.#literal(NOT_INDEXED, 4, name, value);
    this.#literal(LITERAL_INDEXED, 6, name, value);
    if (!this.#table.add(new FieldLine([name, value]))) return;
    this.#fields.set(key, this.#table.added);
    this.#names.set(name, this.#table.added);
  }

  #literal(first: number, bits: number, name: string, value: string): void {
    const index = STATIC_NAMES.get(name) ?? this.#indexOf(this.#names.get(name)) ?? 0;
    this.#integer(first, bits, index);
    if (index === 0) this.#text(name);
    this.#text(value);
  }

  /** The index of an entry by its number: the newest one comes behind the static ones. */
  #indexOf(number: number | undefined): number | undefined {
    return number === undefined ? undefined : STATIC_ENTRIES + 1 + this.#table.added - number;
  }

  #text(text: string): void {
    const target = this.#target;
    const coded = huffmanLength(text);
    if (coded < text.length) {
      this.#integer(HUFFMAN, 7, coded);
      this.#at = writeHuffman(target, this.#at, text);
      return;
    }
    this.#integer(0, 7, text.length);
    this.#at = writeLatin1(target, this.#at, text);
    if (this.#at < 0) throw new TypeError("Cannot write a field: a character is above U+00FF");
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

function isCredential(name: string, value: string): boolean {
  return CREDENTIALS.has(name) || (name === "cookie" && value.length < SHORT_COOKIE);
}
