/**
 * Messages of WebSockets: every connection sends one, or some, and another for each that has come back. Or one of them
 * sends, and all get what it sends.
 *
 * @module
 */

import { deflateRawSync } from "node:zlib";
import { openStreams } from "./http2_streams.ts";
import { CONNECTIONS, type Load } from "./load.ts";
import { type Preface, streamsOf } from "./preface.ts";
import { type ClientHandlers, type Connection, open, openClients } from "./socket.ts";

/** What is sent to and fro. */
export interface MessagesPlan {
  /** Messages. */
  readonly type: "messages";
  /** How many connections. */
  readonly connections: number;
  /** How long a message is, before it is compressed. */
  readonly bytes: number;
  /** How many are on their way on each connection. */
  readonly inFlight: number;
  /** How many connections send; the others only count what comes. All when left out. */
  readonly senders?: number;
  /** Whether they are text, of ASCII or of other characters as well, or bytes. */
  readonly kind: "text" | "unicode" | "binary";
  /** Whether permessage-deflate is offered and used. */
  readonly deflate: boolean;
}

const encoder = new TextEncoder();
const line = `{"id":4711,"user":"someone","text":"The quick brown fox jumps over the lazy dog","at":[1,2,3]}\n`;
const unicodeLine =
  `{"id":4711,"user":"Jürgen","text":"Zwölf Boxkämpfer 快速的棕色狐狸跳过懒狗 быстрая лиса","at":[1,2,3]}\n`;
const KEY = [0x37, 0xfa, 0x21, 0x3d];
const FIN = 0x80;
const COMPRESSED = 0x40;
const TEXT = 0x1;
const BINARY = 0x2;
/** ws, Deno and Bun have compressed what is this long, ours as well. */
const COMPRESS_FROM = 1024;

/** Begins to send messages, over HTTP/1.1 or over streams of HTTP/2. Counts those that have come back. */
export function messages(port: number, preface: Preface, plan: MessagesPlan): Load {
  const { connections, bytes, inFlight, kind, deflate, senders = connections } = plan;
  let count = 0;
  let ready = 0;
  const listeners: Connection[] = [];
  let stopped = false;
  const frame = frameOf(bytes, kind, deflate);
  const frames = new Uint8Array(frame.length * inFlight);
  for (let at = 0; at < frames.length; at += frame.length) frames.set(frame, at);
  const streams = streamsOf(preface);
  const handlers = (): ClientHandlers => {
    const reader = new FrameReader();
    let switched = false;
    let missing = 0;
    let sends = false;
    const begin = (client: Connection): void => {
      sends = ready++ >= connections - senders;
      if (sends) send(client, 0);
      else if (stopped) client.end();
      else listeners.push(client);
    };
    const send = (client: Connection, messages: number): void => {
      missing -= messages;
      count += messages;
      if (stopped) {
        if (missing === 0) client.end();
        return;
      }
      const more = inFlight - missing;
      missing = inFlight;
      client.write(more === 1 ? frame : frames.subarray(0, more * frame.length));
    };
    return {
      opened(client) {
        switched = streams !== null;
        if (switched) begin(client);
        else client.write(request(deflate));
      },
      received(client, chunk) {
        let rest = chunk;
        if (!switched) {
          rest = behindHead(chunk, deflate);
          switched = true;
          begin(client);
        }
        const complete = reader.frames(rest);
        if (sends && complete > 0) send(client, complete);
        else count += complete;
      },
    };
  };
  const closed = streams === null
    ? openClients(port, connections, handlers)
    : openStreams(port, connections, streams, handlers);
  return {
    count: () => count,
    stop() {
      stopped = true;
      for (const listener of listeners) listener.end();
      return closed;
    },
  };
}

/** Opens connections that stay open for as long as this process lives; each has exchanged one message of 1 KiB. */
export async function holdMessages(port: number, count: number, deflate: boolean): Promise<void> {
  const frame = frameOf(COMPRESS_FROM, "text", deflate);
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const reader = new FrameReader();
      let opened = false;
      open(port, {
        opened: (client) => client.write(request(deflate)),
        received(client, chunk) {
          const rest = opened ? chunk : behindHead(chunk, deflate);
          if (!opened) client.write(frame);
          opened = true;
          if (reader.frames(rest) > 0) resolve();
        },
      });
    });
  for (let held = 0; held < count; held += CONNECTIONS) {
    await Promise.all(Array.from({ length: Math.min(CONNECTIONS, count - held) }, one));
  }
}

function frameOf(bytes: number, kind: MessagesPlan["kind"], deflate: boolean): Uint8Array {
  const payload = kind === "unicode" ? unicodeOf(bytes) : repeated(encoder.encode(line), bytes);
  const opcode = kind === "binary" ? BINARY : TEXT;
  if (!deflate || bytes < COMPRESS_FROM) return maskedFrame(FIN | opcode, payload);
  return maskedFrame(FIN | COMPRESSED | opcode, deflateRawSync(payload, { finishFlush: 2 }).subarray(0, -4));
}

function repeated(bytes: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => bytes[index % bytes.length]!);
}

/** So many bytes of whole characters. */
function unicodeOf(bytes: number): Uint8Array {
  const whole = encoder.encode(unicodeLine);
  const payload = new Uint8Array(bytes).fill(0x20);
  for (let at = 0; at + whole.length <= bytes; at += whole.length) payload.set(whole, at);
  return payload;
}

function request(deflate: boolean): Uint8Array {
  const extensions = deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "";
  return encoder.encode(
    "GET /echo HTTP/1.1\r\nHost: localhost:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extensions}\r\n`,
  );
}

/** What came with the head; fails if the server does not do what is to be measured. */
function behindHead(bytes: Uint8Array, deflate: boolean): Uint8Array {
  const text = new TextDecoder("latin1").decode(bytes);
  const end = text.indexOf("\r\n\r\n") + 4;
  const agreed = /permessage-deflate/i.test(text.slice(0, end));
  if (text.startsWith("HTTP/1.1 101") && end > 4 && agreed === deflate) return bytes.subarray(end);
  throw new Error(`Cannot go on after this answer: ${JSON.stringify(text)}`);
}

function maskedFrame(first: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const header = length < 126
    ? [first, 0x80 | length]
    : length < 65_536
    ? [first, 0x80 | 126, length >> 8, length & 0xff]
    : [first, 0x80 | 127, 0, 0, 0, 0, length >>> 24, length >>> 16 & 0xff, length >>> 8 & 0xff, length & 0xff];
  const frame = new Uint8Array(header.length + 4 + length);
  frame.set([...header, ...KEY]);
  frame.set(payload.map((byte, index) => byte ^ KEY[index & 3]!), header.length + 4);
  return frame;
}

/** Counts the frames of a server, of which nothing is looked at but the length. */
class FrameReader {
  #header: number[] = [];
  #missing = 0;

  /** How many frames are complete with these bytes. */
  frames(bytes: Uint8Array): number {
    let complete = 0;
    for (let at = 0; at < bytes.length;) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, bytes.length - at);
        this.#missing -= taken;
        at += taken;
        if (this.#missing === 0) complete++;
        continue;
      }
      this.#header.push(bytes[at++]!);
      this.#missing = this.#length() ?? 0;
      if (this.#missing > 0) this.#header = [];
    }
    return complete;
  }

  #length(): number | null {
    const [, second, ...more] = this.#header;
    if (second === undefined) return null;
    const size = second < 126 ? 0 : second === 126 ? 2 : 8;
    if (more.length < size) return null;
    return size === 0 ? second : more.reduce((length, byte) => length * 256 + byte, 0);
  }
}
