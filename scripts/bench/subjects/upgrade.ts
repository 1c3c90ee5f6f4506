/**
 * Servers that switch to an echo.
 *
 * @module
 */

import { createServer } from "node:http";
import type { Duplex as NodeDuplex } from "node:stream";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { serveConnection } from "../../../src/http1/server_connection.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { listen } from "../../../src/net/mod.ts";
import { portOf } from "./ports.ts";

/** Ours, with `read()` and `write()`. */
export function channel(): Promise<number> {
  return upgradeServer(echo);
}

/** Ours, with `readable` and `writable`. */
export function streams(): Promise<number> {
  return upgradeServer(({ readable, writable }) => readable.pipeTo(writable));
}

async function upgradeServer(speak: (upgraded: Upgraded) => Promise<void>): Promise<number> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const accept = async (): Promise<void> => {
    for await (const socket of listener) {
      serveConnection(socket, (request) => {
        const { response, upgraded } = upgradeResponse(request, "echo");
        upgraded.then(speak).catch(() => {});
        return response;
      });
    }
  };
  accept();
  return portOf(listener.address);
}

async function echo(upgraded: Upgraded): Promise<void> {
  for (let bytes = await upgraded.read(); bytes !== null; bytes = await upgraded.read()) await upgraded.write(bytes);
  await upgraded.close();
}

/** `node:http`'s upgrade event. */
export function nodeHttp(): Promise<number> {
  const server = createServer();
  server.on("upgrade", (_request, socket: NodeDuplex, head: Uint8Array) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    if (head.length > 0) socket.write(head);
    socket.on("data", (bytes) => {
      if (!socket.write(bytes)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("end", () => socket.end());
    socket.on("error", () => {});
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(portOf(server.address()))));
}
