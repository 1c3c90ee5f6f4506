/**
 * The message that is being received: from one frame or many, from one chunk or many.
 *
 * Memory grows with what has come, not with what a header promises. `FrameReader` calls it with each part of a payload; it hands
 * text to a `TextGatherer`, and bytes, also those to be inflated, to a `BytesGatherer`.
 *
 * @module
 */

import { BytesGatherer } from "./bytes_gatherer.ts";
import type { WebSocketCodec } from "./codec.ts";
import { badUtf8, TextGatherer } from "./text_gatherer.ts";
import type { MessageKind, TextForm, WebSocketEvent } from "./web_socket_event.ts";

/** Assembles one message after the other. */
export class MessageAssembler {
  /** What the message is made of; `null` while there is none. Only this class writes it, and the other two. */
  kind: MessageKind | null = null;
  /** Whether it has to be inflated. */
  compressed = false;
  /** How many bytes have come. */
  length = 0;
  readonly #codec: WebSocketCodec;
  readonly #text: TextForm;
  /** Made for the first message of the kind. */
  #bytes: BytesGatherer | null = null;
  #characters: TextGatherer | null = null;

  /** Has no message yet. */
  constructor(codec: WebSocketCodec, text: TextForm) {
    this.#codec = codec;
    this.#text = text;
  }

  /** Begins a message. */
  begin(kind: MessageKind, compressed: boolean): void {
    this.kind = kind;
    this.compressed = compressed;
    this.length = 0;
  }

  /**
   * Adds a part of a frame's payload, as `BytesGatherer.add()` does.
   *
   * @throws {WebSocketProtocolError} `bad-utf8`, at the first byte that cannot be.
   */
  add(
    bytes: Uint8Array,
    start: number,
    length: number,
    key: number,
    phase: number,
    rest: number,
    last: boolean,
  ): void {
    this.length += length;
    if (this.kind === "text" && !this.compressed && this.#text === "string") {
      this.#characters ??= new TextGatherer(this.#codec);
      this.#characters.add(bytes, start, length, key, phase, rest);
    } else {
      this.#bytes ??= new BytesGatherer(this.#codec.allocate);
      this.#bytes.add(bytes, start, length, key, phase, rest, last);
    }
  }

  /**
   * Ends the message.
   *
   * @returns The message, which is the caller's.
   * @throws {WebSocketProtocolError} `bad-utf8`: the last character is not complete, or text that is given as bytes is none.
   */
  finish(): WebSocketEvent {
    const kind = this.kind!;
    this.kind = null;
    this.length = 0;
    if (this.compressed) return { type: "compressed", kind, bytes: this.#bytes!.finish() };
    if (kind === "binary") return { type: "binary", bytes: this.#bytes!.finish() };
    if (this.#text === "string") return { type: "text", text: this.#characters!.finish() };
    const bytes = this.#bytes!.finish();
    if (!this.#codec.isText(bytes)) throw badUtf8();
    return { type: "text-bytes", bytes };
  }
}
