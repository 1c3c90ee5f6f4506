/**
 * A frame has come: what does it mean? One function for each type; HEADERS and DATA have files of their own.
 *
 * @module
 */

import { latin1 } from "../../bytes/latin1.ts";
import { HTTP2_ERROR_CODES, Http2Error, type Http2ErrorCode } from "../../errors/http2_error.ts";
import type { Connection } from "./connection.ts";
import type { Frame } from "./frame.ts";
import { readPriority } from "./priority.ts";
import { receiveData, receiveDataRest } from "./receive_data.ts";
import { receiveBlock, type ReceiveHead } from "./receive_headers.ts";
import { dependsOnItself, mayReceive } from "./reception.ts";
import { changedSettings } from "./settings.ts";

type Of<Type extends Frame["type"]> = Extract<Frame, { type: Type }>;

/**
 * Takes a frame.
 *
 * @param receiveHead What the role makes of a block that is the head of a message.
 * @throws {Http2Error} The peer broke a rule, of a stream or of the connection.
 */
export function receiveFrame(connection: Connection, frame: Frame, receiveHead: ReceiveHead): void {
  connection.blocks.check(frame);
  if (connection.phase === "settings") begin(connection, frame);
  switch (frame.type) {
    case "data":
    case "data-first":
      return receiveData(connection, frame);
    case "data-rest":
      return receiveDataRest(connection, frame);
    case "headers": {
      const block = connection.blocks.begin(frame);
      return block === null ? undefined : receiveBlock(connection, block, receiveHead);
    }
    case "continuation": {
      const block = connection.blocks.add(frame);
      return block === null ? undefined : receiveBlock(connection, block, receiveHead);
    }
    case "rst-stream":
      return receiveReset(connection, frame);
    case "settings":
      return receiveSettings(connection, frame);
    case "settings-ack":
      return receiveSettingsAck(connection);
    case "ping":
      return receivePing(connection, frame);
    case "goaway":
      return receiveGoaway(connection, frame);
    case "window-update":
      return receiveWindowUpdate(connection, frame);
    case "push-promise": // a client has forbidden it by its settings, and no client may send it (RFC 9113 §8.4)
      throw new Http2Error("protocol", "A stream is pushed", "RFC 9113 §6.6");
    case "priority":
      return receivePriority(connection, frame);
    case "priority-update":
      return receivePriorityUpdate(connection, frame);
    case "unknown":
      return connection.spendIdleFrame();
    default:
      frame satisfies never;
  }
}

/** The first frame is SETTINGS (RFC 9113 §3.4). */
function begin(connection: Connection, frame: Frame): void {
  if (frame.type !== "settings") throw new Http2Error("protocol", "The first frame is not SETTINGS", "RFC 9113 §3.4");
  connection.phase = "open";
}

function receiveReset(connection: Connection, { streamId, errorCode }: Of<"rst-stream">): void {
  if (!mayReceive(connection, streamId, "rst-stream")) return connection.spendIdleFrame();
  const stream = connection.streams.get(streamId)!;
  if (connection.role === "server") connection.spendReset();
  const code = errorCodeOf(errorCode);
  connection.reset(stream, "peer-resets");
  connection.events.push({ type: "reset", streamId, code, error: null, processed: code !== "refused-stream" });
}

const CODES: ReadonlyMap<number, Http2ErrorCode> = new Map(
  Object.entries(HTTP2_ERROR_CODES).map(([code, number]) => [number, code as Http2ErrorCode]),
);

/** RFC 9113 §7: an unknown code may be treated as INTERNAL_ERROR. */
function errorCodeOf(number: number): Http2ErrorCode {
  return CODES.get(number) ?? "internal";
}

function receiveSettings(connection: Connection, frame: Of<"settings">): void {
  const held = connection.peer;
  const peer = changedSettings(held, frame.settings, connection.role === "server" ? "client" : "server");
  connection.peer = peer;
  const more = peer.streamWindowBytes - held.streamWindowBytes;
  for (const stream of more === 0 ? [] : connection.streams) {
    if (!stream.sendWindow.grow(more)) throw tooLarge("§6.9.2", 0);
    if (stream.queuedBytes > 0 && stream.sendWindow.bytes > 0) connection.scheduler.add(stream);
    else connection.scheduler.remove(stream);
  }
  connection.encoder.setMaxTableSize(peer.fieldTableBytes);
  connection.answer();
  connection.writer.settingsAck();
  connection.events.push({ type: "settings" });
}

function receiveSettingsAck(connection: Connection): void {
  if (connection.acknowledged) {
    throw new Http2Error("protocol", "SETTINGS are acknowledged that were not sent", "RFC 9113 §6.5.3");
  }
  const less = connection.streamWindowBytes - connection.limits.streamWindowBytes;
  connection.acknowledged = true;
  for (const stream of less === 0 ? [] : connection.streams) stream.receiveWindow.shrink(less);
  connection.decoder.setMaxTableSize(connection.limits.fieldTableBytes);
}

/** What a shutdown's own PING carries: its answer says that the peer has read the warning. */
export const SHUTDOWN_PING: Uint8Array = Uint8Array.of(0x73, 0x68, 0x75, 0x74, 0x64, 0x6f, 0x77, 0x6e);

function receivePing(connection: Connection, { payload, ack }: Of<"ping">): void {
  if (!ack) {
    connection.answer();
    connection.writer.ping(payload, true);
  } else if (connection.shutdown === "warned" && payload.every((byte, at) => byte === SHUTDOWN_PING[at])) {
    connection.sendGoaway("no-error");
  } else {
    connection.spendIdleFrame();
    connection.events.push({ type: "pong", payload: payload.slice() });
  }
}

function receiveGoaway(connection: Connection, { lastStreamId, errorCode, debug }: Of<"goaway">): void {
  if (lastStreamId > (connection.peerLastStreamId ?? lastStreamId)) {
    throw new Http2Error("protocol", "A GOAWAY takes up more streams than the one before", "RFC 9113 §6.8");
  }
  connection.peerLastStreamId = lastStreamId;
  connection.spendIdleFrame();
  const code = errorCodeOf(errorCode);
  connection.events.push({ type: "goaway", lastStreamId, code, debug: debug.slice() });
  for (const stream of connection.role === "client" ? [...connection.streams] : []) {
    const { id } = stream;
    if (id <= lastStreamId) continue;
    connection.reset(stream, "peer-resets");
    connection.events.push({ type: "reset", streamId: id, code: "refused-stream", error: null, processed: false });
  }
}

/** A window that opens by less than that is not worth a frame. */
const SMALL_INCREMENT = 1024;

function receiveWindowUpdate(connection: Connection, { streamId, increment }: Of<"window-update">): void {
  if (streamId !== 0 && !mayReceive(connection, streamId, "window-update")) return connection.spendIdleFrame();
  if (increment === 0) {
    throw new Http2Error("protocol", "A window opens by nothing", "RFC 9113 §6.9", streamId);
  }
  if (increment < SMALL_INCREMENT) connection.spendIdleFrame();
  if (streamId === 0) {
    if (!connection.sendWindow.grow(increment)) throw tooLarge("§6.9.1", 0);
    return;
  }
  const stream = connection.streams.get(streamId)!;
  if (!stream.sendWindow.grow(increment)) throw tooLarge("§6.9.1", streamId);
  if (stream.queuedBytes > 0 && stream.sendWindow.bytes > 0) connection.scheduler.add(stream);
}

function tooLarge(section: string, streamId: number): Http2Error {
  return new Http2Error("flow-control", "A window opens too far", `RFC 9113 ${section}`, streamId);
}

/** It means nothing any more (RFC 9113 §5.3.2), but must not name itself (RFC 7540 §5.3.1). */
function receivePriority(connection: Connection, { streamId, dependsOn }: Of<"priority">): void {
  connection.spendIdleFrame();
  if (dependsOn === streamId) throw dependsOnItself(connection, streamId);
}

/** RFC 9218 §7.1. */
function receivePriorityUpdate(connection: Connection, { streamId, value }: Of<"priority-update">): void {
  if (connection.role === "client" || streamId % 2 === 0) {
    throw new Http2Error("protocol", `A priority is for stream ${streamId}`, "RFC 9218 §7.1");
  }
  connection.spendIdleFrame();
  const priority = readPriority(latin1(value, 0, value.length));
  const stream = connection.streams.get(streamId);
  if (stream !== undefined) {
    const waiting = stream.queuedBytes > 0 && stream.sendWindow.bytes > 0;
    connection.scheduler.remove(stream);
    Object.assign(stream, priority);
    if (waiting) connection.scheduler.add(stream);
  } else if (connection.streams.mayOpen(streamId)) {
    const { priorities, limits } = connection;
    if (priorities.size < limits.maxConcurrentStreams || priorities.has(streamId)) priorities.set(streamId, priority);
  }
}
