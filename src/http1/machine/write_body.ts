/**
 * Body parts to bytes, one encoder a framing.
 *
 * @module
 */

import type { SendBuffer } from "../../bytes/send_buffer.ts";
import { StateError } from "../../errors/state_error.ts";
import type { Fields } from "../../semantics/fields.ts";
import type { BodyFraming } from "./framing.ts";
import { type NameCase, writeField } from "./write_head.ts";

/** Writes the parts of one body. */
export class BodyEncoder {
  readonly #framing: BodyFraming;
  #left: number;

  /** Makes an encoder; `framing` was announced in the head. */
  constructor(framing: BodyFraming) {
    this.#framing = framing;
    this.#left = framing.type === "length" ? framing.bytes : 0;
  }

  /**
   * Writes data; empty data writes nothing, in particular no last chunk.
   *
   * @throws {StateError} `body-length`: more than was announced; nothing is written.
   */
  data(out: SendBuffer, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    switch (this.#framing.type) {
      case "none":
        throw tooMuch(bytes.length, 0);
      case "length":
        if (bytes.length > this.#left) throw tooMuch(bytes.length, this.#left);
        this.#left -= bytes.length;
        return out.bytes(bytes);
      case "chunked":
        out.reserve(20 + (bytes.length <= 65_536 ? bytes.length : 0));
        out.text(`${bytes.length.toString(16).toUpperCase()}\r\n`);
        out.bytes(bytes);
        out.text("\r\n");
        return;
      case "until-close":
        return out.bytes(bytes);
      default:
        this.#framing satisfies never;
    }
  }

  /**
   * Writes the end.
   *
   * @param trailers Sent behind the last chunk; left out with any other framing.
   * @throws {StateError} `body-length`: less than was announced.
   */
  end(out: SendBuffer, trailers: Fields | null, nameCase: NameCase): void {
    if (this.#left > 0) {
      throw new StateError("body-length", `Cannot end the body: ${this.#left} bytes of its Content-Length are missing`);
    }
    if (this.#framing.type !== "chunked") return;
    out.text("0\r\n");
    if (trailers !== null) { for (const [name, value] of trailers) writeField(out, name, value, nameCase); }
    out.text("\r\n");
  }
}

function tooMuch(bytes: number, left: number): StateError {
  return new StateError("body-length", `Cannot send ${bytes} bytes: only ${left} of the announced length are left`);
}
