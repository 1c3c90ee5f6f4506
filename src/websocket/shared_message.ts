/**
 * A message for many: encoded once, framed once, and compressed once for each way that was agreed on. `Topic` makes it, and
 * the `MessageSender` of each receiver takes the frame that fits.
 *
 * @module
 */

import type { Compression } from "./compression.ts";
import type { MessageKind } from "./machine/web_socket_event.ts";
import { wholeFrame } from "./machine/whole_frame.ts";

/** A message that goes to many. */
export class SharedMessage {
  /** Text or bytes. */
  readonly kind: MessageKind;
  /** What it says. Not to be changed any more. */
  readonly bytes: Uint8Array;
  #plain: Uint8Array | null = null;
  #compressed: Map<string, Uint8Array | Promise<Uint8Array>> | null = null;

  constructor(kind: MessageKind, bytes: Uint8Array) {
    this.kind = kind;
    this.bytes = bytes;
  }

  /** In bytes. */
  get length(): number {
    return this.bytes.length;
  }

  /** The frame as it is. */
  get plainFrame(): Uint8Array {
    return this.#plain ??= wholeFrame(this.kind, false, this.bytes);
  }

  /** The frame for a receiver who understands this compression; later if compressing takes its time. */
  compressedFrame(compression: Compression): Uint8Array | Promise<Uint8Array> {
    const compressed = this.#compressed ??= new Map();
    const way = compression.way;
    let frame = compressed.get(way);
    if (frame === undefined) compressed.set(way, frame = this.#compress(compression));
    return frame;
  }

  /** By a compressor that knows no other messages, so that each receiver can read it whatever it has received before. */
  #compress(compression: Compression): Uint8Array | Promise<Uint8Array> {
    const once = compression.anew();
    const made = once.compress(this.bytes, true);
    if (!(made instanceof Promise)) {
      const frame = wholeFrame(this.kind, true, made);
      once.close();
      return frame;
    }
    return made.then((payload) => wholeFrame(this.kind, true, payload)).finally(() => once.close());
  }
}
