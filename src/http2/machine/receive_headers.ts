/**
 * A field block has come (RFC 9113 §6.2 and §8.1): the head of a message, or its trailers.
 *
 * @module
 */

import { Http2Error } from "../../errors/http2_error.ts";
import type { Connection } from "./connection.ts";
import type { ReceivedBlock } from "./field_blocks.ts";
import type { FieldBlock } from "./hpack/decoder.ts";
import { readTrailers } from "./read_message.ts";
import { endMessage } from "./receive_data.ts";
import { dependsOnItself, mayReceive } from "./reception.ts";
import type { Stream } from "./stream.ts";

/** A block that was read, and what its HEADERS said. */
export interface ReceivedFields {
  /** The stream. */
  readonly streamId: number;
  /** Whether nothing follows. */
  readonly endStream: boolean;
  /** The lines. */
  readonly block: FieldBlock;
}

/** What a role makes of a head; without a stream, if none is open by that number. */
export type ReceiveHead = (connection: Connection, received: ReceivedFields, stream: Stream | undefined) => void;

/**
 * Takes a block. It is decoded whatever becomes of it, since those that follow refer to it (RFC 9113 §4.3).
 *
 * @throws {Http2Error} It must not come, or is malformed.
 */
export function receiveBlock(
  connection: Connection,
  { headers, bytes }: ReceivedBlock,
  receiveHead: ReceiveHead,
): void {
  const block = connection.decoder.decode(bytes);
  const { streamId, endStream, dependsOn } = headers;
  connection.idleFrames.earn(4);
  if (!mayReceive(connection, streamId, "headers")) return connection.spendIdleFrame();
  const stream = connection.streams.get(streamId);
  if (stream === undefined || stream.receiving === "head") {
    receiveHead(connection, { streamId, endStream, block }, stream);
    if (dependsOn === streamId) throw dependsOnItself(connection, streamId);
  } else {
    receiveTrailers(connection, { streamId, endStream, block }, stream);
  }
}

function receiveTrailers(connection: Connection, { streamId, endStream, block }: ReceivedFields, stream: Stream): void {
  if (stream.tunnel) {
    throw new Http2Error("protocol", "HEADERS come through a tunnel", "RFC 9113 §8.5", streamId);
  }
  if (!endStream) {
    throw new Http2Error("protocol", "Trailers do not end their stream", "RFC 9113 §8.1", streamId);
  }
  if (block.tooLarge) {
    throw new Http2Error("enhance-your-calm", "The trailers are too large", "RFC 9113 §10.5.1", streamId);
  }
  endMessage(connection, stream, readTrailers(block, streamId));
}
