/**
 * permessage-deflate (RFC 7692 §7.2) at work: messages are compressed and inflated, each direction in its own context.
 *
 * @module
 */

import { JOIN_BYTES } from "../bytes/send_buffer.ts";
import type { MessageKind } from "./machine/web_socket_event.ts";
import { MAX_COMPRESSED_EXTRA_BYTES, MAX_COMPRESSED_GROWTH, tooLarge } from "./machine/frame_reader.ts";
import { WebSocketProtocolError } from "../errors/web_socket_protocol_error.ts";
import type { Role } from "./machine/frame.ts";
import type { DeflateAgreement, DeflateDirection, DeflateOptions } from "./machine/permessage_deflate.ts";
import { BytesInTurns, TextInTurns } from "./pieces.ts";
import { compressor, decompressor, type DeflateCodec, type Pieces } from "./platform.ts";

/** How a message that was flushed ends, which is not sent (RFC 7692 §7.2.1). */
const TAIL = new Uint8Array([0x00, 0x00, 0xff, 0xff]);
/** An empty message, and the end of one whose parts were flushed (RFC 7692 §7.2.3.6). */
const EMPTY_BLOCK = new Uint8Array([0x00]);
/** zlib does not compress with a window of 256 bytes. */
const LEAST_WINDOW_BITS = 9;

/** Compresses what is sent. The context is made with the first message. */
export class Compression {
  /** Messages of fewer bytes are sent as they are. */
  readonly thresholdBytes: number;
  readonly #direction: DeflateDirection;
  readonly #level: number;
  #codec: DeflateCodec | null = null;

  /** Makes no context yet. */
  constructor(direction: DeflateDirection, options: DeflateOptions) {
    this.#direction = direction;
    this.#level = options.level ?? 1;
    const possible = direction.windowBits >= LEAST_WINDOW_BITS;
    this.thresholdBytes = possible ? options.thresholdBytes ?? 1024 : Infinity;
  }

  /**
   * Compresses a message, or the next part of one.
   *
   * @returns Valid until anything else is compressed or inflated; the caller's if it is so long that it is sent without
   * being copied.
   */
  compress(bytes: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    if (bytes.length === 0) return last ? EMPTY_BLOCK : bytes;
    const { windowBits, noContextTakeover } = this.#direction;
    this.#codec ??= compressor({ windowBits, level: this.#level, noContextTakeover });
    const most = bytes.length * MAX_COMPRESSED_GROWTH + MAX_COMPRESSED_EXTRA_BYTES;
    const compressed = this.#codec.process(bytes, most, bytesInTurns);
    if (compressed instanceof Promise) return last ? compressed.then(withoutTail) : compressed;
    const whole = last ? withoutTail(compressed) : compressed;
    return whole.length > JOIN_BYTES ? whole.slice() : whole;
  }

  /** Says how messages are compressed: the same text, the same way. */
  get way(): string {
    return `${this.#direction.windowBits} ${this.#level}`;
  }

  /** One that compresses the same way and has seen no message. */
  anew(): Compression {
    return new Compression(this.#direction, { level: this.#level, thresholdBytes: this.thresholdBytes });
  }

  /**
   * The peer has got a message that another compressor has made. What is sent from now on must not refer to what came before
   * it: the distances would be wrong (RFC 7692 §7.2.1).
   */
  forget(): void {
    if (!this.#direction.noContextTakeover) this.close();
  }

  /** Frees the memory. */
  close(): void {
    this.#codec?.close();
    this.#codec = null;
  }
}

function withoutTail(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.length - TAIL.length);
}

/** Inflates what is received. The context is made with the first message. */
export class Inflation {
  readonly #windowBits: number;
  readonly #maxMessageBytes: number;
  #codec: DeflateCodec | null = null;

  /** Makes no context yet. */
  constructor(direction: DeflateDirection, maxMessageBytes: number) {
    this.#windowBits = direction.windowBits;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Inflates a message.
   *
   * @returns Its bytes, valid until anything else is compressed or inflated; or the message, if it takes several turns of the
   * event loop.
   * @throws {WebSocketProtocolError} `message-too-large`, as soon as it is; `bad-compression`; or `bad-utf8`.
   */
  inflate(kind: MessageKind, bytes: Uint8Array): Uint8Array | Promise<string | Uint8Array> {
    if (bytes.length === 0) this.#refuse(new Error("not even an empty block"));
    this.#codec ??= decompressor(this.#windowBits);
    const message = new Uint8Array(bytes.length + TAIL.length);
    message.set(bytes);
    message.set(TAIL, bytes.length);
    const gather: () => Pieces<string | Uint8Array> = kind === "text" ? textInTurns : bytesInTurns;
    try {
      const inflated = this.#codec.process(message, this.#maxMessageBytes, gather);
      return inflated instanceof Promise ? inflated.catch((error) => this.#refuse(error)) : inflated;
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** Frees the memory. */
  close(): void {
    this.#codec?.close();
    this.#codec = null;
  }

  #refuse(error: unknown): never {
    if (error instanceof WebSocketProtocolError) throw error;
    if (error instanceof RangeError) throw tooLarge(this.#maxMessageBytes);
    const { message } = error as Error;
    throw new WebSocketProtocolError(
      "bad-compression",
      `Cannot inflate a message: ${message}`,
      "RFC 7692 §7.2.2",
      1007,
    );
  }
}

const textInTurns = (): TextInTurns => new TextInTurns();
const bytesInTurns = (): BytesInTurns => new BytesInTurns();

/** The two directions as one end sees them. */
export function directionsOf(agreement: DeflateAgreement, role: Role): { out: DeflateDirection; in: DeflateDirection } {
  const { client, server } = agreement;
  return role === "client" ? { out: client, in: server } : { out: server, in: client };
}
