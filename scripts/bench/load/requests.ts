/**
 * Keep-alive requests: every connection sends one, counts the bytes of its response, and sends the next.
 *
 * @module
 */

import { CONNECTIONS, type Load } from "./load.ts";
import { openClients } from "./socket.ts";

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
