/**
 * Requests over HTTP/2 with prior knowledge: some streams at a time on each connection, and the next one for each that ends.
 *
 * @module
 */

import { concat } from "../../../src/bytes/concat.ts";
import { ACK, END_HEADERS, END_STREAM, FRAME_HEADER_BYTES, FRAME_TYPES } from "../../../src/http2/machine/frame.ts";
import { FrameWriter } from "../../../src/http2/machine/frame_writer.ts";
import { PREFACE } from "../../../src/http2/machine/preface.ts";
import type { Load } from "./load.ts";
import { type Connection, openClients } from "./socket.ts";

/** What clients of HTTP/2 do. */
export interface Http2RequestsPlan {
  readonly type: "http2-requests";
  readonly connections: number;
  /** Streams that are open on each. */
  readonly streams: number;
}

/** `:method: GET`, `:scheme: http`, `:path: /`; then `:authority`, `user-agent` and `accept` as literals that no table keeps. */
const block = Uint8Array.of(
  ...[0x82, 0x86, 0x84],
  ...literal(1, "localhost:8080"),
  ...literal(58, "bench/1.0"),
  ...literal(19, "*/*"),
);

function literal(index: number, value: string): number[] {
  const name = index < 15 ? [index] : [15, index - 15];
  return [...name, value.length, ...new TextEncoder().encode(value)];
}

/** More than all responses together: no window is opened afterwards. */
const WINDOW = 2 ** 31 - 1 - 65_535;
/** All numbers of streams are used up far behind that. */
const LAST_STREAM_ID = 2 ** 30;

/** Begins to send requests. */
export function http2Requests(port: number, { connections, streams }: Http2RequestsPlan): Load {
  let count = 0;
  let stopped = false;
  const closed = openClients(port, connections, () => {
    const writer = new FrameWriter();
    let nextId = 1;
    let open = 0;
    let rest: Uint8Array | null = null;
    const ask = (): void => {
      if (nextId > LAST_STREAM_ID) throw new Error("A connection has no more streams");
      writer.headers(nextId, block, true, 16_384);
      nextId += 2;
      open++;
    };
    const flush = (client: Connection): void => {
      const parts = writer.take();
      if (parts.length > 0) client.write(concat(parts).slice());
      writer.recycle(true);
      if (stopped && open === 0) client.end();
    };
    return {
      opened(client) {
        writer.raw(PREFACE);
        writer.settings([]);
        writer.windowUpdate(0, WINDOW);
        for (let i = 0; i < streams; i++) ask();
        flush(client);
      },
      received(client, chunk) {
        const bytes: Uint8Array = rest === null ? chunk : concat([rest, chunk]);
        let at = 0;
        for (; at + FRAME_HEADER_BYTES <= bytes.length;) {
          const length = bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!;
          if (at + FRAME_HEADER_BYTES + length > bytes.length) break;
          const type = bytes[at + 3]!;
          const flags = bytes[at + 4]!;
          at += FRAME_HEADER_BYTES + length;
          if (type === FRAME_TYPES.settings) {
            if ((flags & ACK) === 0) writer.settingsAck();
          } else if (type === FRAME_TYPES["rst-stream"] || type === FRAME_TYPES.goaway) {
            throw new Error("The server has ended a stream or the connection");
          } else if (type <= FRAME_TYPES.headers && (flags & END_STREAM) !== 0) {
            if (type === FRAME_TYPES.headers && (flags & END_HEADERS) === 0) {
              throw new Error("A head has several frames");
            }
            count++;
            open--;
            if (!stopped) ask();
          }
        }
        rest = at === bytes.length ? null : bytes.slice(at);
        flush(client);
      },
    };
  });
  return {
    count: () => count,
    stop() {
      stopped = true;
      return closed;
    },
  };
}
