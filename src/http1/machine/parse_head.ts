/**
 * Bytes to heads: a start line, then field lines. The machines of both roles read heads with it; it knows the limit on
 * a head as a whole, and leaves the grammar to `start_line.ts` and `field_lines.ts`.
 *
 * Incremental and linear: every byte is looked at once however the input is cut, an error is raised at the first byte
 * that makes the head impossible, and the verdict does not depend on where the cuts are.
 *
 * @module
 */

import { FieldLines } from "./field_lines.ts";
import type { Http1Limits, Leniency } from "./limits.ts";
import { type Heads, headTooLarge, StartLine } from "./start_line.ts";

/** Reads one head after the other. Between two calls the memory may move: only offsets from the head's begin are kept. */
export class HeadParser<Kind extends keyof Heads> {
  readonly #startLine: StartLine<Kind>;
  readonly #fieldLines: FieldLines;
  readonly #maxBytes: number;

  /** Makes a parser for heads of one kind. */
  constructor(kind: Kind, limits: Http1Limits, leniency: Leniency) {
    this.#startLine = new StartLine(kind, limits, leniency);
    this.#fieldLines = new FieldLines(kind, limits.maxFields, leniency);
    this.#maxBytes = limits.maxHeadBytes;
  }

  /** Whether a byte of the head that comes next has been seen (an empty line before it does not count). */
  get begun(): boolean {
    return this.#startLine.begun;
  }

  /**
   * Looks at the bytes that are new since the last call.
   *
   * @param bytes Memory that holds the head from `from` on.
   * @param from Where the head begins; the same byte at every call until the head is complete.
   * @param to Behind the last received byte.
   * @returns The offset behind the head, or -1 when more bytes are needed.
   * @throws {ProtocolError} The head is malformed or over a limit.
   */
  parse(bytes: Uint8Array, from: number, to: number): number {
    const line = this.#startLine;
    const limit = from + this.#maxBytes;
    const end = Math.min(to, limit);
    if (line.over || line.parse(bytes, from, end)) {
      const behind = this.#fieldLines.parse(bytes, from + line.length, end);
      if (behind !== -1) return behind;
    }
    if (end < limit) return -1;
    throw line.over ? headTooLarge() : line.tooLarge();
  }

  /** The head `[from, end)` that was found complete. The parser waits for the next one then. */
  take(bytes: Uint8Array, from: number, end: number): Heads[Kind] {
    const section = bytes.subarray(from + this.#startLine.length, end);
    const head = this.#startLine.head(this.#fieldLines.fields(section));
    this.#startLine.reset();
    this.#fieldLines.reset();
    return head;
  }
}
