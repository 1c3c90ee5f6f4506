/**
 * Bytes to and fro on connections that are open already: small ones, each waiting for the last, or as many as go.
 *
 * @module
 */

import type { Load } from "./load.ts";
import { openBehind, type Preface } from "./preface.ts";
import type { Connection } from "./socket.ts";

/** Begins round trips on each of the connections. Counts round trips. */
export function roundTrips(
  port: number,
  preface: Preface,
  { connections, bytes: size }: { readonly connections: number; readonly bytes: number },
): Load {
  let count = 0;
  let stopped = false;
  const message = new Uint8Array(size).fill(0x61);
  const closed = openBehind(port, preface, connections, () => {
    let missing = size;
    return {
      opened: (client) => client.write(message),
      received(client, bytes) {
        missing -= bytes.length;
        if (missing > 0) return;
        if (missing < 0) throw new Error("An echo is longer than what was sent");
        count++;
        missing = size;
        if (stopped) client.end();
        else client.write(message);
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

/** Each connection has this much on its way, so that nobody waits for the echo of what was just sent. */
const WINDOW_BYTES = 1 << 20;
const BLOCK_BYTES = 1 << 16;

/** Begins to send blocks of 64 KiB. Counts the bytes that come back. */
export function bulk(port: number, preface: Preface, connections: number): Load {
  let count = 0;
  let stopped = false;
  const block = new Uint8Array(BLOCK_BYTES).fill(0x61);
  const closed = openBehind(port, preface, connections, () => {
    let room = WINDOW_BYTES;
    let writable = true;
    const fill = (client: Connection): void => {
      while (!stopped && writable && room >= BLOCK_BYTES) {
        room -= BLOCK_BYTES;
        writable = client.write(block);
      }
      if (stopped && room === WINDOW_BYTES) client.end();
    };
    return {
      opened: fill,
      received(client, bytes) {
        count += bytes.length;
        room += bytes.length;
        fill(client);
      },
      drained(client) {
        writable = true;
        fill(client);
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
