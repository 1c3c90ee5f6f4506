/**
 * DATA has come (RFC 9113 §6.1): windows, the length that was announced, and what the driver gets.
 *
 * @module
 */

import { Http2Error } from "../../errors/http2_error.ts";
import { Fields } from "../../semantics/fields.ts";
import type { Connection } from "./connection.ts";
import type { Frame } from "./frame.ts";
import { mayReceive } from "./reception.ts";
import type { Stream } from "./stream.ts";

/**
 * Takes DATA; the whole of the frame counts, however much of it has come.
 *
 * @throws {Http2Error} It must not come, or is more than the windows or the message allow.
 */
export function receiveData(
  connection: Connection,
  frame: Extract<Frame, { type: "data" | "data-first" }>,
): void {
  const { streamId, payload, flowBytes } = frame;
  const payloadBytes = frame.type === "data" ? payload.length : flowBytes;
  const endStream = frame.type === "data" && frame.endStream;
  connection.dataStream = null;
  if (!connection.receiveWindow.receive(flowBytes)) {
    throw new Http2Error("flow-control", "More came than the connection's window allows", "RFC 9113 §6.9.1");
  }
  const stream = connection.streams.get(streamId);
  const taken = stream !== undefined && stream.receiving === "body" && stream.receiveWindow.receive(flowBytes);
  if (!taken) connection.giveBack(flowBytes, undefined);
  if (!taken && !mayReceive(connection, streamId, "data")) return connection.spendIdleFrame();
  if (stream === undefined || !taken) throw untaken(stream, streamId);
  if (flowBytes > payloadBytes) connection.giveBack(flowBytes - payloadBytes, stream);
  if (payloadBytes > 0) connection.idleFrames.earn(1);
  else if (!endStream) connection.spendIdleFrame();
  if (payload.length < payloadBytes) connection.dataStream = stream;
  if (stream.expectedBytes !== null) {
    stream.expectedBytes -= payloadBytes;
    if (stream.expectedBytes < 0) {
      connection.giveBack(payload.length, undefined);
      throw malformed(stream, "The body is longer than was announced");
    }
  }
  takePayload(connection, stream, payload);
  if (endStream) endMessage(connection, stream, null);
}

/** Takes more of the frame before. Its stream may be gone meanwhile: then others get back what this takes of their window. */
export function receiveDataRest(connection: Connection, frame: Extract<Frame, { type: "data-rest" }>): void {
  const { payload, last, endStream } = frame;
  const stream = connection.dataStream;
  if (stream === null) return; // all of the frame was given back
  if (last) connection.dataStream = null;
  if (stream.receiving !== "body") return connection.giveBack(payload.length, undefined);
  takePayload(connection, stream, payload);
  if (endStream) endMessage(connection, stream, null);
}

function takePayload(connection: Connection, stream: Stream, payload: Uint8Array): void {
  if (payload.length === 0) return;
  connection.hold(stream, payload.length);
  connection.events.push({ type: "data", streamId: stream.id, bytes: payload });
}

/**
 * The peer's message is complete.
 *
 * @param trailers `null` if there are none.
 * @throws {Http2Error} It is shorter than was announced (RFC 9113 §8.1.1).
 */
export function endMessage(connection: Connection, stream: Stream, trailers: Fields | null): void {
  if (stream.expectedBytes !== null && stream.expectedBytes > 0) {
    throw malformed(stream, "The body is shorter than was announced");
  }
  stream.receiving = "done";
  connection.events.push({ type: "end", streamId: stream.id, trailers: trailers ?? new Fields() });
  connection.end(stream, "peer-ends");
}

/** Why DATA in a state that allows it cannot be taken: no head has come before it, or the window is too small. */
function untaken(stream: Stream | undefined, streamId: number): Http2Error {
  if (stream?.receiving === "head") return new Http2Error("protocol", "Data has no head", "RFC 9113 §8.1", streamId);
  return new Http2Error("flow-control", "More came than the stream's window allows", "RFC 9113 §6.9.1", streamId);
}

function malformed(stream: Stream, message: string): Http2Error {
  return new Http2Error("protocol", message, "RFC 9113 §8.1.1", stream.id);
}
