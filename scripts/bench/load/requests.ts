/**
 * Keep-alive requests: every connection sends one, counts the bytes of its response, and sends the next.
 *
 * @module
 */

import { CONNECTIONS, type Load } from "./load.ts";
import { type Client, open, openClients } from "./socket.ts";

const request = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n",
);

/** Begins to send requests. */
export function requests(port: number): Load {
  let count = 0;
  let stopped = false;
  const closed = openClients(port, CONNECTIONS, () => {
    let length = 0;
    let missing = 0;
    return {
      opened: (client) => client.write(request),
      received(client, bytes) {
        if (length === 0) length = missing = responseLength(bytes);
        missing -= bytes.length;
        if (missing > 0) return;
        if (missing < 0) throw new Error("A response is longer than the first one");
        count++;
        missing = length;
        if (stopped) client.end();
        else client.write(request);
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

interface Held {
  readonly client: Client;
  readonly closed: Promise<void>;
}

const held: Held[] = [];

/**
 * Opens connections that have had one response and stay open.
 *
 * @param partial Whether a second request begins on each, and goes no further than half of its head.
 */
export async function holdRequests(port: number, count: number, partial: boolean): Promise<void> {
  for (let opened = 0; opened < count; opened += CONNECTIONS) {
    await Promise.all(Array.from({ length: Math.min(CONNECTIONS, count - opened) }, () => holdOne(port, partial)));
  }
}

function holdOne(port: number, partial: boolean): Promise<void> {
  return new Promise((resolve) => {
    let missing = 0;
    let answered = false;
    const closed = new Promise<void>((resolveClosed) => {
      const client = open(port, {
        opened: () => client.write(request),
        received(_client, bytes) {
          if (answered) return; // what a server says when a head ends in the middle
          if (missing === 0) missing = responseLength(bytes);
          missing -= bytes.length;
          answered = missing === 0;
          if (!answered) return;
          if (partial) client.write(request.subarray(0, request.length >> 1));
          held.push({ client, closed });
          resolve();
        },
        closed: () => resolveClosed(),
      });
    });
  });
}

/** Ends all that are held, at once; resolves when the server has ended them as well. */
export async function dropRequests(): Promise<void> {
  const dropped = held.splice(0);
  for (const { client } of dropped) client.end();
  await Promise.all(dropped.map(({ closed }) => closed));
}

/** The first response, which must come in one piece, says how long all of them are. */
function responseLength(bytes: Uint8Array): number {
  const text = new TextDecoder().decode(bytes);
  const head = text.indexOf("\r\n\r\n") + 4;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  if (head < 4 || length === undefined || !text.startsWith("HTTP/1.1 200")) {
    throw new Error(`Cannot count on this response: ${JSON.stringify(text)}`);
  }
  return head + Number(length);
}
