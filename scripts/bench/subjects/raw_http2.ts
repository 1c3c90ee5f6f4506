/**
 * HTTP/2 on the runtime's own sockets, as little of it as can be: what the protocol costs everybody who speaks it.
 *
 * @module
 */

import { concat } from "../../../src/bytes/concat.ts";
import { NO_BYTES } from "../../../src/bytes/no_bytes.ts";
import { ACK, FRAME_HEADER_BYTES, FRAME_TYPES } from "../../../src/http2/machine/frame.ts";
import { FrameWriter } from "../../../src/http2/machine/frame_writer.ts";
import { answerTo, listen, MASK_BYTES, type Respond } from "./raw.ts";

const PREFACE_BYTES = 24;
const STREAM_ID_OFFSET = 5;
/** What clients take if they do not say (RFC 9113 §6.5.2). */
const MOST_FRAME_BYTES = 16_384;
/** `:status: 200` of the static table. */
const STATUS_200 = Uint8Array.of(0x88);
const TEXT = new TextEncoder().encode("Hello, World!\r\n");
/** A stream may send so much, and is told when it has sent an eighth of it. So may the connection. */
const WINDOW_BYTES = 2 ** 30;
const UNTOLD_BYTES = WINDOW_BYTES / 8;

/** A frame has come, or a piece of one with data; gives what to send. */
type OnFrame = (type: number, streamId: Uint8Array, payload: Uint8Array) => Uint8Array | null;

/** Answers each HEADERS with the same HEADERS and DATA. */
export function fixedAnswer(): Promise<number> {
  const answer = written((writer) => {
    writer.headers(0, STATUS_200, false, MOST_FRAME_BYTES);
    writer.data(0, TEXT, true);
  });
  const length = FRAME_HEADER_BYTES + STATUS_200.length;
  return listen(() =>
    answering((type, streamId) => type === FRAME_TYPES.headers ? onStream(answer, streamId, [0, length]) : null)
  );
}

/**
 * Speaks as much of WebSockets over HTTP/2 as it needs to be asked the same again and again: the first message of a stream is read
 * and sent back without its mask, and then again whenever as many bytes have come.
 */
export function frames(): Promise<number> {
  const accepted = written((writer) => writer.headers(0, STATUS_200, false, MOST_FRAME_BYTES));
  const end = written((writer) => writer.data(0, NO_BYTES, true));
  return listen(() => {
    const streams = new Map<number, Echo>();
    let untold = 0;
    return answering((type, streamId, payload) => {
      if (type === FRAME_TYPES.headers) return onStream(accepted, streamId, [0]);
      if (type !== FRAME_TYPES.data) return null;
      if (payload.length === 0) return onStream(end, streamId, [0]); // the client has no more
      const key = streamId[2]! << 8 | streamId[3]!;
      let echo = streams.get(key);
      if (echo === undefined) streams.set(key, echo = new Echo(payload, streamId));
      untold += payload.length;
      if (untold < UNTOLD_BYTES) return echo.received(payload);
      untold -= UNTOLD_BYTES;
      return concat([connectionUpdate, echo.received(payload) ?? NO_BYTES]);
    });
  });
}

/** One stream on which messages of the same length come. */
class Echo {
  readonly #messageBytes: number;
  /** The answer, made once. */
  readonly #answer: Uint8Array;
  readonly #update: Uint8Array;
  #missing: number;
  #untold = 0;

  constructor(begin: Uint8Array, streamId: Uint8Array) {
    const frame = answerTo(begin);
    this.#missing = this.#messageBytes = frame.length + MASK_BYTES;
    const id = idOf(streamId);
    this.#answer = written((writer) => {
      for (let at = 0; at < frame.length; at += MOST_FRAME_BYTES) {
        writer.data(id, frame.subarray(at, at + MOST_FRAME_BYTES), false);
      }
    });
    this.#update = written((writer) => writer.windowUpdate(id, UNTOLD_BYTES));
  }

  received({ length }: Uint8Array): Uint8Array | null {
    this.#untold += length;
    this.#missing -= length;
    if (this.#missing > 0) return null;
    this.#missing = this.#messageBytes;
    if (this.#untold < UNTOLD_BYTES) return this.#answer;
    this.#untold -= UNTOLD_BYTES;
    return concat([this.#update, this.#answer]);
  }
}

/** Reads frames, and sends what they are answered with in one write for all that came at once. */
function answering(onFrame: OnFrame): Respond {
  let rest: Uint8Array | null = null;
  /** How much is to come of the preface, and then of a frame with data. */
  let left = PREFACE_BYTES;
  let dataOf: Uint8Array | null = null;
  return (chunk) => {
    const bytes: Uint8Array = rest === null ? chunk : concat([rest, chunk]);
    const answers: Uint8Array[] = [];
    const add = (answer: Uint8Array | null): void => void (answer !== null && answers.push(answer));
    let at = 0;
    while (at < bytes.length) {
      if (left > 0) {
        const payload = bytes.subarray(at, at + left);
        if (dataOf === null) add(settings);
        else add(onFrame(FRAME_TYPES.data, dataOf, payload));
        left -= payload.length;
        at += payload.length;
        continue;
      }
      if (at + FRAME_HEADER_BYTES > bytes.length) break;
      const length = bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!;
      const type = bytes[at + 3]!;
      const streamId = bytes.subarray(at + STREAM_ID_OFFSET, at + FRAME_HEADER_BYTES);
      const end = at + FRAME_HEADER_BYTES + length;
      if (type === FRAME_TYPES.data && length > 0) {
        left = length;
        dataOf = end > bytes.length ? streamId.slice() : streamId;
        at += FRAME_HEADER_BYTES;
      } else {
        if (end > bytes.length) break;
        if (type === FRAME_TYPES.settings && (bytes[at + 4]! & ACK) === 0) add(settingsAck);
        add(onFrame(type, streamId, bytes.subarray(at + FRAME_HEADER_BYTES, end)));
        at = end;
      }
    }
    rest = at === bytes.length ? null : bytes.slice(at);
    return answers.length === 0 ? null : answers.length === 1 ? answers[0]! : concat(answers);
  };
}

const settings = written((writer) => {
  writer.settings([[4, WINDOW_BYTES], [8, 1]]);
  writer.windowUpdate(0, WINDOW_BYTES);
});
const connectionUpdate = written((writer) => writer.windowUpdate(0, UNTOLD_BYTES));
const settingsAck = written((writer) => writer.settingsAck());

function written(write: (writer: FrameWriter) => void): Uint8Array {
  const writer = new FrameWriter();
  write(writer);
  return concat(writer.take());
}

/** The same frames on another stream; `at` is where they begin. */
function onStream(frames: Uint8Array, streamId: Uint8Array, at: readonly number[]): Uint8Array {
  const copy = frames.slice();
  for (const begin of at) copy.set(streamId, begin + STREAM_ID_OFFSET);
  return copy;
}

function idOf(streamId: Uint8Array): number {
  return new DataView(streamId.buffer, streamId.byteOffset).getUint32(0);
}
