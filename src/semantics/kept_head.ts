/**
 * The head of a message whose connection has switched. It may be asked for as long as that lives, and seldom is: until then it takes
 * two texts, where bytes, their memory and an index of lines take three times as much. Both switches make one.
 *
 * @module
 */

import { type Fields, PackedFields } from "./fields.ts";
import type { RequestHead, ResponseHead, Version } from "./message.ts";

class KeptFields {
  #fields: Fields | PackedFields;

  static {
    Object.defineProperty(this.prototype, "fields", { enumerable: true });
  }

  constructor(fields: Fields) {
    this.#fields = PackedFields.of(fields);
  }

  get fields(): Fields {
    const fields = this.#fields;
    return fields instanceof PackedFields ? this.#fields = fields.unpack() : fields;
  }
}

/** A request's. */
export class KeptRequestHead extends KeptFields implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: Version;

  /** Copies what is to be kept: not the whole chunk that the head came in. */
  constructor({ method, target, version, fields }: RequestHead) {
    super(fields);
    this.method = method;
    this.target = target;
    this.version = version;
  }
}

/** A response's. */
export class KeptResponseHead extends KeptFields implements ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly version: Version;

  /** Copies what is to be kept: not the whole chunk that the head came in. */
  constructor({ status, reason, version, fields }: ResponseHead) {
    super(fields);
    this.status = status;
    this.reason = reason;
    this.version = version;
  }
}
