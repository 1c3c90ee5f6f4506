/**
 * Field blocks, read (RFC 7541 §3.2 and §6). The reader of frames calls it with each whole block; the blocks of a connection share
 * one decoder.
 *
 * @module
 */

import { latin1 } from "../../../bytes/latin1.ts";
import { Http2Error } from "../../../errors/http2_error.ts";
import { DynamicTable, type Entry, fieldSize } from "./dynamic_table.ts";
import { readHuffman } from "./huffman.ts";
import { type Cursor, readInteger } from "./integer.ts";
import { STATIC_ENTRIES, STATIC_TABLE } from "./static_table.ts";

/** A field line of a block. */
export interface HeaderField {
  /** Its name, as it was sent. */
  readonly name: string;
  /** Its value. */
  readonly value: string;
  /** Whether it must never be remembered, by the next hop neither (RFC 7541 §6.2.3). */
  readonly neverIndexed: boolean;
}

/** The lines of a block. */
export interface FieldBlock {
  /** As far as they were within the limits. */
  readonly fields: readonly HeaderField[];
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

/** Reads blocks. */
export class HpackDecoder {
  readonly #limits: FieldBlockLimits;
  readonly #table: DynamicTable;
  /** What our SETTINGS allow. */
  #maxTableSize: number;
  /** Whether the next block must begin with a size update, since they allow less than before (RFC 7541 §4.2). */
  #owesUpdate = false;
  #fields: HeaderField[] = [];
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
    this.#fields = [];
    this.#bytes = 0;
    this.#tooLarge = false;
    const cursor: Cursor = { bytes: block, at: 0 };
    this.#readUpdates(cursor);
    while (cursor.at < block.length) this.#readField(cursor);
    const fields = this.#fields;
    this.#fields = [];
    return { fields, tooLarge: this.#tooLarge };
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
    if (first >= INDEXED) {
      const { name, value } = this.#entry(this.#integer(cursor, 7));
      return this.#keep(name, value, false);
    }
    if (first >= LITERAL_INDEXED) {
      const { name, value } = this.#literal(cursor, 6);
      this.#table.add(name, value);
      return this.#keep(name, value, false);
    }
    if (first >= SIZE_UPDATE) throw broken("A table changes its size within a block", "§4.2");
    const { name, value } = this.#literal(cursor, 4);
    this.#keep(name, value, (first & NEVER_INDEXED) !== 0);
  }

  #literal(cursor: Cursor, bits: number): Entry {
    const index = this.#integer(cursor, bits);
    const name = index === 0 ? this.#text(cursor) : this.#entry(index).name;
    return { name, value: this.#text(cursor) };
  }

  #entry(index: number): Entry {
    if (index === 0) throw broken("A field has the index 0", "§6.1");
    if (index <= STATIC_ENTRIES) {
      const [name, value] = STATIC_TABLE[index - 1]!;
      return { name, value };
    }
    const entry = this.#table.at(index - STATIC_ENTRIES - 1);
    if (entry === undefined) throw broken("A field has an index that no entry has", "§2.3.3");
    return entry;
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

  #keep(name: string, value: string, neverIndexed: boolean): void {
    this.#bytes += fieldSize(name, value);
    const { maxFieldBytes, maxFields } = this.#limits;
    if (this.#bytes > maxFieldBytes || this.#fields.length >= maxFields) this.#tooLarge = true;
    else this.#fields.push({ name, value, neverIndexed });
  }
}

function broken(message: string, clause: string): Http2Error {
  return new Http2Error("compression", message, `RFC 7541 ${clause}`);
}
