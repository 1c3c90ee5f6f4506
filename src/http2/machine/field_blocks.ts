/**
 * HEADERS and the CONTINUATIONs behind it become one block (RFC 9113 §4.3). While a block is not complete nothing else may come.
 *
 * @module
 */

import { concat } from "../../bytes/concat.ts";
import { Http2Error } from "../../errors/http2_error.ts";
import type { Frame } from "./frame.ts";
import type { Http2Limits } from "./limits.ts";

type HeadersFrame = Extract<Frame, { type: "headers" }>;

/** A block that is complete, with what its first frame said. */
export interface ReceivedBlock {
  /** The frame that it began with. */
  readonly headers: HeadersFrame;
  /** All of it. */
  readonly bytes: Uint8Array;
}

/** Puts blocks together. */
export class FieldBlocks {
  readonly #limits: Http2Limits;
  #headers: HeadersFrame | null = null;
  #fragments: Uint8Array[] = [];
  #bytes = 0;
  /** How many are complete. Only this class writes it. */
  complete = 0;

  /** Has begun none. */
  constructor(limits: Http2Limits) {
    this.#limits = limits;
  }

  /** Whether a block has begun and not ended. */
  get open(): boolean {
    return this.#headers !== null;
  }

  /**
   * Refuses a frame that must not stand here: any but CONTINUATION of this stream within a block, and that one elsewhere.
   *
   * @throws {Http2Error} `protocol` (RFC 9113 §6.2 and §6.10).
   */
  check(frame: Frame): void {
    if (this.#headers === null) {
      if (frame.type === "continuation") throw broken("A CONTINUATION has no HEADERS before it", "§6.10");
    } else if (frame.type !== "continuation" || frame.streamId !== this.#headers.streamId) {
      throw broken("A frame stands within a field block", "§4.3");
    }
  }

  /** Takes HEADERS; the block, if that is all of it. */
  begin(headers: HeadersFrame): ReceivedBlock | null {
    if (headers.endHeaders) {
      this.complete++;
      return { headers, bytes: headers.fragment };
    }
    this.#headers = headers;
    this.#add(headers.fragment);
    return null;
  }

  /**
   * Takes a CONTINUATION; the block, if that was its last.
   *
   * @throws {Http2Error} `enhance-your-calm`: there are too many of them, or too many bytes.
   */
  add(frame: Extract<Frame, { type: "continuation" }>): ReceivedBlock | null {
    this.#add(frame.fragment);
    const { maxContinuations, maxFieldBytes } = this.#limits;
    if (this.#fragments.length > maxContinuations + 1 || this.#bytes > maxFieldBytes) {
      throw new Http2Error("enhance-your-calm", "A field block goes on for too long", "RFC 9113 §10.5.1");
    }
    if (!frame.endHeaders) return null;
    const block: ReceivedBlock = { headers: this.#headers!, bytes: concat(this.#fragments) };
    this.#headers = null;
    this.#fragments = [];
    this.#bytes = 0;
    this.complete++;
    return block;
  }

  #add(fragment: Uint8Array): void {
    this.#fragments.push(fragment.slice()); // a view would hold the chunk that it was received in
    this.#bytes += fragment.length;
  }
}

function broken(message: string, section: string): Http2Error {
  return new Http2Error("protocol", message, `RFC 9113 ${section}`);
}
