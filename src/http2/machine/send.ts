/**
 * Messages go out: heads and ends at once, data as the windows allow and in the order that `scheduler.ts` says.
 *
 * @module
 */

import { StateError } from "../../errors/state_error.ts";
import type { Connection } from "./connection.ts";
import type { FieldToSend } from "./hpack/encoder.ts";
import type { MessageEnd, Stream } from "./stream.ts";
import { trailerFields } from "./write_message.ts";

/**
 * 128 KiB: as long as less than that was written and not taken, more is written. Still more would go before what becomes urgent
 * meanwhile. A piece that is no longer than that goes whole: its last bytes would take a write of their own.
 */
const MOST_UNSENT_BYTES = 131_072;
/** 64 KiB: longer frames, if the peer takes them, would keep others waiting. */
const LONGEST_FRAME_BYTES = 65_536;

/** The length that a head announces, if it does. */
export function announcedLength(lines: readonly FieldToSend[]): number | null {
  for (const [name, value] of lines) if (name === "content-length" && /^[0-9]{1,15}$/.test(value)) return Number(value);
  return null;
}

/** Writes the block of a head or of trailers; with `endStream`, it is the last of the message. */
export function sendBlock(
  connection: Connection,
  stream: Stream,
  fields: Iterable<FieldToSend>,
  endStream: boolean,
): void {
  const block = connection.encoder.encode(fields);
  connection.writer.headers(stream.id, block, endStream, connection.peer.maxFrameBytes);
  if (!endStream) return;
  stream.sending = "done";
  connection.end(stream, "we-end");
}

/**
 * Sends data, or lets it wait.
 *
 * @returns Whether it is on its way. If not, `drained` follows, and the bytes must not change until then.
 * @throws {StateError} `body-length`: it is more than was announced.
 */
export function sendData(connection: Connection, stream: Stream, bytes: Uint8Array): boolean {
  if (bytes.length === 0) return stream.queuedBytes === 0;
  if (stream.owedBytes !== null) {
    if (bytes.length > stream.owedBytes) {
      throw new StateError("body-length", "Cannot send data: it is more than was announced");
    }
    stream.owedBytes -= bytes.length;
  }
  if (goesAtOnce(connection, stream, bytes.length)) {
    writeWhole(connection, stream, bytes);
    return true;
  }
  stream.queue(bytes);
  if (stream.sendWindow.bytes > 0) connection.scheduler.add(stream);
  flush(connection);
  return false;
}

/** Whether nothing waits that could go first, and the windows are open for all of it. */
function goesAtOnce({ scheduler, sendWindow, writer }: Connection, stream: Stream, bytes: number): boolean {
  if (stream.queuedBytes > 0 || !scheduler.empty || writer.length >= MOST_UNSENT_BYTES) return false;
  return bytes <= Math.min(sendWindow.bytes, stream.sendWindow.bytes, MOST_UNSENT_BYTES);
}

/** Writes data in as many frames as it takes. */
function writeWhole(connection: Connection, stream: Stream, bytes: Uint8Array): void {
  const frameBytes = longestFrame(connection);
  if (bytes.length <= frameBytes) return writeData(connection, stream, bytes, false);
  connection.writer.reserve(bytes.length, frameBytes);
  for (let at = 0; at < bytes.length; at += frameBytes) {
    writeData(connection, stream, bytes.subarray(at, at + frameBytes), false);
  }
}

/**
 * Ends the message behind what waits.
 *
 * @throws {StateError} `body-length`: it is less than was announced.
 */
export function sendEnd(connection: Connection, stream: Stream, end: MessageEnd): void {
  if (stream.owedBytes !== null && stream.owedBytes > 0) {
    throw new StateError("body-length", "Cannot end the message: its body is shorter than was announced");
  }
  stream.sending = "done";
  if (stream.queuedBytes > 0) stream.queueEnd(end);
  else if (end.trailers === null || end.trailers.size === 0) writeEnd(connection, stream);
  else sendBlock(connection, stream, trailerFields(end.trailers), true);
}

const NO_DATA: Uint8Array = new Uint8Array(0);

/** Ends a message: on the frame before, if that is its last data and was not taken; else by a frame without data. */
function writeEnd(connection: Connection, stream: Stream): void {
  if (connection.writer.endStream(stream.id)) connection.end(stream, "we-end");
  else writeData(connection, stream, NO_DATA, true);
}

/** Writes what waits, as far as the windows are open and as long as what was written is not too much. */
export function flush(connection: Connection): void {
  const { scheduler, writer, sendWindow } = connection;
  for (let first = true; !scheduler.empty && sendWindow.bytes > 0 && writer.length < MOST_UNSENT_BYTES; first = false) {
    const stream = scheduler.next()!;
    if (stream.lost) {
      lose(connection, stream);
      continue;
    }
    if (first) reserve(connection, stream.queuedBytes * scheduler.size);
    const piece = stream.takeQueued(roomFor(connection, stream));
    if (stream.queuedBytes > 0) {
      writeData(connection, stream, piece, false);
      if (stream.sendWindow.bytes <= 0) scheduler.remove(stream);
    } else {
      scheduler.remove(stream);
      writeLast(connection, stream, piece);
    }
  }
}

/** The program has given the memory away of what waits: the message cannot be completed, and must not look complete. */
function lose(connection: Connection, { id: streamId }: Stream): void {
  const error = new StateError("body-length", "Cannot send data: its memory was given away while it waited");
  connection.sendReset(streamId, "internal");
  connection.events.push({ type: "reset", streamId, code: "internal", error, processed: true });
}

/** Makes room for what is written now, so that no frame moves those before it. */
function reserve(connection: Connection, waitingBytes: number): void {
  const { writer } = connection;
  writer.reserve(Math.min(waitingBytes, MOST_UNSENT_BYTES - writer.length), longestFrame(connection));
}

/** Writes a piece behind which nothing waits, and the end of the message, if that was said. */
function writeLast(connection: Connection, stream: Stream, piece: Uint8Array): void {
  const end = stream.takeEnd();
  if (end === null) {
    writeData(connection, stream, piece, false);
    connection.events.push({ type: "drained", streamId: stream.id });
    return;
  }
  if (end.trailers === null || end.trailers.size === 0) {
    writeData(connection, stream, piece, true);
  } else {
    writeData(connection, stream, piece, false);
    sendBlock(connection, stream, trailerFields(end.trailers), true);
  }
  connection.events.push({ type: "drained", streamId: stream.id });
}

/** How much may go in a frame of the stream. */
function roomFor(connection: Connection, stream: Stream): number {
  return Math.min(longestFrame(connection), connection.sendWindow.bytes, stream.sendWindow.bytes);
}

function longestFrame({ peer }: Connection): number {
  return Math.min(peer.maxFrameBytes, LONGEST_FRAME_BYTES);
}

function writeData(connection: Connection, stream: Stream, bytes: Uint8Array, endStream: boolean): void {
  connection.writer.data(stream.id, bytes, endStream);
  connection.sendWindow.bytes -= bytes.length;
  stream.sendWindow.bytes -= bytes.length;
  connection.sentDataBytes += bytes.length;
  connection.idleFrames.earn(2); // the peer answers by opening its windows
  if (endStream) connection.end(stream, "we-end");
}
