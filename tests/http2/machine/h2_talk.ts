/**
 * A peer of one machine of HTTP/2 that writes frames as it likes, and the bytes that the machine sends, read as frames.
 *
 * @module
 */

import { concat } from "../../../src/bytes/concat.ts";
import { Http2Error } from "../../../src/errors/http2_error.ts";
import type { Http2ClientMachine } from "../../../src/http2/machine/client_machine.ts";
import { END_HEADERS, END_STREAM, type Frame, FRAME_TYPES, type FrameType } from "../../../src/http2/machine/frame.ts";
import { FrameReader } from "../../../src/http2/machine/frame_reader.ts";
import { HpackEncoder } from "../../../src/http2/machine/hpack/encoder.ts";
import { PREFACE } from "../../../src/http2/machine/preface.ts";
import { Http2ServerMachine, type Http2ServerMachineOptions } from "../../../src/http2/machine/server_machine.ts";

/** A frame as bytes, right or wrong. */
export function frame(
  type: FrameType | number,
  flags: number,
  streamId: number,
  payload: Iterable<number> = [],
): Uint8Array {
  const bytes = Uint8Array.from(payload);
  const { length } = bytes;
  const number = typeof type === "number" ? type : FRAME_TYPES[type];
  return concat([Uint8Array.of(length >> 16, length >> 8, length, number, flags, ...word(streamId)), bytes]);
}

/** Four bytes. */
export function word(value: number): number[] {
  return [value >>> 24, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff];
}

/** One setting. */
export function setting(id: number, value: number): number[] {
  return [id >>> 8, id & 0xff, ...word(value)];
}

/** The events of a machine with what it writes; what it throws is one of them. */
export function drain(machine: Http2ClientMachine | Http2ServerMachine): string[] {
  const said: string[] = [];
  for (;;) {
    try {
      const event = machine.next();
      if (event.type === "need-data") return said;
      said.push(spellEvent(event));
      if (event.type === "closed") return said;
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      said.push(`error ${error.code}`);
    }
  }
}

function spellEvent(event: ReturnType<(Http2ClientMachine | Http2ServerMachine)["next"]>): string {
  switch (event.type) {
    case "request":
      return `request ${event.streamId} ${event.head.method} ${event.head.path}${event.endStream ? " end" : ""}`;
    case "response":
    case "informational":
      return `${event.type} ${event.streamId} ${event.head.status}`;
    case "data":
      return `data ${event.streamId} ${event.bytes.length}`;
    case "reset":
      return `reset ${event.streamId} ${event.code} ${event.error === null ? "peer" : "us"}${
        event.processed ? "" : " again"
      }`;
    case "goaway":
      return `goaway ${event.lastStreamId} ${event.code}`;
    case "end":
    case "drained":
      return `${event.type} ${event.streamId}`;
    default:
      return event.type;
  }
}

/** A server's machine whose client is the test. */
export class RawClient {
  readonly server: Http2ServerMachine;
  readonly encoder: HpackEncoder = new HpackEncoder();
  readonly #reader = new FrameReader(2 ** 24 - 1);

  /** Sends the preface and empty SETTINGS, and reads what the server sends first. */
  constructor(options: Http2ServerMachineOptions = {}) {
    this.server = new Http2ServerMachine(options);
    this.send(PREFACE, frame("settings", 0, 0));
    this.frames();
  }

  /** Gives the server bytes; tells what it found. */
  send(...frames: Uint8Array[]): string[] {
    this.server.receive(concat(frames));
    return drain(this.server);
  }

  /** The HEADERS of a request. */
  request(streamId: number, end = true, fields: Iterable<readonly [string, string]> = []): Uint8Array {
    const control: [string, string][] = [[":method", "GET"], [":scheme", "http"], [":path", "/"], [":authority", "a"]];
    const block = this.encoder.encode([...control, ...fields].map(([name, value]) => [name, value]));
    return frame("headers", END_HEADERS | (end ? END_STREAM : 0), streamId, block);
  }

  /** What the server has sent since it was asked last. */
  frames(): Frame[] {
    for (const bytes of this.server.take()) this.#reader.in.push(bytes.slice());
    const frames: Frame[] = [];
    for (let next = this.#reader.next(); next !== null; next = this.#reader.next()) frames.push(next);
    return frames;
  }
}
