/**
 * Field lines: an ordered list of pairs that keeps spelling, order and repetitions.
 *
 * A list that came off the wire stays bytes: one string is made for each field that is asked for. Machines, connections
 * and users read it; it looks lines up in a `FieldIndex`.
 *
 * @module
 */

import { checkString, wrongType } from "../bytes/arguments.ts";
import { equalsIgnoringCase, isFieldContentByte, isToken, trimOws } from "../bytes/ascii.ts";
import { NO_BYTES } from "../bytes/no_bytes.ts";
import { FieldIndex } from "./field_index.ts";

/** One field line: a name as it is spelled, and a value without surrounding white space. */
export type Field = readonly [name: string, value: string];

/** What a {@linkcode Fields} can be made from; the platform's `Headers` is one of them. */
export type FieldsInit = Fields | Iterable<Field> | Readonly<Record<string, string>>;

/** What is longer than that is copied as it is: it would be too much for one call of `String.fromCharCode()`. */
const MAX_PACKED_BYTES = 8192;

/** Received field lines as two texts, for those that are kept and seldom read. */
export class PackedFields {
  readonly #bytes: string;
  readonly #places: string;

  private constructor(bytes: string, places: string) {
    this.#bytes = bytes;
    this.#places = places;
  }

  /** Packs the lines; gives a copy of those that do not gain by it. */
  static of(fields: Fields): PackedFields | Fields {
    const { wire } = fields;
    if (wire === null) return new Fields(fields);
    const { bytes, index } = wire;
    if (bytes.length > MAX_PACKED_BYTES) return Fields.fromWire(bytes.slice(), index);
    return new PackedFields(String.fromCharCode.apply(null, bytes as unknown as number[]), index.toText());
  }

  /** The lines. */
  unpack(): Fields {
    return Fields.fromWire(Uint8Array.from(this.#bytes, (byte) => byte.charCodeAt(0)), FieldIndex.ofText(this.#places));
  }
}

/**
 * Field lines in the order they were given (RFC 9110 §5).
 *
 * Names compare without regard to ASCII case and are written as they were given. Values have one character per byte
 * (U+0000–U+00FF), so any octet survives.
 *
 * @example Keeping what a proxy must keep
 * ```ts
 * import { Fields } from "@http-upgrade/http-upgrade/http1";
 * import { assertEquals } from "@std/assert";
 *
 * const fields = new Fields([["X-Tag", "a"], ["Via", "1.1 p"], ["x-tag", "b"]]);
 * assertEquals(fields.get("x-tag"), "a, b");
 * assertEquals([...fields][2], ["x-tag", "b"]);
 * ```
 */
export class Fields implements Iterable<Field> {
  /** The lines as pairs; `null` as long as they are only bytes. */
  #pairs: Field[] | null = NO_PAIRS;
  /** Whether others hold these pairs too, so that they must not be given out. */
  #shared = false;
  #bytes: Uint8Array = NO_BYTES;
  #index: FieldIndex = NO_LINES;

  /**
   * Copies the pairs.
   *
   * @param init Pairs, a record, or other fields; empty when left out.
   * @throws {TypeError} A name is not a token, or a value holds CR, LF, NUL or a character above U+00FF.
   */
  constructor(init?: FieldsInit) {
    if (init === undefined) return;
    for (const pair of fieldPairs(init, "init")) {
      if (!Array.isArray(pair)) throw wrongType("init", "made of pairs [name, value]", init);
      this.append(pair[0], pair[1]);
    }
  }

  /**
   * Wraps received lines without reading them.
   *
   * @param bytes The section that the lines stand in; never to be written again.
   * @param index Where they stand in it.
   */
  static fromWire(bytes: Uint8Array, index: FieldIndex): Fields {
    const fields = new Fields();
    fields.#pairs = null;
    fields.#bytes = bytes;
    fields.#index = index;
    return fields;
  }

  /**
   * Takes a list over whose names and values were checked as the constructor does. Others may hold its pairs, but not change
   * them.
   *
   * @ignore
   */
  static ofChecked(pairs: Field[]): Fields {
    const fields = new Fields();
    if (pairs.length === 0) return fields;
    fields.#pairs = pairs;
    fields.#shared = true;
    return fields;
  }

  /**
   * What `PackedFields` packs: the bytes and the places of the lines in them; `null` if there are pairs.
   *
   * @ignore
   */
  get wire(): { readonly bytes: Uint8Array; readonly index: FieldIndex } | null {
    return this.#pairs === null ? { bytes: this.#bytes, index: this.#index } : null;
  }

  /** The number of field lines. */
  get size(): number {
    return this.#pairs === null ? this.#index.size : this.#pairs.length;
  }

  /** Whether a line with this name is there. */
  has(name: string): boolean {
    return this.#find(name, 0) !== -1;
  }

  /** All values of the name, joined by `", "` (RFC 9110 §5.3), or `null` without such a line. */
  get(name: string): string | null {
    let at = this.#find(name, 0);
    if (at === -1) return null;
    let joined = this.#value(at);
    while ((at = this.#find(name, at + 1)) !== -1) joined += ", " + this.#value(at);
    return joined;
  }

  /** The value of each line with this name, in order. */
  getAll(name: string): string[] {
    const values: string[] = [];
    for (let at = this.#find(name, 0); at !== -1; at = this.#find(name, at + 1)) values.push(this.#value(at));
    return values;
  }

  /** The elements of a list-valued field over all its lines, empty ones left out (`#rule`, RFC 9110 §5.6.1). */
  list(name: string): string[] {
    let at = this.#find(name, 0);
    if (at === -1) return [];
    const elements = listElements(this.#value(at));
    while ((at = this.#find(name, at + 1)) !== -1) splitList(this.#value(at), elements);
    return elements;
  }

  /** Whether a list-valued field holds `token` in any case. */
  hasToken(name: string, token: string): boolean {
    checkString(token, "token");
    for (let at = this.#find(name, 0); at !== -1; at = this.#find(name, at + 1)) {
      const one = this.#pairs === null ? this.#index.isOne(this.#bytes, at, token) : undefined;
      if (one === true) return true;
      if (one === false) continue;
      const value = this.#value(at);
      if (equalsIgnoringCase(value, token)) return true;
      if (value.includes(",") && splitList(value, []).some((element) => equalsIgnoringCase(element, token))) {
        return true;
      }
    }
    return false;
  }

  /**
   * Adds a line at the end.
   *
   * @throws {TypeError} As in the constructor.
   */
  append(name: string, value: string): void {
    checkFieldName(name);
    this.#own().push([name, checkFieldValue(name, value)]);
  }

  /**
   * Replaces the lines of this name: the first one keeps its place, the others go.
   *
   * @throws {TypeError} As in the constructor.
   */
  set(name: string, value: string): void {
    checkFieldName(name);
    const field: Field = [name, checkFieldValue(name, value)];
    const at = this.#find(name, 0);
    if (at === -1) {
      this.#own().push(field);
      return;
    }
    const pairs = this.#own();
    pairs[at] = field;
    this.#pairs = pairs.filter((pair, index) => index <= at || !equalsIgnoringCase(pair[0], name));
  }

  /** Removes every line of this name. */
  delete(name: string): void {
    if (!this.has(name)) return;
    this.#pairs = this.#own().filter((pair) => !equalsIgnoringCase(pair[0], name));
  }

  /** The lines in order, spelled as they came. */
  [Symbol.iterator](): IterableIterator<Field> {
    return this.#own()[Symbol.iterator]();
  }

  #find(name: string, from: number): number {
    if (typeof name !== "string") throw wrongType("name", "a string", name);
    const pairs = this.#pairs;
    if (pairs === null) {
      const index = this.#index;
      return (index.lengths & (1 << (name.length & 31))) === 0 ? -1 : index.find(this.#bytes, name, from);
    }
    for (let i = from; i < pairs.length; i++) if (equalsIgnoringCase(pairs[i]![0], name)) return i;
    return -1;
  }

  #value(at: number): string {
    return this.#pairs === null ? this.#index.value(this.#bytes, at) : this.#pairs[at]![1];
  }

  #own(): Field[] {
    if (this.#pairs === NO_PAIRS) return this.#pairs = [];
    if (this.#shared) {
      this.#shared = false;
      return this.#pairs = this.#pairs!.map(([name, value]): Field => [name, value]);
    }
    if (this.#pairs !== null) return this.#pairs;
    const pairs: Field[] = [];
    for (let line = 0; line < this.#index.size; line++) {
      pairs.push([this.#index.name(this.#bytes, line), this.#index.value(this.#bytes, line)]);
    }
    this.#bytes = NO_BYTES;
    this.#index = NO_LINES;
    return this.#pairs = pairs;
  }
}

const NO_LINES: FieldIndex = new FieldIndex();
/** Stands for an empty list until something is added; never added to itself. */
const NO_PAIRS: Field[] = [];

/**
 * The pairs of any init; themselves they are checked when they are written.
 *
 * @throws {TypeError} It is no init.
 */
export function fieldPairs(init: FieldsInit, name = "fields"): Iterable<Field> {
  if (typeof init !== "object" || init === null) throw wrongType(name, "pairs, a record, or other fields", init);
  return Symbol.iterator in init ? init as Iterable<Field> : Object.entries(init);
}

const NO_FIELDS: readonly Field[] = [];

/** {@linkcode fieldPairs} as a list: the one that was given, if it is one. */
export function fieldList(init: FieldsInit | undefined): readonly Field[] {
  if (init === undefined) return NO_FIELDS;
  return Array.isArray(init) ? init : [...fieldPairs(init)];
}

/** The elements of a list value, empty ones left out. Most lists have one. */
export function listElements(value: string): string[] {
  if (value.includes(",")) return splitList(value, []);
  const element = trimOws(value);
  return element === "" ? [] : [element];
}

/** The value of a line of Content-Length, without what says the same again (RFC 9110 §8.6). */
export function lengthOnce(value: string): string {
  if (!value.includes(",")) return value;
  const [first = value, ...others] = listElements(value);
  return others.every((other) => other === first) ? first : value;
}

/**
 * Adds a line of Content-Length to those that go on, unless it says what was `said` before: the next hop may refuse a length that is
 * said several times (RFC 9110 §8.6).
 *
 * @returns What it says.
 */
export function addLength(fields: Field[], line: Field, said: string | null): string {
  const length = lengthOnce(line[1]);
  if (length !== said) fields.push(length === line[1] ? line : [line[0], length]);
  return length;
}

/** Splits a list value at commas outside of quoted strings and adds its elements to `into`, empty ones only if wanted. */
export function splitList(value: string, into: string[], keepEmpty = false): string[] {
  let start = 0;
  let quoted = false;
  for (let i = 0; i <= value.length; i++) {
    const character = value[i];
    if (i < value.length && (quoted || character !== ",")) {
      if (character === '"') quoted = !quoted;
      else if (quoted && character === "\\" && i + 1 < value.length) i++;
      continue;
    }
    const element = trimOws(value.slice(start, i));
    if (element !== "" || keepEmpty) into.push(element);
    start = i + 1;
  }
  return into;
}

/**
 * Refuses a name that cannot be sent.
 *
 * @throws {TypeError} It is not a token (RFC 9110 §5.1).
 */
export function checkFieldName(name: string): void {
  if (typeof name !== "string" || !isToken(name)) {
    throw new TypeError(`Cannot use field name ${quoted(name)}: it is not a token`);
  }
}

/**
 * Refuses a value that cannot be sent, and trims it.
 *
 * @throws {TypeError} It holds a control character or one above U+00FF (RFC 9110 §5.5).
 */
export function checkFieldValue(name: string, value: string): string {
  if (typeof value !== "string") throw new TypeError(`Cannot use value of field ${quoted(name)}: it is no text`);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0xff || !isFieldContentByte(code)) {
      throw new TypeError(`Cannot use value of field ${quoted(name)}: U+${hex(code)} is not allowed there`);
    }
  }
  return trimOws(value);
}

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(4, "0");
}

/** Text for a message: quoted, escaped, cut to 40 characters; what is no text as it is. */
export function quoted(text: string): string {
  if (typeof text !== "string") return String(text);
  return JSON.stringify(text.length > 40 ? text.slice(0, 40) + "…" : text);
}

/** Whether a line of this lower-case name is there. */
export function hasField(fields: readonly Field[], name: string): boolean {
  for (let i = 0; i < fields.length; i++) {
    const candidate = fields[i]![0];
    if (candidate.length === name.length && candidate.toLowerCase() === name) return true;
  }
  return false;
}
