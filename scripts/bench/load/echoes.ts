/**
 * Bytes to and fro on connections that are open already: small ones, each waiting for the last, or as many as go.
 *
 * @module
 */

import type { Load } from "./load.ts";
import { isAgreement, type Preface, prefaceRequest } from "./preface.ts";
import { type Client, open } from "./socket.ts";

/** Begins round trips of `size` bytes on each of the connections. Counts round trips. */
export function roundTrips(port: number, preface: Preface, connections: number, size: number): Load {
  let count = 0;
  const message = new Uint8Array(size).fill(0x61);
  const clients = agreedClients(port, preface, connections, (client) => client.write(message), () => {
    let missing = size;
    return (client, bytes) => {
      missing -= bytes.length;
      if (missing > 0) return;
      if (missing < 0) throw new Error("An echo is longer than what was sent");
      count++;
      missing = size;
      client.write(message);
    };
  });
  return { count: () => count, stop: clients.cut };
}

/** Each connection has this much on its way, so that nobody waits for the echo of what was just sent. */
const WINDOW_BYTES = 1 << 20;
const BLOCK_BYTES = 1 << 16;

/** Begins to send blocks of 64 KiB. Counts the bytes that come back. */
export function bulk(port: number, preface: Preface, connections: number): Load {
  let count = 0;
  const block = new Uint8Array(BLOCK_BYTES).fill(0x61);
  const clients = agreedClients(port, preface, connections, (client) => client.write(block), () => {
    let room = WINDOW_BYTES - BLOCK_BYTES;
    let writable = true;
    const fill = (client: Client): void => {
      while (writable && room >= BLOCK_BYTES) {
        room -= BLOCK_BYTES;
        writable = client.write(block);
      }
    };
    return Object.assign((client: Client, bytes: Uint8Array) => {
      count += bytes.length;
      room += bytes.length;
      fill(client);
    }, {
      drained(client: Client) {
        writable = true;
        fill(client);
      },
    });
  });
  return { count: () => count, stop: clients.cut };
}

interface Receiver {
  (client: Client, bytes: Uint8Array): void;
  drained?(client: Client): void;
}

function agreedClients(
  port: number,
  preface: Preface,
  connections: number,
  begin: (client: Client) => void,
  receiver: () => Receiver,
): { cut(): Promise<void> } {
  const request = prefaceRequest(preface);
  const clients: Client[] = [];
  for (let i = 0; i < connections; i++) {
    let agreed = request === null;
    const received = receiver();
    clients.push(open(port, {
      opened(client) {
        if (request === null) begin(client);
        else client.write(request);
      },
      received(client, bytes) {
        if (agreed) return received(client, bytes);
        agreed = isAgreement(bytes);
        begin(client);
      },
      drained: (client) => received.drained?.(client),
    }));
  }
  return {
    async cut() {
      for (const client of clients) client.cut();
    },
  };
}
