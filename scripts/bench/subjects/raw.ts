/**
 * The runtime's own sockets, to have something to compare with that does nothing.
 *
 * @module
 */

import net from "node:net";
import { bun, type BunSocket, deno, type DenoConn } from "./platform.ts";
import { portOf } from "./ports.ts";

const answer = new TextEncoder().encode(
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\nHello, World!\r\n",
);

/** Answers whatever comes with the same 80 bytes. */
export function fixedAnswer(): Promise<number> {
  return listen(() => answer);
}

/** Sends back whatever comes. */
export function echo(): Promise<number> {
  return listen((bytes) => bytes);
}

async function listen(respond: (bytes: Uint8Array) => Uint8Array): Promise<number> {
  if (deno !== null) {
    const listener = deno.listen({ hostname: "127.0.0.1", port: 0 });
    acceptOnDeno(listener, respond);
    return listener.addr.port;
  }
  if (bun !== null) return listenOnBun(respond);
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on("data", (bytes: Uint8Array) => {
      if (!socket.write(respond(bytes))) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("end", () => socket.end());
    socket.on("error", () => {});
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}

async function acceptOnDeno(conns: AsyncIterable<DenoConn>, respond: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  for await (const conn of conns) {
    conn.setNoDelay();
    serveOnDeno(conn, respond).catch(() => {}).finally(() => conn.close());
  }
}

async function serveOnDeno(conn: DenoConn, respond: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  while (true) {
    const count = await conn.read(buffer);
    if (count === null) return;
    const bytes = respond(buffer.subarray(0, count));
    for (let sent = 0; sent < bytes.length;) sent += await conn.write(sent === 0 ? bytes : bytes.subarray(sent));
  }
}

function listenOnBun(respond: (bytes: Uint8Array) => Uint8Array): number {
  const socket = {
    binaryType: "uint8array",
    open(native: BunSocket) {
      native.data = { waiting: [] };
    },
    data(native: BunSocket, bytes: Uint8Array) {
      const response = respond(bytes);
      const { waiting } = native.data;
      const taken = waiting.length > 0 ? 0 : native.write(response);
      if (taken === response.length || taken < 0) return;
      waiting.push(response.subarray(taken));
      native.pause();
    },
    drain(native: BunSocket) {
      const { waiting } = native.data;
      while (waiting.length > 0) {
        const bytes = waiting[0]!;
        const taken = native.write(bytes);
        if (taken < bytes.length) {
          waiting[0] = bytes.subarray(Math.max(taken, 0));
          return;
        }
        waiting.shift();
      }
      native.resume();
    },
    end: (native: BunSocket) => native.shutdown(),
    error() {},
  };
  return bun!.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket }).port;
}
