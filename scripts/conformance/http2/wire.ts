/**
 * A connection of HTTP/2 whose frames are kept as they come.
 *
 * @module
 */

import { HpackDecoder } from "../../../src/http2/machine/hpack/decoder.ts";
import type { RawSocket } from "../raw_socket.ts";
import { CODES, FLAGS, frame, PREFACE, settings, TYPES } from "./frames.ts";

/** What came on a stream. */
export interface Stream {
  /** The lines of each field block, `name: value`, pseudo-fields among them. */
  readonly heads: string[][];
  /** What DATA brought. */
  data: string;
  /** Whether its peer has ended its side. */
  ended: boolean;
  /** The code of RST_STREAM, once it came. */
  code: string | null;
}

/** One connection. */
export class Http2Wire {
  /** What SETTINGS have told; `null` until the first came. */
  told: Map<number, number> | null = null;
  /** The code of GOAWAY, once it came. */
  goaway: string | null = null;
  readonly socket: RawSocket;
  readonly #streams: Map<number, Stream> = new Map();
  readonly #decoder = new HpackDecoder({ maxFieldBytes: 65_536, maxFields: 1000 });
  #at: number;
  #block = "";

  /** Begins with SETTINGS of these pairs. */
  constructor(socket: RawSocket, role: "client" | "server", pairs: readonly (readonly [number, number])[] = []) {
    this.socket = socket;
    this.#at = role === "server" ? PREFACE.length : 0;
    socket.send((role === "client" ? PREFACE : "") + settings(...pairs));
  }

  /** What came on a stream so far. */
  stream(id: number): Stream {
    this.#read();
    return this.#streamOf(id);
  }

  #streamOf(id: number): Stream {
    let stream = this.#streams.get(id);
    if (stream === undefined) this.#streams.set(id, stream = { heads: [], data: "", ended: false, code: null });
    return stream;
  }

  /** Sends frames, in one packet if they are short. */
  send(...frames: readonly string[]): void {
    this.socket.send(frames.join(""));
  }

  /** Waits until this is true; false when the peer ends, or is silent, before. */
  until(done: () => boolean): Promise<boolean> {
    return this.socket.untilTrue(() => {
      this.#read();
      return done();
    });
  }

  /** Takes the frames that are complete, and answers those that want it. */
  #read(): void {
    const { received } = this.socket;
    while (received.length - this.#at >= 9) {
      const [length, type, flags] = [
        numberAt(received, this.#at, 3),
        byte(received, this.#at + 3),
        byte(received, this.#at + 4),
      ];
      const end = this.#at + 9 + length;
      if (end > received.length) return;
      const streamId = numberAt(received, this.#at + 5, 4) % 2 ** 31;
      const payload = received.slice(this.#at + 9, end);
      this.#at = end;
      this.#take(type, flags, streamId, payload);
    }
  }

  #take(type: number, flags: number, streamId: number, payload: string): void {
    switch (type) {
      case TYPES.data:
        this.#streamOf(streamId).data += withoutPadding(payload, flags);
        if ((flags & FLAGS.endStream) !== 0) this.#streamOf(streamId).ended = true;
        return;
      case TYPES.headers:
      case TYPES.continuation:
        return this.#takeBlock(type, flags, streamId, payload);
      case TYPES.reset:
        this.#streamOf(streamId).code = CODES[numberAt(payload, 0, 4)] ?? "?";
        return;
      case TYPES.settings:
        if ((flags & FLAGS.endStream) === 0) this.#takeSettings(payload);
        return;
      case TYPES.ping:
        if ((flags & FLAGS.endStream) === 0) this.send(frame(TYPES.ping, FLAGS.endStream, 0, payload));
        return;
      case TYPES.goaway:
        this.goaway = CODES[numberAt(payload, 4, 4)] ?? "?";
    }
  }

  #takeBlock(type: number, flags: number, streamId: number, payload: string): void {
    let fragment = payload;
    if (type === TYPES.headers) {
      fragment = withoutPadding(payload, flags);
      if ((flags & FLAGS.priority) !== 0) fragment = fragment.slice(5);
      if ((flags & FLAGS.endStream) !== 0) this.#streamOf(streamId).ended = true;
    }
    this.#block += fragment;
    if ((flags & FLAGS.endHeaders) === 0) return;
    const { lines } = this.#decoder.decode(Uint8Array.from(this.#block, (char) => char.charCodeAt(0)));
    this.#block = "";
    this.#streamOf(streamId).heads.push(lines.map(({ field: [name, value] }) => `${name}: ${value}`));
  }

  #takeSettings(payload: string): void {
    this.told ??= new Map();
    for (let at = 0; at < payload.length; at += 6) {
      this.told.set(numberAt(payload, at, 2), numberAt(payload, at + 2, 4));
    }
    this.send(frame(TYPES.settings, FLAGS.endStream, 0, ""));
  }
}

function byte(text: string, at: number): number {
  return text.charCodeAt(at);
}

function numberAt(text: string, at: number, bytes: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + byte(text, at + i);
  return value;
}

function withoutPadding(payload: string, flags: number): string {
  return (flags & FLAGS.padded) === 0 ? payload : payload.slice(1, payload.length - byte(payload, 0));
}
