/**
 * Streams of HTTP/2 as connections: each begins with a CONNECT, and carries bytes both ways once that is accepted. Windows are kept
 * to; ours are so large that no server waits for them.
 *
 * @module
 */

import { concat } from "../../../src/bytes/concat.ts";
import { ACK, END_STREAM, FRAME_HEADER_BYTES, FRAME_TYPES, SETTINGS } from "../../../src/http2/machine/frame.ts";
import { FrameWriter } from "../../../src/http2/machine/frame_writer.ts";
import { PREFACE } from "../../../src/http2/machine/preface.ts";
import type { Client, ClientHandlers, Connection } from "./socket.ts";
import { open } from "./socket.ts";

const encoder = new TextEncoder();
const MOST_FRAME_BYTES = 16_384;
/** So much is written without waiting for what else there is to send. */
const ENOUGH_BYTES = 65_536;
const FIRST_WINDOW_BYTES = 65_535;
const WINDOW_BYTES = 2 ** 30;
/** The server is told that we have read when it is so much. */
const UNTOLD_BYTES = 2 ** 24;
/** `:status: 200` of the static table, which servers of all kinds refer to. */
const STATUS_200 = 0x88;
const AUTHORITY = 1;
const METHOD = 2;
const HTTP = 0x86;
const ROOT = 0x84;

/** The block of a CONNECT to a port of this machine. No table keeps its fields. */
export function connectBlock(port: number): Uint8Array {
  return Uint8Array.of(...literal(METHOD, "CONNECT"), ...literal(AUTHORITY, `127.0.0.1:${port}`));
}

/** The block of an extended CONNECT for a WebSocket (RFC 8441). */
export function webSocketBlock(): Uint8Array {
  return Uint8Array.of(
    ...literal(METHOD, "CONNECT"),
    ...named(":protocol", "websocket"),
    HTTP,
    ROOT,
    ...literal(AUTHORITY, "localhost:8080"),
    ...named("sec-websocket-version", "13"),
  );
}

function literal(index: number, value: string): number[] {
  return [index, value.length, ...encoder.encode(value)];
}

function named(name: string, value: string): number[] {
  return [0, name.length, ...encoder.encode(name), value.length, ...encoder.encode(value)];
}

/** What begins the streams of one load. */
export interface StreamsPlan {
  /** The block of each. */
  readonly block: Uint8Array;
  /** How many are open on a connection. */
  readonly streams: number;
}

/**
 * Opens several streams.
 *
 * @param count How many in all.
 * @param handlers Makes the handlers of each.
 * @returns Resolves when all of them and their connections have ended.
 */
export async function openStreams(
  port: number,
  count: number,
  { block, streams }: StreamsPlan,
  handlers: () => ClientHandlers,
): Promise<void> {
  await Promise.all(Array.from({ length: Math.ceil(count / streams) }, async (_, index) => {
    const connection = await connectHttp2(port);
    const own = Math.min(streams, count - index * streams);
    await Promise.all(Array.from({ length: own }, () => {
      return new Promise<void>((resolve) => connection.open(block, { ...handlers(), closed: () => resolve() }));
    }));
    await connection.end();
  }));
}

/** Connects; resolves when the server's settings have come. */
export function connectHttp2(port: number): Promise<Http2Connection> {
  return new Promise((resolve) => new Http2Connection(port, resolve));
}

/** One connection. */
export class Http2Connection {
  readonly #client: Client;
  readonly #writer: FrameWriter = new FrameWriter();
  readonly #streams: Map<number, Stream> = new Map();
  readonly #closed: Promise<void>;
  #nextId = 1;
  #rest: Uint8Array | null = null;
  /** A frame with data of which not all has come. */
  #data: { readonly stream: Stream; readonly flags: number; left: number } | null = null;
  /** How much may be sent on all streams, and on each that begins. */
  #windowBytes = FIRST_WINDOW_BYTES;
  #streamWindowBytes = FIRST_WINDOW_BYTES;
  #untoldBytes = 0;
  /** Whether frames are written when what has come was dealt with, or the last write has gone out. */
  #busy = true;
  #writing = false;

  constructor(port: number, begun: (connection: Http2Connection) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    this.#client = open(port, {
      opened: () => this.#begin(),
      received: (_client, bytes) => {
        this.#busy = true;
        if (this.#receive(bytes)) begun(this);
        this.#busy = false;
        this.#flush();
      },
      drained: () => {
        this.#written();
        this.#flush();
      },
      closed: () => resolve(),
    });
  }

  #begin(): void {
    this.#writer.raw(PREFACE);
    this.#writer.settings([[SETTINGS.initialWindowSize, WINDOW_BYTES]]);
    this.#writer.windowUpdate(0, WINDOW_BYTES);
    this.#busy = false;
    this.#flush();
  }

  /** Begins a stream. `opened` is called when the server has accepted it, `closed` when both sides have ended. */
  open(block: Uint8Array, handlers: ClientHandlers): void {
    const stream = new Stream(this, this.#nextId, this.#streamWindowBytes, handlers);
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    this.#writer.headers(stream.id, block, false, MOST_FRAME_BYTES);
    this.#flush();
  }

  /** Ends this side; resolves when the server has ended its own. */
  end(): Promise<void> {
    this.#client.end();
    return this.#closed;
  }

  /** Sends as much as the windows allow; says how much that is. */
  send(stream: Stream, bytes: Uint8Array): number {
    let sent = 0;
    this.#writer.reserve(Math.min(bytes.length, this.#windowBytes, stream.windowBytes), MOST_FRAME_BYTES);
    for (;;) {
      const room = Math.min(bytes.length - sent, MOST_FRAME_BYTES, this.#windowBytes, stream.windowBytes);
      if (room <= 0) break;
      this.#writer.data(stream.id, bytes.subarray(sent, sent + room), false);
      this.#windowBytes -= room;
      stream.windowBytes -= room;
      sent += room;
    }
    this.#flush();
    return sent;
  }

  /** Ends our side of a stream. */
  sendEnd(stream: Stream): void {
    this.#writer.data(stream.id, new Uint8Array(0), true);
    this.#flush();
  }

  #flush(): void {
    const { length } = this.#writer;
    if (this.#writing || length === 0 || this.#busy && length < ENOUGH_BYTES) return;
    const parts = this.#writer.take();
    this.#writing = true;
    if (this.#client.write(parts.length === 1 ? parts[0]! : concat(parts))) this.#written();
  }

  #written(): void {
    this.#writing = false;
    this.#writer.recycle(true);
  }

  /** Tells whether these were the first settings. */
  #receive(chunk: Uint8Array): boolean {
    const bytes = this.#rest === null ? chunk : concat([this.#rest, chunk]);
    let at = this.#moreData(bytes);
    let begun = false;
    while (at + FRAME_HEADER_BYTES <= bytes.length) {
      const length = bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!;
      const type = bytes[at + 3]!;
      const flags = bytes[at + 4]!;
      const id = word(bytes, at + 5);
      if (type === FRAME_TYPES.data) {
        this.#consume(length);
        this.#data = { stream: this.#streams.get(id)!, flags, left: length };
        at += FRAME_HEADER_BYTES;
        at += this.#moreData(bytes.subarray(at));
        continue;
      }
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > bytes.length) break;
      if (this.#frame(type, flags, id, bytes.subarray(at + FRAME_HEADER_BYTES, end))) begun = true;
      at = end;
    }
    this.#rest = at === bytes.length ? null : bytes.slice(at);
    return begun;
  }

  /** Hands on what has come of a frame with data; tells how much that is. */
  #moreData(bytes: Uint8Array): number {
    const data = this.#data;
    if (data === null) return 0;
    const length = Math.min(data.left, bytes.length);
    data.left -= length;
    data.stream.received(bytes.subarray(0, length));
    if (data.left > 0) return length;
    this.#data = null;
    if ((data.flags & END_STREAM) !== 0) this.#ended(data.stream);
    return length;
  }

  #frame(type: number, flags: number, id: number, payload: Uint8Array): boolean {
    const stream = this.#streams.get(id);
    switch (type) {
      case FRAME_TYPES.headers:
        if (!payload.includes(STATUS_200)) throw new Error(`A stream was refused: ${payload}`);
        stream!.accepted();
        return false;
      case FRAME_TYPES.settings:
        return (flags & ACK) === 0 && this.#settings(payload);
      case FRAME_TYPES["window-update"]:
        this.#opens(stream, word(payload, 0));
        return false;
      case FRAME_TYPES["rst-stream"]: // a WebSocket that ends without a Close frame is cut
        if (stream?.ended !== true) throw new Error(`The server has reset stream ${id}: ${payload}`);
        this.#ended(stream);
        return false;
      case FRAME_TYPES.goaway:
        if (this.#streams.size > 0) throw new Error(`The server has ended the connection: ${payload}`);
        return false;
      default:
        return false;
    }
  }

  #settings(payload: Uint8Array): boolean {
    for (let at = 0; at < payload.length; at += 6) {
      if (payload[at + 1] === SETTINGS.initialWindowSize) this.#streamWindowBytes = word(payload, at + 2);
    }
    this.#writer.settingsAck();
    return this.#nextId === 1;
  }

  #opens(stream: Stream | undefined, bytes: number): void {
    if (stream === undefined) this.#windowBytes += bytes;
    else stream.windowBytes += bytes;
    if (stream !== undefined) stream.goOn();
    else for (const each of this.#streams.values()) each.goOn();
  }

  #consume(bytes: number): void {
    this.#untoldBytes += bytes;
    if (this.#untoldBytes < UNTOLD_BYTES) return;
    this.#writer.windowUpdate(0, this.#untoldBytes);
    this.#untoldBytes = 0;
  }

  /** The receiver of a stream has read so much. */
  opens(stream: Stream, bytes: number): void {
    this.#writer.windowUpdate(stream.id, bytes);
  }

  #ended(stream: Stream): void {
    this.#streams.delete(stream.id);
    if (!stream.ended) this.#writer.data(stream.id, new Uint8Array(0), true);
    stream.over();
  }
}

/** One stream. */
class Stream implements Connection {
  readonly id: number;
  /** How much may be sent. */
  windowBytes: number;
  /** Whether our side has ended. */
  ended = false;
  readonly #connection: Http2Connection;
  readonly #handlers: ClientHandlers;
  #waiting: Uint8Array | null = null;
  #untoldBytes = 0;

  constructor(connection: Http2Connection, id: number, windowBytes: number, handlers: ClientHandlers) {
    this.#connection = connection;
    this.id = id;
    this.windowBytes = windowBytes;
    this.#handlers = handlers;
  }

  /** See {@linkcode Connection}. */
  write(bytes: Uint8Array): boolean {
    if (this.#waiting !== null) throw new Error("Cannot write: the last write has not gone out");
    const sent = this.#connection.send(this, bytes);
    if (sent === bytes.length) return true;
    this.#waiting = bytes.subarray(sent);
    return false;
  }

  /** See {@linkcode Connection}. */
  end(): void {
    this.ended = true;
    this.#connection.sendEnd(this);
  }

  /** A window has opened. */
  goOn(): void {
    const bytes = this.#waiting;
    this.#waiting = null;
    if (bytes !== null && this.write(bytes)) this.#handlers.drained?.(this);
  }

  /** The server has accepted it. */
  accepted(): void {
    this.#handlers.opened(this);
  }

  /** Bytes have come. */
  received(bytes: Uint8Array): void {
    this.#untoldBytes += bytes.length;
    if (this.#untoldBytes >= UNTOLD_BYTES) {
      this.#connection.opens(this, this.#untoldBytes);
      this.#untoldBytes = 0;
    }
    if (bytes.length > 0) this.#handlers.received(this, bytes);
  }

  /** Both sides have ended. */
  over(): void {
    this.#handlers.closed?.(this);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) & 0x7fffffff;
}
