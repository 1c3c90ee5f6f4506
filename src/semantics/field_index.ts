/**
 * Where received field lines stand in their bytes. The reader of field lines fills an index; `Fields` looks names up in
 * it, so that a line becomes a string only when it is asked for.
 *
 * @module
 */

import { bytesEqualIgnoringCase, bytesSpell } from "../bytes/ascii.ts";
import { latin1 } from "../bytes/latin1.ts";

const COMMA = 0x2c;

/** The places of field lines, in the order of the lines. All offsets are relative to the same bytes. */
export class FieldIndex {
  /** A bit for each length that a name has, modulo 32. Most look-ups of a field that is missing end here. */
  lengths = 0;
  /** Four offsets a line: name start, name end, value start, value end. */
  readonly #offsets: number[] = [];

  /** The number of lines. */
  get size(): number {
    return this.#offsets.length >> 2;
  }

  /** The offsets as characters; none of them may be above 65,535. */
  toText(): string {
    return String.fromCharCode.apply(null, this.#offsets);
  }

  /** What `toText()` was made of. */
  static ofText(text: string): FieldIndex {
    const index = new FieldIndex();
    for (let at = 0; at < text.length; at += 4) {
      index.add(text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2), text.charCodeAt(at + 3));
    }
    return index;
  }

  /** Adds a line at the end. */
  add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    this.#offsets.push(nameStart, nameEnd, valueStart, valueEnd);
    this.lengths |= 1 << ((nameEnd - nameStart) & 31);
  }

  /** Removes the last line. */
  removeLast(): void {
    this.#offsets.length -= 4;
  }

  /** The first line of this name, in any case, at or behind the line `from`; -1 if there is none. */
  find(bytes: Uint8Array, name: string, from: number): number {
    const { length } = name;
    const offsets = this.#offsets;
    let lower = "";
    for (let line = from, o = from << 2; o < offsets.length; line++, o += 4) {
      if (offsets[o + 1]! - offsets[o]! !== length) continue;
      if (lower === "") lower = name.toLowerCase();
      if (bytesEqualIgnoringCase(bytes, offsets[o]!, offsets[o + 1]!, lower)) return line;
    }
    return -1;
  }

  /**
   * Whether the value of a line is one element, `token` in any case; `undefined` if it is a list, in which it may be. No text is
   * made of the value.
   */
  isOne(bytes: Uint8Array, line: number, token: string): boolean | undefined {
    const start = this.#offsets[(line << 2) + 2]!;
    const end = this.#offsets[(line << 2) + 3]!;
    if (bytesSpell(bytes, start, end, token)) return true;
    for (let i = start; i < end; i++) if (bytes[i] === COMMA) return undefined;
    return false;
  }

  /** The name of a line, as it is spelled. */
  name(bytes: Uint8Array, line: number): string {
    return latin1(bytes, this.#offsets[line << 2]!, this.#offsets[(line << 2) + 1]!);
  }

  /** The value of a line. */
  value(bytes: Uint8Array, line: number): string {
    return latin1(bytes, this.#offsets[(line << 2) + 2]!, this.#offsets[(line << 2) + 3]!);
  }
}
