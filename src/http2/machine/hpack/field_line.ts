/**
 * A field line as the blocks and the tables of HPACK hold it.
 *
 * @module
 */

import type { Field } from "../../../semantics/fields.ts";

/** A line, and what is known about it. */
export class FieldLine {
  /** Name and value; shared by all blocks that name this line by its index, and so never given to users. */
  readonly field: Field;
  /**
   * What RFC 9113 §8 makes of it, as `field_kind.ts` says; 0 until that was asked. It is kept, so that a line that comes again by its
   * index is not checked again.
   */
  kind = 0;

  /** Nothing is known about it. */
  constructor(field: Field) {
    this.field = field;
  }
}
