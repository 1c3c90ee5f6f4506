/**
 * Field blocks, read (RFC 7541 §3.2 and §6). The reader of frames calls it with each whole block; the blocks of a connection share
 * one decoder.
 *
 * @module
 */

import { latin1 } from "../../../bytes/latin1.ts";
import { Http2Error } from "../../../errors/http2_error.ts";
import { DynamicTable, fieldSize } from "./dynamic_table.ts";
import { FieldLine } from "./field_line.ts";
import { readHuffman } from "./huffman.ts";
import { type Cursor, readInteger } from "./integer.ts";
import { STATIC_ENTRIES, STATIC_TABLE } from "./static_table.ts";

/** The lines of a block. */
export interface FieldBlock {
  /** In order, as far as they were within the limits. `read_message.ts` makes a head of them. */
  readonly lines: readonly FieldLine[];
  /** The names of those that must never be remembered, by the next hop neither (RFC 7541 §6.2.3). */
  readonly neverIndexed: readonly string[];
  /** Whether there were more, which were read and not kept. */
  readonly tooLarge: boolean;
}

/** What a list of fields may hold. */
export interface FieldBlockLimits {
  /** In bytes, as RFC 9113 §6.5.2 counts them: names, values, and 32 for each line. */
  readonly maxFieldBytes: number;
  /** How many lines. */
  readonly maxFields: number;
}

const INDEXED = 0x80;
const LITERAL_INDEXED = 0x40;
const SIZE_UPDATE = 0x20;
const NEVER_INDEXED = 0x10;
const HUFFMAN = 0x80;

const STATIC_LINES: readonly FieldLine[] = STATIC_TABLE.map((field) => new FieldLine(field));
/** Stands for an empty list; never added to. */
const NO_NAMES: string[] = [];

/** Reads blocks. */
export class HpackDecoder {
  readonly #limits: FieldBlockLimits;
  readonly #table: DynamicTable;
  /** What our SETTINGS allow. */
  #maxTableSize: number;
  /** Whether the next block must begin with a size update, since they allow less than before (RFC 7541 §4.2). */
  #owesUpdate = false;
  #lines: FieldLine[] = [];
  #neverIndexed: string[] = NO_NAMES;
  #bytes = 0;
  #tooLarge = false;

  /**
   * Has seen no block.
   *
   * @param limits What is kept of one.
   * @param maxTableSize What our SETTINGS_HEADER_TABLE_SIZE says: 4,096 by default (RFC 9113 §6.5.2).
   */
  constructor(limits: FieldBlockLimits, maxTableSize = 4096) {
    this.#limits = limits;
    this.#maxTableSize = maxTableSize;
    this.#table = new DynamicTable(maxTableSize);
  }

  /** What the table holds, in bytes. */
  get tableSize(): number {
    return this.#table.size;
  }

  /** The peer has acknowledged another SETTINGS_HEADER_TABLE_SIZE. */
  setMaxTableSize(size: number): void {
    this.#owesUpdate ||= size < this.#table.maxSize;
    this.#maxTableSize = size;
  }

  /**
   * Reads a whole block. Beyond the limits it is read to its end all the same, since later blocks refer to it.
   *
   * @throws {Http2Error} `compression`; the connection cannot go on (RFC 9113 §4.3).
   */
  decode(block: Uint8Array): FieldBlock {
    const lines: FieldLine[] = this.#lines = [];
    this.#neverIndexed = NO_NAMES;
    this.#bytes = 0;
    this.#tooLarge = false;
    const cursor: Cursor = { bytes: block, at: 0 };
    this.#readUpdates(cursor);
    while (cursor.at < block.length) this.#readField(cursor);
    this.#lines = [];
    return { lines, neverIndexed: this.#neverIndexed, tooLarge: this.#tooLarge };
  }

  #readUpdates(cursor: Cursor): void {
    while (cursor.at < cursor.bytes.length && (cursor.bytes[cursor.at]! & 0xe0) === SIZE_UPDATE) {
      const size = this.#integer(cursor, 5);
      if (size > this.#maxTableSize) throw broken("A table is to be larger than was allowed", "§6.3");
      this.#table.resize(size);
      this.#owesUpdate = false;
    }
    if (this.#owesUpdate && cursor.bytes.length > 0) throw broken("A table is not made as small as was told", "§4.2");
  }

  #readField(cursor: Cursor): void {
    const first = cursor.bytes[cursor.at]!;
    if (first >= INDEXED) return this.#keep(this.#entry(this.#integer(cursor, 7)), false);
    if (first >= LITERAL_INDEXED) {
      const line = this.#literal(cursor, 6);
      this.#table.add(line);
      return this.#keep(line, false);
    }
    if (first >= SIZE_UPDATE) throw broken("A table changes its size within a block", "§4.2");
    this.#keep(this.#literal(cursor, 4), (first & NEVER_INDEXED) !== 0);
  }

  #literal(cursor: Cursor, bits: number): FieldLine {
    const index = this.#integer(cursor, bits);
    const name = index === 0 ? this.#text(cursor) : this.#entry(index).field[0];
    return new FieldLine([name, this.#text(cursor)]);
  }

  #entry(index: number): FieldLine {
    if (index === 0) throw broken("A field has the index 0", "§6.1");
    if (index <= STATIC_ENTRIES) return STATIC_LINES[index - 1]!;
    const line = this.#table.at(index - STATIC_ENTRIES - 1);
    if (line === undefined) throw broken("A field has an index that no entry has", "§2.3.3");
    return line;
  }

  #text(cursor: Cursor): string {
    const { bytes } = cursor;
    const huffman = cursor.at < bytes.length && (bytes[cursor.at]! & HUFFMAN) !== 0;
    const length = this.#integer(cursor, 7);
    const start = cursor.at;
    if (length > bytes.length - start) throw broken("A block ends within a field", "§5.2");
    cursor.at += length;
    return huffman ? readHuffman(bytes, start, cursor.at) : latin1(bytes, start, cursor.at);
  }

  #integer(cursor: Cursor, bits: number): number {
    const value = readInteger(cursor, bits);
    if (value === -1) throw broken("A block ends within an integer", "§5.1");
    if (value === -2) throw broken("An integer is too long", "§5.1");
    return value;
  }

  #keep(line: FieldLine, neverIndexed: boolean): void {
    const { field } = line;
    this.#bytes += fieldSize(field[0], field[1]);
    const { maxFieldBytes, maxFields } = this.#limits;
    if (this.#bytes > maxFieldBytes || this.#lines.length >= maxFields) {
      this.#tooLarge = true;
      return;
    }
    this.#lines.push(line);
    if (!neverIndexed) return;
    if (this.#neverIndexed === NO_NAMES) this.#neverIndexed = [];
    this.#neverIndexed.push(field[0]);
  }
}

function broken(message: string, clause: string): Http2Error {
  return new Http2Error("compression", message, `RFC 7541 ${clause}`);
}
