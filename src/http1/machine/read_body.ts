/**
 * Bytes to body parts, one decoder a framing.
 *
 * Data comes out as views of what was received. A decoder takes from the receive buffer what belongs to the body and
 * not a byte more: the rest is the next message, or the next protocol.
 *
 * @module
 */

import { CR, LF } from "../../bytes/ascii.ts";
import type { ReceiveBuffer } from "../../bytes/receive_buffer.ts";
import { ChunkLine } from "./chunk_line.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { Fields } from "../../semantics/fields.ts";
import { isAllowedTrailer } from "../../semantics/trailers.ts";
import { FieldLines } from "./field_lines.ts";
import type { BodyFraming } from "./framing.ts";
import type { Http1Limits, Leniency } from "./limits.ts";

/** What a decoder finds. */
export type BodyPart =
  | { readonly type: "data"; readonly bytes: Uint8Array }
  | { readonly type: "end"; readonly trailers: Fields }
  | { readonly type: "need-data" };

/** A decoder holds what it needs to know of the body that is being read, and nothing of the connection. */
export interface BodyDecoder {
  /**
   * The next part; `eof` says that nothing will be added to `buffer`.
   *
   * @throws {ProtocolError} The framing is broken, or `truncated`.
   */
  next(buffer: ReceiveBuffer, eof: boolean): BodyPart;
}

/** More must be received. */
export const NEED_DATA = { type: "need-data" } as const;

/** The decoder for a framing; `null` without a body. */
export function bodyDecoder(framing: BodyFraming, limits: Http1Limits, leniency: Leniency): BodyDecoder | null {
  switch (framing.type) {
    case "none":
      return null;
    case "length":
      return framing.bytes === 0 ? null : new LengthDecoder(framing.bytes);
    case "chunked":
      return new ChunkedDecoder(limits, leniency);
    case "until-close":
      return new UntilCloseDecoder();
    default:
      return framing satisfies never;
  }
}

class LengthDecoder implements BodyDecoder {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  next(buffer: ReceiveBuffer, eof: boolean): BodyPart {
    if (this.#left === 0) return { type: "end", trailers: new Fields() };
    if (buffer.length === 0) return starve(eof);
    const bytes = buffer.take(this.#left);
    this.#left -= bytes.length;
    return { type: "data", bytes };
  }
}

class UntilCloseDecoder implements BodyDecoder {
  next(buffer: ReceiveBuffer, eof: boolean): BodyPart {
    if (buffer.length > 0) return { type: "data", bytes: buffer.takeAll() };
    return eof ? { type: "end", trailers: new Fields() } : NEED_DATA;
  }
}

type ChunkStep = "line" | "data" | "data-cr" | "data-lf" | "trailers" | "end";

/** RFC 9112 §7.1. */
class ChunkedDecoder implements BodyDecoder {
  readonly #chunkLine: ChunkLine;
  readonly #trailerLines: FieldLines;
  readonly #maxTrailerBytes: number;
  #step: ChunkStep = "line";
  #left = 0;
  #trailers: Fields | null = null;

  constructor(limits: Http1Limits, leniency: Leniency) {
    this.#chunkLine = new ChunkLine(limits, leniency);
    this.#trailerLines = new FieldLines("trailers", limits.maxTrailers, leniency);
    this.#maxTrailerBytes = limits.maxTrailerBytes;
  }

  next(buffer: ReceiveBuffer, eof: boolean): BodyPart {
    while (true) {
      if (this.#step === "end") return { type: "end", trailers: this.#trailers! };
      if (buffer.length === 0) return starve(eof);
      if (this.#step === "data") return this.#data(buffer);
      if (this.#step === "trailers") {
        if (!this.#readTrailers(buffer)) return starve(eof);
      } else {
        this.#betweenData(buffer);
      }
    }
  }

  #data(buffer: ReceiveBuffer): BodyPart {
    const bytes = buffer.take(this.#left);
    this.#left -= bytes.length;
    if (this.#left === 0) this.#step = "data-cr";
    return { type: "data", bytes };
  }

  /** The bytes between data: each is looked at once and gone, unless it is the one that breaks the grammar. */
  #betweenData(buffer: ReceiveBuffer): void {
    const { bytes, end } = buffer;
    while (buffer.start < end && this.#step !== "data" && this.#step !== "trailers") {
      this.#byte(bytes[buffer.start]!);
      buffer.start++;
    }
  }

  #byte(byte: number): void {
    if (this.#step === "line") {
      if (!this.#chunkLine.push(byte)) return;
      this.#left = this.#chunkLine.size;
      this.#step = this.#left === 0 ? "trailers" : "data";
    } else if (this.#step === "data-cr") {
      if (byte !== CR) throw badEnd();
      this.#step = "data-lf";
    } else {
      if (byte !== LF) throw badEnd();
      this.#step = "line";
    }
  }

  #readTrailers(buffer: ReceiveBuffer): boolean {
    const { bytes, start } = buffer;
    const limit = start + this.#maxTrailerBytes;
    const end = this.#trailerLines.parse(bytes, start, Math.min(buffer.end, limit));
    if (end === -1) {
      if (buffer.end < limit) return false;
      const message = "Cannot take a trailer section that large";
      throw new ProtocolError("trailers-too-large", message, "RFC 9112 §7.1.2", 431);
    }
    this.#trailers = allowedTrailers(this.#trailerLines.fields(bytes.subarray(start, end)));
    buffer.start = end;
    this.#step = "end";
    return true;
  }
}

function allowedTrailers(trailers: Fields): Fields {
  if (trailers.size === 0) return trailers;
  return new Fields([...trailers].filter(([name]) => isAllowedTrailer(name)));
}

function starve(eof: boolean): BodyPart {
  if (eof) throw new ProtocolError("truncated", "Cannot read the body: the connection ended before it", "RFC 9112 §8");
  return NEED_DATA;
}

function badEnd(): ProtocolError {
  return new ProtocolError("bad-chunk-end", "Cannot read a chunk: no CRLF follows its data", "RFC 9112 §7.1");
}
